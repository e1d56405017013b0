/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "common/yaml.h"
#include "controller/plan/check.h"
#include "controller/plan/read_windows.h"
#include "controller/plan/schema.h"
#include "proto/manifest.h"

/*
 * Walks the file by the table of controller/plan/schema.c. Nothing stops at the first mistake:
 * each is recorded with its line, and what comes after it is still read.
 */

struct reader {
    struct ctl_plan *plan;
    struct ctl_plan_problems *problems;
    bool out_of_memory;
};

static void *slot(struct reader *reader, const struct ctl_plan_field *field)
{
    return (char *)reader->plan + field->offset;
}

static BL_PRINTF(4, 5) void problem(struct reader *reader, const struct bl_yaml_node *node,
                                    const char *meant, const char *fmt, ...)
{
    char what[sizeof(reader->problems->list[0].what)];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    ctl_plan_add_problem_at(reader->problems, node, meant, "%s", what);
}

static bool expect(struct reader *reader, const struct bl_yaml_node *node, enum bl_yaml_kind kind,
                   const char *what)
{
    if (node->kind == kind)
        return true;
    problem(reader, node, NULL, "must be %s", what);

    return false;
}

/* The nearest word, unless that is the word itself. */
static const char *nearest(const char *word, const char *const *words, uint32_t count)
{
    const char *found = bl_text_nearest(word, words, count);

    return found != NULL && strcmp(found, word) != 0 ? found : NULL;
}

static void read_choice(struct reader *reader, const struct ctl_plan_field *field,
                        const struct bl_yaml_node *node)
{
    char all[96] = "";

    if (!expect(reader, node, BL_YAML_SCALAR, "one word"))
        return;
    for (uint32_t i = 0; i < field->choices_count; i++) {
        size_t used = strlen(all);

        if (strcmp(node->text, field->choices[i]) == 0) {
            *(uint32_t *)slot(reader, field) = i + 1;
            return;
        }
        (void)snprintf(all + used, sizeof(all) - used, "%s%s", i > 0 ? ", " : "",
                       field->choices[i]);
    }
    if (field->choices_count == 1) {
        problem(reader, node, nearest(node->text, field->choices, field->choices_count),
                "'%.40s' is not built yet: this version knows only '%s'", node->text, all);
    } else {
        problem(reader, node, nearest(node->text, field->choices, field->choices_count),
                "'%.40s' is not one of %s", node->text, all);
    }
}

/* 1 yes, 0 no, -1 neither. What YAML 1.1 takes for a truth value, unless it is quoted. */
static int truth(const struct bl_yaml_node *node)
{
    static const char *const yes[] = {"yes", "true", "on"}, *const no[] = {"no", "false", "off"};

    for (unsigned i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (strcmp(node->text, yes[i]) == 0)
            return 1;
        if (strcmp(node->text, no[i]) == 0)
            return 0;
    }

    return -1;
}

static void read_flag(struct reader *reader, const struct ctl_plan_field *field,
                      const struct bl_yaml_node *node)
{
    int value;

    if (!expect(reader, node, BL_YAML_SCALAR, "yes or no"))
        return;
    value = truth(node);
    if (value < 0) {
        problem(reader, node, NULL, "'%.40s' is neither yes nor no", node->text);
    } else {
        *(bool *)slot(reader, field) = value == 1;
    }
}

static void read_duration(struct reader *reader, const struct ctl_plan_field *field,
                          const struct bl_yaml_node *node)
{
    struct bl_error err = {0};
    int64_t ms = 0;

    if (!expect(reader, node, BL_YAML_SCALAR, "a time such as 30s, 10m, 2h or 7d"))
        return;
    if (ctl_plan_parse_duration(node->text, &ms, &err) < 0) {
        problem(reader, node, NULL, "%s", err.text);
        return;
    }
    if (ms < field->min_ms) {
        char least[64];

        ctl_plan_format_duration(field->min_ms, least, sizeof(least));
        problem(reader, node, NULL, "'%.40s' is too short: at least %s", node->text, least);
        return;
    }
    *(int64_t *)slot(reader, field) = ms;
}

static void read_count(struct reader *reader, const struct ctl_plan_field *field,
                       const struct bl_yaml_node *node)
{
    struct bl_error err = {0};
    uint64_t count;

    if (!expect(reader, node, BL_YAML_SCALAR, "a number"))
        return;
    if (bl_text_to_u64(node->text, field->limit, &count, &err) < 0) {
        problem(reader, node, NULL, "'%.40s' is no number from 0 to %u", node->text, field->limit);
        return;
    }
    *(uint32_t *)slot(reader, field) = (uint32_t)count;
}

