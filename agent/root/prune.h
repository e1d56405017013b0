/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_PRUNE_H
#define AGENT_ROOT_PRUNE_H

#include <stdbool.h>

#include "agent/txn/task.h"

/*
 * Removes the directories of all jobs but two (32 hex digits, or ""): the newest, and the one whose
 * change the host stands on. No other can be taken back, so the packages that they keep are of no
 * use any more. What cannot be removed is logged and stays.
 */
void agent_prune_jobs(const char *state_dir, const char *newest, const char *base);

/*
 * Has this job, in the directory of all jobs, snapshots that were not removed yet? Then its own
 * directory stays, since nothing else knows of them: see forget.h.
 */
bool agent_prune_has_snapshots(int jobs_fd, const char *job);

/*
 * Those jobs one after the other, each once however it went with the ones before: gives the least
 * name above `after` ("" = the first) of a job with snapshots that is wanted. False behind the last.
 */
struct agent_prune_choice {
    const void *userdata;
    bool (*is_wanted)(const void *userdata, int jobs_fd, const char *job);
};
bool agent_prune_find_next(const char *state_dir, const char *after,
                           const struct agent_prune_choice *choice,
                           char ret_name[AGENT_TXN_JOB_CHARS + 1]);

#endif
