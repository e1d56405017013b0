/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/probe.h"

#define E struct agent_probe_endpoint
static const struct proto_field endpoint_rows[] = {
    PROTO_FIELD_TEXT(E, endpoint, AGENT_PROBE_ENDPOINT_BYTES_MAX),
    PROTO_FIELD_ENUM(E, role, AGENT_PROBE_CONTROLLER),
};
static const struct proto_schema endpoint_schema =
    PROTO_SCHEMA(struct agent_probe_endpoint, endpoint_rows);
#undef E

#define T struct agent_probe_task
static const struct proto_field task_rows[] = {
    PROTO_FIELD_U64_MAX(T, format, AGENT_PROBE_FORMAT),
    PROTO_FIELD_ENUM(T, what, AGENT_PROBE_WITNESSES),
    PROTO_FIELD_LIST(T, endpoints, AGENT_PROBE_ENDPOINTS_MAX, &endpoint_schema),
    PROTO_FIELD_U64_MAX(T, timeout_ms, AGENT_PROBE_TIMEOUT_MS_MAX),
};
const struct proto_schema agent_probe_task_schema =
    PROTO_SCHEMA(struct agent_probe_task, task_rows);
#undef T

#define L struct agent_probe_listener
static const struct proto_field listener_rows[] = {
    PROTO_FIELD_ENUM(L, transport, PROTO_UDP),
    PROTO_FIELD_U64_MAX(L, port, UINT16_MAX),
    PROTO_FIELD_TEXT(L, address, AGENT_PROBE_ADDRESS_BYTES_MAX),
};
const struct proto_schema agent_probe_listener_schema =
    PROTO_SCHEMA(struct agent_probe_listener, listener_rows);
#undef L

#define A struct agent_probe_reply
static const struct proto_field reply_rows[] = {
    PROTO_FIELD_TEXT(A, endpoint, AGENT_PROBE_ENDPOINT_BYTES_MAX),
    PROTO_FIELD_ENUM(A, role, AGENT_PROBE_CONTROLLER),
    PROTO_FIELD_ENUM(A, answer, AGENT_PROBE_SILENT),
};
static const struct proto_schema reply_schema = PROTO_SCHEMA(struct agent_probe_reply, reply_rows);
#undef A

#define R struct agent_probe_result
static const struct proto_field result_rows[] = {
    PROTO_FIELD_U64_MAX(R, format, AGENT_PROBE_FORMAT),
    PROTO_FIELD_LIST(R, listeners, AGENT_PROBE_LISTENERS_MAX, &agent_probe_listener_schema),
    PROTO_FIELD_LIST(R, replies, AGENT_PROBE_REPLIES_MAX, &reply_schema),
};
const struct proto_schema agent_probe_result_schema =
    PROTO_SCHEMA(struct agent_probe_result, result_rows);
#undef R
