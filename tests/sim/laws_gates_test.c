/* SPDX-License-Identifier: Apache-2.0 */
/* The laws of gates, broken by made-up facts as in laws_test.c. */
#include "tests/sim/laws_facts.h"

enum {
    MINUTE_MS = 60 * 1000,
};

/* Two good ones of the last three. */
static int setup_samples(void **state)
{
    setup_gate(&(const struct sim_law_gate){.needed = 2, .samples = 3});
    return 0;
}

static int setup_condition(void **state)
{
    setup_gate(&(const struct sim_law_gate){
        .is_rollback = true, .needed = 1, .samples = 3, .for_ms = MINUTE_MS});
    return 0;
}

static void tell_wave(enum ctl_rollout_state state, uint32_t wave)
{
    const struct ctl_rollout told = {
        .state = state, .wave = wave, .wave_count = 2, .host_count = HOSTS, .code = "running"};

    sim_law_rollout_state(rollout, &told);
}

static void measure(enum sim_measured is)
{
    const struct sim_law_measured measured = {.asked_ms = facts_world.now_ms, .is = is};

    sim_law_measured(rollout, &measured);
}

/* Wave 1 has ended, and was seen to. */
static void soak(void)
{
    stage_all();
    tell_wave(CTL_ROLLOUT_RUNNING, 0);
    commit(0);
    tell_wave(CTL_ROLLOUT_SOAKING, 0);
    pass(10 * 1000);
}

static void test_enough_good_ones_go_on(void **state)
{
    soak();
    measure(SIM_MEASURED_GOOD);
    measure(SIM_MEASURED_NOTHING);
    measure(SIM_MEASURED_GOOD);
    tell_wave(CTL_ROLLOUT_STAGING, 1);
}

static void test_missing_data_are_not_good(void **state)
{
    soak();
    measure(SIM_MEASURED_GOOD);
    measure(SIM_MEASURED_NOTHING);
    measure(SIM_MEASURED_ERROR);
    measure(SIM_MEASURED_UNSURE);
    BREAKS("of the last 3 measurements of gate 1 0 were good instead of 2",
           tell_wave(CTL_ROLLOUT_STAGING, 1));
}

static void test_what_was_before_the_soak_says_nothing(void **state)
{
    measure(SIM_MEASURED_GOOD);
    measure(SIM_MEASURED_GOOD);
    soak();
    BREAKS("were good instead of 2", tell_wave(CTL_ROLLOUT_STAGING, 1));
}

static void test_what_was_in_a_former_life_says_nothing(void **state)
{
    soak();
    measure(SIM_MEASURED_GOOD);
    measure(SIM_MEASURED_GOOD);
    sim_law_belayd(false);
    pass(1000);
    sim_law_belayd(true);
    BREAKS("were good instead of 2", tell_wave(CTL_ROLLOUT_STAGING, 1));
}

static void test_a_person_goes_on_without_them(void **state)
{
    soak();
    sim_law_person_asks(rollout, CTL_ROLLOUT_RESUME, CTL_ROLLOUT_ALL, CTL_ROLLOUT_ALL);
    tell_wave(CTL_ROLLOUT_STAGING, 1);
}

static void test_a_bad_gate_stops(void **state)
{
    soak();
    measure(SIM_MEASURED_BAD);
    measure(SIM_MEASURED_GOOD);
    sim_law_measured_heard(rollout, 0);
    measure(SIM_MEASURED_BAD);
    BREAKS("gate 1 is bad, and it is soaking", sim_law_measured_heard(rollout, 0));
    tell_wave(CTL_ROLLOUT_STOPPING, 0);
    sim_law_measured_heard(rollout, 0);
}

static void test_a_bad_condition_takes_back(void **state)
{
    soak();
    measure(SIM_MEASURED_BAD);
    pass(MINUTE_MS - 1);
    measure(SIM_MEASURED_BAD);
    sim_law_measured_heard(rollout, 0);
    BREAKS("nobody asked for that", tell_wave(CTL_ROLLOUT_ROLLING_BACK, 0));
    pass(1);
    measure(SIM_MEASURED_BAD);
    BREAKS("rollback condition 1 is bad, and it is soaking", sim_law_measured_heard(rollout, 0));
    believe(1, CTL_HOST_CANCELLED);
    believe(2, CTL_HOST_CANCELLED);
    believe(0, CTL_HOST_REVERTING);
    tell_wave(CTL_ROLLOUT_ROLLING_BACK, 0);
    sim_law_measured_heard(rollout, 0);
}

static void test_a_good_one_in_between_begins_anew(void **state)
{
    soak();
    measure(SIM_MEASURED_BAD);
    pass(MINUTE_MS);
    measure(SIM_MEASURED_GOOD);
    measure(SIM_MEASURED_BAD);
    sim_law_measured_heard(rollout, 0);
    BREAKS("nobody asked for that", tell_wave(CTL_ROLLOUT_ROLLING_BACK, 0));
}

#define LAW(name, how) cmocka_unit_test_setup_teardown(test_##name, how, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAW(enough_good_ones_go_on, setup_samples),
        LAW(missing_data_are_not_good, setup_samples),
        LAW(what_was_before_the_soak_says_nothing, setup_samples),
        LAW(what_was_in_a_former_life_says_nothing, setup_samples),
        LAW(a_person_goes_on_without_them, setup_samples),
        LAW(a_bad_gate_stops, setup_samples),
        LAW(a_bad_condition_takes_back, setup_condition),
        LAW(a_good_one_in_between_begins_anew, setup_condition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
