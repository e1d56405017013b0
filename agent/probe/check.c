/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/check.h"

#define T struct agent_check_task
static const struct proto_field task_rows[] = {
    PROTO_FIELD_U64_MAX(T, format, AGENT_CHECK_FORMAT),
    PROTO_FIELD_LIST(T, http, PROTO_CHECKS_MAX, &proto_http_check_schema),
    PROTO_FIELD_LIST(T, tcp, PROTO_CHECKS_MAX, &proto_text_schema),
};
const struct proto_schema agent_check_task_schema = PROTO_SCHEMA(T, task_rows);
#undef T

#define T struct agent_check_answer
static const struct proto_field answer_rows[] = {
    PROTO_FIELD_BOOL(T, is_right),
    PROTO_FIELD_TEXT(T, line, AGENT_CHECK_LINE_BYTES_MAX),
};
static const struct proto_schema answer_schema = PROTO_SCHEMA(T, answer_rows);
#undef T

#define T struct agent_check_result
static const struct proto_field result_rows[] = {
    PROTO_FIELD_U64_MAX(T, format, AGENT_CHECK_FORMAT),
    PROTO_FIELD_LIST(T, http, PROTO_CHECKS_MAX, &answer_schema),
    PROTO_FIELD_LIST(T, tcp, PROTO_CHECKS_MAX, &answer_schema),
};
const struct proto_schema agent_check_result_schema = PROTO_SCHEMA(T, result_rows);
#undef T
