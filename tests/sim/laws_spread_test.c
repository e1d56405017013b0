/* SPDX-License-Identifier: Apache-2.0 */
/* The laws of waves that are spread over a label, broken by made-up facts as in laws_test.c. */
#include "tests/sim/laws_facts.h"
#include "tests/sim/world/book.h"

enum {
    DEALT = 4,
};

/* Hosts 1 and 2, the second wave, are all of the second value. */
static const uint8_t zones[HOSTS] = {1, 2, 2};

static int setup_whole(void **state)
{
    setup_spread(zones, (const uint32_t[]){0, 1, 2});
    return 0;
}

static int setup_with_others(void **state)
{
    setup_spread(zones, (const uint32_t[]){0, 1, 3});
    return 0;
}

static void begin_second_wave(void)
{
    stage_all();
    commit(0);
    pass(2 * SOAK_MS);
    start(1);
}

static void test_some_serve(void **state)
{
    begin_second_wave();
    start(2); /* a third one has the value, and is in no plan */
}

static void test_never_all_are_under_way(void **state)
{
    begin_second_wave();
    BREAKS("all 2 hosts of its value are under way", start(2));
}

static void test_who_has_ended_serves(void **state)
{
    begin_second_wave();
    commit(1);
    start(2);
}

/* Two hosts of each of two values, two in each of two waves. */
static void deal(const uint32_t values[DEALT])
{
    struct law_member members[DEALT];
    const struct law_rollout dealt = {
        .number = 1, .hosts_count = DEALT, .waves_count = 2, .zones_count = 2, .members = members};

    for (uint32_t i = 0; i < DEALT; i++)
        members[i] = (struct law_member){.wave = i / 2, .zone = values[i]};
    law_judge_dealt(&dealt);
}

static void test_one_of_each_goes_first(void **state)
{
    deal((const uint32_t[]){1, 2, 2, 1});
}

static void test_none_is_two_ahead(void **state)
{
    BREAKS("up to wave 1, 2 of 2 hosts of value 1 go, and 0 of 2 of value 2",
           deal((const uint32_t[]){1, 1, 2, 2}));
}

#define LAW(name, how) cmocka_unit_test_setup_teardown(test_##name, how, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAW(some_serve, setup_with_others),     LAW(never_all_are_under_way, setup_whole),
        LAW(who_has_ended_serves, setup_whole), LAW(one_of_each_goes_first, setup),
        LAW(none_is_two_ahead, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
