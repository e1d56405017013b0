/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CORE_ROLLOUT_INSIDE_H
#define CTL_CORE_ROLLOUT_INSIDE_H

#include "controller/core/rollout.h"

/* Inside controller/core only: what the parts of the rollout machine share. */

/* The only way to another state. */
void ctl_rollout_move(struct ctl_rollout *rollout, enum ctl_rollout_state to,
                      struct ctl_rollout_effects *effects);

/* Sets or takes away one hold. Nothing in a rollout that starts no hosts any more. */
void ctl_rollout_hold(struct ctl_rollout *rollout, enum ctl_hold hold, bool is_held,
                      struct ctl_rollout_effects *effects);

/* Hosts of the first `wave_count` waves that are waited for. */
uint32_t ctl_rollout_open_count(const struct ctl_rollout *rollout, uint32_t wave_count);

/* Whoever was not started, or is not known to have begun. */
void ctl_rollout_cancel_unbegun(struct ctl_rollout *rollout, struct bl_mono now,
                                struct ctl_rollout_effects *effects);

/* No new starts, whoever has not begun is cancelled; the caller gives the reason. */
void ctl_rollout_stop(struct ctl_rollout *rollout, struct bl_mono now,
                      struct ctl_rollout_effects *effects);

/* ---- severe failures ---- */

/* Stops the rollout, and asks people. `host` may be CTL_ROLLOUT_ALL. Nothing once it goes back or ended. */
void ctl_alarm_raise(struct ctl_rollout *rollout, uint32_t host,
                     const struct ctl_rollout_event *event, struct ctl_rollout_effects *effects);
/* True: nobody answered in time, and what the plan says then was ordered. */
bool ctl_alarm_expire(struct ctl_rollout *rollout, struct bl_mono now,
                      struct ctl_rollout_effects *effects);
void ctl_alarm_answer(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                      struct ctl_rollout_effects *effects);
void ctl_alarm_restart(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                       struct ctl_rollout_effects *effects);
/*
 * The store comes from a backup. An open question is another one from then on, since nobody knows
 * what was said to the one before: with the whole time to answer, from the next start.
 */
void ctl_alarm_restore(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects);
/* The wall clock was set by `by_ms`: what is shown, and kept for the next boot, is set with it. */
void ctl_alarm_shift(struct ctl_rollout *rollout, int64_t by_ms);
/* True: the traffic is switched, or was waited for long enough, and everything was ordered back. */
bool ctl_alarm_release(struct ctl_rollout *rollout, struct bl_mono now,
                       struct ctl_rollout_effects *effects);
/* A rollback that a person or a condition of the plan ordered is an answer, too. */
void ctl_alarm_drop(struct ctl_rollout *rollout, enum ctl_answer answer,
                    struct ctl_rollout_effects *effects);

/* ---- hooks of a severe failure ---- */

void ctl_hook_want(struct ctl_rollout *rollout, enum ctl_hook_kind kind);
/* Not called any more; what runs goes on. */
void ctl_hook_forget(struct ctl_rollout *rollout, enum ctl_hook_kind kind);
/* It runs, or will be called as soon as it can. */
bool ctl_hook_is_awaited(const struct ctl_rollout *rollout, enum ctl_hook_kind kind);
void ctl_hook_end(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                  struct ctl_rollout_effects *effects);
void ctl_hook_restart(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                      struct ctl_rollout_effects *effects);
/* At the end of a step: orders what is wanted. */
void ctl_hook_call(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                   struct ctl_rollout_effects *effects);
/* When one is wanted by the clock; ms 0: none is. */
struct bl_mono ctl_hook_wake(const struct ctl_rollout *rollout);

/* ---- approvals of waves ---- */

void ctl_approval_give(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                       struct ctl_rollout_effects *effects);
/* Keeps the hold in step with what was given and is not over; true when that changed. */
bool ctl_approval_update(struct ctl_rollout *rollout, struct bl_wall wall,
                         struct ctl_rollout_effects *effects);
/* When the first of them is over; ms 0: none is kept. */
struct bl_mono ctl_approval_wake(const struct ctl_rollout *rollout,
                                 const struct ctl_rollout_event *event);

/* ---- starts ---- */

/* Starts whom holds, budget and `first: alone` leave room for; whether there was anybody. */
bool ctl_rollout_start_hosts(struct ctl_rollout *rollout, struct bl_mono now,
                             struct ctl_rollout_effects *effects);
/* Hosts that failed use the whole budget, so that nobody else can ever start. */
bool ctl_rollout_is_used_up(const struct ctl_rollout *rollout);
/* Nobody was committed yet, and the plan wants the first one alone. */
bool ctl_rollout_goes_alone(const struct ctl_rollout *rollout);
/* ---- gates ---- */

void ctl_rollout_take_gate(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                           struct ctl_rollout_effects *effects);
/* A wave ended: what was told before says nothing of it. */
void ctl_rollout_begin_gates(struct ctl_rollout *rollout);
/* The soak is over. True: the gates do not let the rollout go on; perhaps they hold it now. */
bool ctl_rollout_gates_bar(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects);
/* A person says that it goes on whatever they are. */
void ctl_rollout_waive_gates(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects);
void ctl_rollout_restart_gates(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects);

/* ---- windows and freezes ---- */

void ctl_window_freeze(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                       struct ctl_rollout_effects *effects);
/* Keeps both holds in step with the time. */
void ctl_window_update(struct ctl_rollout *rollout, struct bl_wall wall,
                       struct ctl_rollout_effects *effects);
/* When that changes next by itself; ms 0: never. */
struct bl_mono ctl_window_wake(const struct ctl_rollout *rollout,
                               const struct ctl_rollout_event *event);

/* ---- rollback ---- */

void ctl_rollout_roll_back(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                           struct ctl_rollout_effects *effects);
void ctl_rollout_end_rollback(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects);
/* A silent host went back after all, or one that seemed untouched was not. */
bool ctl_rollout_correct_rollback(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects);

/* The part of ctl_rollout_check() that costs nothing. */
void ctl_rollout_check_counts(const struct ctl_rollout *rollout);

#endif
