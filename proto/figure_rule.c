/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/figure_rule.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct proto_field fields[] = {
    PROTO_FIELD_ENUM(struct proto_figure_rule, figure, PROTO_FIGURE_LAST),
    PROTO_FIELD_ENUM(struct proto_figure_rule, bad, PROTO_BAD_ROOM),
    PROTO_FIELD_U64_MAX(struct proto_figure_rule, limit, PROTO_FIGURE_LIMIT_MAX),
    PROTO_FIELD_U64_MAX(struct proto_figure_rule, for_ms, PROTO_FIGURE_FOR_MS_MAX),
    PROTO_FIELD_ENUM_OPT(struct proto_figure_rule, mount, PROTO_MOUNT_LAST),
};
const struct proto_schema proto_figure_rule_schema = PROTO_SCHEMA(struct proto_figure_rule, fields);

const char *proto_mount_path(uint32_t mount)
{
    static const char *const paths[] = {"?", "/", "/boot", "/usr", "/var"};

    return mount <= PROTO_MOUNT_LAST ? paths[mount] : paths[0];
}

bool proto_figure_is_share(uint32_t figure)
{
    return figure != PROTO_FIGURE_LOAD && figure != PROTO_FIGURE_AWAIT;
}

const char *proto_figure_rule_problem(const struct proto_figure_rule *rule)
{
    bool is_disk = rule->figure == PROTO_FIGURE_DISK;

    if (rule->for_ms < PROTO_FIGURE_FOR_MS_MIN || rule->for_ms > PROTO_FIGURE_FOR_MS_MAX)
        return "its time is not from 5s to 1d";
    if (rule->mount != 0 && !is_disk)
        return "only the figure 'disk' has a mount";
    if (rule->limit == 0)
        return "its limit is 0";
    if (rule->bad == PROTO_BAD_ROOM)
        return is_disk ? NULL : "only the figure 'disk' has room";
    if (rule->bad == PROTO_BAD_TIMES && rule->mount != 0)
        return "a mount is not compared with what it was";
    if (rule->bad == PROTO_BAD_TIMES)
        return rule->limit >= PROTO_FIGURE_TIMES_MIN && rule->limit <= PROTO_FIGURE_TIMES_MAX
                   ? NULL
                   : "it is not from 1.1x to 100x";
    if (proto_figure_is_share(rule->figure) && rule->limit >= PROTO_FIGURE_SHARE_MAX)
        return "a share is never above 100%";

    return NULL;
}

uint32_t proto_figure_find(const char *name)
{
    for (uint32_t i = 1; i <= PROTO_FIGURE_LAST; i++) {
        if (strcmp(proto_figure_name(i), name) == 0)
            return i;
    }

    return 0;
}

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

const char *proto_figure_rule_compare(const char *text, struct proto_figure_rule *rule)
{
    struct comparison is;

    return parse_comparison(text, &is) ? apply(&is, rule) : "a comparison such as > 90%";
}

/*
 * What is twice as much of hardly anything is no alarm: the limit lies at least that far above what
 * was before. Ten percentage points, five of pressure, one process, five milliseconds.
 */
static uint64_t floor_of(uint32_t figure)
{
    switch ((enum proto_figure)figure) {
    case PROTO_FIGURE_LOAD:
        return 1000;
    case PROTO_FIGURE_AWAIT:
        return 5000;
    case PROTO_FIGURE_PRESSURE_CPU:
    case PROTO_FIGURE_PRESSURE_MEMORY:
    case PROTO_FIGURE_PRESSURE_IO:
        return 50;
    case PROTO_FIGURE_CPU:
    case PROTO_FIGURE_MEMORY:
    case PROTO_FIGURE_DISK:
        break;
    }

    return 100;
}

bool proto_figure_rule_limit(const struct proto_figure_rule *rule, const uint64_t *before,
                             uint64_t *ret_limit)
{
    uint64_t times, least;

    *ret_limit = rule->limit;
    if (rule->bad != PROTO_BAD_TIMES)
        return true;
    if (before == NULL || *before > PROTO_FIGURE_LIMIT_MAX)
        return false;
    times = *before * rule->limit / 100;
    least = *before + floor_of(rule->figure);
    *ret_limit = times > least ? times : least;

    return true;
}

void proto_figure_to_text(uint32_t figure, uint64_t value, char *ret_text, size_t text_bytes)
{
    const bool is_share = proto_figure_is_share(figure);
    const unsigned long long whole = is_share ? value / 10 : value / 1000;
    const unsigned long long rest = is_share ? value % 10 : value % 1000 / 100;

    (void)snprintf(ret_text, text_bytes, "%llu.%llu%s", whole, rest,
                   is_share                       ? "%"
                   : figure == PROTO_FIGURE_AWAIT ? "ms"
                                                  : "");
}
