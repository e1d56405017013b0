/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the tree from libyaml's events rather than from its documents, since the document loader
 * has resolved aliases before one could refuse them.
 */
#include "common/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "common/file.h"

struct builder {
    struct bl_yaml *yaml;
    struct bl_yaml_node *open[BL_YAML_DEPTH_MAX];
    unsigned depth;
    char *key; /* owned; of the value to come in the innermost map */
    unsigned key_line;
    bool done;
};

struct bl_yaml *bl_yaml_free(struct bl_yaml *yaml)
{
    if (yaml == NULL)
        return NULL;

    for (uint32_t i = 0; i < yaml->node_count; i++) {
        struct bl_yaml_node *node = yaml->nodes[i];

        free((void *)(uintptr_t)node->key);
        free((void *)(uintptr_t)node->text);
        free(node);
    }
    free(yaml->nodes);
    free(yaml->file_name);
    free(yaml);
    return NULL;
}

void bl_yaml_free_ptr(struct bl_yaml **yaml)
{
    *yaml = bl_yaml_free(*yaml);
}

static int fail_at(const struct bl_yaml *yaml, unsigned line, struct bl_error *err,
                   const char *text)
{
    return bl_fail(err, -EINVAL, "%s:%u: %s", yaml->file_name, line, text);
}

static int new_node(struct builder *b, enum bl_yaml_kind kind, unsigned line,
                    struct bl_yaml_node **ret_node, struct bl_error *err)
{
    struct bl_yaml *yaml = b->yaml;
    struct bl_yaml_node *node;

    if (yaml->node_count >= BL_YAML_NODES_MAX)
        return fail_at(yaml, line, err, "too many values in one file");
    if (yaml->node_count == yaml->node_capacity) {
        uint32_t capacity = yaml->node_capacity == 0 ? 64 : yaml->node_capacity * 2;
        struct bl_yaml_node **nodes = realloc(yaml->nodes, capacity * sizeof(*nodes));

        if (nodes == NULL)
            return bl_fail(err, -ENOMEM, "%s: out of memory", yaml->file_name);
        yaml->nodes = nodes;
        yaml->node_capacity = capacity;
    }
    node = calloc(1, sizeof(*node));
    if (node == NULL)
        return bl_fail(err, -ENOMEM, "%s: out of memory", yaml->file_name);

    node->kind = kind;
    node->line = line;
    yaml->nodes[yaml->node_count++] = node;
    *ret_node = node;
    return 0;
}

/* Hangs a finished value under the innermost open list or map. */
static int attach(struct builder *b, struct bl_yaml_node *node, struct bl_error *err)
{
    struct bl_yaml_node *parent;

    if (b->depth == 0) {
        if (node->kind != BL_YAML_MAP) {
            return fail_at(b->yaml, node->line, err,
                           "a file is a list of 'key: value' lines, this is something else");
        }
        b->yaml->root = node;
        return 0;
    }

    parent = b->open[b->depth - 1];
    if (parent->kind == BL_YAML_MAP) {
        BL_ASSERT(b->key != NULL);
        node->key = BL_TAKE_PTR(b->key);
        node->key_line = b->key_line;
    } else {
        node->index = parent->last == NULL ? 0 : parent->last->index + 1;
    }
    node->parent = parent;
    if (parent->last == NULL) {
        parent->child = node;
    } else {
        parent->last->next = node;
    }
    parent->last = node;
    return 0;
}

static int check_key(const struct builder *b, const char *key, size_t length, unsigned line,
                     struct bl_error *err)
{
    const struct bl_yaml_node *other;

    if (length == 0 || strlen(key) != length)
        return fail_at(b->yaml, line, err, "a key is empty or holds a NUL byte");

    other = bl_yaml_find(b->open[b->depth - 1], key);
    if (other != NULL) {
        return bl_fail(err, -EINVAL, "%s:%u: '%.60s' stands here a second time; first in line %u",
                       b->yaml->file_name, line, key, other->key_line);
    }
    return 0;
}

