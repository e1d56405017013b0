/* SPDX-License-Identifier: Apache-2.0 */
/* `verify.figures`: which figure of a host is bad, compared with what, and for how long. */
#include "controller/plan/read_figures.h"

#include <string.h>

#include "common/text.h"
#include "controller/plan/value.h"

enum {
    FOR_MS = 60 * 1000, /* when nobody wrote it */
};

/* "> 90%": a sign, a number with up to two decimals, a unit. */
struct comparison {
    bool is_above;
    uint64_t hundredths;
    const char *unit;
};

static bool parse_comparison(const char *text, struct comparison *ret)
{
    uint64_t value = 0;
    unsigned decimals = 0;
    bool has_digit = false;

    if (*text != '>' && *text != '<')
        return false;
    ret->is_above = *text == '>';
    text += 1 + strspn(text + 1, " ");
    for (; *text >= '0' && *text <= '9'; text++, has_digit = true) {
        if (value > PROTO_FIGURE_LIMIT_MAX)
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    if (has_digit && *text == '.') {
        for (text++; *text >= '0' && *text <= '9' && decimals < 2; text++, decimals++)
            value = value * 10 + (uint64_t)(*text - '0');
        has_digit = decimals > 0;
    }
    for (; decimals < 2; decimals++)
        value *= 10;
    ret->hundredths = value;
    ret->unit = text + strspn(text, " ");

    return has_digit;
}

/* What the unit makes of it, for this figure; NULL, or what it must look like. */
static const char *apply(const struct comparison *is, struct proto_figure_rule *rule)
{
    static const struct {
        const char *unit;
        uint64_t factor, divisor; /* of hundredths */
        uint32_t bad;
        bool is_above;
    } units[] = {
        {"%", 10, 100, PROTO_BAD_ABOVE, true},  {"ms", 1000, 100, PROTO_BAD_ABOVE, true},
        {"", 1000, 100, PROTO_BAD_ABOVE, true}, {"x", 1, 1, PROTO_BAD_TIMES, true},
        {"MiB", 1, 100, PROTO_BAD_ROOM, false}, {"GiB", 1024, 100, PROTO_BAD_ROOM, false},
    };
    const char *wanted = rule->figure == PROTO_FIGURE_AWAIT  ? "> 50ms or > 2x"
                         : rule->figure == PROTO_FIGURE_LOAD ? "> 8 or > 2x"
                         : rule->figure == PROTO_FIGURE_DISK ? "> 90%, < 2GiB or > 2x"
                                                             : "> 90% or > 2x";

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        bool is_share = strcmp(units[i].unit, "%") == 0, is_ms = strcmp(units[i].unit, "ms") == 0,
             is_bare = units[i].unit[0] == '\0';

        if (strcmp(units[i].unit, is->unit) != 0)
            continue;
        if (units[i].is_above != is->is_above ||
            (is_share && !proto_figure_is_share(rule->figure)) ||
            (is_ms && rule->figure != PROTO_FIGURE_AWAIT) ||
            (is_bare && rule->figure != PROTO_FIGURE_LOAD))
            return wanted;
        rule->bad = units[i].bad;
        rule->limit = is->hundredths * units[i].factor / units[i].divisor;
        return NULL;
    }

    return wanted;
}

static uint32_t find_word(const char *text, uint32_t last, const char *(*name)(uint32_t))
{
    for (uint32_t i = 1; i <= last; i++) {
        if (strcmp(name(i), text) == 0)
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
        rule->figure = find_word(node->text, PROTO_FIGURE_LAST, proto_figure_name);
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
        rule->mount = find_word(node->text, PROTO_MOUNT_LAST, proto_mount_path);
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
    struct comparison is;
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
    problem = parse_comparison(reading.bad->text, &is) ? apply(&is, &reading.rule)
                                                       : "a comparison such as > 90%";
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
