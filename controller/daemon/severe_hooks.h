/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_SEVERE_HOOKS_H
#define CTL_DAEMON_SEVERE_HOOKS_H

#include "controller/daemon/engine.h"

/*
 * The programs that a severe failure calls (controller/core/rollout_hook.c says when): started
 * beside the loop once their order is stored, and their end told to the rollout. What a plan gives is
 * a name; controller/outside/hook.h says what may be run by it.
 */
struct ctl_severe_hooks;

/* How long each may run before it is ended; not what anybody waits for. */
void ctl_severe_hooks_limits(int64_t ret_limits_ms[CTL_HOOK_COUNT]);

/* Notes what CTL_ROLLOUT_CALL_HOOK orders; it is started when this turn is over. */
int ctl_severe_hooks_order(struct ctl_engine *engine, struct ctl_run *run,
                           const struct ctl_rollout_effect *effect, struct bl_error *err)
    BL_CHECKED;

/* Ends what runs, without telling anybody. Takes NULL. */
struct ctl_severe_hooks *ctl_severe_hooks_free(struct ctl_severe_hooks *hooks);

/* The program that the policy names; "" = none. */
const char *ctl_severe_hook_program(const struct proto_policy *policy, enum ctl_hook_kind kind);

/* For `status`: each that the policy names, and what came of it. A new reference. */
json_t *ctl_severe_hooks_view(const struct ctl_run *run);

/* Each second: starts what waited until the standby hosts had told what they have. */
void ctl_severe_hooks_tick(struct ctl_engine *engine);

#endif
