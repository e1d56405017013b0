/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/plan/estimate.h"

static uint32_t lower(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Who failed in an earlier wave may be down still, unless the budget holds that against the next. */
static uint32_t worst_of_wave(const struct ctl_plan_wave *wave, uint32_t failed_before,
                              uint32_t budget)
{
    uint32_t down = wave->host_count + failed_before;

    return budget > 0 ? lower(down, budget) : down;
}

void ctl_plan_estimate(const struct ctl_plan *plan, const struct ctl_plan_wave *waves,
                       uint32_t wave_count, int64_t stage_ms, int64_t job_ms,
                       struct ctl_plan_estimate *ret_estimate)
{
    struct ctl_plan_estimate estimate = {0};
    uint32_t host_count = 0, failed_before = 0, budget, allowed;
    int64_t now_ms = stage_ms;

    for (uint32_t i = 0; i < wave_count; i++)
        host_count += waves[i].host_count;
    budget = ctl_plan_budget(plan, host_count);
    allowed = ctl_plan_failures_allowed(plan, host_count);
    for (uint32_t i = 0; i < wave_count; i++) {
        uint32_t down = worst_of_wave(&waves[i], lower(failed_before, allowed), budget);

        estimate.begin_ms[i] = now_ms;
        now_ms += (int64_t)ctl_plan_rounds(plan, budget, i, waves[i].host_count) * job_ms;
        estimate.end_ms[i] = now_ms;
        now_ms += plan->soak_ms + ctl_plan_gates_ms(plan);
        estimate.down_max = down > estimate.down_max ? down : estimate.down_max;
        failed_before += waves[i].failures_allowed;
    }
    estimate.total_ms = now_ms;

    *ret_estimate = estimate;
}
