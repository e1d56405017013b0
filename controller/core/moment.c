/* SPDX-License-Identifier: Apache-2.0 */
/* Two clocks: one that is never set and ends with the boot, and one that goes on and may be set. */
#include "controller/core/rollout.h"

struct ctl_moment ctl_moment_of(const struct ctl_rollout_event *event)
{
    return (struct ctl_moment){.now = event->now, .wall = event->wall, .boot = event->boot};
}

int64_t ctl_moment_between_ms(const struct ctl_moment *from, const struct ctl_moment *until)
{
    int64_t ms = until->wall.ms - from->wall.ms;

    if (from->boot == until->boot)
        ms = until->now.ms - from->now.ms;

    return ms > 0 ? ms : 0;
}
