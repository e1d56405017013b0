/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, closing and finding in the books of the laws. */
#include "tests/sim/world/book.h"

#include <stdlib.h>
#include <string.h>

struct law_books law_books;

static void *must_have(void *memory)
{
    if (memory == NULL)
        sim_broken("no memory for the books of the laws");

    return memory;
}

void sim_laws_open(void)
{
    law_books = (struct law_books){.hosts_count = sim_host_count()};
    law_books.hosts = must_have(calloc(law_books.hosts_count, sizeof(*law_books.hosts)));
    for (uint32_t i = 0; i < law_books.hosts_count; i++) {
        for (uint32_t lease = SIM_LEASE_SSH; lease <= SIM_LEASE_LAST; lease++) {
            law_books.hosts[i].leases[lease].host = i;
            law_books.hosts[i].leases[lease].lease = (enum sim_lease)lease;
        }
    }
    law_fleet_open();
}

void sim_laws_close(void)
{
    law_fleet_close();
    for (uint32_t i = 0; i < law_books.rollouts_count; i++) {
        sim_cancel(&law_books.rollouts[i]->rules.question.ticket);
        free(law_books.rollouts[i]->members);
        free(law_books.rollouts[i]->place_of);
        free(law_books.rollouts[i]);
    }
    free(law_books.rollouts);
    free(law_books.hosts);
    law_books = (struct law_books){0};
}

struct law_rollout *law_find(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES])
{
    /* Nearly always one of the last. */
    for (uint32_t i = law_books.rollouts_count; i > 0; i--) {
        if (memcmp(law_books.rollouts[i - 1]->id, rollout_id, PROTO_ROLLOUT_ID_BYTES) == 0)
            return law_books.rollouts[i - 1];
    }

    return NULL;
}

struct law_member *law_member_of(const struct law_rollout *rollout, uint32_t host)
{
    if (host >= law_books.hosts_count || rollout->place_of[host] == UINT32_MAX)
        return NULL;

    return &rollout->members[rollout->place_of[host]];
}

struct law_member *law_must_find(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], uint32_t host,
                                 const char *what)
{
    struct law_rollout *rollout = law_find(rollout_id);
    struct law_member *member;

    if (rollout == NULL)
        sim_broken("host %u: %s, of a rollout that nobody submitted", host, what);
    member = law_member_of(rollout, host);
    if (member == NULL)
        sim_broken("host %u: %s, of rollout %u, which does not name it", host, what,
                   rollout->number);

    return member;
}

struct law_host *law_host(uint32_t host)
{
    SIM_LAW(host < law_books.hosts_count, "there is no host %u", host);

    return &law_books.hosts[host];
}

static void make_members(struct law_rollout *rollout, const struct sim_law_rollout *told)
{
    rollout->members = must_have(calloc(told->hosts_count, sizeof(*rollout->members)));
    rollout->place_of = must_have(malloc(law_books.hosts_count * sizeof(*rollout->place_of)));
    for (uint32_t i = 0; i < law_books.hosts_count; i++)
        rollout->place_of[i] = UINT32_MAX;
    for (uint32_t i = 0; i < told->hosts_count; i++) {
        SIM_LAW(told->hosts[i] < law_books.hosts_count && told->waves[i] < told->waves_count,
                "rollout %u: place %u has no host or no wave", rollout->number, i);
        rollout->place_of[told->hosts[i]] = i;
        rollout->members[i] = (struct law_member){
            .rollout = rollout,
            .host = told->hosts[i],
            .wave = told->waves[i],
            .zone = told->zones != NULL ? told->zones[i] : 0,
            .is_sample = told->samples != NULL && told->samples[i],
            .is_known = true,
            .is_ended = true,
            .commit_ms = SIM_NEVER,
            .promise_ms = SIM_NEVER,
            .belief = {.state = CTL_HOST_WAITING, .wave = told->waves[i]},
        };
        rollout->waves[told->waves[i]].host_count++;
        rollout->waves[told->waves[i]].open_count++;
    }
}

static void add(struct law_rollout *rollout)
{
    if (law_books.rollouts_count == law_books.rollouts_capacity) {
        law_books.rollouts_capacity = 2 * law_books.rollouts_capacity + 8;
        law_books.rollouts = must_have(reallocarray(law_books.rollouts, law_books.rollouts_capacity,
                                                    sizeof(struct law_rollout *)));
    }
    law_books.rollouts[law_books.rollouts_count++] = rollout;
}

void sim_law_submitted(const struct sim_law_rollout *told)
{
    struct law_rollout *rollout = law_find(told->id);

    law_settle();
    if (rollout != NULL)
        return; /* people press twice */
    rollout = must_have(calloc(1, sizeof(*rollout)));
    memcpy(rollout->id, told->id, sizeof(rollout->id));
    rollout->index = law_books.rollouts_count;
    rollout->number = told->id[0]; /* as the story has it */
    rollout->is_valid = told->is_valid;
    rollout->limits = told->limits;
    rollout->lease_ms = told->lease_ms;
    rollout->may_repair = told->may_repair;
    rollout->is_service_severe = told->is_service_severe;
    SIM_LAW(told->gates_count <= LAW_GATES_MAX, "too many gates for the books of the laws");
    for (uint32_t i = 0; i < told->gates_count; i++)
        rollout->rules.gates[i].rule = told->gates[i];
    rollout->rules.gates_count = told->gates_count;
    rollout->keep_way_back_ms = told->keep_way_back_ms;
    rollout->confirm_within_ms = told->confirm_within_ms;
    rollout->watch_ms = told->watch_ms;
    rollout->change_ms = told->change_ms;
    rollout->hosts_count = told->hosts_count;
    rollout->waves_count = told->waves_count;
    rollout->failed_ms = rollout->severe_ms = SIM_NEVER;
    rollout->paused_ms = rollout->aborted_ms = rollout->rolled_back_ms = SIM_NEVER;
    make_members(rollout, told);
    rollout->takes_whole_zone = told->takes_whole_zone;
    rollout->zones_count = told->zones_count;
    SIM_LAW(told->zones_count <= LAW_ZONES_MAX, "too many values for the books of the laws");
    for (uint32_t i = 1; i <= told->zones_count; i++)
        rollout->zone_hosts[i] = told->zone_hosts[i];
    for (uint32_t i = 0; i < told->waves_count; i++) {
        SIM_LAW(rollout->waves[i].host_count == told->wave_limits[i].host_count,
                "rollout %u: wave %u has %u hosts and is said to have %u", rollout->number, i + 1,
                rollout->waves[i].host_count, told->wave_limits[i].host_count);
        rollout->waves[i].failures_allowed = told->wave_limits[i].failures_allowed;
        rollout->waves[i].ended_ms = SIM_NEVER;
    }
    law_judge_dealt(rollout);
    add(rollout);
}

bool law_is_sent(const struct law_member *member, enum ctl_rollout_effect_type order)
{
    return ((member->orders_sent | member->orders_forged) >> order & 1) != 0;
}

bool law_is_undisturbed(uint32_t host, int64_t since_ms)
{
    uint32_t count;
    const struct sim_fault_done *list = sim_fault_list(&count);

    for (uint32_t i = count; i > 0 && list[i - 1].at_ms >= since_ms; i--) {
        if (list[i - 1].id.machine == host || list[i - 1].id.machine == SIM_CONTROLLER)
            return false;
    }

    return true;
}

bool law_is_back_asked(const struct law_member *member)
{
    return member->is_back_asked || member->rollout->is_back_asked ||
           (member->rollout->waves_back_asked >> member->wave & 1) != 0 ||
           law_may_go_back(member->rollout);
}
