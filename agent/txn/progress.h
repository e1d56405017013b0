/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TXN_PROGRESS_H
#define AGENT_TXN_PROGRESS_H

#include "agent/txn/task.h"
#include "proto/message.h"

/*
 * PHASE.progress: how far a phase is while it runs, for people. It is replaced as a whole, and not
 * synced: nothing depends on it. `step` tells of which phase it is; `rollout_id` is left zero.
 */

/* What cannot be written is not told; the package run is not disturbed. */
void agent_txn_progress_save(int job_fd, uint32_t phase, const struct proto_progress *progress);
void agent_txn_progress_clear(int job_fd, uint32_t phase);
/* False when there is none, or none that can be read. */
bool agent_txn_progress_load(int job_fd, uint32_t phase, struct proto_arena *arena,
                             struct proto_progress *ret_progress);

/* The step of a phase that has progress, and the phase of such a step; 0 for others. */
uint32_t agent_txn_progress_step(uint32_t phase);
uint32_t agent_txn_progress_phase(uint32_t step);

#endif
