/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_JOB_H
#define AGENT_PACKAGES_JOB_H

#include "agent/packages/memory.h"
#include "agent/txn/task.h"
#include "common/clock.h"

struct agent_packages_progress;

/* What every function of a package backend works with: one phase of one job. */
struct agent_packages_job {
    struct agent_packages_memory *memory; /* everything in `result` lives here */
    struct agent_txn_result *result;      /* notes and findings are collected in it */
    const char *state_dir;                /* "/var/lib/belay" */
    const char *cache_dir;                /* "/var/cache/belay" */
    const char *job_path;                 /* STATE_DIR/jobs/JOB */
    int job_fd;
    int log_fd;              /* PHASE.log, O_RDWR | O_APPEND */
    struct bl_mono deadline; /* of the phase; ms 0: none */
    int64_t lock_wait_ms;
    int64_t metadata_max_age_ms; /* 0: no limit */
    bool replace_conffiles;
    const char *assumed_status; /* apt plans with this package database; NULL: with the host's */
    int64_t retry_ms;           /* before the first retry with a mirror that is being updated */
    struct agent_packages_progress *progress; /* NULL: nobody looks on */
    const char *code;   /* the stable name of what failed; NULL while nothing has */
    const char *remedy; /* what a person can do about it; NULL when there is nothing to say */
};

/* Names the failure for reports and records it; the value is the error code, for `return`. */
#define agent_packages_fail(job, err, name, help, errno_value, ...) \
    (agent_packages_job_blame((job), (name), (help)), bl_fail((err), (errno_value), __VA_ARGS__))

/* For a failure that is recorded already: names it and hands `r` on. */
int agent_packages_job_pass(struct agent_packages_job *job, const char *code, const char *remedy,
                            int r);

/* The first name given to a failure stays: it is nearest to the cause. */
void agent_packages_job_blame(struct agent_packages_job *job, const char *code, const char *remedy);

/* One line for people. What does not fit into the result any more is left out. */
void agent_packages_job_note(struct agent_packages_job *job, const char *fmt, ...) BL_PRINTF(2, 3);

/* One more reason why the phase failed; `remedy` may be "". */
void agent_packages_job_find(struct agent_packages_job *job, const char *code, const char *reason,
                             const char *remedy);

/* Milliseconds until the deadline: 0 when it has passed, -1 when there is none. */
int64_t agent_packages_job_left_ms(const struct agent_packages_job *job);

#endif
