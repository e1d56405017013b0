/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans whose waves are spread over a label. Some take all hosts of a value in one wave: belay would
 * not have made them, and belayd must not take them.
 */
#include <stdlib.h>

#include "tests/sim/world/people.h"

enum {
    NO_LABEL_EVERY = 7,
    BUDGET_PERCENT = 50, /* of those that take too many: a small budget makes them good */
};

static const char *const zones[SIM_PLAN_VALUES_MAX] = {"a", "b", "c", "d"};

static uint32_t zone_of(uint32_t host, uint32_t zones_count)
{
    return host % NO_LABEL_EVERY == NO_LABEL_EVERY - 1 ? 0 : 1 + host % zones_count;
}

/* Only the values that a host of the plan has; each counts all hosts of this world that have it. */
static void list_values(struct sim_plan *plan, uint32_t zones_count)
{
    uint32_t place_of[SIM_PLAN_VALUES_MAX + 1] = {0};

    for (uint32_t zone = 1; zone <= zones_count; zone++) {
        uint32_t all = 0;
        bool is_there = false;

        for (uint32_t host = 0; host < sim_host_count(); host++)
            all += zone_of(host, zones_count) == zone ? 1 : 0;
        for (uint32_t i = 0; i < plan->rollout.hosts_count; i++)
            is_there = is_there || plan->zone_of[i] == zone;
        if (!is_there)
            continue;
        plan->zones[plan->zones_count] =
            (struct proto_policy_value){.value = zones[zone - 1], .hosts_count = all};
        plan->zone_hosts[++plan->zones_count] = all;
        place_of[zone] = plan->zones_count;
    }
    for (uint32_t i = 0; i < plan->rollout.hosts_count; i++)
        plan->zone_of[i] = (uint8_t)place_of[plan->zone_of[i]];
}

void sim_spread_draw(struct sim_plan *plan)
{
    uint32_t zones_count;

    plan->zone_of = calloc(plan->rollout.hosts_count, sizeof(*plan->zone_of));
    if (plan->zone_of == NULL)
        sim_broken("no memory for a plan");
    if (!sim_fault(SIM_FAULT_PLAN_SPREAD, SIM_CONTROLLER))
        return;
    zones_count = 2 + sim_draw_below(SIM_DRAW_RULES, SIM_CONTROLLER, SIM_PLAN_VALUES_MAX - 1);
    for (uint32_t i = 0; i < plan->rollout.hosts_count; i++)
        plan->zone_of[i] = (uint8_t)zone_of(sim_machine_of(plan->targets[i].host_id), zones_count);
    list_values(plan, zones_count);
    plan->rollout.zones = plan->zones_count > 0 ? plan->zone_of : NULL;
    plan->rollout.zone_hosts = plan->zone_hosts;
    plan->rollout.zones_count = plan->zones_count;
}

/* The smallest value of which one wave takes all hosts; 0: none. */
static uint32_t count_taken_whole(const struct sim_plan *plan)
{
    uint32_t least = 0;

    for (uint32_t zone = 1; zone <= plan->zones_count; zone++) {
        const uint32_t all = plan->zone_hosts[zone];

        for (uint32_t wave = 0; wave < plan->rollout.waves_count && all > 1; wave++) {
            uint32_t taken = 0;

            for (uint32_t i = 0; i < plan->rollout.hosts_count; i++)
                taken += plan->zone_of[i] == zone && plan->waves[i] == wave ? 1 : 0;
            if (taken == all && (least == 0 || all < least))
                least = all;
        }
    }

    return least;
}

void sim_spread_check(struct sim_plan *plan)
{
    struct ctl_rollout_limits *limits = &plan->rollout.limits;
    const uint32_t least = count_taken_whole(plan);

    if (least == 0 || (limits->budget > 0 && limits->budget < least))
        return;
    if (sim_draw_percent(SIM_DRAW_RULES, SIM_CONTROLLER, BUDGET_PERCENT))
        limits->budget = least - 1;
    else
        plan->rollout.takes_whole_zone = true;
}

void sim_spread_encode(struct sim_plan *plan, struct proto_policy *policy,
                       struct proto_policy_spread *spread)
{
    if (plan->zones_count == 0)
        return;
    *spread = (struct proto_policy_spread){
        .label = "zone",
        .values = plan->zones,
        .values_count = plan->zones_count,
        .hosts = {plan->zone_of, plan->rollout.hosts_count},
    };
    policy->spread = spread;
    policy->spread_count = 1;
}
