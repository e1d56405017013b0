/* SPDX-License-Identifier: Apache-2.0 */
/* A change freeze over the whole controller, from the control socket to the hosts. */
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/world.h"

static struct world world;

static int set_up(void **state)
{
    world_open(&world);
    world_set_trust(&world, 1);
    return 0;
}

static int tear_down(void **state)
{
    world_close(&world);
    return 0;
}

static void turn_a_while(void)
{
    for (unsigned i = 0; i < 50; i++)
        world_turn(&world);
}

static const char *first_hold(const json_t *status, const char *key)
{
    return json_word(json_array_get(json_object_get(status, "holds"), 0), key);
}

static void test_nothing_starts_until_it_is_taken_back(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *answer, *info;

    world_add_hosts(&world, 2);
    answer = world_ask(&world, json_pack("{s:s, s:s}", "verb", "freeze", "reason", "year's end"));
    assert_string_equal(json_word(json_object_get(answer, "freeze"), "reason"), "year's end");
    json_decref(answer);
    world_submit(&world, &wish, id); /* it may be signed and staged */
    while (world.hosts[0].job_state != PROTO_JOB_READY)
        world_turn(&world);
    turn_a_while();
    assert_int_equal(world.hosts[0].starts, 0);
    answer = world_ask_verb(&world, "status");
    assert_string_equal(json_word(answer, "state"), "staging");
    assert_string_equal(first_hold(answer, "code"), "freeze");
    info = world_ask_verb(&world, "info");
    assert_string_equal(json_word(json_object_get(info, "freeze"), "reason"), "year's end");
    json_decref(info);
    assert_non_null(strstr(first_hold(answer, "reason"), "year's end"));
    assert_true(json_is_null(json_object_get(answer, "exit_code"))); /* nobody is asked */
    assert_true(json_is_object(json_object_get(answer, "freeze")));
    json_decref(answer);

    world_restart(&world);
    for (unsigned i = 0; i < 2; i++) {
        fake_host_disconnect(&world.hosts[i]);
        fake_host_connect(&world.hosts[i], world.config.listen, world.engine->public_key);
        fake_host_hello(&world.hosts[i]);
    }
    turn_a_while();
    assert_int_equal(world.hosts[0].starts, 0);
    answer = world_ask_verb(&world, "unfreeze");
    assert_true(json_is_null(json_object_get(answer, "freeze")));
    json_decref(answer);
    json_decref(world_wait_state(&world, "complete"));
}

static void test_it_ends_by_itself(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *answer;

    world_add_hosts(&world, 2);
    answer = world_ask(&world, json_pack("{s:s, s:i}", "verb", "freeze", "for_ms", 400));
    assert_true(json_is_string(json_object_get(json_object_get(answer, "freeze"), "until")));
    json_decref(answer);
    world_submit(&world, &wish, id);
    answer = world_wait_state(&world, "complete");
    assert_true(json_is_null(json_object_get(answer, "freeze")));
    json_decref(answer);
}

static void test_only_what_makes_sense_is_taken(void **state)
{
    json_t *answer = world_ask(&world, json_pack("{s:s, s:i}", "verb", "freeze", "for_ms", -5));

    assert_string_equal(json_word(answer, "code"), "bad_request");
    json_decref(answer);
    answer = world_ask(
        &world, json_pack("{s:s, s:o}", "verb", "freeze", "reason", json_sprintf("%0300d", 0)));
    assert_string_equal(json_word(answer, "code"), "bad_request");
    json_decref(answer);
    answer = world_ask_verb(&world, "unfreeze"); /* without one it does nothing */
    assert_true(json_is_true(json_object_get(answer, "ok")));
    json_decref(answer);
}

static void assert_audited(const char *detail)
{
    json_t *audit = world_ask_verb(&world, "audit");
    const json_t *rows = json_object_get(audit, "rows");

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        if (strcmp(json_word(row, "verb"), "freeze") == 0 &&
            strcmp(json_word(row, "detail"), detail) == 0) {
            json_decref(audit);
            return;
        }
    }
    fail_msg("no freeze '%s' is on record", detail);
}

static void test_the_audit_has_its_end(void **state)
{
    char detail[128];
    json_t *answer;

    json_decref(world_ask(&world, json_pack("{s:s, s:s}", "verb", "freeze", "reason", "audit")));
    assert_audited("until unfreeze: audit");
    answer = world_ask(&world, json_pack("{s:s, s:i}", "verb", "freeze", "for_ms", 60000));
    (void)snprintf(detail, sizeof(detail), "until %s",
                   json_word(json_object_get(answer, "freeze"), "until"));
    json_decref(answer);
    assert_audited(detail);
}

#define IN_A_WORLD(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(test_nothing_starts_until_it_is_taken_back),
        IN_A_WORLD(test_it_ends_by_itself),
        IN_A_WORLD(test_only_what_makes_sense_is_taken),
        IN_A_WORLD(test_the_audit_has_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
