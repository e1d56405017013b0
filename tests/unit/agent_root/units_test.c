/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/units.h"

#include <stdio.h>

#include "tests/lib/unit.h"
#include "tests/unit/agent_lease/fake_manager.h"

/* What the agent asks of PID 1, before one that is played. */
enum {
    PATIENCE_US = 10 * 1000 * 1000,
};

static const struct fake_unit UNITS[] = {
    {.name = "good.service"},
    {.name = "bad.service", .fails = true},
    {.name = "wanted.service", .active = true, .stops = true},
    {0},
};

struct end {
    bool is_there;
    enum agent_units_end end;
    enum agent_unit_state state;
    char why[64];
};

struct world {
    struct fake_manager manager;
    sd_event *loop;
    struct agent_units *units;
};

static struct world world;

static int set_up(void **state)
{
    struct bl_error err = {0};

    fake_manager_start(&world.manager, UNITS);
    assert_int_equal(sd_event_new(&world.loop), 0);
    return agent_units_new(world.loop, world.manager.address, &world.units, &err);
}

static int tear_down(void **state)
{
    world.units = agent_units_free(world.units);
    world.loop = sd_event_unref(world.loop);
    fake_manager_end(&world.manager);
    return 0;
}

static void on_done(void *userdata, const struct agent_units_answer *answer)
{
    struct end *end = userdata;

    assert_false(end->is_there);
    *end = (struct end){.is_there = true, .end = answer->end, .state = answer->state};
    (void)snprintf(end->why, sizeof(end->why), "%s", answer->why);
}

static void wait_for(const struct end *end)
{
    while (!end->is_there)
        assert_true(sd_event_run(world.loop, PATIENCE_US) > 0);
}

static struct end run(const char *unit)
{
    struct agent_units_call *call;
    struct end end = {0};

    assert_int_equal(agent_units_run(world.units, unit, on_done, &end, &call), 0);
    wait_for(&end);
    return end;
}

static enum agent_unit_state state_of(const char *unit)
{
    struct agent_units_call *call;
    struct end end = {0};

    assert_int_equal(agent_units_state(world.units, unit, on_done, &end, &call), 0);
    wait_for(&end);
    assert_int_equal(end.end, AGENT_UNITS_OK);
    return end.state;
}

static void test_a_run_ends_as_its_job_does(void **state)
{
    assert_int_equal(run("good.service").end, AGENT_UNITS_OK);
    assert_int_equal(state_of("good.service"), AGENT_UNIT_ACTIVE);

    assert_int_equal(run("bad.service").end, AGENT_UNITS_FAILED);
    assert_string_equal(run("bad.service").why, "failed");
    assert_int_equal(state_of("bad.service"), AGENT_UNIT_INACTIVE);
}

/* Somebody's job for the same unit ends when ours replaces it: that is not the end of ours. */
static void test_the_end_of_another_job_of_the_unit_is_not_ours(void **state)
{
    const struct end end = run("wanted.service");

    assert_string_equal(end.why, "");
    assert_int_equal(end.end, AGENT_UNITS_OK);
}

static void test_a_call_that_is_dropped_is_not_heard_of(void **state)
{
    struct agent_units_call *call;
    struct end end = {0};

    assert_int_equal(agent_units_run(world.units, "good.service", on_done, &end, &call), 0);
    while (!fake_manager_heard(&world.manager, "StartUnit good.service"))
        assert_true(sd_event_run(world.loop, PATIENCE_US) > 0);
    assert_null(agent_units_drop(call));
    assert_int_equal(run("bad.service").end, AGENT_UNITS_FAILED);
    assert_false(end.is_there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_run_ends_as_its_job_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_end_of_another_job_of_the_unit_is_not_ours, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_call_that_is_dropped_is_not_heard_of, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
