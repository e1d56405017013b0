/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_FORGET_H
#define AGENT_ROOT_FORGET_H

#include "agent/root/host.h"
#include "agent/root/job.h"

/*
 * Gives back the snapshots of jobs whose way back is over: belay-txn removes them, since this
 * process has no right to. One after the other; what cannot be removed is tried again after
 * AGENT_FORGET_AGAIN_MS, at the end of the next job, and when the agent starts.
 */
enum {
    AGENT_FORGET_AGAIN_MS = 10 * 60 * 1000,
};

struct agent_forget;

/* Borrows both. */
int agent_forget_new(struct agent_host *host, const struct agent_jobs *jobs,
                     struct agent_forget **ret_forget, struct bl_error *err) BL_CHECKED;
struct agent_forget *agent_forget_free(struct agent_forget *forget);

/* Looks for such jobs now. Call when a job has ended; it looks by itself when a time is over. */
void agent_forget_look(struct agent_forget *forget);

/* What the decision needs to know of a job: how it ended, and whether the host stands on it. */
struct agent_forget_case {
    bool is_open, is_newest, is_base;
    uint32_t state;              /* of the newest; enum proto_job_state */
    struct bl_mono way_back_end; /* of the base, in this boot; ms 0: not known in this boot */
    struct bl_mono now;
};
bool agent_forget_is_over(const struct agent_forget_case *one);

/* When to look by itself; ms 0: there is nothing to wait for. */
struct bl_mono agent_forget_next_look(struct bl_mono way_back_end, struct bl_mono now,
                                      bool has_failed);

#endif