static bool read_one_share(struct reader *reader, const struct bl_yaml_node *node,
                           struct ctl_plan_share *ret_share)
{
    struct bl_error err = {0};

    if (!expect(reader, node, BL_YAML_SCALAR, "a number of hosts or a share such as 10%"))
        return false;
    if (ctl_plan_parse_share(node->text, ret_share, &err) < 0) {
        problem(reader, node, NULL, "%s", err.text);
        return false;
    }

    return true;
}

static void read_share(struct reader *reader, const struct ctl_plan_field *field,
                       const struct bl_yaml_node *node)
{
    struct ctl_plan_share share = {0};

    if (!read_one_share(reader, node, &share))
        return;
    if (share.is_rest) {
        problem(reader, node, NULL, "'rest' is for waves");
    } else {
        *(struct ctl_plan_share *)slot(reader, field) = share;
    }
}

static uint32_t count_children(const struct bl_yaml_node *node)
{
    uint32_t count = 0;

    for (const struct bl_yaml_node *child = node->child; child != NULL; child = child->next)
        count++;

    return count;
}

/* The number of items when `node` is a list that is neither too long nor, if so asked, empty. */
static bool begin_list(struct reader *reader, const struct ctl_plan_field *field,
                       const struct bl_yaml_node *node, uint32_t *ret_count)
{
    if (!expect(reader, node, BL_YAML_LIST, "a list: [ … ]"))
        return false;
    *ret_count = count_children(node);
    if (*ret_count <= field->limit)
        return true;
    problem(reader, node, NULL, "has %u items; %u at most", (unsigned)*ret_count,
            (unsigned)field->limit);

    return false;
}

static bool is_whole(const struct ctl_plan_share *share)
{
    return share->is_rest || (share->is_percent && share->value == CTL_PLAN_SHARE_ALL);
}

static void read_waves(struct reader *reader, const struct ctl_plan_field *field,
                       const struct bl_yaml_node *node)
{
    struct ctl_plan *plan = reader->plan;
    uint32_t count = 0, sum = 0;
    bool only_percent = true;

    if (!begin_list(reader, field, node, &count))
        return;
    if (count == 0) {
        problem(reader, node, NULL, "is empty: [ rest ] upgrades all hosts at once");
        return;
    }
    for (const struct bl_yaml_node *item = node->child; item != NULL; item = item->next) {
        struct ctl_plan_share share = {0};

        if (!read_one_share(reader, item, &share)) {
            only_percent = false;
            continue;
        }
        if (!share.is_rest && share.value == 0)
            problem(reader, item, NULL, "a wave of no hosts");
        if (is_whole(&share) && item->next != NULL)
            problem(reader, item, NULL, "takes all hosts, so no wave can follow");
        only_percent = only_percent && share.is_percent;
        sum += share.is_percent ? share.value : 0;
        plan->waves[plan->waves_count++] = share;
    }
    if (only_percent && sum < CTL_PLAN_SHARE_ALL) {
        problem(reader, node, NULL, "add up to %u.%02u%%: let the last one be 'rest'",
                (unsigned)(sum / 100), (unsigned)(sum % 100));
    }
}

static bool has_twice(const struct bl_yaml_node *item)
{
    for (const struct bl_yaml_node *before = item->parent->child; before != item;
         before = before->next) {
        if (before->kind == BL_YAML_SCALAR && strcmp(before->text, item->text) == 0)
            return true;
    }

    return false;
}

static void read_texts(struct reader *reader, const struct ctl_plan_field *field,
                       const struct bl_yaml_node *node)
{
    struct ctl_plan_texts *texts = slot(reader, field);
    uint32_t count = 0;

    if (!begin_list(reader, field, node, &count) || count == 0)
        return;
    texts->owned = calloc(count, sizeof(*texts->owned));
    if (texts->owned == NULL) {
        reader->out_of_memory = true;
        return;
    }
    texts->items = texts->owned;
    for (const struct bl_yaml_node *item = node->child; item != NULL; item = item->next) {
        struct bl_error err = {0};

        if (!expect(reader, item, BL_YAML_SCALAR, "a text"))
            continue;
        if (field->check(item->text, &err) < 0) {
            problem(reader, item, NULL, "%s", err.text);
        } else if (has_twice(item)) {
            problem(reader, item, NULL, "'%.80s' is listed twice", item->text);
        } else {
            texts->owned[texts->count++] = item->text;
        }
    }
}

