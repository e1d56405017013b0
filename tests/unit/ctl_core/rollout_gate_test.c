/* SPDX-License-Identifier: Apache-2.0 */
/* What verdicts of gates do to a rollout. Gates 0 and 1 are of `gates`, gate 2 of `rollback_when`. */
#include <string.h>

#include "tests/unit/ctl_core/rollout_of_two.h"

enum {
    SOAK_MS = 1000,
};

static void judge(int64_t now_ms, uint32_t gate, enum ctl_gate_verdict verdict)
{
    give(now_ms, (struct ctl_rollout_event){.type = CTL_ROLLOUT_GATE,
                                            .number = gate,
                                            .verdict = verdict,
                                            .text = "errors: 9, bad > 5"});
}

static bool wakes(void)
{
    for (uint32_t i = 0; i < effects.count; i++) {
        if (effects.list[i].type == CTL_ROLLOUT_WAKE)
            return true;
    }

    return false;
}

/* Two waves of one host; both are ready, the first is started at 10. */
static void begin(void)
{
    const struct ctl_rollout_limits limits = {.soak_ms = SOAK_MS,
                                              .stage_ms = 100000,
                                              .job_ms = 100000,
                                              .revert_ms = 100000,
                                              .gate_count = 3,
                                              .gates_rollback = 4};
    const struct ctl_rollout_wave waves[] = {{.host_count = 1}, {.host_count = 1}};

    hosts[0] = (struct ctl_rollout_host){.wave = 0};
    hosts[1] = (struct ctl_rollout_host){.wave = 1};
    ctl_rollout_init(&rollout, &limits, waves, 2, hosts, HOSTS);
    order(1, CTL_ROLLOUT_SUBMIT);
    say(10, 0, PROTO_JOB_READY);
    say(10, 1, PROTO_JOB_READY);
}

static void begin_soak(void)
{
    begin();
    say(20, 0, PROTO_JOB_COMMITTED);
    assert_int_equal(rollout.state, CTL_ROLLOUT_SOAKING);
}

static void all_must_be_good_when_the_soak_is_over(void **state)
{
    begin_soak();
    judge(30, 0, CTL_GATE_GOOD);
    order(20 + SOAK_MS, CTL_ROLLOUT_TIME);
    assert_int_equal(rollout.state, CTL_ROLLOUT_SOAKING);
    assert_string_equal(rollout.code, "gate_waiting");
    assert_string_equal(rollout.reason, "wave 1 of 2: 0 of 1 host failed, 0 allowed; all ended, 1 "
                                        "of 2 gates are good");
    assert_true(effects.changed); /* replayed, it waits as well */
    order(30 + SOAK_MS, CTL_ROLLOUT_TIME);
    assert_false(effects.changed);
    assert_false(rollout.soak_end.ms > 30 + SOAK_MS);
    judge(40 + SOAK_MS, 1, CTL_GATE_GOOD);
    assert_int_equal(rollout.state, CTL_ROLLOUT_RUNNING);
    assert_int_equal(rollout.wave, 1);
}

static void who_waits_for_a_gate_is_not_woken_again_and_again(void **state)
{
    begin_soak();
    order(20 + SOAK_MS, CTL_ROLLOUT_TIME);
    assert_false(wakes() && list[effects.count - 1].wake_at.ms <= 20 + SOAK_MS);
}

static void good_before_the_soak_is_over_is_not_enough(void **state)
{
    begin_soak();
    judge(30, 0, CTL_GATE_GOOD);
    judge(30, 1, CTL_GATE_GOOD);
    assert_int_equal(rollout.state, CTL_ROLLOUT_SOAKING);
    judge(40, 0, CTL_GATE_INCONCLUSIVE);
    assert_int_equal(rollout.holds, 0); /* it may become good yet */
    judge(50, 0, CTL_GATE_GOOD);
    order(20 + SOAK_MS, CTL_ROLLOUT_TIME);
    assert_int_equal(rollout.wave, 1);
}

static void what_was_good_for_a_wave_is_not_for_the_next(void **state)
{
    begin();
    judge(15, 0, CTL_GATE_GOOD);
    judge(15, 1, CTL_GATE_GOOD);
    say(20, 0, PROTO_JOB_COMMITTED);
    order(20 + SOAK_MS, CTL_ROLLOUT_TIME);
    assert_int_equal(rollout.state, CTL_ROLLOUT_SOAKING);
}

