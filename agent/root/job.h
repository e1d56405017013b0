/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_JOB_H
#define AGENT_ROOT_JOB_H

#include "agent/root/host.h"
#include "agent/root/order.h"

/*
 * The shell around the decision core (agent/core/job.h): it keeps the one job of this host, hands
 * events to the core and does what the core answers, records first. It decides nothing. The newest
 * job stays here after its end, since it can still be taken back.
 */

/* One job: what was ordered, and how far it is. Operations borrow it. */
struct agent_work {
    uint8_t id[AGENT_JOB_ID_BYTES];
    char id_text[AGENT_JOB_ID_TEXT_BYTES];
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    struct proto_manifest manifest;
    struct proto_transaction transaction; /* of this host */
    int64_t accepted_wall_ms;
    int dir_fd; /* jobs/JOB */
    struct agent_job job;
    struct proto_arena arena; /* of the manifest */
};

struct agent_jobs_handler {
    void *userdata;
    void (*reported)(void *userdata);  /* the outbox has grown */
    void (*reconnect)(void *userdata); /* a new connection is wanted; then LINK_UP */
    void (*closed)(void *userdata);    /* no job is open any more */
};

struct agent_jobs;

/* Borrows `host` and `handler` for its life. */
int agent_jobs_new(struct agent_host *host, const struct agent_jobs_handler *handler,
                   struct agent_jobs **ret_jobs, struct bl_error *err) BL_CHECKED;
struct agent_jobs *agent_jobs_free(struct agent_jobs *jobs);

/* Takes up the newest job of the journal where it was left. Call once, when the loop is ready. */
int agent_jobs_resume(struct agent_jobs *jobs, struct bl_error *err) BL_CHECKED;

/* NULL before the first job. */
const struct agent_work *agent_jobs_work(const struct agent_jobs *jobs);
bool agent_jobs_is_open(const struct agent_jobs *jobs);
/* A package run of the job is under way, or may be. */
bool agent_jobs_is_changing(const struct agent_jobs *jobs);
/*
 * The journal failed, or has no room: nothing is done any more, and what the host's state is nobody
 * knows. The process ends by itself when the next one may fare better (renew.h).
 */
bool agent_jobs_is_halted(const struct agent_jobs *jobs);
/* `err` is what the journal said to somebody else: halts as well, if it can't be trusted any more. */
void agent_jobs_doubt_journal(struct agent_jobs *jobs, const struct bl_error *err);

/*
 * Takes an order that was verified; no job may be open. On failure the host keeps its former job
 * and nothing has begun.
 */
int agent_jobs_take(struct agent_jobs *jobs, const struct proto_offer *offer,
                    const struct agent_order *order, struct bl_error *err) BL_CHECKED;

/*
 * Hands the newest job an event, `now` filled in here. `who`: for the audit trail, "" = nobody.
 * False when the event meant nothing to the job: it was recorded nowhere.
 */
bool agent_jobs_tell(struct agent_jobs *jobs, struct agent_job_event event, const char *who);

/*
 * The way back of `rollout_id`, which may be an older job than the newest: the one that the host
 * stands on (agent_journal_load_base) is taken up again and told. Any other committed one is
 * reported as `revert_failed` with the cause: what lies beneath a later change can't be pulled out;
 * one that is back already, or never changed anything, by its own end.
 * What the host stands on waits for the end of another job that is open; a restart forgets the wish,
 * and the controller repeats it. All others are answered at once.
 */
void agent_jobs_take_back(struct agent_jobs *jobs, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                          struct agent_job_event event, const char *who);

/*
 * For an offer that came again, also of a job before the newest: queues one report of its present
 * state. 1, or 0 when this job was never taken here.
 */
int agent_jobs_repeat(struct agent_jobs *jobs, const uint8_t job_id[AGENT_JOB_ID_BYTES],
                      struct bl_error *err) BL_CHECKED;

#endif
