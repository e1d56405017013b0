/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_STORE_H
#define CTL_DAEMON_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/clock.h"
#include "common/error.h"
#include "controller/core/rollout.h"
#include "proto/message.h"

/*
 * Everything belayd must still know after a power cut. SQLite today; nothing here says so, since
 * larger fleets will share another database. All writing functions belong between begin and
 * commit; what commit returned 0 for is on disk. After a failed commit nothing more is accepted:
 * the daemon ends, and the next one reads what is really there.
 */
struct ctl_store;

/* Takes the state directory for this process: -EBUSY while another belayd has it. */
int ctl_store_open(const char *state_dir, struct ctl_store **ret_store, struct bl_error *err)
    BL_CHECKED;
struct ctl_store *ctl_store_close(struct ctl_store *store);

/*
 * begin within begin is harmless: one turn of the loop is one transaction. A turn without any
 * statement costs nothing; what goes wrong in beginning is told by the first statement.
 */
void ctl_store_begin(struct ctl_store *store);
int ctl_store_commit(struct ctl_store *store, struct bl_error *err) BL_CHECKED;
void ctl_store_rollback(struct ctl_store *store);

/* ---- hosts ---- */

enum ctl_standing { /* stored: never renumbered */
    CTL_STANDING_PENDING = 1,
    CTL_STANDING_ENROLLED,
    CTL_STANDING_REVOKED,
};

struct ctl_store_host {
    uint8_t id[PROTO_HOST_ID_BYTES];
    uint32_t standing;
    const char *name;
    const char *labels;                   /* JSON object of texts */
    const char *facts;                    /* JSON object of texts */
    struct bl_wall first_seen, last_seen; /* ms 0 = never */
    bool clock_offset_known;
    int64_t clock_offset_ms;
    uint32_t life; /* host_life.h: how often its journal went back */
};

/* Texts are borrowed for the call. Below 0 ends the walk with that result. */
typedef int (*ctl_store_host_fn)(void *userdata, const struct ctl_store_host *host,
                                 struct bl_error *err);

int ctl_store_save_host(struct ctl_store *store, const struct ctl_store_host *host,
                        struct bl_error *err) BL_CHECKED;
int ctl_store_each_host(struct ctl_store *store, ctl_store_host_fn each, void *userdata,
                        struct bl_error *err) BL_CHECKED;

/* ---- enrolment tokens: only a hash of the secret is kept ---- */

int ctl_store_add_token(struct ctl_store *store, const uint8_t hash[PROTO_HASH_BYTES],
                        const char *labels, uint32_t uses, struct bl_wall expires,
                        struct bl_error *err) BL_CHECKED;
/*
 * Uses one up. 1: *ret_labels is from malloc; 0: no such token, used up or expired (the caller
 * need not tell which: a guesser learns nothing).
 */
int ctl_store_use_token(struct ctl_store *store, const uint8_t hash[PROTO_HASH_BYTES],
                        struct bl_wall now, char **ret_labels, struct bl_error *err) BL_CHECKED;

/* ---- rollouts ---- */

struct ctl_store_rollout {
    uint8_t id[PROTO_ROLLOUT_ID_BYTES];
    const char *plan_name, *plan_text;
    struct proto_bytes manifest;
    const struct proto_signature *signatures;
    uint32_t signatures_count;
    struct proto_bytes policy;     /* encoded: proto/policy.h */
    struct bl_wall created, ended; /* ended: ms 0 while it runs */
    int64_t submitted_by_uid;
    uint32_t state; /* enum ctl_rollout_state: a copy for lists; the events are the truth */
    uint32_t host_count;
    int32_t exit_code;
    uint32_t holds; /* bits of enum ctl_hold */
    bool owes;      /* it ended, but a host is still to be told or heard: it must be loaded */
};

struct ctl_store_rollout_host {
    uint8_t id[PROTO_HOST_ID_BYTES];
    uint32_t kind, wave; /* wave: from 0 */
};

typedef int (*ctl_store_rollout_fn)(void *userdata, const struct ctl_store_rollout *rollout,
                                    struct bl_error *err);
typedef int (*ctl_store_rollout_host_fn)(void *userdata, uint32_t index,
                                         const struct ctl_store_rollout_host *host,
                                         struct bl_error *err);
typedef int (*ctl_store_event_fn)(void *userdata, const struct ctl_rollout_event *event,
                                  struct bl_wall at, struct bl_error *err);

/* -EEXIST when the id was ever used. `hosts` in the order of their index. */
int ctl_store_add_rollout(struct ctl_store *store, const struct ctl_store_rollout *rollout,
                          const struct ctl_store_rollout_host *hosts, struct bl_error *err)
    BL_CHECKED;