static int on_scalar(struct builder *b, const yaml_event_t *event, unsigned line,
                     struct bl_error *err)
{
    const char *value = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    struct bl_yaml_node *node;
    char *text;
    int r;

    if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL)
        return fail_at(b->yaml, line, err, "anchors and tags are not allowed here");
    if (strlen(value) != length)
        return fail_at(b->yaml, line, err, "a value holds a NUL byte");

    if (b->depth > 0 && b->open[b->depth - 1]->kind == BL_YAML_MAP && b->key == NULL) {
        r = check_key(b, value, length, line, err);
        if (r < 0)
            return r;
        b->key = strdup(value);
        b->key_line = line;
        return b->key == NULL ? bl_fail(err, -ENOMEM, "out of memory") : 0;
    }

    r = new_node(b, BL_YAML_SCALAR, line, &node, err);
    if (r < 0)
        return r;
    text = strdup(value);
    if (text == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    node->text = text;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return attach(b, node, err);
}

static int on_open(struct builder *b, enum bl_yaml_kind kind, bool decorated, unsigned line,
                   struct bl_error *err)
{
    struct bl_yaml_node *node;
    int r;

    if (decorated)
        return fail_at(b->yaml, line, err, "anchors and tags are not allowed here");
    if (b->depth > 0 && b->open[b->depth - 1]->kind == BL_YAML_MAP && b->key == NULL)
        return fail_at(b->yaml, line, err, "a key must be a plain word");
    if (b->depth == BL_YAML_DEPTH_MAX)
        return fail_at(b->yaml, line, err, "nested too deeply");

    r = new_node(b, kind, line, &node, err);
    if (r < 0)
        return r;
    r = attach(b, node, err);
    if (r < 0)
        return r;
    b->open[b->depth++] = node;
    return 0;
}

static int on_event(struct builder *b, const yaml_event_t *event, struct bl_error *err)
{
    unsigned line = (unsigned)event->start_mark.line + 1;

    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event, line, err);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, BL_YAML_MAP,
                       event->data.mapping_start.anchor != NULL ||
                           event->data.mapping_start.tag != NULL,
                       line, err);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, BL_YAML_LIST,
                       event->data.sequence_start.anchor != NULL ||
                           event->data.sequence_start.tag != NULL,
                       line, err);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        BL_ASSERT(b->depth > 0);
        b->depth--;
        return 0;
    case YAML_ALIAS_EVENT:
        return fail_at(b->yaml, line, err, "aliases are not allowed here");
    case YAML_DOCUMENT_START_EVENT:
        if (b->yaml->root != NULL)
            return fail_at(b->yaml, line, err, "a second document starts here; one is allowed");
        return 0;
    case YAML_STREAM_END_EVENT:
        b->done = true;
        return 0;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return 0;
    }
    return 0;
}

static int build(struct builder *b, yaml_parser_t *parser, struct bl_error *err)
{
    while (!b->done) {
        yaml_event_t event;
        int r;

        if (!yaml_parser_parse(parser, &event)) {
            return bl_fail(err, -EINVAL, "%s:%zu: not valid YAML: %s%s%s", b->yaml->file_name,
                           parser->problem_mark.line + 1,
                           parser->problem != NULL ? parser->problem : "unreadable",
                           parser->context != NULL ? ", " : "",
                           parser->context != NULL ? parser->context : "");
        }
        r = on_event(b, &event, err);
        yaml_event_delete(&event);
        if (r < 0)
            return r;
    }
    if (b->yaml->root == NULL)
        return bl_fail(err, -EINVAL, "%s:1: the file is empty", b->yaml->file_name);
    return 0;
}

int bl_yaml_parse(const char *file_name, const char *data, size_t size_bytes,
                  struct bl_yaml **ret_yaml, struct bl_error *err)
{
    BL_AUTO_YAML struct bl_yaml *yaml = calloc(1, sizeof(*yaml));
    struct builder b = {.yaml = yaml};
    yaml_parser_t parser;
    int r;

