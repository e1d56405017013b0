/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_JOB_REPORT_H
#define AGENT_ROOT_JOB_REPORT_H

#include "agent/root/ops/op.h"
#include "proto/message.h"

/* What the core and the steps say, as reports for journal and controller. All texts are borrowed. */

struct proto_report agent_job_describe_effect(const struct agent_host *host,
                                              const struct agent_work *work,
                                              const struct agent_job_effect *effect);

/*
 * What a step found, each a report of its own, to stand before those of `effects`, which the step's
 * end led to. `outcome` may be NULL. Writes at most AGENT_FINDINGS_MAX; returns how many.
 */
uint32_t agent_job_describe_notes(const struct agent_host *host, const struct agent_work *work,
                                  const struct agent_job_effects *effects,
                                  const struct agent_op_outcome *outcome,
                                  struct proto_report *ret_reports);

/* For people; the journal is the record. */
void agent_job_log(const struct agent_work *work, const struct proto_report *report);

#endif