static void what_cannot_be_told_is_for_a_person(void **state)
{
    static const struct {
        enum ctl_gate_verdict verdict;
        const char *code;
    } rows[] = {{CTL_GATE_INCONCLUSIVE, "gate_inconclusive"},
                {CTL_GATE_PROBE_ERROR, "gate_probe_error"}};

    for (size_t i = 0; i < 2; i++) {
        begin_soak();
        judge(30, 1, CTL_GATE_GOOD);
        judge(30, 0, rows[i].verdict);
        assert_int_equal(rollout.holds, 0);
        order(20 + SOAK_MS, CTL_ROLLOUT_TIME);
        assert_int_equal(rollout.holds, CTL_HOLD_GATE);
        assert_int_equal(ctl_rollout_exit_code(&rollout), 4);
        assert_string_equal(ctl_rollout_gate_code(&rollout), rows[i].code);
        assert_string_equal(ctl_rollout_gate_reason(&rollout), "errors: 9, bad > 5");
        /* That it is good by now takes no word from a person. */
        judge(40 + SOAK_MS, 0, CTL_GATE_GOOD);
        assert_int_equal(rollout.holds, CTL_HOLD_GATE);
        order(50 + SOAK_MS, CTL_ROLLOUT_RESUME);
        assert_int_equal(rollout.wave, 1);
        assert_int_equal(rollout.state, CTL_ROLLOUT_RUNNING);
        assert_int_equal(rollout.holds, 0);
        /* The next wave has gates again. */
        say(60 + SOAK_MS, 1, PROTO_JOB_COMMITTED);
        order(60 + 2 * SOAK_MS, CTL_ROLLOUT_TIME);
        assert_int_equal(rollout.state, CTL_ROLLOUT_SOAKING);
    }
}

static void a_bad_gate_stops_at_any_time(void **state)
{
    begin();
    judge(15, 1, CTL_GATE_BAD);
    assert_int_equal(rollout.state, CTL_ROLLOUT_STOPPING);
    assert_string_equal(rollout.code, "gate_bad");
    assert_string_equal(rollout.reason, "wave 1 of 2: errors: 9, bad > 5");
    say(20, 0, PROTO_JOB_COMMITTED);
    assert_int_equal(rollout.state, CTL_ROLLOUT_HALTED);
    assert_int_equal(hosts[1].state, CTL_HOST_CANCELLED);
    assert_string_equal(rollout.code, "gate_bad");
    assert_int_equal(ctl_rollout_exit_code(&rollout), 3);
}

/* People are asked about a severe failure; before they answer the plan's own condition is bad. */
static void a_bad_condition_is_no_answer_of_a_person(void **state)
{
    begin();
    rollout.limits.answer_ms = 100000;
    give(20, (struct ctl_rollout_event){.type = CTL_ROLLOUT_HOST_REPORT,
                                        .host = 0,
                                        .job_state = PROTO_JOB_VERIFYING,
                                        .grade = PROTO_GRADE_SEVERE});
    assert_true(rollout.alarm.is_open);
    judge(30, 2, CTL_GATE_BAD);
    assert_int_equal(rollout.state, CTL_ROLLOUT_ROLLING_BACK);
    assert_false(rollout.alarm.is_open);
    assert_int_equal(rollout.alarm.answer, CTL_ANSWER_CONDITION);
    assert_string_equal(rollout.code, "rollback_condition");
}

static void a_bad_condition_takes_everything_back(void **state)
{
    begin_soak();
    judge(30, 2, CTL_GATE_BAD);
    assert_int_equal(rollout.state, CTL_ROLLOUT_ROLLING_BACK);
    assert_string_equal(rollout.code, "rollback_condition");
    assert_string_equal(rollout.reason,
                        "wave 1 of 2: the plan's rollback_when decided, no person: errors: 9, bad "
                        "> 5; every host that was started is taken back");
    order(35, CTL_ROLLOUT_ROLLBACK); /* a person orders the same: the first cause stands */
    assert_string_equal(rollout.code, "rollback_condition");
    assert_int_equal(hosts[0].state, CTL_HOST_REVERTING);
    say(40, 0, PROTO_JOB_REVERTED);
    assert_int_equal(rollout.state, CTL_ROLLOUT_ROLLED_BACK);
    assert_string_equal(rollout.reason, "1 of 1 started hosts are as before; the plan's "
                                        "rollback_when decided, no person: errors: 9, bad > 5");
    assert_int_equal(ctl_rollout_exit_code(&rollout), 5);
    judge(50, 2, CTL_GATE_GOOD);
    assert_false(effects.changed);
}

