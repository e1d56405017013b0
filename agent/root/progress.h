/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_PROGRESS_H
#define AGENT_ROOT_PROGRESS_H

#include "agent/root/host.h"
#include "agent/root/job.h"
#include "proto/message.h"

/*
 * How far the package run of a job is, as belay-txn writes it down, told to whoever looks on. It is
 * for people: it is neither recorded nor decided by, and may be lost anywhere.
 */

/* False when no package run is under way, or it has said nothing yet. */
bool agent_progress_read(const struct agent_work *work, struct proto_arena *arena,
                         struct proto_progress *ret_progress);

/* Returns below 0 when there was no room for it now: it is told later, if it is still true. */
typedef int (*agent_progress_send)(void *userdata, const struct proto_progress *progress);

struct agent_progress;

/* Borrows `host` for its life. */
int agent_progress_new(struct agent_host *host, agent_progress_send send, void *userdata,
                       struct agent_progress **ret_progress, struct bl_error *err) BL_CHECKED;
struct agent_progress *agent_progress_free(struct agent_progress *progress);

/*
 * Something was reported of a job: looks once a second as long as a package run is under way.
 * Borrows `jobs` as long as the loop runs.
 */
void agent_progress_follow(struct agent_progress *progress, const struct agent_jobs *jobs);

/* Who listens has heard nothing yet: the next look tells all, as if nothing had been told. */
void agent_progress_forget(struct agent_progress *progress);

#endif
