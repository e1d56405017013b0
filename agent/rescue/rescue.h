/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_RESCUE_RESCUE_H
#define AGENT_RESCUE_RESCUE_H

#include "proto/message.h"
#include "proto/schema.h"

/*
 * What a person at the host and belay-agent say to each other over rescue.sock: one packet with a
 * request, one with the reply, then the agent hangs up. Who may connect is decided by the socket's
 * group; who did is noted by the kernel and goes into the audit trail.
 */
enum {
    AGENT_RESCUE_FORMAT = 1,
    AGENT_RESCUE_REQUEST_BYTES_MAX = 64,
    AGENT_RESCUE_REPLY_BYTES_MAX = 160 * 1024,
    AGENT_RESCUE_IDLE_MS = 5000, /* a connection that says nothing is closed */
    AGENT_RESCUE_ROWS_MAX = 128,
    AGENT_RESCUE_LEASES_MAX = 8,
    AGENT_RESCUE_TEXT_BYTES_MAX = 512,
};

enum agent_rescue_verb {
    AGENT_RESCUE_STATUS = 1,
    AGENT_RESCUE_UNLOCK,
    AGENT_RESCUE_CANCEL,
    AGENT_RESCUE_REVERT,
    AGENT_RESCUE_HOLD,
    AGENT_RESCUE_RELEASE,
    AGENT_RESCUE_LOG,
    AGENT_RESCUE_AUDIT,
    AGENT_RESCUE_VERB_LAST = AGENT_RESCUE_AUDIT,
};

struct agent_rescue_request {
    uint64_t format;
    uint32_t verb;
};

struct agent_rescue_lease {
    const char *name;
    const char *job; /* 32 hex digits; "" when its record cannot be read */
    int64_t taken_ms, until_ms;
};

struct agent_rescue_row { /* of the journal */
    uint64_t number;
    int64_t wall_ms;
    const char *what, *who;
    uint32_t moment, state, step, result, grade;
    const char *code, *reason;
};

struct agent_rescue_reply {
    uint64_t format;
    bool done;        /* false: `text` says why not */
    const char *text; /* what happened, or will; one or two sentences */

    /* STATUS */
    bool journal_whole, linked;
    bool has_job;
    const char *rollout, *job, *plan; /* hex; hex; the plan's name */
    uint32_t state, step, grade;
    bool step_running, held, changed;
    const char *progress; /* of a package run, in words; "" = none, or not known */
    const char *code, *reason;
    int64_t accepted_wall_ms;
    struct agent_rescue_lease *leases;
    uint32_t leases_count;

    /* LOG */
    struct agent_rescue_row *rows;
    uint32_t rows_count;

    /* AUDIT */
    uint64_t audit_rows;
    uint8_t audit_head[PROTO_HASH_BYTES];
    uint64_t kept_rows; /* of the controller's audit, as it was told last; 0: never */
    uint8_t kept_head[PROTO_HASH_BYTES];
};

extern const struct proto_schema agent_rescue_request_schema;
extern const struct proto_schema agent_rescue_reply_schema;

/* "status", "unlock", ...; "?" when out of range. */
const char *agent_rescue_verb_name(uint32_t verb);
/* 0 for a word that is none. */
uint32_t agent_rescue_verb_from_name(const char *name);

/* Exactly one request of this format; -EBADMSG, -EPROTO otherwise. */
int agent_rescue_request_decode(const void *data, size_t size_bytes,
                                struct agent_rescue_request *ret_request, struct bl_error *err)
    BL_CHECKED;

#endif