static void also_of_a_rollout_that_stops(void **state)
{
    begin();
    order(15, CTL_ROLLOUT_ABORT);
    judge(16, 0, CTL_GATE_BAD); /* stops already, and its first cause stands */
    assert_string_equal(rollout.code, "aborted");
    judge(17, 2, CTL_GATE_BAD);
    assert_int_equal(rollout.state, CTL_ROLLOUT_ROLLING_BACK);
}

static void what_is_not_this_change_holds_at_once_and_takes_nothing_back(void **state)
{
    begin_soak();
    judge(30, 2, CTL_GATE_NOT_THIS);
    assert_int_equal(rollout.holds, CTL_HOLD_GATE);
    assert_string_equal(ctl_rollout_gate_code(&rollout), "gate_not_this_change");
    assert_int_equal(hosts[0].state, CTL_HOST_COMMITTED);
    order(40, CTL_ROLLOUT_RESUME);
    assert_int_equal(rollout.holds, 0);
    /* It was waived; when it becomes bad by itself, it counts. */
    judge(50, 2, CTL_GATE_BAD);
    assert_int_equal(rollout.state, CTL_ROLLOUT_ROLLING_BACK);
}

static void a_condition_that_cannot_be_measured_holds_after_the_wave(void **state)
{
    begin_soak();
    judge(30, 0, CTL_GATE_GOOD);
    judge(30, 1, CTL_GATE_GOOD);
    judge(30, 2, CTL_GATE_PROBE_ERROR);
    order(20 + SOAK_MS, CTL_ROLLOUT_TIME);
    assert_string_equal(ctl_rollout_gate_code(&rollout), "gate_probe_error");
}

static void a_pause_of_a_person_is_another_hold(void **state)
{
    begin_soak();
    order(25, CTL_ROLLOUT_PAUSE);
    judge(30, 0, CTL_GATE_NOT_THIS);
    assert_int_equal(rollout.holds, CTL_HOLD_PERSON | CTL_HOLD_GATE);
    order(40, CTL_ROLLOUT_RESUME);
    assert_int_equal(rollout.holds, 0);
}

static void after_a_restart_verdicts_are_told_anew_and_a_hold_stays(void **state)
{
    begin_soak();
    judge(30, 0, CTL_GATE_GOOD);
    judge(30, 1, CTL_GATE_GOOD);
    order(40, CTL_ROLLOUT_RESTART);
    order(40 + SOAK_MS, CTL_ROLLOUT_TIME);
    assert_int_equal(rollout.wave, 0);
    judge(50 + SOAK_MS, 1, CTL_GATE_PROBE_ERROR);
    assert_int_equal(rollout.holds, CTL_HOLD_GATE);
    order(60 + SOAK_MS, CTL_ROLLOUT_RESTART);
    assert_int_equal(rollout.holds, CTL_HOLD_GATE);
    assert_string_equal(ctl_rollout_gate_code(&rollout), "gate_probe_error");
}

static void a_gate_that_is_none_changes_nothing(void **state)
{
    begin_soak();
    judge(30, 3, CTL_GATE_BAD);
    assert_false(effects.changed);
    assert_int_equal(rollout.state, CTL_ROLLOUT_SOAKING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_must_be_good_when_the_soak_is_over),
        cmocka_unit_test(who_waits_for_a_gate_is_not_woken_again_and_again),
        cmocka_unit_test(good_before_the_soak_is_over_is_not_enough),
        cmocka_unit_test(what_was_good_for_a_wave_is_not_for_the_next),
        cmocka_unit_test(what_cannot_be_told_is_for_a_person),
        cmocka_unit_test(a_bad_gate_stops_at_any_time),
        cmocka_unit_test(a_bad_condition_is_no_answer_of_a_person),
        cmocka_unit_test(a_bad_condition_takes_everything_back),
        cmocka_unit_test(also_of_a_rollout_that_stops),
        cmocka_unit_test(what_is_not_this_change_holds_at_once_and_takes_nothing_back),
        cmocka_unit_test(a_condition_that_cannot_be_measured_holds_after_the_wave),
        cmocka_unit_test(a_pause_of_a_person_is_another_hold),
        cmocka_unit_test(after_a_restart_verdicts_are_told_anew_and_a_hold_stays),
        cmocka_unit_test(a_gate_that_is_none_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
