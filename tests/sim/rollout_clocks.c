/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks of rollout_sim.c: the time since boot, which begins anew when the machine does, and the
 * wall clock, which people set. What is counted is held against the time that really passed.
 */
#include "tests/sim/rollout_world.h"

struct ctl_moment world_moment(const struct world *w)
{
    return (struct ctl_moment){{w->now_ms - w->boot_ms}, {world_wall_ms(w)}, w->boots};
}

int64_t world_wall_ms(const struct world *w)
{
    return w->now_ms + w->wall_shift_ms;
}

/* What was told of it since is stored, so that only a clock set in this very moment is not known. */
void world_boot(struct world *w)
{
    if (w->is_clock_untold)
        return;
    w->boots++;
    w->boot_ms = w->now_ms - 1 - sim_below(&w->chance, 30000);
}

void world_set_clock(struct world *w)
{
    const int64_t by_ms = 10000 + sim_below(&w->chance, 6 * 3600 * 1000);

    w->wall_shift_ms += sim_percent(&w->chance, 50) ? by_ms : -by_ms;
    w->is_clock_untold = true;
}

static bool is_down(const struct ctl_rollout_host *host)
{
    return host->touched && !host->start_owed &&
           (host->state == CTL_HOST_RUNNING || host->state == CTL_HOST_REVERTING ||
            host->state == CTL_HOST_REVERT_FAILED || host->state == CTL_HOST_LOST);
}

void world_observe_clocks(struct world *w)
{
    const struct ctl_moment now = world_moment(w);
    int64_t worst_ms = 0;

    for (uint32_t i = 0; i < w->host_count; i++) {
        struct host *host = &w->hosts[i];
        int64_t down_ms;

        if (is_down(&w->live_hosts[i]) && !host->is_down)
            host->down_since_ms = w->now_ms;
        else if (!is_down(&w->live_hosts[i]) && host->is_down)
            host->down_ms += w->now_ms - host->down_since_ms;
        host->is_down = is_down(&w->live_hosts[i]);
        down_ms = host->down_ms + (host->is_down ? w->now_ms - host->down_since_ms : 0);
        worst_ms = down_ms > worst_ms ? down_ms : worst_ms;
    }
    SIM_CHECK(&w->chance,
              ctl_promise_used_ms(&w->promises, &w->live, CTL_PROMISE_DOWNTIME, &now) == worst_ms);
}
