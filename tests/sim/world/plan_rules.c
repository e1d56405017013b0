/* SPDX-License-Identifier: Apache-2.0 */
/* When a plan of this world may start hosts, who is asked, and by what it is measured: drawn apart. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/place.h"
#include "proto/sample.h"
#include "tests/sim/world/host.h"
#include "tests/sim/world/people.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

enum {
    DAY_MINUTES = 24 * 60,
    EVERY_DAY = 127,
};

static bool draw_percent(uint32_t percent)
{
    return sim_draw_percent(SIM_DRAW_RULES, SIM_CONTROLLER, percent);
}

static int64_t draw_log(int64_t low, int64_t high)
{
    return sim_draw_log(SIM_DRAW_RULES, SIM_CONTROLLER, low, high);
}

static int64_t draw_between(int64_t low, int64_t high)
{
    return sim_draw_between(SIM_DRAW_RULES, SIM_CONTROLLER, low, high);
}

/*
 * As many a day as fit, each long enough for a job, the first of them around now. Returns how long
 * one may have to be waited for.
 */
static int64_t draw_windows(struct ctl_rollout_limits *limits)
{
    const int64_t for_minutes = limits->job_ms / MINUTE_MS + 1 + draw_log(1, 180);
    const int64_t gap_minutes = draw_log(5, 6 * 60);
    const int64_t period_minutes = for_minutes + gap_minutes;
    const int64_t first_minutes =
        sim_true_wall_ms() / MINUTE_MS + draw_between(-for_minutes, gap_minutes);
    const uint32_t days = draw_percent(10) ? EVERY_DAY >> 1 : EVERY_DAY;
    int64_t count = DAY_MINUTES / period_minutes;

    if (for_minutes >= CTL_WINDOW_WEEK_MINUTES)
        return 0;
    count = count < 1 ? 1 : count;
    count = count > CTL_WINDOWS_MAX ? CTL_WINDOWS_MAX : count;
    for (int64_t i = 0; i < count; i++) {
        limits->windows[i] = (struct ctl_window){
            .days = days,
            .from_minutes = (uint32_t)((first_minutes + i * period_minutes) % DAY_MINUTES),
            .for_minutes = (uint32_t)for_minutes,
        };
    }
    limits->windows_count = (uint32_t)count;

    return days == EVERY_DAY ? DAY_MS : 2 * DAY_MS;
}

static void draw_approvals(struct sim_plan *plan)
{
    const bool is_commander = draw_percent(25);

    plan->rollout.limits.approvals = is_commander || draw_percent(70) ? 1 : 2;
    plan->approvals_by = is_commander ? PROTO_ROLE_COMMANDER : PROTO_ROLE_OPERATOR;
    plan->approval_ms = draw_log(5 * MINUTE_MS, DAY_MS);
}

/* What the service of this world does when it breaks counts as severe then. */
static void draw_answer(struct sim_plan *plan, struct proto_manifest *manifest)
{
    static struct proto_grade_rule grades[] = {{"unit_failed", PROTO_GRADE_SEVERE},
                                               {"unit_stopped", PROTO_GRADE_SEVERE}};

    plan->rollout.limits.answer_ms = draw_percent(15) ? 0 : draw_log(5 * 1000, 10 * MINUTE_MS);
    plan->rollout.limits.otherwise = draw_percent(50) ? CTL_OTHERWISE_STOP : CTL_OTHERWISE_ROLLBACK;
    if (draw_percent(80)) {
        manifest->verify_grades = grades;
        manifest->verify_grades_count = sizeof(grades) / sizeof(grades[0]);
        plan->rollout.is_service_severe = true;
    }
}

