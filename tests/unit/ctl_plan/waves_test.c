/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/plan/plan.h"
#include "tests/lib/unit.h"

static struct ctl_plan *make_plan(const char *const *waves, uint32_t count, const char *allowed)
{
    struct ctl_plan *plan = calloc(1, sizeof(*plan));
    struct bl_error err = {0};

    assert_non_null(plan);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(ctl_plan_parse_share(waves[i], &plan->waves[i], &err), 0);
    plan->waves_count = count;
    assert_int_equal(ctl_plan_parse_share(allowed, &plan->failures_allowed, &err), 0);

    return plan;
}

static const struct deal {
    const char *waves[5];
    uint32_t waves_count, host_count;
    const char *allowed;
    uint32_t sizes[5], failures[5];
    uint32_t sizes_count;
} deals[] = {
    {{"1", "2"}, 2, 3, "0", {1, 2}, {0, 0}, 2},
    {{"1%", "10%", "30%", "100%"}, 4, 100, "5%", {1, 10, 30, 59}, {0, 0, 1, 2}, 4},
    {{"1%", "10%", "30%", "rest"}, 4, 3, "0", {1, 1, 1}, {0, 0, 0}, 3}, /* at least one each */
    {{"10", "30", "60"}, 3, 100, "2", {10, 30, 60}, {2, 2, 2}, 3},
    {{"10", "30", "60"}, 3, 12, "20%", {10, 2}, {2, 0}, 2},
    {{"50%", "50%"}, 2, 5, "1", {3, 2}, {1, 1}, 2}, /* rounded up, then cut */
    {{"1", "rest"}, 2, 1, "3", {1}, {1}, 1},        /* never more than the wave has */
    {{"0.5%", "rest"}, 2, 1000, "0.5%", {5, 995}, {0, 4}, 2},
};

static void deals_all_hosts(void **state)
{
    for (size_t i = 0; i < sizeof(deals) / sizeof(deals[0]); i++) {
        const struct deal *deal = &deals[i];
        struct ctl_plan *plan = make_plan(deal->waves, deal->waves_count, deal->allowed);
        struct ctl_plan_wave waves[CTL_PLAN_WAVES_MAX];
        struct bl_error err = {0};
        uint32_t count = 0;

        assert_int_equal(ctl_plan_deal_waves(plan, deal->host_count, waves, &count, &err), 0);
        assert_int_equal(count, deal->sizes_count);
        for (uint32_t j = 0; j < count; j++) {
            assert_int_equal(waves[j].host_count, deal->sizes[j]);
            assert_int_equal(waves[j].failures_allowed, deal->failures[j]);
        }
        free(plan);
    }
}

static void tells_when_a_share_rounds_to_zero(void **state)
{
    static const char *const shares[] = {"10", "rest"};
    struct ctl_plan *plan = make_plan(shares, 2, "5%");
    struct ctl_plan_wave waves[CTL_PLAN_WAVES_MAX];
    struct bl_error err = {0};
    uint32_t count = 0;

    assert_int_equal(ctl_plan_deal_waves(plan, 60, waves, &count, &err), 0);
    assert_true(waves[0].rounded_to_zero);
    assert_false(waves[1].rounded_to_zero);
    assert_int_equal(ctl_plan_failures_allowed(plan, 60), 3);
    free(plan);
}

static void refuses_to_leave_hosts_over(void **state)
{
    static const char *const shares[] = {"1", "2"};
    struct ctl_plan *plan = make_plan(shares, 2, "0");
    struct ctl_plan_wave waves[CTL_PLAN_WAVES_MAX];
    struct bl_error err = {0};
    uint32_t count = 0;

    assert_int_equal(ctl_plan_deal_waves(plan, 4, waves, &count, &err), -EINVAL);
    assert_string_equal(
        err.text, "waves: they take 3 of 4 hosts: make one larger or let the last one be 'rest'");
    free(plan);
}

static void a_budget_is_rounded_down_to_one_at_least(void **state)
{
    static const char *const shares[] = {"rest"};
    struct ctl_plan *plan = make_plan(shares, 1, "0");

    assert_int_equal(ctl_plan_budget(plan, 10), 0);
    plan->budget = (struct ctl_plan_share){.is_percent = true, .value = 1000};
    assert_int_equal(ctl_plan_budget(plan, 60), 6);
    assert_int_equal(ctl_plan_budget(plan, 69), 6);
    assert_int_equal(ctl_plan_budget(plan, 9), 1);
    plan->budget = (struct ctl_plan_share){.value = 7};
    assert_int_equal(ctl_plan_budget(plan, 60), 7);
    assert_int_equal(ctl_plan_budget(plan, 4), 4);
    free(plan);
}

static void a_wave_takes_as_many_rounds_as_the_budget_makes(void **state)
{
    static const char *const shares[] = {"rest"};
    struct ctl_plan *plan = make_plan(shares, 1, "0");

    plan->first = CTL_PLAN_FIRST_TOGETHER;
    assert_int_equal(ctl_plan_rounds(plan, 0, 0, 10), 1);
    assert_int_equal(ctl_plan_rounds(plan, 3, 0, 10), 4);
    assert_int_equal(ctl_plan_rounds(plan, 10, 0, 10), 1);
    plan->first = CTL_PLAN_FIRST_ALONE;
    assert_int_equal(ctl_plan_rounds(plan, 3, 0, 10), 5);
    assert_int_equal(ctl_plan_rounds(plan, 3, 1, 10), 4);
    assert_int_equal(ctl_plan_rounds(plan, 0, 0, 1), 1);
    free(plan);
}

static void formats_for_people(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } times[] = {{0, "0s"}, {250, "250ms"}, {5400000, "1h 30m"}, {90061000, "1d 1h 1m 1s"}};
    static const char *const shares[] = {"3", "10%", "0.5%", "0.25%", "rest"};
    struct bl_error err = {0};

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char text[64];

        ctl_plan_format_duration(times[i].ms, text, sizeof(text));
        assert_string_equal(text, times[i].text);
    }
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        struct ctl_plan_share share = {0};
        char text[32];

        assert_int_equal(ctl_plan_parse_share(shares[i], &share, &err), 0);
        ctl_plan_format_share(&share, text, sizeof(text));
        assert_string_equal(text, shares[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deals_all_hosts),
        cmocka_unit_test(tells_when_a_share_rounds_to_zero),
        cmocka_unit_test(refuses_to_leave_hosts_over),
        cmocka_unit_test(a_budget_is_rounded_down_to_one_at_least),
        cmocka_unit_test(a_wave_takes_as_many_rounds_as_the_budget_makes),
        cmocka_unit_test(formats_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