/* An expression is the other form of both ways to tell which hosts; false: it is not one. */
static bool read_expression(struct reader *reader, const struct bl_yaml_node *node,
                            const char **ret_text)
{
    if (node->kind != BL_YAML_SCALAR)
        return false;
    if (ctl_plan_read_expression(node, ret_text, reader->problems) < 0)
        reader->out_of_memory = true;

    return true;
}

/* hosts.exclude, hosts.standby: a list, or one word. */
static void read_some(struct reader *reader, const struct ctl_plan_field *field,
                      const struct bl_yaml_node *node)
{
    struct ctl_plan_hosts *hosts = &reader->plan->hosts;

    if (node->kind != BL_YAML_SCALAR && node->child != NULL)
        read_texts(reader, field, node);
    else if (ctl_plan_read_some(field->kind == CTL_PLAN_STANDBY, node, hosts, reader->problems) < 0)
        reader->out_of_memory = true;
}

static void read_labels(struct reader *reader, const struct ctl_plan_field *field,
                        const struct bl_yaml_node *node)
{
    struct ctl_plan_hosts *hosts = &reader->plan->hosts;

    if (read_expression(reader, node, &hosts->expression) ||
        !expect(reader, node, BL_YAML_MAP, "labels: { role: web }, or an expression"))
        return;
    if (node->child == NULL)
        problem(reader, node, NULL, "is empty: name at least one label");
    if (count_children(node) > field->limit) {
        problem(reader, node, NULL, "has more than %u labels", (unsigned)field->limit);
        return;
    }
    for (const struct bl_yaml_node *item = node->child; item != NULL; item = item->next) {
        struct bl_error err = {0};

        if (!expect(reader, item, BL_YAML_SCALAR, "the value of a label"))
            continue;
        if (ctl_plan_check_word(item->key, CTL_PLAN_NAME_BYTES_MAX, &err) < 0 ||
            ctl_plan_check_word(item->text, CTL_PLAN_NAME_BYTES_MAX, &err) < 0) {
            problem(reader, item, NULL, "%s", err.text);
        } else {
            hosts->match[hosts->match_count++] =
                (struct ctl_plan_label){.key = item->key, .value = item->text};
        }
    }
}

static void read_list(struct reader *reader, const struct ctl_plan_field *field,
                      const struct bl_yaml_node *node)
{
    if (field->kind == CTL_PLAN_GATES)
        ctl_plan_read_gates(field, node, reader->plan, reader->problems);
    else if (ctl_plan_read_verify(field, node,
                                  field->is_of_sample ? &reader->plan->sample.verify
                                                      : &reader->plan->verify,
                                  reader->problems) < 0)
        reader->out_of_memory = true;
}

static void read_samples(struct reader *reader, const struct ctl_plan_field *field,
                         const struct bl_yaml_node *node)
{
    struct ctl_plan_verify *verify = &reader->plan->verify;
    struct bl_error err = {0};

    if (!expect(reader, node, BL_YAML_SCALAR, "such as 3 of 5"))
        return;
    if (ctl_plan_parse_samples(node->text, &verify->samples_needed, &verify->samples, &err) < 0)
        problem(reader, node, NULL, "%s", err.text);
}

/* "name" or "name=version"; *ret_package owns a copy that is cut in two. */
static bool read_package(struct reader *reader, const struct bl_yaml_node *item,
                         struct ctl_plan_package *ret_package)
{
    struct bl_error err = {0};
    char *name = strdup(item->text);
    char *equals = name == NULL ? NULL : strchr(name, '=');
    const char *version = "";

    if (name == NULL) {
        reader->out_of_memory = true;
        return false;
    }
    if (equals != NULL) {
        *equals = '\0';
        version = equals + 1;
    }
    if (ctl_plan_check_package(name, equals != NULL ? version : NULL, &err) < 0) {
        problem(reader, item, NULL, "%s", err.text);
        free(name);
        return false;
    }
    *ret_package = (struct ctl_plan_package){.name = name, .version = version};

    return true;
}

