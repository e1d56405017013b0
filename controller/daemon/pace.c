/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/pace.h"

_Static_assert((int)PROTO_POLICY_WAVES_MAX == (int)CTL_ROLLOUT_WAVES_MAX, "what is signed can run");
_Static_assert((int)PROTO_POLICY_WINDOWS_MAX == (int)CTL_WINDOWS_MAX, "what is signed can run");
_Static_assert((int)PROTO_GATES_MAX == (int)CTL_GATES_MAX, "what is signed can run");
_Static_assert((int)PROTO_POLICY_HOSTS_MAX == (int)CTL_ROLLOUT_HOSTS_MAX, "what is signed can run");

_Static_assert((int)PROTO_OTHERWISE_STOP == (int)CTL_OTHERWISE_STOP, "the same words");
_Static_assert((int)PROTO_OTHERWISE_ROLLBACK == (int)CTL_OTHERWISE_ROLLBACK, "the same words");

static uint32_t bit_of(const char *program, enum ctl_hook_kind kind)
{
    return program != NULL && program[0] != '\0' ? UINT32_C(1) << kind : 0;
}

void ctl_pace_of(const struct proto_policy *policy, struct ctl_pace *ret_pace)
{
    struct ctl_pace pace = {
        .limits = {.soak_ms = (int64_t)policy->soak_ms,
                   .stage_ms = (int64_t)policy->stage_ms,
                   .job_ms = (int64_t)policy->job_ms,
                   .revert_ms = (int64_t)policy->revert_ms,
                   .failures_allowed = (uint32_t)policy->failures_allowed,
                   .budget = (uint32_t)policy->budget,
                   .first_alone = policy->first_alone,
                   .approvals = (uint32_t)policy->approvals,
                   .answer_ms = (int64_t)policy->answer_ms,
                   .otherwise = policy->otherwise,
                   .gate_count = policy->gates_count,
                   .hooks = bit_of(policy->page, CTL_HOOK_PAGE) |
                            bit_of(policy->traffic, CTL_HOOK_TRAFFIC) |
                            bit_of(policy->vendor, CTL_HOOK_VENDOR),
                   .page_every_ms = (int64_t)policy->page_every_ms,
                   .traffic_ms = (int64_t)policy->traffic_ms},
        .wave_count = policy->waves_count,
    };

    for (uint32_t i = 0; i < policy->waves_count; i++) {
        pace.waves[i].host_count = (uint32_t)policy->waves[i].hosts_count;
        pace.waves[i].failures_allowed = (uint32_t)policy->waves[i].failures_allowed;
        pace.host_count += pace.waves[i].host_count;
    }
    for (uint32_t i = 0; i < policy->windows_count; i++) {
        pace.limits.windows[i] =
            (struct ctl_window){.days = (uint32_t)policy->windows[i].days,
                                .from_minutes = (uint32_t)policy->windows[i].from_minutes,
                                .for_minutes = (uint32_t)policy->windows[i].for_minutes};
    }
    pace.limits.windows_count = policy->windows_count;
    for (uint32_t i = 0; i < policy->gates_count; i++)
        pace.limits.gates_rollback |= (policy->gates[i].is_rollback ? UINT32_C(1) : 0) << i;
    *ret_pace = pace;
}
