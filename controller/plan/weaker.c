/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/yaml.h"
#include "controller/plan/check.h"
#include "controller/plan/plan.h"
#include "proto/policy.h"

/* What the table of grades is compared with: the same that would be signed, as far as it is read. */
struct signed_part {
    struct proto_manifest manifest;
    struct proto_policy policy;
    struct proto_policy_wave waves[CTL_PLAN_WAVES_MAX];
    struct proto_grade_rule rules[CTL_PLAN_FINDINGS_MAX];
};

static void fill(const struct ctl_plan *plan, struct signed_part *part)
{
    const struct ctl_plan_verify *verify = &plan->verify;

    *part = (struct signed_part){
        .manifest = {.risk = plan->risk,
                     .watch_ms = (uint64_t)plan->watch_ms,
                     .ssh_lock = plan->ssh.lock,
                     .ssh_sessions = plan->ssh.sessions,
                     .verify_grades = part->rules,
                     .verify_grades_count = verify->grades_count},
        .policy = {.soak_ms = (uint64_t)plan->soak_ms,
                   .first_alone = plan->first == CTL_PLAN_FIRST_ALONE,
                   .waves = part->waves,
                   .approvals = plan->approvals.waves,
                   .answer_ms = (uint64_t)ctl_plan_answer_ms(plan),
                   .otherwise = plan->severe.otherwise,
                   .sample_share = ctl_plan_sample_share(plan)},
    };
    for (uint32_t i = 0; i < verify->grades_count; i++) {
        part->rules[i] = (struct proto_grade_rule){.code = verify->grades[i].code,
                                                   .grade = verify->grades[i].grade};
    }
}

/* False when the waves do not take so many hosts: nobody could sign that. */
static bool fill_waves(const struct ctl_plan *plan, uint32_t hosts_count, struct signed_part *part)
{
    struct ctl_plan_wave waves[CTL_PLAN_WAVES_MAX];
    struct bl_error ignored = {0};
    uint32_t count;

    if (ctl_plan_deal_waves(plan, hosts_count, waves, &count, &ignored) < 0)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        part->waves[i] = (struct proto_policy_wave){.hosts_count = waves[i].host_count,
                                                    .failures_allowed = waves[i].failures_allowed};
    }
    part->policy.waves_count = count;
    part->policy.failures_allowed = ctl_plan_failures_allowed(plan, hosts_count);

    return true;
}

static bool is_listed(const struct ctl_plan_weaker *list, uint32_t count,
                      const struct proto_weaker *weaker)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(list[i].what.field, weaker->field) == 0)
            return true;
    }

    return false;
}

/* Two findings are two entries of one field, so only another number of hosts looks for doubles. */
static uint32_t add(const struct ctl_plan *plan, const struct signed_part *part,
                    uint32_t hosts_count, struct ctl_plan_weaker *list, uint32_t count)
{
    struct proto_weaker found[PROTO_WEAKER_MAX];
    const uint32_t found_count = proto_risk_weaker(&part->manifest, &part->policy, found);
    const uint32_t before = count;

    for (uint32_t i = 0; i < found_count && count < PROTO_WEAKER_MAX; i++) {
        const struct bl_yaml_node *node;

        if (is_listed(list, before, &found[i]))
            continue;
        node = ctl_plan_find_node(plan, found[i].field);
        list[count++] =
            (struct ctl_plan_weaker){.what = found[i],
                                     .line = node->key != NULL ? node->key_line : node->line,
                                     .hosts_count = hosts_count};
    }

    return count;
}

uint32_t ctl_plan_weaker(const struct ctl_plan *plan, uint32_t hosts_count,
                         struct ctl_plan_weaker ret_list[PROTO_WEAKER_MAX])
{
    struct signed_part part;
    uint32_t count = 0;

    fill(plan, &part);
    if (hosts_count > 0)
        return fill_waves(plan, hosts_count, &part) ? add(plan, &part, 1, ret_list, 0) : 0;
    count = add(plan, &part, 1, ret_list, 0); /* what hangs on no number of hosts */
    part.manifest.verify_grades_count = 0;
    for (uint32_t i = 1; i <= PROTO_POLICY_HOSTS_MAX; i++) {
        if (fill_waves(plan, i, &part))
            count = add(plan, &part, i, ret_list, count);
    }

    return count;
}
