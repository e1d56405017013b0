/* SPDX-License-Identifier: Apache-2.0 */
/* The laws of what a severe failure calls, broken by made-up facts as in laws_test.c. */
#include "tests/sim/laws_facts.h"

enum {
    ANSWER_MS = 60 * 1000,
    TRAFFIC_MS = 20 * 1000,
    PAGE_MS = 15 * 1000,
    LATE_MS = 6 * 1000, /* more than belayd is given */
};

static int setup_hooks(void **state)
{
    const struct ctl_rollout_limits rules = {
        .answer_ms = ANSWER_MS,
        .otherwise = CTL_OTHERWISE_ROLLBACK,
        .hooks = 1U << CTL_HOOK_PAGE | 1U << CTL_HOOK_TRAFFIC | 1U << CTL_HOOK_VENDOR,
        .page_every_ms = PAGE_MS,
        .traffic_ms = TRAFFIC_MS,
    };

    setup_ruled(&rules);
    return 0;
}

static void tell(enum ctl_rollout_state state, uint32_t number, bool is_open)
{
    const struct ctl_rollout told = {.state = state,
                                     .wave_count = 2,
                                     .host_count = HOSTS,
                                     .alarm = {.number = number, .is_open = is_open},
                                     .holds = is_open ? CTL_HOLD_ANSWER : 0,
                                     .code = "severe_failure"};

    sim_law_rollout_state(rollout, &told);
}

static void fail_severely(void)
{
    stage_all();
    tell(CTL_ROLLOUT_RUNNING, 0, false);
    commit(0);
    beliefs[0].grade = PROTO_GRADE_SEVERE;
    believe_failed(0, CTL_HOST_REVERTING);
    believe_failed(0, CTL_HOST_REVERT_FAILED);
    believe(1, CTL_HOST_CANCELLED);
    believe(2, CTL_HOST_CANCELLED);
    tell(CTL_ROLLOUT_STOPPING, 1, true);
}

static void call(enum ctl_hook_kind kind, uint64_t number)
{
    sim_law_hook_called(rollout, kind, number);
}

static void call_for(enum ctl_hook_kind kind, uint64_t number, int64_t ms)
{
    call(kind, number);
    pass(ms);
    sim_law_hook_ended(rollout, kind);
}

/* Nobody answers: paged as often as the plan says, until the traffic needs its time. */
static void sleep_on(void)
{
    fail_severely();
    for (uint64_t i = 1; i <= 2; i++) {
        call_for(CTL_HOOK_PAGE, i, 1000);
        pass(PAGE_MS - 1000);
    }
    call_for(CTL_HOOK_PAGE, 3, 10 * 1000);
    tell(CTL_ROLLOUT_STOPPING, 1, false);
}

static void test_all_of_it(void **state)
{
    sleep_on();
    call_for(CTL_HOOK_PAGE, 4, 1);
    call_for(CTL_HOOK_TRAFFIC, 1, 5000);
    tell(CTL_ROLLOUT_ROLLING_BACK, 1, false);
    call_for(CTL_HOOK_VENDOR, 1, 1000);
    sim_law_belayd(false);
}

static void test_nothing_is_called_for_nothing(void **state)
{
    stage_all();
    BREAKS("nothing failed severely", call(CTL_HOOK_PAGE, 1));
}

static void test_somebody_is_paged(void **state)
{
    fail_severely();
    pass(LATE_MS);
    BREAKS("nobody was paged", sim_law_belayd(false));
}

static void test_who_sleeps_on_is_paged_again(void **state)
{
    fail_severely();
    call_for(CTL_HOOK_PAGE, 1, 1000);
    pass(PAGE_MS + LATE_MS);
    BREAKS("nobody was paged", tell(CTL_ROLLOUT_STOPPING, 1, false));
}

static void test_nobody_is_paged_more_often(void **state)
{
    fail_severely();
    call_for(CTL_HOOK_PAGE, 1, 1000);
    BREAKS("paged after 1000 ms instead of 15000", call(CTL_HOOK_PAGE, 2));
}

