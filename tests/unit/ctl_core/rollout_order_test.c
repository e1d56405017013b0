/* SPDX-License-Identifier: Apache-2.0 */
/* START is repeated to a host that may not have got it; but never while the rollout starts nobody. */
#include <string.h>

#include "tests/unit/ctl_core/rollout_of_two.h"

enum {
    JOB_MS = 100000,
};

static void see(int64_t now_ms, uint32_t host)
{
    give(now_ms, (struct ctl_rollout_event){.type = CTL_ROLLOUT_HOST_SEEN, .host = host});
}

static uint32_t sent(enum ctl_rollout_effect_type type, uint32_t host)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < effects.count; i++)
        count += effects.list[i].type == type && effects.list[i].host == host ? 1 : 0;

    return count;
}

/* One wave; both hosts are told to start at 10. */
static void begin(struct ctl_rollout_limits limits)
{
    const struct ctl_rollout_wave wave = {.host_count = HOSTS, .failures_allowed = HOSTS};

    limits.stage_ms = limits.job_ms = limits.revert_ms = JOB_MS;
    limits.failures_allowed = HOSTS;
    memset(hosts, 0, sizeof(hosts));
    ctl_rollout_init(&rollout, &limits, &wave, 1, hosts, HOSTS);
    order(1, CTL_ROLLOUT_SUBMIT);
    say(10, 0, PROTO_JOB_READY);
    say(10, 1, PROTO_JOB_READY);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_START, 0), 1);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_START, 1), 1);
}

static void it_is_repeated_until_the_host_has_begun(void **state)
{
    begin((struct ctl_rollout_limits){0});
    see(20, 0);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_START, 0), 1);
    say(30, 0, PROTO_JOB_ISOLATING);
    see(40, 0);
    assert_int_equal(effects.count, 0);
}

static void held_it_is_repeated_at_the_release(void **state)
{
    begin((struct ctl_rollout_limits){0});
    order(20, CTL_ROLLOUT_PAUSE);
    see(30, 0);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_START, 0), 0);
    assert_true(effects.changed); /* replayed, it is owed as well */
    /* It waits for us, so its time does not run; of the other nobody has heard. */
    order(10 + JOB_MS, CTL_ROLLOUT_TIME);
    assert_int_equal(hosts[0].state, CTL_HOST_RUNNING);
    assert_int_equal(hosts[1].state, CTL_HOST_LOST);
    order(20 + JOB_MS, CTL_ROLLOUT_RESUME);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_START, 0), 1);
    assert_int_equal(hosts[0].deadline.ms, 20 + 2 * JOB_MS);
    order(30 + JOB_MS, CTL_ROLLOUT_PAUSE);
    order(40 + JOB_MS, CTL_ROLLOUT_RESUME);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_START, 0), 0); /* nothing is owed any more */
}

static void held_whoever_had_begun_goes_on(void **state)
{
    begin((struct ctl_rollout_limits){0});
    order(20, CTL_ROLLOUT_PAUSE);
    see(30, 0);
    say(40, 0, PROTO_JOB_ISOLATING); /* the first START had come */
    assert_int_equal(hosts[0].deadline.ms, 40 + JOB_MS);
    order(50, CTL_ROLLOUT_RESUME);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_START, 0), 0);
}

static void who_has_not_begun_is_called_back(void **state)
{
    begin((struct ctl_rollout_limits){0});
    say(20, 1, PROTO_JOB_ISOLATING);
    order(30, CTL_ROLLOUT_ABORT);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_CANCEL, 0), 1);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_CANCEL, 1), 0); /* what runs goes on */
    assert_int_equal(hosts[0].state, CTL_HOST_RUNNING);    /* nobody knows yet */
    see(40, 0);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_START, 0), 0);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_CANCEL, 0), 1);
    say(50, 0, PROTO_JOB_CANCELLED);
    assert_int_equal(hosts[0].state, CTL_HOST_CANCELLED);
    assert_false(hosts[0].failed);
    assert_int_equal(rollout.failed_count, 0);
}

