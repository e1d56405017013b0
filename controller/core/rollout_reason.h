/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CORE_ROLLOUT_REASON_H
#define CTL_CORE_ROLLOUT_REASON_H

#include "controller/core/rollout.h"

/*
 * Inside controller/core only: why a rollout is where it is, as a code and a sentence with the
 * numbers that were compared. Waves are counted from 1 for people.
 */
void ctl_reason_staging(struct ctl_rollout *rollout);
void ctl_reason_running(struct ctl_rollout *rollout);
void ctl_reason_soaking(struct ctl_rollout *rollout);
void ctl_reason_wave_failed(struct ctl_rollout *rollout, uint32_t wave);
void ctl_reason_rollout_failed(struct ctl_rollout *rollout);
void ctl_reason_budget_used(struct ctl_rollout *rollout);
/* Of the last alarm: what is asked, and what came of it. */
void ctl_reason_severe(struct ctl_rollout *rollout);
void ctl_reason_traffic(struct ctl_rollout *rollout);
void ctl_reason_answered(struct ctl_rollout *rollout);
void ctl_reason_aborted(struct ctl_rollout *rollout);
void ctl_reason_complete(struct ctl_rollout *rollout);

/* What is ordered back: everything, or one wave. */
void ctl_reason_rollback(struct ctl_rollout *rollout, uint32_t wave);
void ctl_reason_rolled_back(struct ctl_rollout *rollout);

/* The sentence of gate `gate`, which has just been told. */
void ctl_reason_gate(struct ctl_rollout *rollout, uint32_t gate, const char *code);
/* Which condition of the plan took everything back, and by which numbers. */
void ctl_reason_condition(struct ctl_rollout *rollout);
/* The soak is over, and which gates are not good. */
void ctl_reason_gates_wait(struct ctl_rollout *rollout);

#endif
