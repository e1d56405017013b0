/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_OPS_SAMPLES_H
#define AGENT_ROOT_OPS_SAMPLES_H

#include "agent/root/host.h"
#include "agent/root/job.h"
#include "agent/root/ops/findings.h"

/*
 * What the plan itself asks of the new state: units, pages, addresses and hooks; and ports and names,
 * when there is more than one sample (otherwise the look at the whole host sees them anyway). Made as
 * often as the plan says, each check until it is certain whether it holds.
 */
struct agent_samples;

struct agent_samples_caller {
    void *userdata;
    /* `why` is "" and the findings are whole, or a probe failed. May free the samples. */
    void (*done)(void *userdata, const struct agent_findings *findings, const char *why);
};

/* What a unit of the plan was at an earlier sight, in the order of the plan. */
struct agent_samples_seen {
    uint64_t main_pid, restarts;
    bool was_active;
};
struct agent_samples_seen agent_samples_see(const struct agent_unit *unit);

/*
 * The code of what is wrong with a unit of the plan (NULL: it is not loaded) as it is now, or since it
 * was `seen`, unless that is NULL. NULL: nothing.
 */
const char *agent_samples_fault_of(const struct agent_unit *unit,
                                   const struct agent_samples_seen *seen);

/*
 * `seen`: of each unit of the plan, at the beginning of the settle time; NULL when restarts until now
 * are nobody's business. Borrows host and work until it is freed. `done` never comes from inside the
 * call.
 */
int agent_samples_start(struct agent_host *host, const struct agent_work *work,
                        const struct agent_samples_seen *seen,
                        const struct agent_samples_caller *caller,
                        struct agent_samples **ret_samples, struct bl_error *err) BL_CHECKED;
struct agent_samples *agent_samples_free(struct agent_samples *samples);

#endif
