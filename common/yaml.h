/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BL_COMMON_YAML_H
#define BL_COMMON_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * A YAML file as a tree whose nodes know their line, for files that people write. Read with libyaml;
 * anchors, aliases, tags, second documents, duplicate keys and keys that are no plain words are
 * errors. Errors read "FILE:LINE: ...".
 */

enum {
    BL_YAML_BYTES_MAX = 1024 * 1024,
    BL_YAML_DEPTH_MAX = 16,
    BL_YAML_NODES_MAX = 65536,
};

enum bl_yaml_kind {
    BL_YAML_SCALAR,
    BL_YAML_LIST,
    BL_YAML_MAP,
};

struct bl_yaml_node {
    enum bl_yaml_kind kind;
    unsigned line;               /* of the value; 1-based */
    const char *key;             /* in a MAP: its key; NULL elsewhere */
    unsigned key_line;           /* valid with key */
    unsigned index;              /* in a LIST: its place; 0-based */
    const char *text;            /* SCALAR: never NULL, without NUL bytes inside */
    bool quoted;                 /* SCALAR: written in quotes or as a block */
    struct bl_yaml_node *parent; /* NULL for the root */
    struct bl_yaml_node *child;  /* LIST, MAP: the first */
    struct bl_yaml_node *last;   /* LIST, MAP: the last child */
    struct bl_yaml_node *next;   /* the following sibling */
};

struct bl_yaml {
    char *file_name;             /* as shown in errors */
    struct bl_yaml_node *root;   /* a MAP; never NULL after loading */
    struct bl_yaml_node **nodes; /* all of them, for freeing */
    uint32_t node_count, node_capacity;
};

/* Reads at most BL_YAML_BYTES_MAX. The tree lives until bl_yaml_free. */
int bl_yaml_load(const char *path, struct bl_yaml **ret_yaml, struct bl_error *err) BL_CHECKED;

/* The same for text in memory; `file_name` is for errors only. */
int bl_yaml_parse(const char *file_name, const char *data, size_t size_bytes,
                  struct bl_yaml **ret_yaml, struct bl_error *err) BL_CHECKED;

struct bl_yaml *bl_yaml_free(struct bl_yaml *yaml);
void bl_yaml_free_ptr(struct bl_yaml **yaml);
#define BL_AUTO_YAML BL_CLEANUP(bl_yaml_free_ptr)

/* The value of `key` in the MAP `map`, or NULL. */
const struct bl_yaml_node *bl_yaml_find(const struct bl_yaml_node *map, const char *key);

/* "x.y[2].z", cut to fit; "" for the root. */
void bl_yaml_path(const struct bl_yaml_node *node, char *ret_path, size_t path_bytes);

/* Records "FILE:LINE: field 'PATH': MESSAGE" and returns -EINVAL. */
int bl_yaml_fail(const struct bl_yaml *yaml, const struct bl_yaml_node *node, struct bl_error *err,
                 const char *fmt, ...) BL_PRINTF(4, 5);

#endif
