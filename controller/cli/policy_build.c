/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/policy_build.h"

#include <string.h>

#include "common/file.h"
#include "controller/cli/preview_standby.h"

enum {
    MINUTE_MS = 60 * 1000,
    DAY_MS = 24 * 60 * MINUTE_MS,
    WEEK_MS = 7 * DAY_MS,
};

#define WAITING_MS_MAX (INT64_C(90) * DAY_MS)

void ctl_limits_of(const struct ctl_plan *plan, const struct ctl_preview *preview,
                   struct ctl_limits *ret_limits)
{
    const uint32_t budget = ctl_plan_budget(plan, preview->target_count);
    struct ctl_limits limits;
    int64_t waiting_ms = 0; /* for windows, and for people */

    limits.stage_ms = plan->stage_within_ms + plan->lost_after_ms;
    limits.job_ms = ctl_plan_job_ms(plan);
    limits.revert_ms = 2 * plan->change_within_ms + plan->lost_after_ms;
    limits.valid_ms = DAY_MS + limits.stage_ms;
    for (uint32_t i = 0; i < preview->wave_count; i++) {
        int64_t rounds = ctl_plan_rounds(plan, budget, i, preview->waves[i].host_count);

        limits.valid_ms +=
            rounds * (limits.job_ms + limits.revert_ms) + plan->soak_ms + ctl_plan_gates_ms(plan);
        if (plan->windows_count > 0)
            waiting_ms += rounds * WEEK_MS; /* at worst a window of each week */
        if (i > 0 && plan->approvals.waves > 0)
            waiting_ms += WEEK_MS; /* whom it waits for may be away */
    }
    /* Whoever finds a signed rollout years later must not be able to start it. */
    limits.valid_ms += waiting_ms < WAITING_MS_MAX ? waiting_ms : WAITING_MS_MAX;
    *ret_limits = limits;
}

int ctl_policy_build(const struct ctl_plan *plan, const struct ctl_preview *preview,
                     const struct ctl_issue *issue, struct proto_buffer *ret_policy,
                     struct bl_error *err)
{
    struct proto_policy_wave waves[CTL_PLAN_WAVES_MAX];
    struct proto_policy_window windows[CTL_PLAN_WINDOWS_MAX];
    struct proto_policy policy = {
        .format = PROTO_POLICY_FORMAT,
        .soak_ms = (uint64_t)plan->soak_ms,
        .failures_allowed = ctl_plan_failures_allowed(plan, preview->target_count),
        .budget = ctl_plan_budget(plan, preview->target_count),
        .first_alone = plan->first == CTL_PLAN_FIRST_ALONE,
        .waves = waves,
        .waves_count = preview->wave_count,
        .windows = windows,
        .windows_count = plan->windows_count,
        .approvals = plan->approvals.waves,
        .approvals_by = plan->approvals.by,
        .approval_ms = (uint64_t)plan->approvals.expires_ms,
        .answer_ms = (uint64_t)ctl_plan_answer_ms(plan),
        .otherwise = plan->severe.otherwise,
        .page = plan->severe.page,
        .page_every_ms = (uint64_t)plan->severe.page_every_ms,
        .traffic = plan->severe.traffic,
        .traffic_ms = (uint64_t)plan->severe.traffic_within_ms,
        .vendor = plan->severe.vendor,
        .sample_share = ctl_plan_sample_share(plan),
        .downtime_ms = (uint64_t)plan->promises.downtime_ms,
        .rollback_starts_ms = (uint64_t)plan->promises.rollback_starts_ms,
        .restored_ms = (uint64_t)plan->promises.restored_ms,
    };
    struct proto_policy_gate gates[PROTO_GATES_MAX];
    struct proto_policy_value values[PROTO_POLICY_VALUES_MAX];
    struct proto_policy_spread spread;
    BL_AUTO_FREE uint8_t *values_of_hosts = NULL;
    CTL_AUTO_PREVIEW_STANDBY standby = {0};
    struct ctl_limits limits;
    int r;

    r = ctl_preview_put_spread(plan, preview, &spread, values, &values_of_hosts, err);
    if (r < 0)
        return r;
    r = ctl_preview_put_standby(preview, &standby, err);
    if (r < 0)
        return r;
    policy.standby = standby.kinds;
    policy.standby_count = standby.count;
    policy.spread = &spread;
    policy.spread_count = values_of_hosts != NULL ? 1 : 0;
    memcpy(policy.requester, issue->requester, sizeof(policy.requester));
    proto_plan_hash(issue->plan_text, policy.plan_hash);
    ctl_limits_of(plan, preview, &limits);
    memcpy(gates, plan->gates, sizeof(gates));
    policy.gates = gates;
    policy.gates_count = plan->gates_count;
    policy.stage_ms = (uint64_t)limits.stage_ms;
    policy.job_ms = (uint64_t)limits.job_ms;
    policy.revert_ms = (uint64_t)limits.revert_ms;
    for (uint32_t i = 0; i < preview->wave_count; i++) {
        waves[i].hosts_count = preview->waves[i].host_count;
        waves[i].failures_allowed = preview->waves[i].failures_allowed;
    }
    for (uint32_t i = 0; i < plan->windows_count; i++) {
        windows[i] = (struct proto_policy_window){.days = plan->windows[i].days,
                                                  .from_minutes = plan->windows[i].from_minutes,
                                                  .for_minutes = plan->windows[i].for_minutes};
    }

    return proto_policy_encode(&policy, ret_policy, err);
}
