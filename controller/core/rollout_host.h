/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CORE_ROLLOUT_HOST_H
#define CTL_CORE_ROLLOUT_HOST_H

#include "controller/core/rollout.h"

/* Inside controller/core only: what happens to one host of a rollout, and the sums over them. */

struct ctl_rollout_effect *ctl_host_emit(struct ctl_rollout_effects *effects,
                                         enum ctl_rollout_effect_type type, uint32_t host);

/* Counts a host that was just reset. */
void ctl_host_begin(struct ctl_rollout *rollout, uint32_t host);

/* It counts against the allowance from now on. */
void ctl_host_fail(struct ctl_rollout *rollout, uint32_t host, struct ctl_rollout_effects *effects);

/* Sets the deadline that belongs to the host's state, counted from `now`. */
void ctl_host_renew_deadline(struct ctl_rollout *rollout, uint32_t host, struct bl_mono now);

/* What a report says becomes what is known, as far as it may follow on what is known already. */
void ctl_host_report(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                     struct ctl_rollout_effects *effects);

/*
 * Orders. Each leaves alone a host for which it makes no sense. To call back is to cancel a host that
 * was told to start and is not known to have begun: what it says then is believed.
 */
void ctl_host_order_start(struct ctl_rollout *rollout, uint32_t host, struct bl_mono now,
                          struct ctl_rollout_effects *effects);
void ctl_host_order_cancel(struct ctl_rollout *rollout, uint32_t host,
                           struct ctl_rollout_effects *effects);
void ctl_host_call_back(struct ctl_rollout *rollout, uint32_t host, struct bl_mono now,
                        struct ctl_rollout_effects *effects);
void ctl_host_order_revert(struct ctl_rollout *rollout, uint32_t host, struct bl_mono now,
                           struct ctl_rollout_effects *effects);

/* What it reported is void: unknown is never shown as good, nor as bad in a way that it was. */
void ctl_host_go_back(struct ctl_rollout *rollout, uint32_t host, struct bl_mono now,
                      struct ctl_rollout_effects *effects);

/*
 * Repeats the order that the host may not have got. START only while the rollout may start hosts:
 * held, nothing is repeated; and whoever is not known to have begun when no more hosts start gets
 * CANCEL instead.
 */
void ctl_host_repeat_order(const struct ctl_rollout *rollout, uint32_t host,
                           struct ctl_rollout_effects *effects);

/*
 * It connected: repeats the order, too. START, while something holds the rollout, is not repeated but
 * noted in `start_owed`: ctl_host_release_starts() sends it as soon as nothing does.
 */
void ctl_host_seen(struct ctl_rollout *rollout, uint32_t host, struct ctl_rollout_effects *effects);

/* Repeats each START that is owed, once nothing holds the rollout; whether there was any. */
bool ctl_host_release_starts(struct ctl_rollout *rollout, struct bl_mono now,
                             struct ctl_rollout_effects *effects);

/* Makes lost whoever is beyond its deadline, and finds the next deadline. */
void ctl_host_expire_all(struct ctl_rollout *rollout, struct bl_mono now,
                         struct ctl_rollout_effects *effects);

/* It was never started, and is in no end state. */
bool ctl_host_is_untouched(const struct ctl_rollout_host *host);

/* START was ordered, and nothing that it said tells that it came. */
bool ctl_host_is_unbegun(const struct ctl_rollout_host *host);

/* What this rollout did to it, if anything, is undone. */
bool ctl_host_is_back(const struct ctl_rollout_host *host);

#endif
