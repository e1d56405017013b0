/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/laws_facts.h"

#include <stdio.h>

#include "tests/sim/world/controller.h"
#include "tests/sim/world/net.h"

enum {
    TICKETS_MAX = 256,
};

/* ---- the little of a world that laws need ---- */

static struct {
    struct {
        int64_t at_ms;
        sim_fn fn;
        void *userdata;
        uint64_t argument;
    } tickets[TICKETS_MAX];
    uint32_t tickets_count;
} queue;

struct facts_world facts_world;

_Noreturn void sim_broken(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(facts_world.said, sizeof(facts_world.said), fmt, args);
    va_end(args);
    if (!facts_world.is_expected)
        fail_msg("a law is broken: %s", facts_world.said);
    longjmp(facts_world.out, 1);
}

int64_t sim_now_ms(void)
{
    return facts_world.now_ms;
}

int64_t sim_controller_wall_ms(void)
{
    return facts_world.now_ms + facts_world.wall_ms;
}

uint32_t sim_controller_boot(void)
{
    return 1;
}

uint32_t sim_host_count(void)
{
    return HOSTS;
}

sim_ticket sim_at(int64_t at_ms, sim_fn fn, void *userdata, uint64_t argument)
{
    assert_true(queue.tickets_count < TICKETS_MAX);
    queue.tickets[queue.tickets_count].at_ms = at_ms;
    queue.tickets[queue.tickets_count].fn = fn;
    queue.tickets[queue.tickets_count].userdata = userdata;
    queue.tickets[queue.tickets_count].argument = argument;

    return ++queue.tickets_count;
}

sim_ticket sim_after(int64_t delay_ms, sim_fn fn, void *userdata, uint64_t argument)
{
    return sim_at(facts_world.now_ms + delay_ms, fn, userdata, argument);
}

void sim_cancel(sim_ticket *ticket)
{
    if (*ticket != 0)
        queue.tickets[*ticket - 1].fn = NULL;
    *ticket = 0;
}

const struct sim_fault_done *sim_fault_list(uint32_t *ret_count)
{
    static struct sim_fault_done fault;

    fault = (struct sim_fault_done){{SIM_FAULT_CLOCK_JUMPED, SIM_CONTROLLER, 0}, sim_now_ms()};
    *ret_count = facts_world.is_struck ? 1 : 0;

    return &fault;
}

bool sim_net_controller_answers(uint32_t host)
{
    return host != 0 || !facts_world.is_cut_off;
}

void pass(int64_t ms)
{
    int64_t until_ms = facts_world.now_ms + ms;

    for (;;) {
        uint32_t first = TICKETS_MAX;
        sim_fn fn;

        for (uint32_t i = 0; i < queue.tickets_count; i++) {
            if (queue.tickets[i].fn != NULL && queue.tickets[i].at_ms <= until_ms &&
                (first == TICKETS_MAX || queue.tickets[i].at_ms < queue.tickets[first].at_ms))
                first = i;
        }
        if (first == TICKETS_MAX)
            break;
        fn = queue.tickets[first].fn;
        queue.tickets[first].fn = NULL;
        if (queue.tickets[first].at_ms > facts_world.now_ms)
            facts_world.now_ms = queue.tickets[first].at_ms;
        fn(queue.tickets[first].userdata, queue.tickets[first].argument);
    }
    facts_world.now_ms = until_ms;
}

/* ---- a rollout: host 0 alone, then hosts 1 and 2, of which one may fail ---- */

const uint8_t rollout[PROTO_ROLLOUT_ID_BYTES] = {1, 2, 3};
const uint8_t other[PROTO_ROLLOUT_ID_BYTES] = {2, 5, 6};
struct ctl_rollout_host beliefs[HOSTS];

void submit(const uint8_t *id, bool is_valid, uint32_t hosts_count)
{
    static const uint32_t hosts[HOSTS] = {0, 1, 2}, waves[HOSTS] = {0, 1, 1};
    const struct ctl_rollout_wave limits[] = {
        {.host_count = 1},
        {.host_count = hosts_count - 1, .failures_allowed = 1},
    };
    struct sim_law_rollout told = {
        .hosts_count = hosts_count,
        .hosts = hosts,
        .waves = waves,
        .waves_count = 2,
        .wave_limits = limits,
        .limits = {.soak_ms = SOAK_MS,
                   .stage_ms = STAGE_MS,
                   .job_ms = JOB_MS,
                   .revert_ms = REVERT_MS,
                   .failures_allowed = 1,
                   .budget = facts_world.budget,
                   .first_alone = facts_world.is_first_alone,
                   .windows_count = facts_world.rules.windows_count,
                   .approvals = facts_world.rules.approvals,
                   .answer_ms = facts_world.rules.answer_ms,
                   .otherwise = facts_world.rules.otherwise,
                   .hooks = facts_world.rules.hooks,
                   .page_every_ms = facts_world.rules.page_every_ms,
                   .traffic_ms = facts_world.rules.traffic_ms},
        .lease_ms = LEASE_MS,
        .watch_ms = WATCH_MS,
        .keep_way_back_ms = LONG_MS,
        .gates = &facts_world.gate,
        .gates_count = facts_world.gate.samples > 0 ? 1 : 0,
        .zones = facts_world.zones,
        .zone_hosts = facts_world.zone_hosts,
        .zones_count = facts_world.zones != NULL ? 2 : 0,
        .is_service_severe = facts_world.rules.answer_ms > 0,
        .is_valid = is_valid,
    };

    memcpy(told.limits.windows, facts_world.rules.windows, sizeof(told.limits.windows));
    memcpy(told.id, id, sizeof(told.id));
    sim_law_submitted(&told);
}