/* Keeps the copy for lists in step: state, ended, exit_code, holds, owes. */
int ctl_store_mark_rollout(struct ctl_store *store, const struct ctl_store_rollout *rollout,
                           struct bl_error *err) BL_CHECKED;
/* Newest first, at most `limit`; of each only what lists need (no blobs, plan_text ""). */
int ctl_store_each_rollout(struct ctl_store *store, uint32_t limit, ctl_store_rollout_fn each,
                           void *userdata, struct bl_error *err) BL_CHECKED;
/* Calls `each` once with everything; 0 when there is no such rollout, else 1. */
int ctl_store_load_rollout(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                           ctl_store_rollout_fn each, void *userdata, struct bl_error *err)
    BL_CHECKED;
int ctl_store_each_rollout_host(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                                ctl_store_rollout_host_fn each, void *userdata,
                                struct bl_error *err) BL_CHECKED;
/* 1: this host is one of that rollout; 0: it is not, or there is no such rollout. */
int ctl_store_is_rollout_of_host(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                                 const uint8_t host_id[PROTO_HOST_ID_BYTES], struct bl_error *err)
    BL_CHECKED;
/* The rollouts that a host is or was in, newest first, at most `limit`. */
int ctl_store_each_rollout_of_host(struct ctl_store *store,
                                   const uint8_t host_id[PROTO_HOST_ID_BYTES], uint32_t limit,
                                   ctl_store_rollout_fn each, void *userdata, struct bl_error *err)
    BL_CHECKED;

/* ---- where a rollout comes from: origin.h ---- */

struct ctl_store_origin {
    char *targets; /* from malloc: the expression of its hosts, "" = none */
    bool has_retry_of, has_standby_of, has_retried_by, has_standby_by;
    uint8_t of[PROTO_ROLLOUT_ID_BYTES];         /* with has_retry_of or has_standby_of */
    uint8_t retried_by[PROTO_ROLLOUT_ID_BYTES]; /* the newest */
    uint8_t standby_by[PROTO_ROLLOUT_ID_BYTES];
};

/* `of` may be NULL: the rollout that is done again, or whose standby hosts these are. */
int ctl_store_add_origin(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                         const char *targets, const uint8_t *of, bool is_standby,
                         struct bl_error *err) BL_CHECKED;
/* Of a rollout without one everything is empty. */
int ctl_store_load_origin(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                          struct ctl_store_origin *ret_origin, struct bl_error *err) BL_CHECKED;
/* ---- what people signed about a rollout that is under way ---- */

struct ctl_store_approval {
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    struct bl_wall received;
    int64_t uid;             /* who brought it */
    const char *person;      /* whose key it was then */
    struct proto_bytes file; /* proto/approval.h */
};

typedef int (*ctl_store_approval_fn)(void *userdata, const struct ctl_store_approval *approval,
                                     struct bl_error *err);

/* 1: it is new; 0: the same was stored before. */
int ctl_store_add_approval(struct ctl_store *store, const struct ctl_store_approval *approval,
                           struct bl_error *err) BL_CHECKED;
int ctl_store_each_approval(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                            ctl_store_approval_fn each, void *userdata, struct bl_error *err)
    BL_CHECKED;

/*
 * What must not go on by itself from a backup that was made at `made`: people may have decided
 * otherwise since. Rollouts that may still start hosts are paused, tokens are void, and the audit
 * has a row of it. A transaction of its own.
 */
int ctl_store_mark_restored(struct ctl_store *store, struct bl_wall made, struct bl_error *err)
    BL_CHECKED;

/* ---- the log that a rollout is rebuilt from ---- */

int ctl_store_add_event(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                        const struct ctl_rollout_event *event, struct bl_wall at,
                        struct bl_error *err) BL_CHECKED;
int ctl_store_each_event(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                         ctl_store_event_fn each, void *userdata, struct bl_error *err) BL_CHECKED;

/* ---- what was measured for gates: the newest of each ---- */

enum {
    CTL_STORE_GATE_SAMPLES_MAX = 200, /* of one gate, and as many of its baseline */
};

struct ctl_store_gate_sample {
    uint32_t gate;
    struct bl_wall at;
    enum ctl_gate_verdict verdict; /* UNDECIDED: of the baseline */
    struct ctl_gate_measurement measured;
    const char *text; /* what was said besides the number; borrowed for the call */
};

typedef int (*ctl_store_gate_sample_fn)(void *userdata, const struct ctl_store_gate_sample *sample,
                                        struct bl_error *err);

