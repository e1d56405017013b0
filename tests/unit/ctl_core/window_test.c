/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of the week, by wall clocks whose days people can look up. */
#include "controller/core/window.h"

#include "tests/lib/unit.h"

enum {
    MON = 1 << 0,
    FRI = 1 << 4,
    SAT = 1 << 5,
    SUN = 1 << 6,
    EVERY_DAY = 127,
    HOUR = 60,
};

#define MINUTES(n) ((int64_t)(n)*60 * 1000)
/* 2026-11-23T00:00:00Z, a Monday. */
#define MONDAY INT64_C(1795392000000)

static struct bl_wall at(int64_t day, int64_t hour, int64_t minute)
{
    return (struct bl_wall){.ms = MONDAY + MINUTES((day * 24 + hour) * HOUR + minute)};
}

static void without_windows_it_is_always_open(void **state)
{
    assert_true(ctl_window_left_ms(NULL, 0, at(0, 0, 0)) == CTL_WINDOW_FOR_EVER);
    assert_int_equal(ctl_window_wait_ms(NULL, 0, at(0, 0, 0), MINUTES(600)), 0);
}

static void a_window_opens_and_closes_on_its_days(void **state)
{
    const struct ctl_window windows[] = {{MON | FRI, 22 * HOUR, 90}};

    assert_int_equal(ctl_window_left_ms(windows, 1, at(0, 21, 59)), 0);
    assert_int_equal(ctl_window_left_ms(windows, 1, at(0, 22, 0)), MINUTES(90));
    assert_int_equal(ctl_window_left_ms(windows, 1, at(0, 23, 0)), MINUTES(30));
    assert_int_equal(ctl_window_left_ms(windows, 1, at(0, 23, 30)), 0);
    assert_int_equal(ctl_window_left_ms(windows, 1, at(1, 22, 0)), 0);
    assert_int_equal(ctl_window_left_ms(windows, 1, at(4, 22, 0)), MINUTES(90));
    assert_int_equal(ctl_window_left_ms(windows, 1, (struct bl_wall){at(0, 23, 29).ms + 59999}), 1);
}

static void it_goes_over_midnight_and_over_the_end_of_the_week(void **state)
{
    const struct ctl_window windows[] = {{SUN, 23 * HOUR, 4 * HOUR}};

    assert_int_equal(ctl_window_left_ms(windows, 1, at(6, 23, 30)), MINUTES(210));
    assert_int_equal(ctl_window_left_ms(windows, 1, at(7, 0, 0)), MINUTES(180));
    assert_int_equal(ctl_window_left_ms(windows, 1, at(0, 2, 59)), MINUTES(1));
    assert_int_equal(ctl_window_left_ms(windows, 1, at(0, 3, 0)), 0);
    assert_int_equal(ctl_window_left_ms(windows, 1, (struct bl_wall){0}), 0); /* a Thursday */
}

static void windows_that_overlap_or_touch_are_one(void **state)
{
    const struct ctl_window windows[] = {
        {SAT, 20 * HOUR, 2 * HOUR}, {SAT, 21 * HOUR, 3 * HOUR}, {SUN, 0, HOUR}};
    const struct ctl_window always[] = {{EVERY_DAY, 6 * HOUR, 24 * HOUR}};

    assert_int_equal(ctl_window_left_ms(windows, 3, at(5, 20, 0)), MINUTES(5 * HOUR));
    assert_int_equal(ctl_window_left_ms(windows, 3, at(6, 0, 30)), MINUTES(30));
    assert_true(ctl_window_left_ms(always, 1, at(3, 2, 1)) == CTL_WINDOW_FOR_EVER);
    assert_int_equal(ctl_window_wait_ms(always, 1, at(3, 2, 1), MINUTES(5000)), 0);
}

static void who_needs_more_than_is_left_waits_for_the_next_that_is_long_enough(void **state)
{
    const struct ctl_window windows[] = {{MON, 22 * HOUR, 4 * HOUR}, {FRI, 22 * HOUR, HOUR}};

    assert_int_equal(ctl_window_wait_ms(windows, 2, at(0, 21, 0), MINUTES(30)), MINUTES(60));
    assert_int_equal(ctl_window_wait_ms(windows, 2, at(0, 22, 0), MINUTES(4 * HOUR)), 0);
    assert_int_equal(ctl_window_wait_ms(windows, 2, at(1, 1, 30), MINUTES(30)), 0);
    assert_int_equal(ctl_window_wait_ms(windows, 2, at(1, 1, 31), MINUTES(30)),
                     MINUTES(3 * 24 * HOUR + 20 * HOUR + 29));
    assert_int_equal(ctl_window_wait_ms(windows, 2, at(0, 22, 1), MINUTES(4 * HOUR)),
                     MINUTES(7 * 24 * HOUR - 1));
    assert_true(ctl_window_wait_ms(windows, 2, at(0, 22, 0), MINUTES(4 * HOUR) + 1) ==
                CTL_WINDOW_FOR_EVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_windows_it_is_always_open),
        cmocka_unit_test(a_window_opens_and_closes_on_its_days),
        cmocka_unit_test(it_goes_over_midnight_and_over_the_end_of_the_week),
        cmocka_unit_test(windows_that_overlap_or_touch_are_one),
        cmocka_unit_test(who_needs_more_than_is_left_waits_for_the_next_that_is_long_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
