/* SPDX-License-Identifier: Apache-2.0 */
/* The laws of windows, freezes, approvals and answers, broken by made-up facts as in laws_test.c. */
#include "tests/sim/laws_facts.h"

enum {
    ANSWER_MS = 60 * 1000,
    MINUTE_MS = 60 * 1000,
};

static int setup_window(void **state)
{
    /* Thursday, 1970-01-01, from 00:00 on for one minute: as long as three jobs. */
    const struct ctl_rollout_limits rules = {.windows = {{1U << 3, 0, 1}}, .windows_count = 1};

    setup_ruled(&rules);
    return 0;
}

static int setup_two_windows(void **state)
{
    const struct ctl_rollout_limits rules = {.windows = {{1U << 3, 0, 1}, {1U << 3, 1, 1}},
                                             .windows_count = 2};

    setup_ruled(&rules);
    return 0;
}

static int setup_approvals(void **state)
{
    const struct ctl_rollout_limits rules = {.approvals = 2};

    setup_ruled(&rules);
    return 0;
}

static int setup_rollback(void **state)
{
    const struct ctl_rollout_limits rules = {.answer_ms = ANSWER_MS,
                                             .otherwise = CTL_OTHERWISE_ROLLBACK};

    setup_ruled(&rules);
    return 0;
}

static int setup_stop(void **state)
{
    const struct ctl_rollout_limits rules = {.answer_ms = ANSWER_MS,
                                             .otherwise = CTL_OTHERWISE_STOP};

    setup_ruled(&rules);
    return 0;
}

/* ---- windows and freezes ---- */

static void test_a_start_in_a_window(void **state)
{
    stage_all();
    start(0);
}

static void test_no_start_with_too_little_left_of_a_window(void **state)
{
    stage_all();
    facts_world.wall_ms = MINUTE_MS - JOB_MS - facts_world.now_ms + 1;
    BREAKS("left of a window, and a job may take 20000", start(0));
}

static void test_no_start_outside_of_windows(void **state)
{
    stage_all();
    facts_world.wall_ms = 5 * MINUTE_MS;
    BREAKS("with 0 ms left of a window", start(0));
}

static void test_windows_that_touch_are_one(void **state)
{
    stage_all();
    facts_world.wall_ms = MINUTE_MS - 1000 - facts_world.now_ms;
    start(0);
}

static void test_no_start_in_a_freeze(void **state)
{
    stage_all();
    sim_law_frozen(0);
    pass(1);
    BREAKS("in a freeze that was confirmed", start(0));
}

static void test_a_freeze_ends_by_the_clock(void **state)
{
    stage_all();
    sim_law_frozen(facts_world.now_ms + 10);
    pass(9);
    BREAKS("in a freeze that was confirmed", start(0));
    facts_world.wall_ms = 1;
    start(0);
}

static void test_a_freeze_ends_when_somebody_wants_that(void **state)
{
    stage_all();
    sim_law_frozen(0);
    pass(1);
    sim_law_freeze_asks();
    start(0);
}

static void tell_held(uint32_t holds)
{
    const struct ctl_rollout told = {.state = CTL_ROLLOUT_STAGING,
                                     .holds = holds,
                                     .wave_count = 2,
                                     .host_count = HOSTS,
                                     .code = "staging"};

    sim_law_rollout_state(rollout, &told);
}

static void test_no_start_after_a_version_was_denied(void **state)
{
    stage_all();
    tell_held(CTL_HOLD_PERSON);
    sim_law_all_paused();
    pass(1);
    BREAKS("paused since", start(0));
}

static void test_what_installs_a_denied_version_is_held(void **state)
{
    stage_all();
    tell_held(0);
    BREAKS("its version was denied, and it goes on", sim_law_all_paused());
}

static void test_what_comes_in_a_freeze_is_held(void **state)
{
    sim_law_frozen(0);
    tell_held(CTL_HOLD_FREEZE);
    sim_law_taken_in(rollout);
    tell_held(CTL_HOLD_WINDOW);
    BREAKS("came in a freeze", sim_law_taken_in(rollout));
}

static void test_a_freeze_that_is_over_holds_nothing(void **state)
{
    sim_law_frozen(facts_world.now_ms + facts_world.wall_ms + 1);
    pass(1);
    tell_held(0);
    sim_law_taken_in(rollout);
}

/* ---- approvals ---- */

static struct sim_law_word word(uint32_t about, uint32_t person)
{
    return (struct sim_law_word){.about = about,
                                 .number = about == PROTO_APPROVAL_WAVE ? 2 : 1,
                                 .person = person,
                                 .until_wall_ms = facts_world.now_ms + ANSWER_MS,
                                 .is_good = true};
}