/* Forgets the oldest of this gate when there are more than are kept. */
int ctl_store_add_gate_sample(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                              const struct ctl_store_gate_sample *sample, struct bl_error *err)
    BL_CHECKED;
/* Oldest first. */
int ctl_store_each_gate_sample(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                               ctl_store_gate_sample_fn each, void *userdata, struct bl_error *err)
    BL_CHECKED;

/* What each host of a rollout had before the first wave, as a gate compares it; in its order of hosts. */
struct ctl_gate_base;
int ctl_store_set_gate_bases(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                             uint32_t gate, const struct ctl_gate_base *bases, uint32_t count,
                             struct bl_error *err) BL_CHECKED;
/* Leaves `bases` as they are when none were stored. */
int ctl_store_read_gate_bases(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                              uint32_t gate, struct ctl_gate_base *bases, uint32_t count,
                              struct bl_error *err) BL_CHECKED;

/* ---- what hosts reported, as they said it ---- */

struct ctl_store_report {
    uint8_t host_id[PROTO_HOST_ID_BYTES];
    uint32_t life;              /* of the host: its numbers are unique within one */
    struct proto_report report; /* texts borrowed for the call */
    struct bl_wall received;
    int64_t clock_offset_ms; /* of the host when it came */
};

typedef int (*ctl_store_report_fn)(void *userdata, const struct ctl_store_report *report,
                                   struct bl_error *err);

enum ctl_stored {
    CTL_STORED_BEFORE = 0, /* a double */
    CTL_STORED_NOW,
    CTL_STORED_CONTRADICTS, /* nothing stored: another report of this life has its number */
};

/* An enum ctl_stored, or an error. */
int ctl_store_add_report(struct ctl_store *store, const struct ctl_store_report *report,
                         struct bl_error *err) BL_CHECKED;
/* The highest number of a report of this life; 0: none. */
int ctl_store_last_seq(struct ctl_store *store, const uint8_t host_id[PROTO_HOST_ID_BYTES],
                       uint32_t life, uint64_t *ret_seq, struct bl_error *err) BL_CHECKED;
typedef int (*ctl_store_id_fn)(void *userdata, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                               struct bl_error *err);
/* Each rollout that a report of this life above `seq` names, once. */
int ctl_store_each_rollout_told(struct ctl_store *store, const uint8_t host_id[PROTO_HOST_ID_BYTES],
                                uint32_t life, uint64_t seq, ctl_store_id_fn each, void *userdata,
                                struct bl_error *err) BL_CHECKED;
/* By host and then in the host's order. */
int ctl_store_each_report(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                          ctl_store_report_fn each, void *userdata, struct bl_error *err)
    BL_CHECKED;

/* ---- versions that nobody may install ---- */

struct ctl_store_denied {
    const char *name, *version;
    bool has_rollout; /* it was taken back in that one; otherwise a person denied it */
    uint8_t rollout[PROTO_ROLLOUT_ID_BYTES];
    const char *cause; /* a sentence */
    struct bl_wall at;
    int64_t uid; /* -1: belayd itself */
};

typedef int (*ctl_store_denied_fn)(void *userdata, const struct ctl_store_denied *row,
                                   struct bl_error *err);

/*
 * 1: it is new; 0: the same rollout denied it before, and it may have been lifted since. With
 * `again` it is denied in any case.
 */
int ctl_store_deny(struct ctl_store *store, const struct ctl_store_denied *row, bool again,
                   struct bl_error *err) BL_CHECKED;
/* All of this version, or of this rollout unless NULL. Returns how many there were. */
int ctl_store_lift(struct ctl_store *store, const char *name, const char *version,
                   const uint8_t *rollout, struct bl_wall at, struct bl_error *err) BL_CHECKED;
/* What is denied and not lifted, of this version, or with "" of all; by name, the newest first. */
int ctl_store_each_denied(struct ctl_store *store, const char *name, const char *version,
                          ctl_store_denied_fn each, void *userdata, struct bl_error *err)
    BL_CHECKED;

/* ---- who asked for what: rows chained by hash ---- */

struct ctl_store_audit {
    uint64_t seq;
    struct bl_wall at;
    int64_t uid; /* -1: belayd itself, CTL_UID_DESK: somebody at `desk` */
    const char *verb, *subject, *detail;
    const char *desk;               /* id in hex; NULL and "" = none */
    uint8_t hash[PROTO_HASH_BYTES]; /* over the former row's hash and this row */
};

typedef int (*ctl_store_audit_fn)(void *userdata, const struct ctl_store_audit *row,
                                  struct bl_error *err);