/* What each of them does is drawn when it is called. */
static void draw_hooks(struct sim_plan *plan, uint32_t number)
{
    struct ctl_rollout_limits *limits = &plan->rollout.limits;

    limits->hooks = 1 + sim_draw_below(SIM_DRAW_RULES, SIM_CONTROLLER, (1U << CTL_HOOK_COUNT) - 1);
    if (limits->answer_ms == 1) /* has no half */
        limits->hooks &= ~(1U << CTL_HOOK_TRAFFIC);
    if ((limits->hooks >> CTL_HOOK_PAGE & 1) != 0)
        limits->page_every_ms = draw_log(PROTO_POLICY_PAGE_EVERY_MS_MIN, 3 * MINUTE_MS);
    if ((limits->hooks >> CTL_HOOK_TRAFFIC & 1) != 0)
        limits->traffic_ms =
            draw_log(1, limits->answer_ms > 0 ? limits->answer_ms / 2 : 3 * MINUTE_MS);
    for (uint32_t i = 0; i < CTL_HOOK_COUNT; i++) {
        if ((limits->hooks >> i & 1) != 0)
            (void)snprintf(plan->hook_names[i], SIM_HOOK_NAME_BYTES, "p%u-%s", number,
                           ctl_hook_name(i));
    }
}

static void draw_gate(struct sim_plan *plan, uint32_t index, uint32_t number)
{
    static const uint32_t kinds[] = {PROTO_GATE_PROMETHEUS, PROTO_GATE_COMMAND};
    struct proto_policy_gate *gate = &plan->gates[index];
    char *name = plan->gate_names[index];

    (void)snprintf(name, SIM_GATE_NAME_BYTES, "p%u-g%u", number, index);
    *gate = (struct proto_policy_gate){
        .name = name,
        .kind = kinds[draw_percent(40) ? 1 : 0],
        .is_rollback = draw_percent(35),
        .query = name,
        .at = "",
        .good = "",
        .bad = "",
        .control = "",
        .minimum_of = "",
        .contains = "",
        .samples = (uint64_t)draw_between(1, 5),
        .every_ms = (uint64_t)draw_log(20 * 1000, 5 * MINUTE_MS),
        .delay_ms = draw_percent(50) ? 0 : (uint64_t)draw_log(1000, 10 * MINUTE_MS),
        .stale_ms = 5 * MINUTE_MS,
        .within_ms = (uint64_t)draw_log(1000, 30 * 1000),
    };
    gate->needed = (uint64_t)draw_between(1, (int64_t)gate->samples);
    if (gate->kind == PROTO_GATE_PROMETHEUS) {
        gate->at = "http://prometheus.world";
        gate->good = "< 5";
        gate->bad = "> 10";
    }
    if (gate->is_rollback && draw_percent(60))
        gate->for_ms = (uint64_t)draw_log(10 * 1000, 15 * MINUTE_MS);
    plan->gate_rules[index] = (struct sim_law_gate){
        .is_rollback = gate->is_rollback,
        .needed = (uint32_t)gate->needed,
        .samples = (uint32_t)gate->samples,
        .every_ms = (int64_t)gate->every_ms,
        .delay_ms = (int64_t)gate->delay_ms,
        .for_ms = (int64_t)gate->for_ms,
        .within_ms = (int64_t)gate->within_ms,
    };
}

static void draw_gates(struct sim_plan *plan, uint32_t number)
{
    struct ctl_rollout_limits *limits = &plan->rollout.limits;

    limits->gate_count = (uint32_t)draw_between(1, SIM_PLAN_GATES_MAX);
    for (uint32_t i = 0; i < limits->gate_count; i++)
        draw_gate(plan, i, number);
    plan->rollout.gates = plan->gate_rules;
    plan->rollout.gates_count = limits->gate_count;
}

static void draw_sample(struct sim_plan *plan)
{
    plan->samples = calloc(plan->rollout.hosts_count, sizeof(*plan->samples));
    plan->sample_hosts = malloc(PROTO_SAMPLE_BYTES_MAX);
    if (plan->samples == NULL || plan->sample_hosts == NULL)
        sim_broken("no memory for a plan");
    plan->sample_share =
        draw_percent(20) ? PROTO_SAMPLE_SHARE_ALL : (uint64_t)draw_log(1, PROTO_SAMPLE_SHARE_ALL);
}

