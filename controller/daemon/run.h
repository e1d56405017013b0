/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_RUN_H
#define CTL_DAEMON_RUN_H

#include <systemd/sd-event.h>

#include "controller/core/promise.h"
#include "controller/core/rollout.h"
#include "controller/daemon/fleet.h"
#include "controller/daemon/store.h"
#include "proto/manifest.h"
#include "proto/policy.h"
#include "proto/progress.h"

enum {
    CTL_RUN_REPORTS_MAX = 10000, /* of one host: a job has some dozens */
};

/*
 * One rollout in memory: the machine of controller/core, rebuilt from its stored events, and beside
 * it what people want to see of each host. Nothing in here decides.
 */
struct ctl_run_progress { /* of the step that runs; never stored */
    bool is_known;
    struct proto_progress last; /* its texts are the two below */
    char what[PROTO_NAME_BYTES_MAX + 1], script[PROTO_NAME_BYTES_MAX + 1];
};

struct ctl_run_host {
    struct ctl_fleet_host *host;
    uint32_t kind;
    uint32_t step; /* enum proto_step that runs; 0 = none */
    struct ctl_run_progress progress;
    uint32_t said_state;       /* enum proto_job_state of its last report of one; 0 = none */
    uint32_t reports_count;    /* that are stored */
    bool is_sampled;           /* it is of the sample */
    bool verified;             /* it came to VERIFY: what it found there is in `found` */
    bool upgraded;             /* its package run began */
    struct bl_wall changed_at; /* ms 0 = never */
    uint32_t life;    /* of the host, in which it went back in mid-rollout; 0 = it never did */
    uint64_t found;   /* after the change: ctl_run_finding_bit() of each */
    bool found_minor; /* any of them was graded minor */
    bool holds_ssh_lock, holds_quiesce; /* leases that it told of, and not of their end */
    char *code, *reason; /* what it gave last as a cause of that state; NULL = nothing */
};

struct ctl_run_approval { /* as it was signed, for people to see */
    uint32_t about;       /* enum proto_approval_about */
    uint32_t number;
    char person[PROTO_NAME_BYTES_MAX + 1];
    struct bl_wall given, not_after, received;
};

struct ctl_gates;
struct ctl_severe_hooks;
struct ctl_standby;

struct ctl_run {
    uint8_t id[PROTO_ROLLOUT_ID_BYTES];
    char *plan_name;
    uint8_t *manifest_data;
    size_t manifest_bytes;
    struct proto_manifest manifest;
    struct proto_policy policy;
    struct proto_arena arena; /* of `manifest` and `policy` */
    struct proto_signature signatures[PROTO_SIGNATURES_MAX];
    uint32_t signatures_count;
    struct bl_wall created, ended; /* ended: ms 0 while it runs */
    int64_t submitted_by_uid;
    struct ctl_rollout rollout;
    struct ctl_rollout_host *hosts;
    struct ctl_run_host *members;       /* same index */
    struct proto_target *targets;       /* same index: sorted by id */
    struct proto_merkle_tree tree;      /* over them */
    struct ctl_rollout_effects effects; /* of the last step */
    struct ctl_run_approval *approvals; /* in the order in which they came */
    uint32_t approvals_count;
    uint64_t boot; /* of this machine, now */
    struct ctl_promises promises;
    struct ctl_promise_host *promise_hosts;
    uint32_t promises_told[CTL_PROMISE_COUNT]; /* enum ctl_promise_state that was logged last */
    struct bl_mono wake_at;                    /* ms 0 = no TIME is wanted */
    sd_event_source *timer;                    /* the engine's; released with the run */
    bool changed;                              /* since those who watch were told */
    bool owes;               /* it has ended, and a host is still to be told or heard */
    uint64_t last_used;      /* the engine's count of turns */
    struct ctl_gates *gates; /* NULL without any */
    struct ctl_severe_hooks *severe_hooks; /* NULL until one is called */
    struct ctl_standby *standby;           /* NULL without any */
    struct ctl_store_origin origin;
    bool denies;           /* it went back or stopped, so what hosts take back is denied: deny.h */
    uint64_t denied_kinds; /* bit k: the versions of that kind are */
};

/*
 * What was stored was good: what can't be read any more is damage of the store, which no other start
 * mends. Wraps `err` and makes it -EUCLEAN; -ENOMEM stays.
 */
int ctl_run_damaged(const char *what, struct bl_error *err);

/* 1: *ret_run is from the heap; 0: there is no such rollout. Its hosts must be in the fleet. */
int ctl_run_load(struct ctl_store *store, const struct ctl_fleet *fleet,
                 const uint8_t id[PROTO_ROLLOUT_ID_BYTES], struct ctl_run **ret_run,
                 struct bl_error *err) BL_CHECKED;
struct ctl_run *ctl_run_free(struct ctl_run *run);

/* The machine takes one event; what it wants done is in run->effects until the next step. */
void ctl_run_step(struct ctl_run *run, const struct ctl_rollout_event *event, struct bl_wall at);

/* Keeps what is shown of a host in step with its report. */
int ctl_run_note_report(struct ctl_run *run, uint32_t index, const struct proto_report *report,
                        struct bl_wall received, struct bl_error *err) BL_CHECKED;

/* For `found`: one bit of each row of proto/finding.h; 0: there is no such finding. */
uint64_t ctl_run_finding_bit(const char *code);

/*
 * Keeps what a host says on the way, until its next report. False when it is nothing new, or of
 * another step than the one whose begin it reported.
 */
bool ctl_run_note_progress(struct ctl_run *run, uint32_t index,
                           const struct proto_progress *progress);

/* Nothing is shown any more of what a host reported before this life. */
void ctl_run_note_went_back(struct ctl_run *run, uint32_t index, uint32_t life);

/* The index of the host in the rollout, or CTL_ROLLOUT_ALL when it is not in it. */
uint32_t ctl_run_index_of(const struct ctl_run *run, const uint8_t host_id[PROTO_HOST_ID_BYTES]);

#endif
