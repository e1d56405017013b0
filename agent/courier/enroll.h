/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_COURIER_ENROLL_H
#define AGENT_COURIER_ENROLL_H

#include "proto/message.h"

/*
 * What `belay-agent join` hands to `belay-courier --enroll`: one record on descriptor 3, up to its
 * end. The courier asks the controller, asks again every few seconds while the answer is PENDING,
 * and writes the raw bytes of the last ENROLL_REPLY to standard output. It exits with 0 when it
 * got any reply; otherwise with 1, one line about why on standard error, and no output.
 *
 * Linked by both sides of the pair, so this part does without libzmq.
 */
enum {
    AGENT_ENROLL_ENDPOINT_BYTES_MAX = 256,
    AGENT_ENROLL_RECORD_BYTES_MAX = 4096,
    AGENT_ENROLL_MESSAGE_BYTES_MAX = 2048,
    AGENT_ENROLL_WAIT_MS_MAX = 7 * 24 * 3600 * 1000,
};

struct agent_enroll_request {
    const char *endpoint; /* "tcp://HOST:PORT" of the enrolment socket */
    uint8_t server_key[PROTO_KEY_BYTES];
    uint8_t secret_key[PROTO_KEY_BYTES]; /* the host's CURVE secret; its public key is derived */
    struct proto_bytes message;          /* an encoded ENROLL, passed unopened */
    uint64_t wait_ms;                    /* how long PENDING and silence are borne; at least 1 */
};

extern const struct proto_schema agent_enroll_request_schema;

#endif
