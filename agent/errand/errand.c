/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/errand/errand.h"

#define C struct agent_errand_container
static const struct proto_field container_rows[] = {
    PROTO_FIELD_ENUM(C, engine, AGENT_ERRAND_PODMAN),
    PROTO_FIELD_TEXT(C, name, AGENT_ERRAND_CONTAINER_BYTES_MAX),
    PROTO_FIELD_ENUM(C, state, AGENT_ERRAND_NOT_RUNNING),
    PROTO_FIELD_ENUM(C, health, AGENT_ERRAND_HEALTH_STARTING),
};
const struct proto_schema agent_errand_container_schema =
    PROTO_SCHEMA(struct agent_errand_container, container_rows);
#undef C

#define T struct agent_errand_task
static const struct proto_field task_rows[] = {
    PROTO_FIELD_U64_MAX(T, format, AGENT_ERRAND_FORMAT),
    PROTO_FIELD_ENUM(T, what, AGENT_ERRAND_HOST),
    PROTO_FIELD_TEXT_OPT(T, hook, AGENT_ERRAND_HOOK_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(T, rollout, 2 * PROTO_ROLLOUT_ID_BYTES),
    PROTO_FIELD_TEXT_OPT(T, plan, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(T, stage, AGENT_ERRAND_STAGE_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(T, state_dir, AGENT_ERRAND_PATH_BYTES_MAX),
    PROTO_FIELD_LIST(T, containers, AGENT_ERRAND_CONTAINERS_MAX, &agent_errand_container_schema),
    PROTO_FIELD_U64_MAX(T, timeout_ms, AGENT_ERRAND_TIMEOUT_MS_MAX),
};
const struct proto_schema agent_errand_task_schema =
    PROTO_SCHEMA(struct agent_errand_task, task_rows);
#undef T

#define S struct agent_errand_silent
static const struct proto_field silent_rows[] = {
    PROTO_FIELD_ENUM(S, engine, AGENT_ERRAND_PODMAN),
    PROTO_FIELD_TEXT_OPT(S, why, AGENT_ERRAND_LINE_BYTES_MAX),
};
static const struct proto_schema silent_schema =
    PROTO_SCHEMA(struct agent_errand_silent, silent_rows);
#undef S

#define D struct agent_errand_disk
static const struct proto_field disk_rows[] = {
    PROTO_FIELD_TEXT(D, path, AGENT_ERRAND_PATH_BYTES_MAX),
    PROTO_FIELD_U64(D, device),
    PROTO_FIELD_U64(D, free_bytes),
    PROTO_FIELD_U64(D, free_files),
    PROTO_FIELD_BOOL(D, has_file_limit),
    PROTO_FIELD_U64_MAX(D, failure, 4095),
};
static const struct proto_schema disk_schema = PROTO_SCHEMA(struct agent_errand_disk, disk_rows);
#undef D

#define V struct agent_errand_tool
static const struct proto_field tool_rows[] = {
    PROTO_FIELD_ENUM(V, tool, AGENT_ERRAND_TOOL_LAST),
    PROTO_FIELD_TEXT_OPT(V, version, AGENT_ERRAND_VERSION_BYTES_MAX),
};
static const struct proto_schema tool_schema = PROTO_SCHEMA(struct agent_errand_tool, tool_rows);
#undef V

#define R struct agent_errand_result
static const struct proto_field result_rows[] = {
    PROTO_FIELD_U64_MAX(R, format, AGENT_ERRAND_FORMAT),
    PROTO_FIELD_ENUM_OPT(R, end, AGENT_ERRAND_REFUSED),
    PROTO_FIELD_U64_MAX(R, status, 255),
    PROTO_FIELD_TEXT_OPT(R, line, AGENT_ERRAND_LINE_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(R, output, AGENT_ERRAND_OUTPUT_BYTES_MAX),
    PROTO_FIELD_LIST(R, containers, AGENT_ERRAND_CONTAINERS_MAX, &agent_errand_container_schema),
    PROTO_FIELD_LIST(R, silent, AGENT_ERRAND_ENGINES_MAX, &silent_schema),
    PROTO_FIELD_LIST(R, disks, AGENT_ERRAND_DISKS_MAX, &disk_schema),
    PROTO_FIELD_U64(R, boot_image_bytes),
    PROTO_FIELD_LIST(R, tools, AGENT_ERRAND_TOOL_LAST, &tool_schema),
};
const struct proto_schema agent_errand_result_schema =
    PROTO_SCHEMA(struct agent_errand_result, result_rows);
#undef R

const char *agent_errand_engine_name(uint32_t engine)
{
    static const char *const names[] = {
        [AGENT_ERRAND_DOCKER] = "docker",
        [AGENT_ERRAND_PODMAN] = "podman",
    };

    return engine >= AGENT_ERRAND_DOCKER && engine <= AGENT_ERRAND_PODMAN ? names[engine] : "?";
}

const char *agent_errand_health_name(uint32_t health)
{
    static const char *const names[] = {
        [AGENT_ERRAND_HEALTH_NONE] = "without a health check",
        [AGENT_ERRAND_HEALTHY] = "healthy",
        [AGENT_ERRAND_UNHEALTHY] = "unhealthy",
        [AGENT_ERRAND_HEALTH_STARTING] = "starting",
    };

    return health >= AGENT_ERRAND_HEALTH_NONE && health <= AGENT_ERRAND_HEALTH_STARTING
               ? names[health]
               : "?";
}
