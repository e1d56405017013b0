/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rescue/rescue.h"

#include <errno.h>
#include <string.h>

static const char *const verbs[AGENT_RESCUE_VERB_LAST + 1] = {
    [AGENT_RESCUE_STATUS] = "status", [AGENT_RESCUE_UNLOCK] = "unlock",
    [AGENT_RESCUE_CANCEL] = "cancel", [AGENT_RESCUE_REVERT] = "revert",
    [AGENT_RESCUE_HOLD] = "hold",     [AGENT_RESCUE_RELEASE] = "release",
    [AGENT_RESCUE_LOG] = "log",       [AGENT_RESCUE_AUDIT] = "audit",
};

const char *agent_rescue_verb_name(uint32_t verb)
{
    return verb >= AGENT_RESCUE_STATUS && verb <= AGENT_RESCUE_VERB_LAST ? verbs[verb] : "?";
}

uint32_t agent_rescue_verb_from_name(const char *name)
{
    for (uint32_t verb = AGENT_RESCUE_STATUS; verb <= AGENT_RESCUE_VERB_LAST; verb++) {
        if (strcmp(verbs[verb], name) == 0)
            return verb;
    }

    return 0;
}

#define T struct agent_rescue_request
static const struct proto_field request_rows[] = {
    PROTO_FIELD_U64_MAX(T, format, AGENT_RESCUE_FORMAT),
    PROTO_FIELD_ENUM(T, verb, AGENT_RESCUE_VERB_LAST),
};
const struct proto_schema agent_rescue_request_schema = PROTO_SCHEMA(T, request_rows);
#undef T

#define T struct agent_rescue_lease
static const struct proto_field lease_rows[] = {
    PROTO_FIELD_TEXT(T, name, PROTO_CODE_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(T, job, PROTO_CODE_BYTES_MAX),
    PROTO_FIELD_I64(T, taken_ms),
    PROTO_FIELD_I64(T, until_ms),
};
static const struct proto_schema lease_schema = PROTO_SCHEMA(T, lease_rows);
#undef T

#define T struct agent_rescue_row
static const struct proto_field row_rows[] = {
    PROTO_FIELD_U64(T, number),
    PROTO_FIELD_I64(T, wall_ms),
    PROTO_FIELD_TEXT(T, what, PROTO_CODE_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(T, who, AGENT_RESCUE_TEXT_BYTES_MAX),
    PROTO_FIELD_ENUM_OPT(T, moment, PROTO_MOMENT_LAST),
    PROTO_FIELD_ENUM_OPT(T, state, PROTO_JOB_STATE_LAST),
    PROTO_FIELD_ENUM_OPT(T, step, PROTO_STEP_LAST),
    PROTO_FIELD_ENUM_OPT(T, result, PROTO_RESULT_UNKNOWN),
    PROTO_FIELD_ENUM_OPT(T, grade, PROTO_GRADE_SEVERE),
    PROTO_FIELD_TEXT_OPT(T, code, PROTO_CODE_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(T, reason, PROTO_REASON_BYTES_MAX),
};
static const struct proto_schema row_schema = PROTO_SCHEMA(T, row_rows);
#undef T

#define T struct agent_rescue_reply
static const struct proto_field reply_rows[] = {
    PROTO_FIELD_U64_MAX(T, format, AGENT_RESCUE_FORMAT),
    PROTO_FIELD_BOOL(T, done),
    PROTO_FIELD_TEXT_OPT(T, text, AGENT_RESCUE_TEXT_BYTES_MAX),
    PROTO_FIELD_BOOL(T, journal_whole),
    PROTO_FIELD_BOOL(T, linked),
    PROTO_FIELD_BOOL(T, has_job),
    PROTO_FIELD_TEXT_OPT(T, rollout, PROTO_CODE_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(T, job, PROTO_CODE_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(T, plan, PROTO_NAME_BYTES_MAX),
    PROTO_FIELD_ENUM_OPT(T, state, PROTO_JOB_STATE_LAST),
    PROTO_FIELD_ENUM_OPT(T, step, PROTO_STEP_LAST),
    PROTO_FIELD_ENUM_OPT(T, grade, PROTO_GRADE_SEVERE),
    PROTO_FIELD_BOOL(T, step_running),
    PROTO_FIELD_BOOL(T, held),
    PROTO_FIELD_BOOL(T, changed),
    PROTO_FIELD_TEXT_OPT(T, progress, AGENT_RESCUE_TEXT_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(T, code, PROTO_CODE_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(T, reason, PROTO_REASON_BYTES_MAX),
    PROTO_FIELD_I64(T, accepted_wall_ms),
    PROTO_FIELD_LIST(T, leases, AGENT_RESCUE_LEASES_MAX, &lease_schema),
    PROTO_FIELD_LIST(T, rows, AGENT_RESCUE_ROWS_MAX, &row_schema),
    PROTO_FIELD_U64(T, audit_rows),
    PROTO_FIELD_FIXED(T, audit_head),
    PROTO_FIELD_U64(T, kept_rows),
    PROTO_FIELD_FIXED(T, kept_head),
};
const struct proto_schema agent_rescue_reply_schema = PROTO_SCHEMA(T, reply_rows);
#undef T

int agent_rescue_request_decode(const void *data, size_t size_bytes,
                                struct agent_rescue_request *ret_request, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_rescue_request request;
    int r;

    if (size_bytes > AGENT_RESCUE_REQUEST_BYTES_MAX)
        return bl_fail(err, -EMSGSIZE, "a request of %zu bytes", size_bytes);
    r = proto_decode(&agent_rescue_request_schema, data, size_bytes, &arena, &request, err);
    if (r < 0)
        return r;
    if (request.format != AGENT_RESCUE_FORMAT) {
        return bl_fail(err, -EPROTO, "a request of format %llu",
                       (unsigned long long)request.format);
    }

    *ret_request = request;
    return 0;
}
