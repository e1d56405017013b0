/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When nothing may start, by the clock: outside of the plan's windows, or in a freeze of the whole
 * controller. Both are judged anew with each event by the time that is stored with it.
 */
#include <stddef.h>

#include "controller/core/rollout_inside.h"

static bool is_frozen(const struct ctl_rollout *rollout, struct bl_wall wall)
{
    return rollout->is_frozen &&
           (rollout->frozen_until.ms == 0 || wall.ms < rollout->frozen_until.ms);
}

/* Whoever is under way needs no window: only what is to start waits for one, or to be told again. */
static bool has_to_start(const struct ctl_rollout *rollout)
{
    return rollout->submitted && ctl_rollout_is_going(rollout) &&
           (rollout->unstarted_count > 0 || rollout->unbegun_count > 0);
}

int64_t ctl_rollout_window_wait_ms(const struct ctl_rollout *rollout, struct bl_wall wall)
{
    return ctl_window_wait_ms(rollout->limits.windows, rollout->limits.windows_count, wall,
                              rollout->limits.job_ms);
}

void ctl_window_freeze(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                       struct ctl_rollout_effects *effects)
{
    if (rollout->is_frozen == event->yes && rollout->frozen_until.ms == event->until.ms)
        return;
    rollout->is_frozen = event->yes;
    rollout->frozen_until = event->until;
    effects->changed = true;
}

void ctl_window_update(struct ctl_rollout *rollout, struct bl_wall wall,
                       struct ctl_rollout_effects *effects)
{
    bool is_held = has_to_start(rollout);

    ctl_rollout_hold(rollout, CTL_HOLD_WINDOW,
                     is_held && ctl_rollout_window_wait_ms(rollout, wall) > 0, effects);
    ctl_rollout_hold(rollout, CTL_HOLD_FREEZE, is_held && is_frozen(rollout, wall), effects);
}

struct bl_mono ctl_window_wake(const struct ctl_rollout *rollout,
                               const struct ctl_rollout_event *event)
{
    const struct ctl_rollout_limits *limits = &rollout->limits;
    int64_t wait_ms = CTL_WINDOW_FOR_EVER;

    if (!has_to_start(rollout))
        return (struct bl_mono){0};
    if (limits->windows_count > 0) {
        int64_t left_ms = ctl_window_left_ms(limits->windows, limits->windows_count, event->wall);

        wait_ms = ctl_rollout_window_wait_ms(rollout, event->wall);
        if (wait_ms == 0 && left_ms != CTL_WINDOW_FOR_EVER)
            wait_ms = left_ms - limits->job_ms + 1; /* too little is left from then on */
        else if (wait_ms == 0)
            wait_ms = CTL_WINDOW_FOR_EVER;
    }
    if (is_frozen(rollout, event->wall) && rollout->frozen_until.ms != 0 &&
        rollout->frozen_until.ms - event->wall.ms < wait_ms)
        wait_ms = rollout->frozen_until.ms - event->wall.ms;

    return wait_ms == CTL_WINDOW_FOR_EVER ? (struct bl_mono){0}
                                          : bl_mono_after(event->now, wait_ms);
}
