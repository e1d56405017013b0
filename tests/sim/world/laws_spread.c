/* SPDX-License-Identifier: Apache-2.0 */
/* The laws of waves that are spread over a label: by the counts alone, however they were dealt. */
#include <inttypes.h>

#include "tests/sim/world/book.h"

/* Up to each wave, of any two values none is more than one host further than the other. */
void law_judge_dealt(const struct law_rollout *rollout)
{
    uint32_t all[LAW_ZONES_MAX + 1] = {0}, taken[LAW_ZONES_MAX + 1] = {0};

    for (uint32_t i = 0; i < rollout->hosts_count; i++)
        all[rollout->members[i].zone]++;
    for (uint32_t wave = 0; wave < rollout->waves_count && rollout->zones_count > 0; wave++) {
        for (uint32_t i = 0; i < rollout->hosts_count; i++)
            taken[rollout->members[i].zone] += rollout->members[i].wave == wave ? 1 : 0;
        for (uint32_t a = 0; a <= rollout->zones_count; a++) {
            for (uint32_t b = 0; b <= rollout->zones_count; b++)
                SIM_LAW(taken[a] == 0 || all[b] == 0 ||
                            (taken[a] - 1) * all[b] <= taken[b] * all[a],
                        "rollout %u: up to wave %u, %u of %u hosts of value %u go, and %u of %u of "
                        "value %u",
                        rollout->number, wave + 1, taken[a], all[a], a, taken[b], all[b], b);
        }
    }
}

/* Of a value with several hosts, some always serve: of its wave never all are under way. */
void law_judge_start_by_spread(const struct law_member *started)
{
    const struct law_rollout *rollout = started->rollout;
    uint32_t active_count = 0;

    if (started->zone == 0 || rollout->zone_hosts[started->zone] < 2)
        return;
    for (uint32_t i = 0; i < rollout->hosts_count; i++) {
        const struct law_member *member = &rollout->members[i];

        active_count +=
            member->zone == started->zone && member->wave == started->wave && law_is_active(member)
                ? 1
                : 0;
    }
    SIM_LAW(active_count < rollout->zone_hosts[started->zone],
            "host %u: started for rollout %u, and all %u hosts of its value are under way",
            started->host, rollout->number, active_count);
}
