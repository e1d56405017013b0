/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/plan/estimate.h"

#include "tests/lib/unit.h"

enum {
    MINUTE_MS = 60 * 1000,
};

static void waves_follow_one_another_with_their_soak(void **state)
{
    const struct ctl_plan plan = {.soak_ms = 30 * MINUTE_MS};
    const struct ctl_plan_wave waves[] = {{.host_count = 1}, {.host_count = 6}, {.host_count = 3}};
    struct ctl_plan_estimate estimate;

    ctl_plan_estimate(&plan, waves, 3, 2 * MINUTE_MS, 5 * MINUTE_MS, &estimate);
    assert_int_equal(estimate.begin_ms[0], 2 * MINUTE_MS);
    assert_int_equal(estimate.end_ms[0], 7 * MINUTE_MS);
    assert_int_equal(estimate.begin_ms[1], 37 * MINUTE_MS);
    assert_int_equal(estimate.end_ms[1], 42 * MINUTE_MS); /* all six at once */
    assert_int_equal(estimate.begin_ms[2], 72 * MINUTE_MS);
    assert_int_equal(estimate.total_ms, (77 + 30) * MINUTE_MS);
    assert_int_equal(estimate.down_max, 6);
}

static void gates_judge_after_each_soak(void **state)
{
    const struct ctl_plan plan = {
        .soak_ms = MINUTE_MS,
        .gates = {{.samples = 3, .every_ms = MINUTE_MS, .delay_ms = 2 * MINUTE_MS},
                  {.samples = 9, .every_ms = MINUTE_MS, .is_rollback = true}},
        .gates_count = 2,
    };
    const struct ctl_plan_wave waves[] = {{.host_count = 1}, {.host_count = 1}};
    struct ctl_plan_estimate estimate;

    ctl_plan_estimate(&plan, waves, 2, 0, MINUTE_MS, &estimate);
    assert_int_equal(estimate.begin_ms[1], (1 + 1 + 5) * MINUTE_MS);
    assert_int_equal(estimate.total_ms, 2 * (1 + 1 + 5) * MINUTE_MS);
}

static void a_budget_makes_rounds_and_bounds_who_is_down(void **state)
{
    const struct ctl_plan plan = {.budget = {.value = 2}};
    const struct ctl_plan_wave waves[] = {{.host_count = 5}};
    struct ctl_plan_estimate estimate;

    ctl_plan_estimate(&plan, waves, 1, 0, MINUTE_MS, &estimate);
    assert_int_equal(estimate.end_ms[0], (int64_t)ctl_plan_rounds(&plan, 2, 0, 5) * MINUTE_MS);
    assert_true(estimate.end_ms[0] >= 3 * MINUTE_MS);
    assert_int_equal(estimate.down_max, 2);
}

static void the_first_host_alone_takes_a_round_of_its_own(void **state)
{
    const struct ctl_plan plan = {.first = CTL_PLAN_FIRST_ALONE};
    const struct ctl_plan_wave waves[] = {{.host_count = 4}};
    struct ctl_plan_estimate estimate;

    ctl_plan_estimate(&plan, waves, 1, 0, MINUTE_MS, &estimate);
    assert_int_equal(estimate.end_ms[0], 2 * MINUTE_MS);
}

static void failed_hosts_of_earlier_waves_may_be_down_still(void **state)
{
    const struct ctl_plan plan = {.failures_allowed = {.value = 1}};
    const struct ctl_plan_wave waves[] = {{.host_count = 4, .failures_allowed = 1},
                                          {.host_count = 4, .failures_allowed = 1},
                                          {.host_count = 4, .failures_allowed = 1}};
    struct ctl_plan_estimate estimate;

    ctl_plan_estimate(&plan, waves, 3, 0, MINUTE_MS, &estimate);
    assert_int_equal(estimate.down_max, 5); /* the whole rollout bears one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waves_follow_one_another_with_their_soak),
        cmocka_unit_test(gates_judge_after_each_soak),
        cmocka_unit_test(a_budget_makes_rounds_and_bounds_who_is_down),
        cmocka_unit_test(the_first_host_alone_takes_a_round_of_its_own),
        cmocka_unit_test(failed_hosts_of_earlier_waves_may_be_down_still),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
