/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/logs.h"

#define M struct agent_logs_mark
static const struct proto_field mark_rows[] = {
    PROTO_FIELD_U64(M, device),
    PROTO_FIELD_U64(M, inode),
    PROTO_FIELD_U64(M, bytes),
};
static const struct proto_schema mark_schema = PROTO_SCHEMA(M, mark_rows);
#undef M

#define M struct agent_logs_marks
static const struct proto_field marks_rows[] = {
    PROTO_FIELD_U64_MAX(M, format, AGENT_LOGS_FORMAT),
    PROTO_FIELD_I64(M, wall_ms),
    PROTO_FIELD_TEXT_OPT(M, cursor, AGENT_LOGS_CURSOR_BYTES_MAX),
    PROTO_FIELD_LIST(M, marks, PROTO_LOGS_MAX, &mark_schema),
};
const struct proto_schema agent_logs_marks_schema = PROTO_SCHEMA(M, marks_rows);
#undef M

#define T struct agent_logs_task
static const struct proto_field task_rows[] = {
    PROTO_FIELD_U64_MAX(T, format, AGENT_LOGS_FORMAT),
    PROTO_FIELD_ENUM(T, what, AGENT_LOGS_READ),
    PROTO_FIELD_LIST(T, checks, PROTO_LOGS_MAX, &proto_log_check_schema),
    PROTO_FIELD_I64(T, wall_ms),
    PROTO_FIELD_TEXT_OPT(T, cursor, AGENT_LOGS_CURSOR_BYTES_MAX),
    PROTO_FIELD_LIST(T, marks, PROTO_LOGS_MAX, &mark_schema),
};
const struct proto_schema agent_logs_task_schema = PROTO_SCHEMA(T, task_rows);
#undef T

#define A struct agent_logs_answer
static const struct proto_field answer_rows[] = {
    PROTO_FIELD_U64(A, bad_count),
    PROTO_FIELD_TEXT_OPT(A, bad_line, AGENT_LOGS_LINE_BYTES_MAX),
    PROTO_FIELD_BOOL(A, good_seen),
    PROTO_FIELD_TEXT_OPT(A, trouble, AGENT_LOGS_LINE_BYTES_MAX),
};
static const struct proto_schema answer_schema = PROTO_SCHEMA(A, answer_rows);
#undef A

#define R struct agent_logs_result
static const struct proto_field result_rows[] = {
    PROTO_FIELD_U64_MAX(R, format, AGENT_LOGS_FORMAT),
    PROTO_FIELD_LIST(R, answers, PROTO_LOGS_MAX, &answer_schema),
};
const struct proto_schema agent_logs_result_schema = PROTO_SCHEMA(R, result_rows);
#undef R
