/* SPDX-License-Identifier: Apache-2.0 */
/* The laws of how many may be under way at once, broken by made-up facts as in laws_test.c. */
#include "tests/sim/laws_facts.h"

static int setup_budget(void **state)
{
    setup_paced(1, /* is_first_alone= */ false);
    return 0;
}

static int setup_alone(void **state)
{
    setup_paced(0, /* is_first_alone= */ true);
    return 0;
}

static void test_who_ended_well_makes_room(void **state)
{
    stage_all();
    commit(0);
    pass(SOAK_MS);
    commit(1);
    commit(2);
}

static void test_no_start_beyond_the_budget(void **state)
{
    stage_all();
    commit(0);
    pass(SOAK_MS);
    start(1);
    BREAKS("2 hosts are under way and 0 failed, the budget is 1", start(2));
}

static void test_who_failed_uses_the_budget_for_good(void **state)
{
    stage_all();
    commit(0);
    pass(SOAK_MS);
    start(1);
    believe_failed(1, CTL_HOST_LOST);
    pass(1);
    BREAKS("1 hosts are under way and 1 failed, the budget is 1", start(2));
}

static void test_the_first_goes_alone(void **state)
{
    stage_all();
    start(0);
    BREAKS("with 2 hosts under way, and the first goes alone", start(1));
}

static void test_who_follows_the_first_goes_with_others(void **state)
{
    stage_all();
    commit(0);
    pass(SOAK_MS);
    start(1);
    start(2);
}

#define LAW(name, how) cmocka_unit_test_setup_teardown(test_##name, how, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAW(who_ended_well_makes_room, setup_budget),
        LAW(no_start_beyond_the_budget, setup_budget),
        LAW(who_failed_uses_the_budget_for_good, setup_budget),
        LAW(the_first_goes_alone, setup_alone),
        LAW(who_follows_the_first_goes_with_others, setup_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