void sim_rules_draw(struct sim_plan *plan, struct proto_manifest *manifest, uint32_t number)
{
    struct ctl_rollout_limits *limits = &plan->rollout.limits;

    plan->approvals_by = PROTO_ROLE_OPERATOR;
    plan->approval_ms = DAY_MS;
    limits->otherwise = CTL_OTHERWISE_STOP;
    if (sim_fault(SIM_FAULT_PLAN_WINDOWS, SIM_CONTROLLER)) {
        const int64_t rounds =
            limits->budget == 0 ? plan->rollout.waves_count + 1 : plan->rollout.hosts_count + 1;

        manifest->not_after_ms += rounds * draw_windows(limits);
    }
    if (sim_fault(SIM_FAULT_PLAN_APPROVALS, SIM_CONTROLLER)) {
        draw_approvals(plan);
        manifest->not_after_ms += DAY_MS;
    }
    if (sim_fault(SIM_FAULT_PLAN_SAMPLE, SIM_CONTROLLER))
        draw_sample(plan);
    if (sim_fault(SIM_FAULT_PLAN_ASKS, SIM_CONTROLLER))
        draw_answer(plan, manifest);
    if (number < SIM_PLANS_MAX && sim_fault(SIM_FAULT_PLAN_GATES, SIM_CONTROLLER)) {
        draw_gates(plan, number);
        manifest->not_after_ms += DAY_MS;
    }
    if (number < SIM_PLANS_MAX && sim_fault(SIM_FAULT_PLAN_HOOKS, SIM_CONTROLLER))
        draw_hooks(plan, number);
}

/* ---- the sample ---- */

/* The first ones of each wave, as many as the share, rounded up. */
static void mark_samples(struct sim_plan *plan, const struct proto_place *places)
{
    uint32_t next = 0;

    for (uint32_t wave = 0; wave < plan->rollout.waves_count; wave++) {
        const uint32_t count = plan->wave_limits[wave].host_count;

        for (uint32_t i = 0; i < count; i++, next++)
            plan->samples[places[next].index] =
                (uint64_t)i * PROTO_SAMPLE_SHARE_ALL < plan->sample_share * count;
    }
}

void sim_rules_put_sample(struct sim_plan *plan, struct proto_manifest *manifest,
                          const struct proto_policy *policy)
{
    static struct proto_text units[] = {{SIM_SAMPLE_UNIT}};
    const uint32_t count = plan->rollout.hosts_count;
    struct proto_place *places;

    if (plan->sample_share == 0)
        return;
    places = calloc(count, sizeof(*places));
    if (places == NULL)
        sim_broken("no memory for a plan");
    for (uint32_t i = 0; i < count; i++) {
        memcpy(places[i].host_id, plan->targets[i].host_id, PROTO_HOST_ID_BYTES);
        places[i].index = i;
        places[i].value = plan->zone_of[i];
    }
    proto_places_sort(places, count, plan->rollout.id);
    mark_samples(plan, places);
    manifest->sample_all = plan->sample_share == PROTO_SAMPLE_SHARE_ALL;
    manifest->sample_hosts.data = plan->sample_hosts;
    manifest->sample_hosts.size_bytes = proto_sample_draw(places, policy, plan->sample_hosts);
    manifest->sample_units = units;
    manifest->sample_units_count = 1;
    plan->rollout.samples = plan->samples;
    free(places);
}

void sim_rules_encode(struct sim_plan *plan, struct proto_policy *policy,
                      struct proto_policy_window windows[CTL_WINDOWS_MAX])
{
    const struct ctl_rollout_limits *limits = &plan->rollout.limits;

    for (uint32_t i = 0; i < limits->windows_count; i++) {
        windows[i] =
            (struct proto_policy_window){limits->windows[i].days, limits->windows[i].from_minutes,
                                         limits->windows[i].for_minutes};
    }
    policy->windows = windows;
    policy->windows_count = limits->windows_count;
    policy->approvals = limits->approvals;
    policy->approvals_by = plan->approvals_by;
    policy->sample_share = plan->sample_share;
    policy->approval_ms = (uint64_t)plan->approval_ms;
    policy->answer_ms = (uint64_t)limits->answer_ms;
    policy->otherwise = limits->otherwise;
    policy->page = plan->hook_names[CTL_HOOK_PAGE];
    policy->traffic = plan->hook_names[CTL_HOOK_TRAFFIC];
    policy->vendor = plan->hook_names[CTL_HOOK_VENDOR];
    policy->page_every_ms = (uint64_t)limits->page_every_ms;
    policy->traffic_ms = (uint64_t)limits->traffic_ms;
    policy->gates = plan->gates;
    policy->gates_count = limits->gate_count;
}