static void begin(void)
{
    memset(&queue, 0, sizeof(queue));
    facts_world.now_ms = 1000;
    sim_laws_open();
    for (uint32_t i = 0; i < HOSTS; i++) {
        sim_law_power(i, true);
        beliefs[i] = (struct ctl_rollout_host){.state = CTL_HOST_WAITING, .wave = i > 0 ? 1 : 0};
    }
    sim_law_belayd(true);
    submit(rollout, /* is_valid= */ true, HOSTS);
}

void setup_paced(uint32_t budget, bool is_first_alone)
{
    memset(&facts_world, 0, sizeof(facts_world));
    facts_world.budget = budget;
    facts_world.is_first_alone = is_first_alone;
    begin();
}

void setup_ruled(const struct ctl_rollout_limits *rules)
{
    memset(&facts_world, 0, sizeof(facts_world));
    facts_world.rules = *rules;
    begin();
}

void setup_spread(const uint8_t zones[HOSTS], const uint32_t zone_hosts[3])
{
    memset(&facts_world, 0, sizeof(facts_world));
    facts_world.zones = zones;
    memcpy(facts_world.zone_hosts, zone_hosts, sizeof(facts_world.zone_hosts));
    begin();
}

void setup_gate(const struct sim_law_gate *gate)
{
    memset(&facts_world, 0, sizeof(facts_world));
    facts_world.gate = *gate;
    begin();
}

int setup(void **state)
{
    setup_paced(0, /* is_first_alone= */ false);

    return 0;
}

int teardown(void **state)
{
    sim_laws_close();
    return 0;
}

void believe(uint32_t host, uint32_t state)
{
    beliefs[host].state = state;
    sim_law_believed(rollout, host, &beliefs[host]);
}

void believe_failed(uint32_t host, uint32_t state)
{
    beliefs[host].failed = true;
    believe(host, state);
}

void record(uint32_t host, enum proto_job_state state)
{
    bool is_new = state == PROTO_JOB_COMMITTED;

    sim_law_job_recorded(host, rollout, state, !is_new, is_new);
}

void order(uint32_t host, enum ctl_rollout_effect_type type)
{
    sim_law_order_sent(rollout, host, type);
}

void take(uint32_t host)
{
    order(host, CTL_ROLLOUT_SEND_OFFER);
    sim_law_job_taken(host, rollout);
    record(host, PROTO_JOB_STAGING);
}

void stage(uint32_t host)
{
    take(host);
    believe(host, CTL_HOST_STAGING);
    record(host, PROTO_JOB_READY);
    believe(host, CTL_HOST_READY);
}

void stage_all(void)
{
    for (uint32_t i = 0; i < HOSTS; i++)
        stage(i);
}

void start(uint32_t host)
{
    beliefs[host].started = true;
    believe(host, CTL_HOST_RUNNING);
    order(host, CTL_ROLLOUT_SEND_START);
}

void isolate(uint32_t host)
{
    start(host);
    sim_law_lease_taken(host, SIM_LEASE_SSH, facts_world.now_ms + LEASE_MS);
    record(host, PROTO_JOB_ISOLATING);
    record(host, PROTO_JOB_CHANGING);
    sim_law_lease_taken(host, SIM_LEASE_SILENCE, facts_world.now_ms + LEASE_MS);
}

void upgrade(uint32_t host)
{
    sim_law_unit_begins(host, rollout, PROTO_STEP_UPGRADE, true);
}

void change(uint32_t host)
{
    isolate(host);
    upgrade(host);
    sim_law_unit_ends(host, PROTO_STEP_UPGRADE);
    record(host, PROTO_JOB_VERIFYING);
    sim_law_looked(host, rollout);
}

void probe(uint32_t host)
{
    change(host);
    sim_law_lease_ended(host, SIM_LEASE_SSH);
    record(host, PROTO_JOB_PROBATION);
    believe(host, CTL_HOST_PROBATION);
    order(host, CTL_ROLLOUT_SEND_COMMIT);
}

void watch(uint32_t host)
{
    probe(host);
    sim_law_commit_heard(host, rollout, /* is_new_link= */ true);
    pass(WATCH_MS);
    sim_law_lease_ended(host, SIM_LEASE_SILENCE);
}

void commit(uint32_t host)
{
    watch(host);
    record(host, PROTO_JOB_COMMITTED);
    believe(host, CTL_HOST_COMMITTED);
}

void ask_back(uint32_t host)
{
    sim_law_person_asks(rollout, CTL_ROLLOUT_ROLLBACK, host, CTL_ROLLOUT_ALL);
    order(host, CTL_ROLLOUT_SEND_REVERT);
}

void turn_back(uint32_t host, const char *code, bool is_healthy, bool is_cut_off,
               bool controller_was_missing)
{
    const struct sim_law_turn turn = {
        .code = code,
        .is_healthy = is_healthy,
        .is_cut_off = is_cut_off,
        .controller_was_missing = controller_was_missing,
        .link_open_since_ms = facts_world.is_link_open ? 0 : SIM_NEVER,
    };

    sim_law_turned_back(host, rollout, &turn);
}

void tell_state(enum ctl_rollout_state state, const char *code, uint32_t hosts_count)
{
    struct ctl_rollout told = {.state = state, .host_count = hosts_count, .wave_count = 2};

    (void)snprintf(told.code, sizeof(told.code), "%s", code);
    sim_law_rollout_state(rollout, &told);
}
