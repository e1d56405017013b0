/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_PLAN_ESTIMATE_H
#define CTL_PLAN_ESTIMATE_H

#include "controller/plan/plan.h"

/*
 * When a rollout would do what, were each host to take `stage_ms` to get ready and `job_ms` from its
 * start to its end, and gates as long as they may. Counted from the submission; pauses, windows and people's answers come on top.
 */
struct ctl_plan_estimate {
    int64_t begin_ms[CTL_PLAN_WAVES_MAX]; /* of each wave */
    int64_t end_ms[CTL_PLAN_WAVES_MAX]; /* its last host is done; then it soaks, and gates judge */
    int64_t total_ms;                   /* the last soak and the last gate are over */
    uint32_t
        down_max; /* hosts at once that work, or failed for good, at worst, on the way forward */
};

void ctl_plan_estimate(const struct ctl_plan *plan, const struct ctl_plan_wave *waves,
                       uint32_t wave_count, int64_t stage_ms, int64_t job_ms,
                       struct ctl_plan_estimate *ret_estimate);

#endif