static void say(uint32_t about, uint32_t person)
{
    const struct sim_law_word said = word(about, person);

    sim_law_word_asks(rollout, &said);
}

static void tell_wave(enum ctl_rollout_state state, uint32_t wave)
{
    const struct ctl_rollout told = {
        .state = state, .wave = wave, .wave_count = 2, .host_count = HOSTS, .code = "running"};

    sim_law_rollout_state(rollout, &told);
}

static void test_the_first_wave_needs_no_approval(void **state)
{
    tell_wave(CTL_ROLLOUT_RUNNING, 0);
}

static void test_two_people_approve(void **state)
{
    say(PROTO_APPROVAL_WAVE, 1);
    say(PROTO_APPROVAL_WAVE, 2);
    tell_wave(CTL_ROLLOUT_RUNNING, 1);
    /* It began; what was said may be over now. */
    pass(2 * ANSWER_MS);
    tell_wave(CTL_ROLLOUT_SOAKING, 1);
}

static void test_one_person_counts_once(void **state)
{
    say(PROTO_APPROVAL_WAVE, 1);
    pass(10);
    say(PROTO_APPROVAL_WAVE, 1);
    BREAKS("wave 2 began with 1 good approvals, and needs 2", tell_wave(CTL_ROLLOUT_RUNNING, 1));
}

static void test_what_is_over_counts_no_more(void **state)
{
    say(PROTO_APPROVAL_WAVE, 1);
    pass(ANSWER_MS);
    say(PROTO_APPROVAL_WAVE, 2);
    BREAKS("wave 2 began with 1 good approvals, and needs 2", tell_wave(CTL_ROLLOUT_SOAKING, 1));
}

/* The hour that a person named is one of the clock as it is. */
static void test_a_clock_that_was_set_moves_an_approvals_end(void **state)
{
    say(PROTO_APPROVAL_WAVE, 1);
    say(PROTO_APPROVAL_WAVE, 2);
    facts_world.wall_ms = ANSWER_MS;
    BREAKS("wave 2 began with 0 good approvals, and needs 2", tell_wave(CTL_ROLLOUT_RUNNING, 1));
}

static void test_a_clock_that_was_set_back_keeps_an_approval(void **state)
{
    say(PROTO_APPROVAL_WAVE, 1);
    say(PROTO_APPROVAL_WAVE, 2);
    facts_world.wall_ms = -2 * ANSWER_MS;
    pass(ANSWER_MS + 1);
    tell_wave(CTL_ROLLOUT_RUNNING, 1);
}

static void test_what_is_not_good_counts_for_nothing(void **state)
{
    struct sim_law_word said = word(PROTO_APPROVAL_WAVE, 1);

    said.is_good = false;
    sim_law_word_asks(rollout, &said);
    say(PROTO_APPROVAL_WAVE, 2);
    BREAKS("and they may not say that", sim_law_word_taken(rollout, &said));
    BREAKS("wave 2 began with 1 good approvals, and needs 2", tell_wave(CTL_ROLLOUT_RUNNING, 1));
}

/* ---- a severe failure ---- */

/* Host 0 has committed and is told as severely bad; `state` follows in the same turn. */
static void fail_severely(void)
{
    stage_all();
    commit(0);
    tell_wave(CTL_ROLLOUT_RUNNING, 0);
    beliefs[0].grade = PROTO_GRADE_SEVERE;
    believe_failed(0, CTL_HOST_REVERT_FAILED);
    believe(1, CTL_HOST_CANCELLED);
    believe(2, CTL_HOST_CANCELLED);
    tell_wave(CTL_ROLLOUT_STOPPING, 0);
}

static void test_nobody_answers_and_it_goes_back(void **state)
{
    fail_severely();
    pass(ANSWER_MS);
    tell_wave(CTL_ROLLOUT_ROLLING_BACK, 0);
    pass(ANSWER_MS);
}

static void test_nobody_answers_and_it_must_go_back(void **state)
{
    fail_severely();
    BREAKS("nobody answered until", pass(ANSWER_MS + MINUTE_MS));
}

static void test_people_get_their_time(void **state)
{
    fail_severely();
    pass(ANSWER_MS - 1000);
    BREAKS("goes back, and nobody asked for that", tell_wave(CTL_ROLLOUT_ROLLING_BACK, 0));
}

static void test_all_of_them_go_back(void **state)
{
    fail_severely();
    pass(ANSWER_MS);
    believe(1, CTL_HOST_READY);
    BREAKS("and host 1 is still ready", tell_wave(CTL_ROLLOUT_ROLLING_BACK, 0));
}

