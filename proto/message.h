/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include "proto/manifest.h"
#include "proto/trust.h"
#include "proto/words.h"

/*
 * What travels between controller and host: msgpack [PROTO_VERSION, kind, body], one ZeroMQ frame.
 * The courier passes these bytes unopened. docs/wire.md describes them; numbers are never reused.
 */
enum {
    PROTO_VERSION = 1,
    PROTO_MESSAGE_BYTES_MAX = 256 * 1024,
    PROTO_REASON_BYTES_MAX = 512,
    PROTO_WAY_BACKS_MAX = 4, /* that are not whole, in one message; the worst */
    PROTO_CODE_BYTES_MAX = 48,
    PROTO_HOST_NAME_BYTES_MAX = 253, /* of DNS */
    PROTO_NOTES_MAX = 64,
};

enum proto_kind_of_message {
    /* host to controller */
    PROTO_HELLO = 1,
    PROTO_PONG = 2,
    PROTO_QUERY_RESULT = 3,
    PROTO_REPORT = 4,
    PROTO_ENROLL = 5,
    PROTO_PROGRESS = 6,
    PROTO_FIGURES = 7,
    PROTO_TRUST_STATE = 8,
    PROTO_AUDIT_STATE = 9,
    /* controller to host */
    PROTO_WELCOME = 32,
    PROTO_PING = 33,
    PROTO_QUERY = 34,
    PROTO_OFFER = 35,
    PROTO_START = 36,
    PROTO_COMMIT = 37,
    PROTO_CANCEL = 38,
    PROTO_REVERT = 39,
    PROTO_REPORT_ACK = 40,
    PROTO_ENROLL_REPLY = 41,
    PROTO_TRUST = 42,
    PROTO_AUDIT_HEAD = 43,
};

enum proto_package_manager {
    PROTO_APT = 1,
    PROTO_DNF = 2
};

struct proto_hello {
    const char *agent_version, *boot_id, *host_name;
    const char *os_id, *os_version, *kernel, *arch;
    uint32_t package_manager;
    int64_t wall_ms;
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES]; /* of the newest job; zeros when none */
    uint32_t job_state;                         /* optional: 0 when there never was a job */
    uint64_t link_generation; /* counts the courier's connections; a new one after each change */
    uint64_t last_seq;        /* of the reports it ever queued: shows a journal that went back */
    uint64_t next_seq;        /* of the report that comes first now: shows one that got lost */
};

struct proto_pong {
    uint64_t nonce;
    int64_t host_wall_ms;
};

struct proto_change { /* one line of a resolved transaction, as the host sees it now */
    const char *name, *arch, *from, *to; /* from "" = not installed; to "" = removed */
    uint32_t action;
};

struct proto_query_result {
    uint64_t query_id;
    uint32_t result; /* enum proto_result */
    const char *code, *reason;
    struct proto_change *changes;
    uint32_t changes_count;
    struct proto_text *notes; /* held packages, missing versions, ... */
    uint32_t notes_count;
    struct proto_package
        *installed; /* of a query that asks for just that; as often as it is there */
    uint32_t installed_count;
    struct proto_text *failed_units; /* as systemd has them now; the first ones by name */
    uint32_t failed_units_count;
};

struct proto_report {
    uint64_t seq; /* rises per host for ever; the controller acknowledges and drops doubles */
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    uint32_t moment;           /* enum proto_moment */
    uint32_t state;            /* enum proto_job_state at that moment */
    uint32_t step;             /* optional */
    uint32_t result;           /* optional: END only */
    uint32_t grade;            /* optional */
    const char *code, *reason; /* stable name; a sentence */
    int64_t wall_ms;
    uint64_t mono_ms; /* CLOCK_BOOTTIME */
    const char *boot_id;
    uint64_t nonce; /* PROBATION: what COMMIT must carry; otherwise 0 */
};

/*
 * How far a package run is, for people who look on: sent at most once a second, never again, and
 * dropped where it finds no room. No decision may depend on it.
 */
struct proto_progress {
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    uint32_t step;                          /* STAGE: it downloads; UPGRADE; RESTORE */
    uint64_t packages_done, packages_total; /* of the change, or of what is downloaded */
    uint64_t bytes_done, bytes_total;       /* downloaded; total 0: not known */
    const char *what;                       /* the package it is at; "" = not known */
    const char *script;                     /* that keeps it waiting for long; "" = none */
    uint64_t script_ms;                     /* for how long it has been running */
};

struct proto_figure_value {
    uint32_t figure; /* enum proto_figure */
    uint64_t value;  /* in that figure's unit */
};

/* A way back that is kept after its job ended, and is not whole any more. */
struct proto_way_back {
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    uint32_t state; /* enum proto_way_back_state */
    const char *reason;
};

