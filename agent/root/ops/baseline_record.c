/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/root/ops/baseline.h"
#include "agent/txn/task.h"
#include "proto/figure_rule.h"

#define FILE_NAME "baseline"

#define T         struct agent_unit
static const struct proto_field unit_rows[] = {
    PROTO_FIELD_TEXT(T, name, AGENT_BASELINE_UNIT_BYTES_MAX),
    PROTO_FIELD_ENUM(T, state, AGENT_UNIT_STATE_LAST),
    PROTO_FIELD_U64(T, main_pid),
    PROTO_FIELD_U64(T, restarts),
    PROTO_FIELD_BOOL(T, enabled),
};
static const struct proto_schema unit_schema = PROTO_SCHEMA(T, unit_rows);
#undef T

#define T struct agent_errand_silent
static const struct proto_field silent_rows[] = {
    PROTO_FIELD_ENUM(T, engine, AGENT_ERRAND_PODMAN),
    PROTO_FIELD_TEXT_OPT(T, why, AGENT_ERRAND_LINE_BYTES_MAX),
};
static const struct proto_schema silent_schema = PROTO_SCHEMA(T, silent_rows);
#undef T

#define T struct agent_baseline_figure
static const struct proto_field figure_rows[] = {
    PROTO_FIELD_U64_MAX(T, rule, PROTO_FIGURE_RULES_MAX - 1),
    PROTO_FIELD_U64(T, value),
};
static const struct proto_schema figure_schema = PROTO_SCHEMA(T, figure_rows);
#undef T

#define T struct agent_baseline
static const struct proto_field rows[] = {
    PROTO_FIELD_U64_MAX(T, format, AGENT_BASELINE_FORMAT),
    PROTO_FIELD_I64(T, wall_ms),
    PROTO_FIELD_TEXT(T, boot_id, PROTO_BOOT_ID_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(T, cursor, AGENT_BASELINE_CURSOR_BYTES_MAX),
    PROTO_FIELD_LIST(T, units, AGENT_BASELINE_UNITS_MAX, &unit_schema),
    PROTO_FIELD_LIST(T, listeners, AGENT_PROBE_LISTENERS_MAX, &agent_probe_listener_schema),
    PROTO_FIELD_LIST(T, routes, AGENT_PROBE_ROUTES_MAX, &agent_probe_route_schema),
    PROTO_FIELD_TEXT_OPT(T, resolv_conf, AGENT_PROBE_RESOLV_BYTES_MAX),
    PROTO_FIELD_ENUM_OPT(T, resolver, AGENT_PROBE_RESOLVERS_SILENT),
    PROTO_FIELD_LIST(T, names, AGENT_PROBE_NAMES_MAX, &agent_probe_name_schema),
    PROTO_FIELD_LIST(T, ssh, AGENT_PROBE_SSH_MAX, &agent_probe_ssh_schema),
    PROTO_FIELD_LIST(T, mounts, AGENT_SYSTEM_MOUNTS_MAX, &agent_system_mount_schema),
    PROTO_FIELD_LIST(T, modules, AGENT_SYSTEM_MODULES_MAX, &agent_system_module_schema),
    PROTO_FIELD_LIST(T, stale, AGENT_SYSTEM_STALE_MAX, &agent_system_stale_schema),
    PROTO_FIELD_ENUM_OPT(T, selinux, AGENT_SYSTEM_SELINUX_ENFORCING),
    PROTO_FIELD_BOOL(T, reboot_required),
    PROTO_FIELD_LIST(T, containers, AGENT_ERRAND_CONTAINERS_MAX, &agent_errand_container_schema),
    PROTO_FIELD_LIST(T, silent, AGENT_ERRAND_ENGINES_MAX, &silent_schema),
    PROTO_FIELD_LIST(T, figures, PROTO_FIGURE_RULES_MAX, &figure_schema),
};
static const struct proto_schema baseline_schema = PROTO_SCHEMA(T, rows);
#undef T

int agent_baseline_load(int dir_fd, struct proto_arena *arena, struct agent_baseline *ret_baseline,
                        struct bl_error *err)
{
    int r = agent_txn_record_load(dir_fd, FILE_NAME, &baseline_schema, arena, ret_baseline, err);

    if (r == -ENOENT)
        return bl_fail(err, -EUCLEAN, "the job has no baseline");
    if (r < 0)
        return bl_wrap(err, "baseline");

    return 0;
}

int agent_baseline_save(int dir_fd, const struct agent_baseline *baseline, struct bl_error *err)
{
    return agent_txn_record_save(dir_fd, FILE_NAME, &baseline_schema, baseline, err);
}

int agent_baseline_copy(const struct agent_baseline *baseline, struct proto_arena *arena,
                        struct agent_baseline *ret_baseline, struct bl_error *err)
{
    PROTO_AUTO_BUFFER buffer = {0};
    int r = proto_encode(&baseline_schema, baseline, &buffer, err);

    if (r < 0)
        return r;
    return proto_decode(&baseline_schema, buffer.data, buffer.size_bytes, arena, ret_baseline, err);
}

const struct agent_unit *agent_baseline_find(const struct agent_baseline *baseline,
                                             const char *name)
{
    const struct agent_units_list list = {baseline->units, baseline->units_count};

    return agent_units_find(&list, name);
}
