/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_OPS_TXN_H
#define AGENT_ROOT_OPS_TXN_H

#include "agent/root/ops/op.h"
#include "agent/txn/task.h"

/* What the way back is told; also written before a change, for belay-silence. */
struct agent_txn_task agent_op_restore_task(const struct agent_work *work);

/* Reason and findings of a result that is not good, as one text; cut when too long. */
void agent_op_describe_result(const struct agent_txn_result *result, char *ret_text,
                              size_t size_bytes);

/* Before the end: what a person should know of the package run, each for the record. */
void agent_op_note_result(struct agent_op_run *run, const struct agent_txn_result *result);

#endif
