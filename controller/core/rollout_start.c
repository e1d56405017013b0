/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may start, and how many at a time. A host uses the budget from its start to its end, and for
 * ever when it failed: so the rollout slows down with each failure and stands still by itself when
 * too many add up, whatever the allowances say.
 */
#include <stddef.h>

#include "common/check.h"
#include "controller/core/rollout_host.h"
#include "controller/core/rollout_inside.h"

bool ctl_rollout_goes_alone(const struct ctl_rollout *rollout)
{
    return rollout->limits.first_alone && !rollout->is_proven;
}

/* How many may start now. */
static uint32_t room_of(const struct ctl_rollout *rollout)
{
    const uint32_t budget = rollout->limits.budget;
    uint32_t room = UINT32_MAX;

    if (rollout->holds != 0)
        return 0;
    if (budget != 0)
        room = rollout->used_count < budget ? budget - rollout->used_count : 0;
    if (ctl_rollout_goes_alone(rollout)) {
        if (rollout->active_count > 0)
            return 0;
        room = room < 1 ? room : 1;
    }

    return room;
}

bool ctl_rollout_is_used_up(const struct ctl_rollout *rollout)
{
    return rollout->limits.budget != 0 && rollout->failed_count >= rollout->limits.budget &&
           rollout->unstarted_count > 0;
}

bool ctl_rollout_start_hosts(struct ctl_rollout *rollout, struct bl_mono now,
                             struct ctl_rollout_effects *effects)
{
    uint32_t room = room_of(rollout), i = rollout->next_start;
    bool is_any = false;

    if (rollout->waves[rollout->wave].ready_count == 0)
        return false;
    for (; i < rollout->host_count && room > 0; i++) {
        const struct ctl_rollout_host *host = &rollout->hosts[i];

        if (host->wave != rollout->wave || host->state != CTL_HOST_READY)
            continue;
        ctl_host_order_start(rollout, i, now, effects);
        room--;
        is_any = true;
    }
    if (is_any)
        rollout->next_start = i;

    return is_any;
}
