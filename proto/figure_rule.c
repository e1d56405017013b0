/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/figure_rule.h"

#include <stddef.h>

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
