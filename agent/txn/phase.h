/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TXN_PHASE_H
#define AGENT_TXN_PHASE_H

#include "agent/packages/backend.h"

/*
 * Runs one phase with a backend and fills job->result: lists, notes, findings, and at the end
 * `result`, `code` and `reason`. There is no other outcome: a phase that cannot do its work says so.
 *
 * The result points into `task` and into `arena`: keep both until it is saved.
 */
void agent_txn_phase_run(const struct agent_packages_backend *backend,
                         struct agent_packages_job *job, const struct agent_txn_task *task,
                         struct proto_arena *arena);

/* The same ending for a phase that could not even begin. */
void agent_txn_phase_fail(struct agent_packages_job *job, const struct bl_error *err);

#endif
