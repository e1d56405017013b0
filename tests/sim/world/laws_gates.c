/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The laws of gates. What the world knows to be so is counted here by the plan's words, apart from what
 * belayd made of it: what only permits something is counted generously, what demands it strictly.
 */
#include <inttypes.h>

#include "tests/sim/world/book.h"

enum {
    FOLLOW_MS = 2000, /* until belayd's tick has seen that a wave soaks, or the first host starts */
};

static bool is_back(uint32_t state)
{
    return state >= CTL_ROLLOUT_ROLLED_BACK || state == CTL_ROLLOUT_ROLLING_BACK;
}

/* Of the newest `samples` that were asked for since then; false: there are not so many. */
static bool count(const struct law_gate *gate, int64_t from_ms, enum sim_measured is,
                  uint32_t *ret_count)
{
    uint32_t seen = 0;

    *ret_count = 0;
    for (uint32_t i = 0; i < gate->kept && seen < gate->rule.samples; i++) {
        if (gate->asked_ms[i] < from_ms)
            continue;
        seen++;
        *ret_count += gate->is[i] == is ? 1 : 0;
    }

    return seen == gate->rule.samples;
}

static int64_t later(int64_t a_ms, int64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

/* Nothing that was asked for before can count: nobody remembers it. */
static int64_t life_ms(void)
{
    return law_books.is_belayd_up ? law_books.belayd_up_ms : 0;
}

/* What was asked for since then surely counts. */
static int64_t surely_ms(const struct law_rollout *rollout, const struct law_gate *gate)
{
    const int64_t wave_ms = gate->rule.is_rollback ? 0 : rollout->rules.soaks_ms;

    return later(later(rollout->rules.first_ms, wave_ms), life_ms()) + gate->rule.delay_ms +
           FOLLOW_MS;
}

static bool is_surely_bad(const struct law_rollout *rollout, const struct law_gate *gate)
{
    uint32_t bad;

    if (gate->kept == 0 || gate->is[0] != SIM_MEASURED_BAD || rollout->rules.first_ms == 0)
        return false;
    if (gate->rule.for_ms > 0)
        return gate->bad_asked_ms >= surely_ms(rollout, gate) &&
               sim_now_ms() - gate->bad_ms >= gate->rule.for_ms;

    return count(gate, surely_ms(rollout, gate), SIM_MEASURED_BAD, &bad) &&
           bad > gate->rule.samples - gate->rule.needed;
}

static bool may_be_bad(const struct law_gate *gate)
{
    uint32_t bad;

    if (gate->kept == 0)
        return false;
    if (gate->rule.for_ms > 0)
        return gate->is[0] == SIM_MEASURED_BAD && gate->kept_ms - gate->bad_ms >= gate->rule.for_ms;
    (void)count(gate, life_ms(), SIM_MEASURED_BAD, &bad);

    return bad > gate->rule.samples - gate->rule.needed;
}

bool law_gates_call_back(const struct law_rollout *rollout)
{
    for (uint32_t i = 0; i < rollout->rules.gates_count; i++) {
        const struct law_gate *gate = &rollout->rules.gates[i];

        if (gate->rule.is_rollback && may_be_bad(gate))
            return true;
    }

    return false;
}

/* A wave is over and watched, and the next one begins, or all is complete. */
static void judge_going_on(const struct law_rollout *rollout, uint32_t wave)
{
    const int64_t ended_ms = rollout->waves[wave].ended_ms;

    if ((rollout->rules.waves_waived >> wave & 1) != 0 || ended_ms == SIM_NEVER)
        return;
    for (uint32_t i = 0; i < rollout->rules.gates_count; i++) {
        const struct law_gate *gate = &rollout->rules.gates[i];
        uint32_t good;

        if (gate->rule.is_rollback)
            continue;
        (void)count(gate, later(ended_ms, life_ms()) + gate->rule.delay_ms - LAW_TIMER_SLACK_MS,
                    SIM_MEASURED_GOOD, &good);
        SIM_LAW(good >= gate->rule.needed,
                "rollout %u: goes on after wave %u, and of the last %u measurements of gate %u %u "
                "were good instead of %u",
                rollout->number, wave + 1, gate->rule.samples, i + 1, good, gate->rule.needed);
    }
}

void law_judge_gates(struct law_rollout *rollout, const struct ctl_rollout *told)
{
    struct law_rules *rules = &rollout->rules;
    const bool is_first_end =
        told->state == CTL_ROLLOUT_COMPLETE && rollout->state < CTL_ROLLOUT_COMPLETE;

    if (told->wave > rules->wave && told->state <= CTL_ROLLOUT_SOAKING)
        judge_going_on(rollout, rules->wave);
    else if (is_first_end)
        judge_going_on(rollout, told->wave);
    if (rules->first_ms == 0 && told->state >= CTL_ROLLOUT_RUNNING)
        rules->first_ms = sim_now_ms();
    if (told->state == CTL_ROLLOUT_SOAKING &&
        (rollout->state != CTL_ROLLOUT_SOAKING || told->wave != rules->wave))
        rules->soaks_ms = sim_now_ms();
    rules->wave = told->wave;
}

void law_waive_gates(struct law_rollout *rollout)
{
    if (rollout->state == CTL_ROLLOUT_SOAKING)
        rollout->rules.waves_waived |= UINT64_C(1) << rollout->rules.wave;
}

void sim_law_measured(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                      const struct sim_law_measured *told)
{
    struct law_rollout *rollout = law_find(rollout_id);
    struct law_gate *gate;

    law_settle();
    SIM_LAW(rollout != NULL && told->gate < rollout->rules.gates_count,
            "a gate is measured that nobody signed");
    gate = &rollout->rules.gates[told->gate];
    for (uint32_t i = LAW_MEASURED_MAX - 1; i > 0; i--) {
        gate->asked_ms[i] = gate->asked_ms[i - 1];
        gate->is[i] = gate->is[i - 1];
    }
    gate->asked_ms[0] = told->asked_ms;
    gate->is[0] = told->is;
    gate->kept += gate->kept < LAW_MEASURED_MAX ? 1 : 0;
    gate->kept_ms = sim_now_ms();
    /* Nobody remembers over a restart how long it was bad, or before the first host. */
    if (told->is == SIM_MEASURED_GOOD || gate->bad_asked_ms < life_ms())
        gate->bad_asked_ms = 0;
    if (told->is == SIM_MEASURED_BAD && gate->bad_asked_ms == 0) {
        gate->bad_asked_ms = told->asked_ms;
        gate->bad_ms = sim_now_ms();
    }
}

void sim_law_measured_heard(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], uint32_t index)
{
    const struct law_rollout *rollout = law_find(rollout_id);
    const struct law_gate *gate = &rollout->rules.gates[index];

    law_settle();
    if (!is_surely_bad(rollout, gate))
        return;
    SIM_LAW(gate->rule.is_rollback || rollout->state > CTL_ROLLOUT_SOAKING,
            "rollout %u: gate %u is bad, and it is %s", rollout->number, index + 1,
            ctl_rollout_state_name(rollout->state));
    SIM_LAW(!gate->rule.is_rollback || is_back(rollout->state) ||
                rollout->state > CTL_ROLLOUT_ROLLING_BACK,
            "rollout %u: rollback condition %u is bad, and it is %s", rollout->number, index + 1,
            ctl_rollout_state_name(rollout->state));
}
