/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waves that wait for people. Who may approve, and that an approval is genuine, is the shell's to
 * judge; here it only counts who said it about which wave, and until when that is good.
 */
#include <stddef.h>

#include "common/check.h"
#include "controller/core/rollout_inside.h"

uint32_t ctl_approvals_needed(const struct ctl_rollout *rollout, uint32_t wave)
{
    return wave == 0 ? 0 : rollout->limits.approvals; /* the first one starts by the signatures */
}

uint32_t ctl_approvals_given(const struct ctl_rollout *rollout, uint32_t wave)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < rollout->approvals_count; i++)
        count += rollout->approvals[i].wave == wave ? 1 : 0;

    return count;
}

static bool is_of_use(const struct ctl_rollout *rollout, const struct ctl_approval *approval,
                      struct bl_wall wall)
{
    bool is_to_come = approval->wave > rollout->wave ||
                      (approval->wave == rollout->wave && rollout->state == CTL_ROLLOUT_STAGING);

    return is_to_come && wall.ms < approval->not_after.ms;
}

/* What is over or was used never counts again. */
static void forget_useless(struct ctl_rollout *rollout, struct bl_wall wall)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < rollout->approvals_count; i++) {
        if (is_of_use(rollout, &rollout->approvals[i], wall))
            rollout->approvals[kept++] = rollout->approvals[i];
    }
    rollout->approvals_count = kept;
}

void ctl_approval_give(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                       struct ctl_rollout_effects *effects)
{
    const struct ctl_approval approval = {
        .wave = event->wave,
        .person = event->nonce,
        .not_after = event->until,
    };

    if (!ctl_rollout_is_going(rollout) || event->wave >= rollout->wave_count ||
        ctl_approvals_needed(rollout, event->wave) == 0 ||
        !is_of_use(rollout, &approval, event->wall))
        return;

    for (uint32_t i = 0; i < rollout->approvals_count; i++) {
        struct ctl_approval *old = &rollout->approvals[i];

        if (old->wave != approval.wave || old->person != approval.person)
            continue;
        if (old->not_after.ms >= approval.not_after.ms)
            return; /* said before */
        *old = approval;
        effects->changed = true;
        return;
    }
    if (rollout->approvals_count == CTL_APPROVALS_MAX)
        return;
    rollout->approvals[rollout->approvals_count++] = approval;
    effects->changed = true;
}

bool ctl_approval_update(struct ctl_rollout *rollout, struct bl_wall wall,
                         struct ctl_rollout_effects *effects)
{
    uint32_t needed = ctl_approvals_needed(rollout, rollout->wave);
    uint32_t count_before = rollout->approvals_count, holds_before = rollout->holds;

    forget_useless(rollout, wall);
    if (rollout->approvals_count != count_before)
        effects->changed = true;
    ctl_rollout_hold(rollout, CTL_HOLD_APPROVAL,
                     rollout->state == CTL_ROLLOUT_STAGING &&
                         ctl_approvals_given(rollout, rollout->wave) < needed,
                     effects);

    return rollout->holds != holds_before;
}

/* None of them is over: each step forgets those that are. */
struct bl_mono ctl_approval_wake(const struct ctl_rollout *rollout,
                                 const struct ctl_rollout_event *event)
{
    int64_t first_ms = 0;

    for (uint32_t i = 0; i < rollout->approvals_count; i++) {
        const struct ctl_approval *approval = &rollout->approvals[i];

        if (first_ms == 0 || approval->not_after.ms < first_ms)
            first_ms = approval->not_after.ms;
    }

    return first_ms == 0 ? (struct bl_mono){0}
                         : bl_mono_after(event->now, first_ms - event->wall.ms);
}