/* One word that is no set of packages: probably a slip of the pen, or one package without brackets. */
static void read_no_set(struct reader *reader, const struct bl_yaml_node *node)
{
    static const char *const sets[] = {"security", "all"};

    if (strcmp(node->text, "kernel") == 0) {
        problem(reader, node, NULL, "'kernel' is not built yet: list the packages: [ openssl, … ]");
        return;
    }
    problem(reader, node, nearest(node->text, sets, 2),
            "must be 'security', 'all' or a list: [ … ]");
}

static void read_packages(struct reader *reader, const struct ctl_plan_field *field,
                          const struct bl_yaml_node *node)
{
    struct ctl_plan *plan = reader->plan;
    uint32_t count = 0;

    plan->package_set = PROTO_SET_NAMED;
    if (node->kind == BL_YAML_SCALAR) {
        plan->package_set = ctl_plan_package_set(node->text);
        if (plan->package_set == 0)
            read_no_set(reader, node);
        return;
    }
    if (!begin_list(reader, field, node, &count))
        return;
    if (count == 0) {
        problem(reader, node, NULL, "is empty: name at least one package");
        return;
    }
    plan->packages = calloc(count, sizeof(*plan->packages));
    if (plan->packages == NULL) {
        reader->out_of_memory = true;
        return;
    }
    for (const struct bl_yaml_node *item = node->child; item != NULL; item = item->next) {
        struct ctl_plan_package package = {0};
        bool twice = false;

        if (!expect(reader, item, BL_YAML_SCALAR, "a package: name or name=version") ||
            !read_package(reader, item, &package))
            continue;
        for (uint32_t i = 0; i < plan->packages_count; i++)
            twice = twice || strcmp(plan->packages[i].name, package.name) == 0;
        if (twice)
            problem(reader, item, NULL, "package '%.80s' is listed twice", package.name);
        plan->packages[plan->packages_count++] = package;
    }
}

static void read_windows(struct reader *reader, const struct ctl_plan_field *field,
                         const struct bl_yaml_node *node)
{
    struct ctl_plan *plan = reader->plan;
    uint32_t count = 0;

    if (!begin_list(reader, field, node, &count))
        return;
    if (count == 0)
        problem(reader, node, NULL, "is empty: without 'windows' hosts start at any time");
    for (const struct bl_yaml_node *item = node->child; item != NULL; item = item->next) {
        if (ctl_plan_read_window(item, &plan->windows[plan->windows_count], reader->problems))
            plan->windows_count++;
    }
}

static void read_section(struct reader *reader, const struct ctl_plan_field *section,
                         const struct bl_yaml_node *node);

static void read_switched(struct reader *reader, const struct ctl_plan_field *field,
                          const struct bl_yaml_node *node)
{
    int value = node->kind == BL_YAML_SCALAR ? truth(node) : -1;

    *(bool *)slot(reader, field) = value != 0;
    if (value >= 0)
        return;
    if (node->kind != BL_YAML_MAP) {
        problem(reader, node, NULL, "must be 'no' or a section");
    } else {
        read_section(reader, field, node);
    }
}

static void read_field(struct reader *reader, const struct ctl_plan_field *field,
                       const struct bl_yaml_node *node)
{
    static void (*const readers[])(struct reader *, const struct ctl_plan_field *,
                                   const struct bl_yaml_node *) = {
        [CTL_PLAN_CHOICE] = read_choice,     [CTL_PLAN_FLAG] = read_flag,
        [CTL_PLAN_DURATION] = read_duration, [CTL_PLAN_SHARE] = read_share,
        [CTL_PLAN_COUNT] = read_count,       [CTL_PLAN_SHARES] = read_waves,
        [CTL_PLAN_TEXTS] = read_texts,       [CTL_PLAN_LABELS] = read_labels,
        [CTL_PLAN_EXCLUDE] = read_some,      [CTL_PLAN_STANDBY] = read_some,
        [CTL_PLAN_PORTS] = read_list,        [CTL_PLAN_SECTION] = read_section,
        [CTL_PLAN_SWITCHED] = read_switched, [CTL_PLAN_GRADES] = read_list,
        [CTL_PLAN_HTTP] = read_list,         [CTL_PLAN_SAMPLES] = read_samples,
        [CTL_PLAN_LOGS] = read_list,         [CTL_PLAN_FIGURES] = read_list,
        [CTL_PLAN_GATES] = read_list,        [CTL_PLAN_WINDOWS] = read_windows,
        [CTL_PLAN_PACKAGES] = read_packages,
    };
    struct bl_error err = {0};

    reader->plan->given[field->given] = true;
    if (field->kind == CTL_PLAN_NOT_YET) {
        problem(reader, node, NULL, "is not built yet in belay %s%s%s", BELAY_VERSION,
                field->remedy != NULL ? ": " : "", field->remedy != NULL ? field->remedy : "");
        return;
    }
    if (field->kind != CTL_PLAN_NAME) {
        readers[field->kind](reader, field, node);
        return;
    }
    if (!expect(reader, node, BL_YAML_SCALAR, "a name"))
        return;
    if (ctl_plan_check_word(node->text, CTL_PLAN_NAME_BYTES_MAX, &err) < 0) {
        problem(reader, node, NULL, "%s", err.text);
    } else {
        *(const char **)slot(reader, field) = node->text;
    }
}

