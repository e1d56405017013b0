/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>

#include "controller/plan/plan.h"

/* 64 bits: 10,000 hundredths times a million hosts passes 32. */
static uint32_t share_of(const struct ctl_plan_share *share, uint32_t host_count, bool round_up)
{
    uint64_t product = (uint64_t)share->value * host_count;

    return (uint32_t)((product + (round_up ? CTL_PLAN_SHARE_ALL - 1 : 0)) / CTL_PLAN_SHARE_ALL);
}

uint32_t ctl_plan_failures_allowed(const struct ctl_plan *plan, uint32_t host_count)
{
    const struct ctl_plan_share *allowed = &plan->failures_allowed;

    if (allowed->is_percent)
        return share_of(allowed, host_count, false);

    return allowed->value < host_count ? allowed->value : host_count;
}

uint32_t ctl_plan_budget(const struct ctl_plan *plan, uint32_t host_count)
{
    const struct ctl_plan_share *budget = &plan->budget;
    uint32_t hosts = budget->is_percent ? share_of(budget, host_count, false) : budget->value;

    if (budget->value > 0 && hosts == 0)
        hosts = 1;

    return hosts < host_count ? hosts : host_count;
}

uint32_t ctl_plan_rounds(const struct ctl_plan *plan, uint32_t budget, uint32_t wave,
                         uint32_t wave_host_count)
{
    uint32_t rounds = 1;

    if (budget > 0 && budget < wave_host_count)
        rounds = (wave_host_count + budget - 1) / budget;
    if (wave == 0 && plan->first == CTL_PLAN_FIRST_ALONE && wave_host_count > 1)
        rounds++;

    return rounds;
}

static uint32_t wave_size(const struct ctl_plan_share *share, uint32_t host_count, uint32_t left)
{
    uint32_t size = share->value;

    if (share->is_rest) {
        size = left;
    } else if (share->is_percent) {
        size = share_of(share, host_count, true);
    }

    return size < left ? size : left;
}

int ctl_plan_deal_waves(const struct ctl_plan *plan, uint32_t host_count,
                        struct ctl_plan_wave *ret_waves, uint32_t *ret_wave_count,
                        struct bl_error *err)
{
    uint32_t left = host_count, wave_count = 0;

    for (uint32_t i = 0; i < plan->waves_count && left > 0; i++) {
        struct ctl_plan_wave *wave = &ret_waves[wave_count++];

        wave->host_count = wave_size(&plan->waves[i], host_count, left);
        wave->failures_allowed = ctl_plan_failures_allowed(plan, wave->host_count);
        wave->rounded_to_zero = plan->failures_allowed.is_percent &&
                                plan->failures_allowed.value > 0 && wave->failures_allowed == 0;
        left -= wave->host_count;
    }
    if (left > 0) {
        return bl_fail(err, -EINVAL,
                       "waves: they take %" PRIu32 " of %" PRIu32
                       " hosts: make one larger or let the last one be 'rest'",
                       host_count - left, host_count);
    }

    *ret_wave_count = wave_count;
    return 0;
}
