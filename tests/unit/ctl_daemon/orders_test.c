/* SPDX-License-Identifier: Apache-2.0 */
/* What people order twice has one effect, and the second answer says that it was so already. */
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/world.h"

static struct world world;

static int open_world(void **state)
{
    world_open(&world);
    world_set_trust(&world, 1);
    world_add_hosts(&world, 2);
    return 0;
}

static int close_world(void **state)
{
    world_close(&world);
    return 0;
}

static int count_event(void *userdata, const struct ctl_rollout_event *event, struct bl_wall at,
                       struct bl_error *err)
{
    unsigned *count = userdata;

    (*count)++;
    return 0;
}

static unsigned stored_events(void)
{
    struct bl_error err = {0};
    unsigned count = 0;

    assert_int_equal(ctl_store_each_event(world.engine->store, world.engine->runs[0]->id,
                                          count_event, &count, &err),
                     0);
    return count;
}

/* The status that comes back; asserts whether it says that it was so already. */
static json_t *order(const char *verb, bool was_so)
{
    json_t *answer = world_ask_verb(&world, verb);

    if (!json_is_true(json_object_get(answer, "ok")))
        fail_msg("%s: %s", verb, json_word(answer, "error"));
    assert_true(json_is_boolean(json_object_get(answer, "already")));
    assert_int_equal(json_is_true(json_object_get(answer, "already")), was_so);
    return answer;
}

/* One order and the same again, which changes nothing that is seen. */
static void order_twice(const char *verb, bool is_paused)
{
    json_t *first = order(verb, false), *second;
    unsigned events = stored_events();

    assert_int_equal(json_is_true(json_object_get(first, "paused")), is_paused);
    second = order(verb, true);
    assert_string_equal(json_word(second, "state"), json_word(first, "state"));
    assert_string_equal(json_word(second, "reason"), json_word(first, "reason"));
    assert_int_equal(json_is_true(json_object_get(second, "paused")), is_paused);
    assert_true(json_equal(json_object_get(first, "counts"), json_object_get(second, "counts")));
    assert_int_equal(stored_events(), events);
    json_decref(first);
    json_decref(second);
}

static void test_pause_resume_and_abort_said_twice(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];

    world.hosts[0].end = FAKE_SILENT; /* it is under way all the while */
    world_submit(&world, &wish, id);
    while (world.hosts[0].starts == 0)
        world_turn(&world);
    order_twice("pause", true);
    order_twice("resume", false);
    order_twice("abort", false);
    assert_int_equal(world.hosts[0].starts, 1);
    assert_int_equal(world.hosts[1].starts, 0);
}

/* Also when the first one has ended it: who repeats an order has not made a mistake. */
static void test_abort_of_what_was_aborted(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];

    world.hosts[0].answers_nothing = true;
    world_submit(&world, &wish, id);
    json_decref(order("abort", false));
    json_decref(world_wait_state(&world, "aborted"));
    json_decref(order("abort", true));
    json_decref(world_wait_state(&world, "aborted"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pause_resume_and_abort_said_twice, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_abort_of_what_was_aborted, open_world, close_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
