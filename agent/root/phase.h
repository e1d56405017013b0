/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_PHASE_H
#define AGENT_ROOT_PHASE_H

#include "agent/root/host.h"
#include "agent/txn/task.h"

/*
 * One phase of belay-txn as a unit: started, joined when it already runs, or found to be over. The
 * files in the job directory are the truth: a result is an end, a start without a result in a unit
 * that does not run is an interruption. What may run again does (stage, restore); an upgrade never
 * does. What only reads is run for each task, and never answered by a former run.
 */
enum agent_phase_end {
    AGENT_PHASE_RESULT = 1,  /* there is a result */
    AGENT_PHASE_INTERRUPTED, /* an upgrade that began and has no result */
    AGENT_PHASE_FAILED,      /* it could not be run, or died without a trace; `why` tells */
};

/* Called once; `result` and its memory are lent for the call, in which the phase may be freed. */
struct agent_phase_caller {
    void *userdata;
    void (*done)(void *userdata, enum agent_phase_end end, const struct agent_txn_result *result,
                 const char *why);
};

struct agent_phase;

/* Whose phase: the caller keeps it until the phase is freed. */
struct agent_phase_job {
    const char *id_text; /* 32 hex digits */
    int dir_fd;          /* its directory */
};

/*
 * Borrows `host` and `job` until the phase is freed; the task only for the call. `done` never comes
 * from inside the call.
 */
int agent_phase_start(struct agent_host *host, const struct agent_phase_job *job,
                      const struct agent_txn_task *task, const struct agent_phase_caller *caller,
                      struct agent_phase **ret_phase, struct bl_error *err) BL_CHECKED;

/* Stops waiting; the unit goes on. free(NULL) is fine, returns NULL. */
struct agent_phase *agent_phase_free(struct agent_phase *phase);

#endif
