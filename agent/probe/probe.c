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
    PROTO_FIELD_LIST(T, names, AGENT_PROBE_NAMES_MAX, &proto_text_schema),
    PROTO_FIELD_LIST(T, ssh, AGENT_PROBE_SSH_MAX, &proto_text_schema),
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

#define T struct agent_probe_route
static const struct proto_field route_rows[] = {
    PROTO_FIELD_ENUM(T, family, AGENT_PROBE_IPV6),
    PROTO_FIELD_BOOL(T, is_rule),
    PROTO_FIELD_BOOL(T, is_default),
    PROTO_FIELD_TEXT(T, text, AGENT_PROBE_ROUTE_BYTES_MAX),
};
const struct proto_schema agent_probe_route_schema = PROTO_SCHEMA(T, route_rows);
#undef T

#define T struct agent_probe_name
static const struct proto_field name_rows[] = {
    PROTO_FIELD_TEXT(T, name, PROTO_TEXT_BYTES_MAX),
    PROTO_FIELD_BOOL(T, resolves),
};
const struct proto_schema agent_probe_name_schema = PROTO_SCHEMA(T, name_rows);
#undef T

#define S struct agent_probe_ssh
static const struct proto_field ssh_rows[] = {
    PROTO_FIELD_TEXT(S, endpoint, PROTO_TEXT_BYTES_MAX),
    PROTO_FIELD_BOOL(S, speaks),
    PROTO_FIELD_TEXT_OPT(S, line, AGENT_PROBE_SSH_LINE_BYTES_MAX),
};
const struct proto_schema agent_probe_ssh_schema = PROTO_SCHEMA(S, ssh_rows);
#undef S

#define R struct agent_probe_result
static const struct proto_field result_rows[] = {
    PROTO_FIELD_U64_MAX(R, format, AGENT_PROBE_FORMAT),
    PROTO_FIELD_LIST(R, listeners, AGENT_PROBE_LISTENERS_MAX, &agent_probe_listener_schema),
    PROTO_FIELD_LIST(R, replies, AGENT_PROBE_REPLIES_MAX, &reply_schema),
    PROTO_FIELD_LIST(R, routes, AGENT_PROBE_ROUTES_MAX, &agent_probe_route_schema),
    PROTO_FIELD_TEXT_OPT(R, resolv_conf, AGENT_PROBE_RESOLV_BYTES_MAX),
    PROTO_FIELD_ENUM_OPT(R, resolver, AGENT_PROBE_RESOLVERS_SILENT),
    PROTO_FIELD_LIST(R, names, AGENT_PROBE_NAMES_MAX, &agent_probe_name_schema),
    PROTO_FIELD_LIST(R, ssh, AGENT_PROBE_SSH_MAX, &agent_probe_ssh_schema),
};
const struct proto_schema agent_probe_result_schema =
    PROTO_SCHEMA(struct agent_probe_result, result_rows);
#undef R
