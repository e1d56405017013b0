/* SPDX-License-Identifier: Apache-2.0 */
/* `verify.figures`: which figure of a host is bad, compared with what, and for how long. */
#include "controller/plan/read_figures.h"

#include <string.h>

#include "common/text.h"
#include "controller/plan/value.h"

enum {
    FOR_MS = 60 * 1000, /* when nobody wrote it */
};

static uint32_t find_mount(const char *text)
{
    for (uint32_t i = 1; i <= PROTO_MOUNT_LAST; i++) {
        if (strcmp(proto_mount_path(i), text) == 0)
            return i;
    }

    return 0;
}

static const char *nearest_figure(const char *text)
{
    const char *names[PROTO_FIGURE_LAST];

    for (uint32_t i = 0; i < PROTO_FIGURE_LAST; i++)
        names[i] = proto_figure_name(i + 1);

    return bl_text_nearest(text, names, PROTO_FIGURE_LAST);
}

struct reading {
    struct proto_figure_rule rule;
    const struct bl_yaml_node *bad; /* read when the figure is known */
    bool is_wrong;
};

static void complain(struct reading *reading, struct ctl_plan_problems *problems,
                     const struct bl_yaml_node *node, const char *nearest, const char *text)
{
    reading->is_wrong = true;
    ctl_plan_add_problem_at(problems, node, nearest, "%s", text);
}

static void read_field(struct reading *reading, const struct bl_yaml_node *node,
                       struct ctl_plan_problems *problems)
{
    static const char *const names[] = {"figure", "bad", "for", "mount"};
    struct proto_figure_rule *rule = &reading->rule;
    struct bl_error err = {0};
    int64_t for_ms = 0;

    if (node->kind != BL_YAML_SCALAR) {
        complain(reading, problems, node, NULL, "must be one value");
    } else if (strcmp(node->key, "figure") == 0) {
        rule->figure = proto_figure_find(node->text);
        if (rule->figure == 0)
            complain(reading, problems, node, nearest_figure(node->text),
                     "there is no such figure");
    } else if (strcmp(node->key, "bad") == 0) {
        reading->bad = node;
    } else if (strcmp(node->key, "for") == 0) {
        if (ctl_plan_parse_duration(node->text, &for_ms, &err) < 0)
            complain(reading, problems, node, NULL, err.text);
        rule->for_ms = (uint64_t)for_ms;
    } else if (strcmp(node->key, "mount") == 0) {
        rule->mount = find_mount(node->text);
        if (rule->mount == 0)
            complain(reading, problems, node, NULL, "is not one of /, /boot, /usr, /var");
    } else {
        complain(reading, problems, node,
                 bl_text_nearest(node->key, names, sizeof(names) / sizeof(names[0])),
                 "there is no such field");
    }
}

bool ctl_plan_read_figure(const struct bl_yaml_node *item, struct proto_figure_rule *ret_rule,
                          struct ctl_plan_problems *problems)
{
    struct reading reading = {.rule = {.for_ms = FOR_MS}};
    const char *problem;

    for (const struct bl_yaml_node *node = item->child; node != NULL; node = node->next)
        read_field(&reading, node, problems);
    if (reading.is_wrong)
        return false;
    if (reading.rule.figure == 0 || reading.bad == NULL) {
        ctl_plan_add_problem_at(problems, item, NULL, "lacks '%s'",
                                reading.bad == NULL ? "bad" : "figure");
        return false;
    }
    problem = proto_figure_rule_compare(reading.bad->text, &reading.rule);
    if (problem != NULL) {
        ctl_plan_add_problem_at(problems, reading.bad, NULL, "'%.40s' is not %s", reading.bad->text,
                                problem);
        return false;
    }
    problem = proto_figure_rule_problem(&reading.rule);
    if (problem != NULL) {
        ctl_plan_add_problem_at(problems, item, NULL, "%s", problem);
        return false;
    }
    *ret_rule = reading.rule;

    return true;
}