    if (yaml == NULL)
        return bl_fail(err, -ENOMEM, "%s: out of memory", file_name);
    yaml->file_name = strdup(file_name);
    if (yaml->file_name == NULL)
        return bl_fail(err, -ENOMEM, "%s: out of memory", file_name);
    if (size_bytes > BL_YAML_BYTES_MAX)
        return bl_fail(err, -EMSGSIZE, "%s: larger than %d bytes", file_name, BL_YAML_BYTES_MAX);

    if (!yaml_parser_initialize(&parser))
        return bl_fail(err, -ENOMEM, "%s: out of memory", file_name);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)data, size_bytes);
    r = build(&b, &parser, err);
    yaml_parser_delete(&parser);
    free(b.key);
    if (r < 0)
        return r;

    *ret_yaml = BL_TAKE_PTR(yaml);
    return 0;
}

int bl_yaml_load(const char *path, struct bl_yaml **ret_yaml, struct bl_error *err)
{
    BL_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t size_bytes = 0;
    struct stat status;
    char *data;
    int r = 0;

    if (fd < 0)
        return bl_fail(err, -errno, "%s: %s", path, strerror(errno));
    if (fstat(fd, &status) < 0)
        return bl_fail(err, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return bl_fail(err, -EINVAL, "%s: not a regular file", path);

    data = malloc(BL_YAML_BYTES_MAX + 1);
    if (data == NULL)
        return bl_fail(err, -ENOMEM, "%s: out of memory", path);
    while (r == 0 && size_bytes <= BL_YAML_BYTES_MAX) {
        ssize_t n = read(fd, data + size_bytes, BL_YAML_BYTES_MAX + 1 - size_bytes);

        if (n == 0)
            break;
        if (n > 0) {
            size_bytes += (size_t)n;
        } else if (errno != EINTR) {
            r = bl_fail(err, -errno, "%s: %s", path, strerror(errno));
        }
    }
    if (r == 0)
        r = bl_yaml_parse(path, data, size_bytes, ret_yaml, err);
    free(data);
    return r;
}

const struct bl_yaml_node *bl_yaml_find(const struct bl_yaml_node *map, const char *key)
{
    BL_ASSERT(map->kind == BL_YAML_MAP);

    for (const struct bl_yaml_node *node = map->child; node != NULL; node = node->next) {
        if (strcmp(node->key, key) == 0)
            return node;
    }
    return NULL;
}

void bl_yaml_path(const struct bl_yaml_node *node, char *ret_path, size_t path_bytes)
{
    const struct bl_yaml_node *chain[BL_YAML_DEPTH_MAX + 1];
    unsigned depth = 0;
    size_t used = 0;

    BL_ASSERT(path_bytes > 0);

    for (; node->parent != NULL && depth < BL_YAML_DEPTH_MAX + 1; node = node->parent)
        chain[depth++] = node;

    ret_path[0] = '\0';
    while (depth > 0 && used < path_bytes) {
        const struct bl_yaml_node *step = chain[--depth];
        int n;

        if (step->key != NULL) {
            n = snprintf(ret_path + used, path_bytes - used, "%s%.60s", used > 0 ? "." : "",
                         step->key);
        } else {
            n = snprintf(ret_path + used, path_bytes - used, "[%u]", step->index);
        }
        if (n < 0)
            return;
        used += (size_t)n;
    }
}

int bl_yaml_fail(const struct bl_yaml *yaml, const struct bl_yaml_node *node, struct bl_error *err,
                 const char *fmt, ...)
{
    char path[128], message[sizeof(err->text)];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);

    bl_yaml_path(node, path, sizeof(path));
    if (path[0] == '\0')
        return bl_fail(err, -EINVAL, "%s:%u: %s", yaml->file_name, node->line, message);
    return bl_fail(err, -EINVAL, "%s:%u: field '%s': %s", yaml->file_name,
                   node->key != NULL ? node->key_line : node->line, path, message);
}