static void test_who_has_answered_is_not_paged(void **state)
{
    const struct sim_law_word said = {
        .about = PROTO_APPROVAL_NO_ROLLBACK, .number = 1, .person = 2, .is_good = true};

    fail_severely();
    call_for(CTL_HOOK_PAGE, 1, 1000);
    sim_law_word_asks(rollout, &said);
    tell(CTL_ROLLOUT_STOPPING, 1, false);
    sim_law_word_taken(rollout, &said);
    pass(PAGE_MS);
    BREAKS("is paged, and was answered", call(CTL_HOOK_PAGE, 2));
}

static void test_nobody_is_paged_for_ever(void **state)
{
    sleep_on();
    call_for(CTL_HOOK_PAGE, 4, 1);
    call_for(CTL_HOOK_PAGE, 5, 1);
    BREAKS("is paged for ever", call(CTL_HOOK_PAGE, 6));
}

static void test_one_at_a_time(void **state)
{
    fail_severely();
    call(CTL_HOOK_PAGE, 1);
    BREAKS("page is called while it runs", call(CTL_HOOK_PAGE, 2));
}

static void test_each_call_is_another(void **state)
{
    fail_severely();
    call_for(CTL_HOOK_PAGE, 1, PAGE_MS);
    BREAKS("comes after call 1", call(CTL_HOOK_PAGE, 1));
}

static void test_the_vendor_waits_for_what_is_decided(void **state)
{
    fail_severely();
    BREAKS("nothing is decided yet", call(CTL_HOOK_VENDOR, 1));
}

static void test_the_vendor_is_called_once(void **state)
{
    sleep_on();
    call_for(CTL_HOOK_VENDOR, 1, 1000);
    BREAKS("is called 2 times for 1 severe failures", call(CTL_HOOK_VENDOR, 2));
}

static void test_the_vendor_is_called(void **state)
{
    sleep_on();
    call_for(CTL_HOOK_TRAFFIC, 1, 1000);
    tell(CTL_ROLLOUT_ROLLING_BACK, 1, false);
    pass(LATE_MS);
    BREAKS("vendor was to be called", sim_law_belayd(false));
}

static void test_the_way_back_waits_for_the_traffic(void **state)
{
    sleep_on();
    call(CTL_HOOK_TRAFFIC, 1);
    BREAKS("the traffic is not switched yet", tell(CTL_ROLLOUT_ROLLING_BACK, 1, false));
}

static void test_the_way_back_waits_no_longer(void **state)
{
    sleep_on();
    call(CTL_HOOK_TRAFFIC, 1);
    pass(TRAFFIC_MS + LATE_MS - 2000);
    tell(CTL_ROLLOUT_ROLLING_BACK, 1, false);
}

static void test_the_way_back_begins(void **state)
{
    sleep_on();
    call(CTL_HOOK_TRAFFIC, 1);
    BREAKS("it does not go back", pass(TRAFFIC_MS + LATE_MS));
}

static void test_nothing_is_asked_that_no_host_told(void **state)
{
    fail_severely();
    call_for(CTL_HOOK_PAGE, 1, 1000);
    BREAKS("severe failure 2, and 1 hosts failed so", tell(CTL_ROLLOUT_STOPPING, 2, true));
}

#define LAW(name) cmocka_unit_test_setup_teardown(test_##name, setup_hooks, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAW(all_of_it),
        LAW(nothing_is_called_for_nothing),
        LAW(somebody_is_paged),
        LAW(who_sleeps_on_is_paged_again),
        LAW(nobody_is_paged_more_often),
        LAW(who_has_answered_is_not_paged),
        LAW(nobody_is_paged_for_ever),
        LAW(one_at_a_time),
        LAW(each_call_is_another),
        LAW(the_vendor_waits_for_what_is_decided),
        LAW(the_vendor_is_called_once),
        LAW(the_vendor_is_called),
        LAW(the_way_back_waits_for_the_traffic),
        LAW(the_way_back_waits_no_longer),
        LAW(the_way_back_begins),
        LAW(nothing_is_asked_that_no_host_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