/* Fills in seq and hash. */
int ctl_store_add_audit(struct ctl_store *store, const struct ctl_store_audit *row,
                        struct bl_error *err) BL_CHECKED;
/* The newest `limit` rows (of this subject; NULL: of all), oldest of them first. */
int ctl_store_each_audit(struct ctl_store *store, const char *subject, uint32_t limit,
                         ctl_store_audit_fn each, void *userdata, struct bl_error *err) BL_CHECKED;

struct ctl_store_chain {
    uint64_t rows_count;
    uint64_t broken_at; /* seq of the first row that does not fit; 0 = the chain is whole */
    uint8_t head[PROTO_HASH_BYTES];
};

int ctl_store_verify_audit(struct ctl_store *store, struct ctl_store_chain *ret_chain,
                           struct bl_error *err) BL_CHECKED;

/* The last row, and the hash of a row: 1; 0 when there is none. */
int ctl_store_audit_last(struct ctl_store *store, uint64_t *ret_rows,
                         uint8_t ret_hash[PROTO_HASH_BYTES], struct bl_error *err) BL_CHECKED;
int ctl_store_audit_hash(struct ctl_store *store, uint64_t seq, uint8_t ret_hash[PROTO_HASH_BYTES],
                         struct bl_error *err) BL_CHECKED;

/* What a host told of its own audit: audit_heads.h. */
struct ctl_store_head {
    uint64_t rows; /* 0: it never told */
    uint8_t hash[PROTO_HASH_BYTES];
    struct bl_wall at;       /* when it was compared last */
    struct bl_wall noted_at; /* when it was a row of our own audit last; ms 0 = never */
    char broken[256];        /* what did not fit, and nobody has looked at; "" = nothing */
    struct bl_wall broken_at;
};

/* 1, or 0 and zeros. */
int ctl_store_load_head(struct ctl_store *store, const uint8_t host[PROTO_HOST_ID_BYTES],
                        struct ctl_store_head *ret_head, struct bl_error *err) BL_CHECKED;
int ctl_store_save_head(struct ctl_store *store, const uint8_t host[PROTO_HOST_ID_BYTES],
                        const struct ctl_store_head *head, struct bl_error *err) BL_CHECKED;

/* ---- people's desks that may come in from elsewhere: desk.h ---- */

enum {
    CTL_DESK_ID_BYTES = PROTO_HOST_ID_BYTES, /* its CURVE public key */
    CTL_DESK_NAME_BYTES_MAX = 64,
    CTL_UID_DESK =
        -2, /* in place of a uid, which another machine's kernel would have to vouch for */
};

struct ctl_store_desk {
    uint8_t id[CTL_DESK_ID_BYTES];
    char name[CTL_DESK_NAME_BYTES_MAX + 1];
    struct bl_wall admitted, revoked; /* revoked: ms 0 = it may come in */
    int64_t uid;                      /* who admitted it */
};

typedef int (*ctl_store_desk_fn)(void *userdata, const struct ctl_store_desk *desk,
                                 struct bl_error *err);

/* In place of the row with this id, if there is one. */
int ctl_store_save_desk(struct ctl_store *store, const struct ctl_store_desk *desk,
                        struct bl_error *err) BL_CHECKED;
/* By name, those that may come in first. */
int ctl_store_each_desk(struct ctl_store *store, ctl_store_desk_fn each, void *userdata,
                        struct bl_error *err) BL_CHECKED;

/* ---- trust files, each version that there was: hosts take them one after the other ---- */

int ctl_store_save_trust(struct ctl_store *store, uint64_t version, const void *data,
                         size_t size_bytes, struct bl_error *err) BL_CHECKED;
/* 1 and *ret_file, owned by the caller; 0: that version never came here. */
int ctl_store_load_trust(struct ctl_store *store, uint64_t version, struct proto_buffer *ret_file,
                         struct bl_error *err) BL_CHECKED;

/* ---- the change freeze ---- */

struct ctl_store_freeze {
    bool is_set;
    struct bl_wall since, until; /* until: ms 0 = until it is taken back */
    int64_t uid;
    char reason[257];
};

/* Without is_set there is none from then on. */
int ctl_store_save_freeze(struct ctl_store *store, const struct ctl_store_freeze *freeze,
                          struct bl_error *err) BL_CHECKED;
/* 1, or 0 when there is none. */
int ctl_store_load_freeze(struct ctl_store *store, struct ctl_store_freeze *ret_freeze,
                          struct bl_error *err) BL_CHECKED;

#endif
