/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_RUN_PEOPLE_H
#define CTL_DAEMON_RUN_PEOPLE_H

#include "controller/daemon/run.h"
#include "proto/approval.h"

/* What people said about a rollout by their signatures, beside the machine that counts it. */

/* Who said it, to the machine: one number for one person, whichever key it was. */
uint64_t ctl_run_person(const char *name);

/* Keeps one that is stored, for people to see. */
int ctl_run_add_approval(struct ctl_run *run, const struct ctl_store_approval *stored,
                         struct bl_error *err) BL_CHECKED;
/* All of them, when the rollout is loaded. */
int ctl_run_load_approvals(struct ctl_run *run, struct ctl_store *store, struct bl_error *err)
    BL_CHECKED;
void ctl_run_free_approvals(struct ctl_run *run);

/* Begins to keep the policy's promises; the machine has been initialised. */
int ctl_run_begin_promises(struct ctl_run *run, struct bl_error *err) BL_CHECKED;

/* Logs each promise that is about to be missed, or was, once; true when there was one. */
bool ctl_run_watch_promises(struct ctl_run *run);

/* Now, by all clocks. */
struct ctl_moment ctl_run_now(const struct ctl_run *run);

#endif