/* How the host is now. Not kept, not acknowledged: the next one comes soon. */
struct proto_figures {
    int64_t wall_ms;                   /* when it was read, by the host's clock */
    uint64_t span_ms;                  /* what counts over time was counted over that long */
    struct proto_figure_value *values; /* each figure at most once; what is missing is unknown */
    uint32_t values_count;
    bool way_backs_known; /* the list below holds; false: nobody has looked since a start */
    struct proto_way_back *way_backs;
    uint32_t way_backs_count;
};

/* After WELCOME, and after each TRUST that came, taken or not: the next one may follow. */
struct proto_trust_state {
    uint64_t version;               /* of the trust file by which the host judges orders */
    uint8_t hash[PROTO_HASH_BYTES]; /* of its signed body */
};

/* After WELCOME, and after each AUDIT_HEAD. */
struct proto_audit_state {
    uint64_t rows; /* of the host's own audit */
    uint8_t hash[PROTO_HASH_BYTES];
    uint64_t asked_rows;                  /* as AUDIT_HEAD asked; 0: not asked */
    uint8_t asked_hash[PROTO_HASH_BYTES]; /* zeros: there is no such row */
    uint64_t kept_rows; /* of the controller's audit, as it was told last; 0: never */
    uint8_t kept_hash[PROTO_HASH_BYTES];
};

struct proto_enroll {
    uint8_t token[PROTO_TOKEN_BYTES]; /* zeros: no token, wait for approval */
    const char *host_name, *os_id, *os_version, *arch, *agent_version;
};

enum proto_enroll_outcome {
    PROTO_ENROLL_ACCEPTED = 1,
    PROTO_ENROLL_PENDING,
    PROTO_ENROLL_REFUSED
};

struct proto_enroll_reply {
    uint32_t outcome;
    const char *reason;
    struct proto_bytes trust; /* the trust file, with ACCEPTED */
};

struct proto_welcome {
    const char *controller_version;
    int64_t wall_ms;
};

struct proto_ping {
    uint64_t nonce;
};

struct proto_query { /* read-only: what would this host do? */
    uint64_t query_id;
    uint32_t package_set; /* enum proto_package_set; this and what follows as in the manifest */
    struct proto_package *packages;
    uint32_t packages_count;
    struct proto_text *excludes;
    uint32_t excludes_count;
    bool allow_remove, allow_downgrade, allow_new, ignore_phasing;
    bool only_installed; /* in which versions are `packages` installed? Nothing is resolved */
};

struct proto_offer {
    struct proto_bytes manifest; /* as signed */
    struct proto_signature *signatures;
    uint32_t signatures_count;
    uint64_t kind;  /* index into manifest.kinds; part of the leaf */
    uint64_t index; /* of the leaf */
    struct proto_hash *proof;
    uint32_t proof_count;
};

struct proto_job_order { /* START, CANCEL */
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
};

struct proto_revert {
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    uint64_t attempt; /* from 1: a higher one begins a way back that failed once more */
};

struct proto_commit {
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    uint64_t nonce; /* from the PROBATION report: proves that the report crossed the new link */
};

struct proto_report_ack {
    uint64_t seq; /* all up to and with this one are stored */
};

struct proto_trust_update {
    struct proto_bytes file; /* the trust file of the next version */
};

struct proto_audit_head {
    uint64_t rows; /* of the controller's audit */
    uint8_t hash[PROTO_HASH_BYTES];
    uint64_t asked_rows; /* of the host's audit: what the controller has a hash of; 0: none */
    uint64_t kept_rows;  /* as the host said that it has kept */
    uint8_t kept_hash[PROTO_HASH_BYTES]; /* of that row now; zeros: there is none */
};

struct proto_message {
    uint32_t kind; /* enum proto_kind_of_message */
    union {
        struct proto_hello hello;
        struct proto_pong pong;
        struct proto_query_result query_result;
        struct proto_report report;
        struct proto_enroll enroll;
        struct proto_progress progress;
        struct proto_figures figures;
        struct proto_enroll_reply enroll_reply;
        struct proto_welcome welcome;
        struct proto_ping ping;
        struct proto_query query;
        struct proto_offer offer;
        struct proto_job_order order;
        struct proto_revert revert;
        struct proto_commit commit;
        struct proto_report_ack report_ack;
        struct proto_trust_state trust_state;
        struct proto_trust_update trust;
        struct proto_audit_state audit_state;
        struct proto_audit_head audit_head;
    };
};

/* NULL for an unknown kind. */
const struct proto_schema *proto_message_schema(uint32_t kind);
/* "hello", "report_ack"; "?" for an unknown kind. */
const char *proto_message_name(uint32_t kind);

/* The kind must be one of ours. -EINVAL names the field; -EMSGSIZE; then nothing was appended. */
int proto_message_encode(const struct proto_message *message, struct proto_buffer *buffer,
                         struct bl_error *err) BL_CHECKED;
/* -EPROTO for another version or an unknown kind, -EBADMSG for what does not decode exactly. */
int proto_message_decode(const void *data, size_t size_bytes, struct proto_arena *arena,
                         struct proto_message *ret_message, struct bl_error *err) BL_CHECKED;

#endif