/* Where else in the plan a key of this name is at home: "units" alone is under "verify". */
static bool find_elsewhere(const char *key, char *ret_path, size_t path_bytes)
{
    char path[CTL_PLAN_FIELD_BYTES_MAX];
    bool later = false;

    for (uint32_t row = 0; ctl_plan_key(row, path, sizeof(path), &later); row++) {
        const char *dot = strrchr(path, '.');

        if (!later && strcmp(dot == NULL ? path : dot + 1, key) == 0)
            return snprintf(ret_path, path_bytes, "%s", path) < (int)path_bytes;
    }

    return false;
}

static void unknown_key(struct reader *reader, const struct ctl_plan_field *section,
                        const struct bl_yaml_node *node)
{
    const char *names[32];
    char elsewhere[CTL_PLAN_FIELD_BYTES_MAX];
    uint32_t count = 0;
    const char *meant;

    for (uint32_t i = 0; i < section->fields_count && count < 32; i++) {
        if (section->fields[i].kind != CTL_PLAN_NOT_YET)
            names[count++] = section->fields[i].name;
    }
    meant = bl_text_nearest(node->key, names, count);
    if (meant == NULL && find_elsewhere(node->key, elsewhere, sizeof(elsewhere)))
        meant = elsewhere;
    problem(reader, node, meant, "there is no such field");
}

static void read_section(struct reader *reader, const struct ctl_plan_field *section,
                         const struct bl_yaml_node *node)
{
    if (!expect(reader, node, BL_YAML_MAP, "a section with fields"))
        return;
    for (const struct bl_yaml_node *child = node->child; child != NULL; child = child->next) {
        const struct ctl_plan_field *field = NULL;

        for (uint32_t i = 0; i < section->fields_count && field == NULL; i++) {
            if (strcmp(section->fields[i].name, child->key) == 0)
                field = &section->fields[i];
        }
        if (field == NULL) {
            unknown_key(reader, section, child);
        } else {
            read_field(reader, field, child);
        }
    }
    for (uint32_t i = 0; i < section->fields_count; i++) {
        const struct ctl_plan_field *field = &section->fields[i];

        if (field->required && bl_yaml_find(node, field->name) == NULL)
            problem(reader, node, NULL, "lacks '%s'", field->name);
    }
}

int ctl_plan_read(const char *file, const char *data, size_t size_bytes, struct ctl_plan *plan,
                  struct ctl_plan_problems *problems, struct bl_error *err)
{
    struct reader reader = {.plan = plan, .problems = problems};
    int r;

    if (size_bytes > CTL_PLAN_BYTES_MAX)
        return bl_fail(err, -EMSGSIZE, "%s: longer than %d bytes", file, CTL_PLAN_BYTES_MAX);
    r = bl_yaml_parse(file, data, size_bytes, &plan->yaml, err);
    if (r < 0)
        return r;
    read_section(&reader, &ctl_plan_root, plan->yaml->root);
    if (reader.out_of_memory)
        return bl_fail(err, -ENOMEM, "out of memory for the plan");
    ctl_plan_check_whole(plan, problems);
    if (problems->count > 0) {
        return bl_fail(err, -EINVAL, "%s: %u mistake%s", file, (unsigned)problems->count,
                       problems->count == 1 ? "" : "s");
    }
    ctl_plan_fill_defaults(plan);
    ctl_plan_check_filled(plan, problems);
    if (problems->count > 0)
        return bl_fail(err, -EINVAL, "%s: 1 mistake", file);

    return 0;
}
