/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/courier/enroll.h"

#define T struct agent_enroll_request
static const struct proto_field rows[] = {
    PROTO_FIELD_TEXT(T, endpoint, AGENT_ENROLL_ENDPOINT_BYTES_MAX),
    PROTO_FIELD_FIXED(T, server_key),
    PROTO_FIELD_FIXED(T, secret_key),
    PROTO_FIELD_BYTES(T, message, AGENT_ENROLL_MESSAGE_BYTES_MAX),
    PROTO_FIELD_U64_MAX(T, wait_ms, AGENT_ENROLL_WAIT_MS_MAX),
};
const struct proto_schema agent_enroll_request_schema =
    PROTO_SCHEMA(struct agent_enroll_request, rows);
#undef T
