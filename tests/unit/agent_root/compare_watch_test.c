/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/root/ops/compare.h"
#include "tests/lib/unit.h"

enum {
    AVAHI,
    CRON,
    IDLE,
    SRV,
    USER
};

static struct agent_unit then_units[] = {
    [AVAHI] = {.name = "avahi.service", .state = AGENT_UNIT_FAILED, .enabled = true},
    [CRON] = {.name = "cron.service", .state = AGENT_UNIT_ACTIVE, .main_pid = 7, .enabled = true},
    [IDLE] = {.name = "idle.service", .state = AGENT_UNIT_ACTIVE, .main_pid = 8},
    [SRV] = {.name = "srv.mount", .state = AGENT_UNIT_ACTIVE},
    [USER] = {.name = "user@0.service", .state = AGENT_UNIT_ACTIVE, .main_pid = 9},
};
static const struct agent_baseline baseline = {.units = then_units, .units_count = 5};
static struct proto_text plan_units[] = {{"cron.service"}, {"web.service"}};
static const struct proto_manifest manifest = {.verify_units = plan_units, .verify_units_count = 2};

static struct agent_unit now[6];
static struct agent_watch_doubts doubts;
static struct agent_findings findings;

/* All as before, and the plan's new unit up. */
static int begin(void **state)
{
    memcpy(now, then_units, sizeof(then_units));
    now[5] = (struct agent_unit){
        .name = "web.service", .state = AGENT_UNIT_ACTIVE, .main_pid = 10, .enabled = true};
    memset(&doubts, 0, sizeof(doubts));
    return 0;
}

static const struct agent_findings *see(uint32_t count)
{
    const struct agent_units_list list = {now, count};

    findings = (struct agent_findings){0};
    agent_compare_watched(&baseline, &manifest, &list, &doubts, &findings);
    return &findings;
}

static void a_host_that_stays_as_it_was_is_good(void **state)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(see(6)->count, 0);
    now[CRON].restarts = 1; /* once is told by the last look, as minor */
    assert_int_equal(see(6)->count, 0);
}

static void what_fails_counts_at_once(void **state)
{
    now[CRON].state = AGENT_UNIT_FAILED;
    assert_int_equal(see(6)->count, 1); /* also a unit of the plan: once */
    assert_string_equal(findings.code, "unit_failed");
    assert_string_equal(findings.text, "cron.service failed");
    now[CRON].state = AGENT_UNIT_ACTIVE;
    now[5].state = AGENT_UNIT_FAILED; /* only the plan knows it */
    assert_string_equal(see(6)->text, "web.service failed");
    assert_int_equal(findings.grade, PROTO_GRADE_FUNCTIONAL);
}

static void who_is_restarted_again_and_again_does_not_stay_up(void **state)
{
    then_units[CRON].restarts = 5;
    now[CRON].restarts = 6;
    assert_int_equal(see(6)->count, 0);
    now[CRON].restarts = 7; /* once, amid a reload */
    assert_int_equal(see(6)->count, 0);
    now[CRON].restarts = 8;
    assert_string_equal(see(6)->code, "unit_restarts");
    now[CRON].restarts = 1; /* systemd counts anew */
    assert_int_equal(see(6)->count, 0);
    then_units[CRON].restarts = 0;
}

static void a_restart_passes_through_a_moment_without_the_unit(void **state)
{
    now[CRON].state = AGENT_UNIT_ACTIVATING;
    assert_int_equal(see(6)->count, 0);
    now[CRON].state = AGENT_UNIT_ACTIVE;
    assert_int_equal(see(6)->count, 0);
    now[CRON].state = AGENT_UNIT_DEACTIVATING;
    assert_int_equal(see(6)->count, 0);
    assert_string_equal(see(6)->code, "unit_not_up");
}

static void a_unit_that_is_gone_twice_has_stopped(void **state)
{
    assert_int_equal(see(5)->count, 0);
    assert_string_equal(see(5)->text, "web.service was active and is not");
    assert_string_equal(findings.code, "unit_stopped");

    begin(NULL);
    now[IDLE].name = "idle2.service"; /* runs only on demand */
    assert_int_equal(see(6)->count, 0);
    assert_string_equal(see(6)->code, "unit_idle");
    assert_int_equal(findings.grade, PROTO_GRADE_MINOR);
}

static void a_unit_that_the_plan_names_must_stay_up_even_on_demand(void **state)
{
    then_units[CRON].enabled = false;
    now[CRON].name = "cron2.service";
    assert_int_equal(see(6)->count, 0);
    assert_string_equal(see(6)->code, "unit_stopped");
    then_units[CRON].enabled = true;
}

static void a_service_without_its_main_process_is_gone(void **state)
{
    now[CRON].main_pid = 0;
    assert_int_equal(see(6)->count, 0);
    assert_string_equal(see(6)->code, "process_gone");
}

static void what_is_none_of_ours_is_not_watched(void **state)
{
    now[USER].state = AGENT_UNIT_FAILED;
    now[SRV].state = AGENT_UNIT_INACTIVE;
    assert_int_equal(see(6)->count, 0);
    assert_int_equal(see(6)->count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_host_that_stays_as_it_was_is_good, begin),
        cmocka_unit_test_setup(what_fails_counts_at_once, begin),
        cmocka_unit_test_setup(who_is_restarted_again_and_again_does_not_stay_up, begin),
        cmocka_unit_test_setup(a_restart_passes_through_a_moment_without_the_unit, begin),
        cmocka_unit_test_setup(a_unit_that_is_gone_twice_has_stopped, begin),
        cmocka_unit_test_setup(a_unit_that_the_plan_names_must_stay_up_even_on_demand, begin),
        cmocka_unit_test_setup(a_service_without_its_main_process_is_gone, begin),
        cmocka_unit_test_setup(what_is_none_of_ours_is_not_watched, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
