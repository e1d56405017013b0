/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CORE_ROLLOUT_INSIDE_H
#define CTL_CORE_ROLLOUT_INSIDE_H

#include "controller/core/rollout.h"

/* Inside controller/core only: what the parts of the rollout machine share. */

/* It may still start hosts. */
bool ctl_rollout_is_going(const struct ctl_rollout *rollout);

/* The only way to another state. */
void ctl_rollout_move(struct ctl_rollout *rollout, enum ctl_rollout_state to,
                      struct ctl_rollout_effects *effects);

/* Sets or takes away one hold. Nothing in a rollout that starts no hosts any more. */
void ctl_rollout_hold(struct ctl_rollout *rollout, enum ctl_hold hold, bool is_held,
                      struct ctl_rollout_effects *effects);

/* Hosts of the first `wave_count` waves that are waited for. */
uint32_t ctl_rollout_open_count(const struct ctl_rollout *rollout, uint32_t wave_count);

void ctl_rollout_cancel_untouched(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects);

/* ---- rollback ---- */

void ctl_rollout_roll_back(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                           struct ctl_rollout_effects *effects);
void ctl_rollout_end_rollback(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects);
/* A silent host went back after all, or one that seemed untouched was not. */
bool ctl_rollout_correct_rollback(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects);

/* The part of ctl_rollout_check() that costs nothing. */
void ctl_rollout_check_counts(const struct ctl_rollout *rollout);

#endif
