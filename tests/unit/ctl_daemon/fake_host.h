/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CTL_DAEMON_FAKE_HOST_H
#define TESTS_UNIT_CTL_DAEMON_FAKE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/message.h"

/*
 * A host as the controller sees one: a real CURVE peer that answers as courier and agent would,
 * without a machine behind it. It reports in order, sends again what is unacknowledged after a
 * WELCOME, and can be told to end badly.
 */
enum fake_end {
    FAKE_COMMITS = 1,
    FAKE_BLOCKS,         /* at staging */
    FAKE_REVERTS,        /* after a failed verification */
    FAKE_SILENT,         /* takes START and says nothing more */
    FAKE_STUCK,          /* as FAKE_REVERTS, and the way back fails */
    FAKE_REVERTS_SEVERE, /* as FAKE_REVERTS, with the worst grade */
};

enum {
    FAKE_REPORTS_MAX = 256,
};

struct fake_host {
    void *context, *socket;
    char endpoint[256];
    uint8_t server_key[PROTO_KEY_BYTES];
    uint8_t public_key[PROTO_KEY_BYTES], secret_key[PROTO_KEY_BYTES];
    char name[32];
    enum fake_end end;
    int64_t clock_offset_ms;
    bool answers_nothing; /* connected, and silent */
    const char *finds;    /* after the change, of grade minor; NULL: nothing */
    bool loses_reports;   /* those that it makes now do not arrive */
    bool doubles_reports; /* each arrives twice */

    struct proto_report reports[FAKE_REPORTS_MAX]; /* by seq - 1 */
    uint64_t report_count, acknowledged;
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    uint32_t job_state;
    uint64_t nonce;
    unsigned welcomes, pings, queries, offers, starts, commits, cancels, reverts;
    uint64_t trust_version; /* of its trust file; 0: it says nothing of it */
    uint8_t trust_hash[PROTO_HASH_BYTES];
    bool refuses_trust;
    const char *installed;   /* of any package; NULL: "1" */
    const char *failed_unit; /* NULL: none */
    unsigned trusts;
    struct proto_audit_head audit_head; /* as it was told last */
    uint64_t proof_failures;            /* OFFERs whose inclusion proof was not good */
    uint64_t trust_at_offer;            /* which version it had when the newest OFFER came */
};

/* Makes keys; `context` is a ZeroMQ context. */
void fake_host_init(struct fake_host *host, void *context, const char *name);
void fake_host_connect(struct fake_host *host, const char *endpoint,
                       const uint8_t server_key[PROTO_KEY_BYTES]);
void fake_host_disconnect(struct fake_host *host);
void fake_host_hello(struct fake_host *host);
void fake_host_tell_audit(struct fake_host *host, const struct proto_audit_state *state);
/* Takes all that has come in and answers it; true when there was anything. */
bool fake_host_poll(struct fake_host *host);
/* Sends what the host has not had acknowledged, once more. */
void fake_host_send_again(struct fake_host *host);
/* Appends a report and sends it. */
void fake_host_report(struct fake_host *host, const struct proto_report *report);

/* Says how far it is, as an agent does: without number, and never again. */
void fake_host_progress(struct fake_host *host, const struct proto_progress *progress);

/* Says how its machine is, as an agent does: without number, and never again. */
void fake_host_figures(struct fake_host *host, const struct proto_figures *figures);

/* Asks to be enrolled over the enrolment door, without waiting. */
void fake_host_send_enroll(struct fake_host *host, const uint8_t token[PROTO_TOKEN_BYTES]);
/* The outcome that has come in, or 0. */
uint32_t fake_host_take_enroll_reply(struct fake_host *host, size_t *ret_trust_bytes);

#endif
