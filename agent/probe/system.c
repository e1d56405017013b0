/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/system.h"

#define T struct agent_system_task
static const struct proto_field task_rows[] = {
    PROTO_FIELD_U64_MAX(T, format, AGENT_SYSTEM_FORMAT),
};
const struct proto_schema agent_system_task_schema = PROTO_SCHEMA(T, task_rows);
#undef T

#define T struct agent_system_mount
static const struct proto_field mount_rows[] = {
    PROTO_FIELD_TEXT(T, path, AGENT_SYSTEM_PATH_BYTES_MAX),
    PROTO_FIELD_TEXT(T, type, AGENT_SYSTEM_WORD_BYTES_MAX),
    PROTO_FIELD_BOOL(T, read_only),
};
const struct proto_schema agent_system_mount_schema = PROTO_SCHEMA(T, mount_rows);
#undef T

#define T struct agent_system_module
static const struct proto_field module_rows[] = {
    PROTO_FIELD_TEXT(T, name, AGENT_SYSTEM_WORD_BYTES_MAX),
};
const struct proto_schema agent_system_module_schema = PROTO_SCHEMA(T, module_rows);
#undef T

#define T struct agent_system_stale
static const struct proto_field stale_rows[] = {
    PROTO_FIELD_TEXT(T, unit, AGENT_SYSTEM_UNIT_BYTES_MAX),
    PROTO_FIELD_TEXT(T, file, AGENT_SYSTEM_PATH_BYTES_MAX),
    PROTO_FIELD_U64(T, processes_count),
    PROTO_FIELD_BOOL(T, is_libc),
};
const struct proto_schema agent_system_stale_schema = PROTO_SCHEMA(T, stale_rows);
#undef T

#define T struct agent_system
static const struct proto_field rows[] = {
    PROTO_FIELD_U64_MAX(T, format, AGENT_SYSTEM_FORMAT),
    PROTO_FIELD_LIST(T, mounts, AGENT_SYSTEM_MOUNTS_MAX, &agent_system_mount_schema),
    PROTO_FIELD_LIST(T, modules, AGENT_SYSTEM_MODULES_MAX, &agent_system_module_schema),
    PROTO_FIELD_LIST(T, stale, AGENT_SYSTEM_STALE_MAX, &agent_system_stale_schema),
    PROTO_FIELD_ENUM(T, selinux, AGENT_SYSTEM_SELINUX_ENFORCING),
    PROTO_FIELD_BOOL(T, reboot_required),
};
const struct proto_schema agent_system_schema = PROTO_SCHEMA(T, rows);
#undef T
