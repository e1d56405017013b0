/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/host_clock.h"

#include "tests/lib/unit.h"

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    DAY = 24 * 60 * MINUTE,
};

static const int64_t start_ms = INT64_C(1800000000000);

/* A host that booted at start_ms; `at_ms` counts from there by our clock. */
struct host {
    struct ctl_host_clock clock;
    const char *boot_id;
    int64_t ahead_ms, measured_ms;
};

/* Where our clock puts a report that was written at `at_ms` and came at `received_ms`. */
static int64_t place_of(struct host *host, int64_t at_ms, int64_t received_ms)
{
    const struct proto_report report = {.boot_id = host->boot_id,
                                        .wall_ms = start_ms + at_ms + host->ahead_ms,
                                        .mono_ms = (uint64_t)at_ms};
    int64_t offset_ms = ctl_host_clock_offset_ms(&host->clock, &report, host->measured_ms,
                                                 (struct bl_wall){.ms = start_ms + received_ms});

    return report.wall_ms - offset_ms - start_ms;
}

static void test_a_clock_that_is_merely_wrong(void **state)
{
    struct host host = {
        .boot_id = "a", .ahead_ms = -5 * MINUTE, .measured_ms = -5 * MINUTE - 20 /* by the way */};

    assert_int_equal(place_of(&host, 10 * SECOND, 10 * SECOND + 30), 10 * SECOND + 20);
    assert_int_equal(place_of(&host, 11 * SECOND, 11 * SECOND + 30), 11 * SECOND + 20);
    /* Written while nobody could hear it. */
    assert_int_equal(place_of(&host, 20 * SECOND, 10 * MINUTE), 20 * SECOND + 20);
}

static void test_a_clock_that_jumps_while_connected(void **state)
{
    const int64_t jumps_ms[] = {DAY, -DAY, INT64_C(-365) * DAY, 10 * SECOND, -10 * SECOND};

    for (size_t i = 0; i < sizeof(jumps_ms) / sizeof(jumps_ms[0]); i++) {
        struct host host = {.boot_id = "a"};

        assert_int_equal(place_of(&host, MINUTE, MINUTE), MINUTE);
        host.ahead_ms = jumps_ms[i];
        assert_int_equal(place_of(&host, 2 * MINUTE, 2 * MINUTE), 2 * MINUTE);
        assert_int_equal(place_of(&host, 3 * MINUTE, 3 * MINUTE), 3 * MINUTE);
        host.measured_ms = jumps_ms[i] - 40; /* it connects again */
        assert_int_equal(place_of(&host, 4 * MINUTE, 4 * MINUTE + 50), 4 * MINUTE + 40);
    }
}

static void test_reports_that_are_older_than_a_jump(void **state)
{
    const int64_t jumps_ms[] = {DAY, -DAY};

    for (size_t i = 0; i < sizeof(jumps_ms) / sizeof(jumps_ms[0]); i++) {
        struct host host = {.boot_id = "a"};

        assert_int_equal(place_of(&host, MINUTE, MINUTE), MINUTE);
        host.measured_ms = jumps_ms[i]; /* away, set, and here again */
        assert_int_equal(place_of(&host, 2 * MINUTE, 9 * MINUTE), 2 * MINUTE);
        host.ahead_ms = jumps_ms[i];
        assert_int_equal(place_of(&host, 3 * MINUTE, 9 * MINUTE), 3 * MINUTE);
    }
}

/* HELLO was late by seconds; the PONG after it tells better, and is believed. */
static void test_a_better_measurement_wins(void **state)
{
    struct host host = {.boot_id = "a", .measured_ms = -9 * SECOND};

    assert_int_equal(place_of(&host, MINUTE, MINUTE + 9 * SECOND), MINUTE + 9 * SECOND);
    host.measured_ms = 0;
    assert_int_equal(place_of(&host, 2 * MINUTE, 2 * MINUTE), 2 * MINUTE);
}

/* Days between two reports: the time since boot drifts, a clock that is kept right does not. */
static void test_drift_is_no_jump(void **state)
{
    struct host host = {.boot_id = "a"};

    assert_int_equal(place_of(&host, MINUTE, MINUTE), MINUTE);
    host.clock.mono_ms -= 30 * SECOND;
    assert_int_equal(place_of(&host, 3 * DAY, 3 * DAY), 3 * DAY);
}

static void test_another_boot_and_a_liar(void **state)
{
    struct host host = {.boot_id = "a"};
    const struct proto_report lie = {.boot_id = "b", .wall_ms = INT64_MIN, .mono_ms = UINT64_MAX};

    assert_int_equal(place_of(&host, 2 * DAY, 2 * DAY), 2 * DAY);
    host.boot_id = "b";
    assert_int_equal(place_of(&host, DAY, 2 * DAY), DAY);
    host.ahead_ms = DAY; /* nothing comes from the future */
    host.boot_id = "c";
    assert_int_equal(place_of(&host, 2 * DAY, 2 * DAY), 2 * DAY);
    (void)ctl_host_clock_offset_ms(&host.clock, &lie, INT64_MAX, (struct bl_wall){.ms = start_ms});
    host.ahead_ms = 0;
    host.boot_id = "b";
    assert_int_equal(place_of(&host, 2 * DAY, 2 * DAY), 2 * DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_clock_that_is_merely_wrong),
        cmocka_unit_test(test_a_clock_that_jumps_while_connected),
        cmocka_unit_test(test_reports_that_are_older_than_a_jump),
        cmocka_unit_test(test_a_better_measurement_wins),
        cmocka_unit_test(test_drift_is_no_jump),
        cmocka_unit_test(test_another_boot_and_a_liar),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