static void test_an_answer_is_enough(void **state)
{
    fail_severely();
    say(PROTO_APPROVAL_NO_ROLLBACK, 2);
    pass(ANSWER_MS + MINUTE_MS);
}

static void test_a_yes_is_carried_out(void **state)
{
    const struct sim_law_word said = word(PROTO_APPROVAL_ROLLBACK, 1);

    fail_severely();
    sim_law_word_asks(rollout, &said);
    BREAKS("people answered that it goes back, and it is stopping",
           sim_law_word_taken(rollout, &said));
    tell_wave(CTL_ROLLOUT_ROLLING_BACK, 0);
    sim_law_word_taken(rollout, &said);
}

static void test_the_time_goes_on_while_belayd_is_away(void **state)
{
    fail_severely();
    sim_law_belayd(false);
    pass(ANSWER_MS);
    sim_law_belayd(true);
    BREAKS("nobody answered until", pass(LONG_MS / 100));
}

static void test_who_only_stops_does_not_go_back(void **state)
{
    fail_severely();
    pass(ANSWER_MS);
    BREAKS("goes back, and nobody asked for that", tell_wave(CTL_ROLLOUT_ROLLING_BACK, 0));
}

static void test_nothing_ends_while_people_are_asked(void **state)
{
    fail_severely();
    pass(ANSWER_MS / 2);
    BREAKS("is halted, and people had time to answer", tell_wave(CTL_ROLLOUT_HALTED, 0));
}

static void test_what_the_plan_holds_to_be_severe_counts_so(void **state)
{
    stage_all();
    change(0);
    turn_back(0, "unit_failed", /* is_healthy= */ false, false, false);
    record(0, PROTO_JOB_REVERTING);
    sim_law_lease_ended(0, SIM_LEASE_SSH);
    sim_law_lease_ended(0, SIM_LEASE_SILENCE);
    record(0, PROTO_JOB_REVERTED);
    beliefs[0].job_state = PROTO_JOB_REVERTED;
    beliefs[0].grade = PROTO_GRADE_FUNCTIONAL;
    BREAKS("for what the plan holds to be severe, and counts as functional",
           believe_failed(0, CTL_HOST_REVERTED));
}

static void test_people_are_not_asked_for_ever(void **state)
{
    struct ctl_rollout told = {.state = CTL_ROLLOUT_STOPPING,
                               .wave_count = 2,
                               .host_count = HOSTS,
                               .holds = CTL_HOLD_ANSWER,
                               .code = "severe_failure"};

    fail_severely();
    sim_law_rollout_state(rollout, &told);
    BREAKS("and people are still asked", pass(ANSWER_MS + MINUTE_MS));
}

#define LAW(name, how) cmocka_unit_test_setup_teardown(test_##name, how, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAW(a_start_in_a_window, setup_window),
        LAW(no_start_with_too_little_left_of_a_window, setup_window),
        LAW(no_start_outside_of_windows, setup_window),
        LAW(windows_that_touch_are_one, setup_two_windows),
        LAW(no_start_in_a_freeze, setup),
        LAW(a_freeze_ends_by_the_clock, setup),
        LAW(a_freeze_ends_when_somebody_wants_that, setup),
        LAW(no_start_after_a_version_was_denied, setup),
        LAW(what_installs_a_denied_version_is_held, setup),
        LAW(what_comes_in_a_freeze_is_held, setup),
        LAW(a_freeze_that_is_over_holds_nothing, setup),
        LAW(the_first_wave_needs_no_approval, setup_approvals),
        LAW(two_people_approve, setup_approvals),
        LAW(one_person_counts_once, setup_approvals),
        LAW(what_is_over_counts_no_more, setup_approvals),
        LAW(a_clock_that_was_set_moves_an_approvals_end, setup_approvals),
        LAW(a_clock_that_was_set_back_keeps_an_approval, setup_approvals),
        LAW(what_is_not_good_counts_for_nothing, setup_approvals),
        LAW(nobody_answers_and_it_goes_back, setup_rollback),
        LAW(nobody_answers_and_it_must_go_back, setup_rollback),
        LAW(people_get_their_time, setup_rollback),
        LAW(all_of_them_go_back, setup_rollback),
        LAW(an_answer_is_enough, setup_rollback),
        LAW(a_yes_is_carried_out, setup_rollback),
        LAW(the_time_goes_on_while_belayd_is_away, setup_rollback),
        LAW(who_only_stops_does_not_go_back, setup_stop),
        LAW(nothing_ends_while_people_are_asked, setup_stop),
        LAW(what_the_plan_holds_to_be_severe_counts_so, setup_stop),
        LAW(people_are_not_asked_for_ever, setup_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