static void who_was_held_is_called_back(void **state)
{
    begin((struct ctl_rollout_limits){0});
    order(20, CTL_ROLLOUT_PAUSE);
    see(30, 0);
    order(40, CTL_ROLLOUT_ABORT);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_CANCEL, 0), 1);
    assert_int_equal(hosts[0].deadline.ms, 40 + JOB_MS); /* it is asked now */
}

/* START and CANCEL were on the wire together: it gives back SSH and the jobs that it had taken. */
static void who_had_just_begun_has_not_failed_either(void **state)
{
    begin((struct ctl_rollout_limits){0});
    order(20, CTL_ROLLOUT_ABORT);
    say(30, 0, PROTO_JOB_ISOLATING);
    say(35, 0, PROTO_JOB_CHANGING); /* CANCEL is heeded until the package run begins */
    say(40, 0, PROTO_JOB_REVERTING);
    assert_false(hosts[0].failed);
    say(50, 0, PROTO_JOB_CANCELLED);
    assert_false(hosts[0].failed);
    assert_int_equal(hosts[0].state, CTL_HOST_CANCELLED);
}

static void who_went_on_is_judged_as_ever(void **state)
{
    begin((struct ctl_rollout_limits){0});
    order(20, CTL_ROLLOUT_ABORT);
    say(30, 0, PROTO_JOB_CHANGING);
    see(40, 0);
    assert_int_equal(effects.count, 0);
    say(50, 0, PROTO_JOB_REVERTING);
    say(60, 0, PROTO_JOB_REVERTED); /* its change had begun: it was not cancelled */
    assert_true(hosts[0].failed);
}

static void who_cancels_by_itself_has_failed(void **state)
{
    begin((struct ctl_rollout_limits){0});
    say(20, 0, PROTO_JOB_CANCELLED);
    assert_true(hosts[0].failed);
}

static void a_freeze_is_heeded_before_orders_are_repeated(void **state)
{
    begin((struct ctl_rollout_limits){0});
    give(20, (struct ctl_rollout_event){.type = CTL_ROLLOUT_FREEZE, .yes = true, .until = {1000}});
    assert_int_equal(rollout.holds, CTL_HOLD_FREEZE); /* also when nobody but these is to start */
    order(30, CTL_ROLLOUT_RESTART);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_START, 0), 0);
    see(40, 0);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_START, 0), 0);
    order(1000, CTL_ROLLOUT_RESTART); /* over by now */
    assert_int_equal(sent(CTL_ROLLOUT_SEND_START, 0), 1);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_START, 1), 1);
}

/* The window ended unnoticed: belayd was down. */
static void a_window_is_heeded_before_orders_are_repeated(void **state)
{
    const int64_t hour_ms = 3600 * 1000;

    begin((struct ctl_rollout_limits){
        .windows = {{.days = 127, .from_minutes = 0, .for_minutes = 60}}, .windows_count = 1});
    order(hour_ms, CTL_ROLLOUT_RESTART);
    assert_int_equal(rollout.holds, CTL_HOLD_WINDOW);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_START, 0), 0);
    see(hour_ms + 10, 0);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_START, 0), 0);
    order(24 * hour_ms, CTL_ROLLOUT_TIME);
    assert_int_equal(sent(CTL_ROLLOUT_SEND_START, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_repeated_until_the_host_has_begun),
        cmocka_unit_test(held_it_is_repeated_at_the_release),
        cmocka_unit_test(held_whoever_had_begun_goes_on),
        cmocka_unit_test(who_has_not_begun_is_called_back),
        cmocka_unit_test(who_was_held_is_called_back),
        cmocka_unit_test(who_had_just_begun_has_not_failed_either),
        cmocka_unit_test(who_went_on_is_judged_as_ever),
        cmocka_unit_test(who_cancels_by_itself_has_failed),
        cmocka_unit_test(a_freeze_is_heeded_before_orders_are_repeated),
        cmocka_unit_test(a_window_is_heeded_before_orders_are_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
