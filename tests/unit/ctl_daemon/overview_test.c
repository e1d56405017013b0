/* SPDX-License-Identifier: Apache-2.0 */
/* What a person asks first: which rollouts are open, what waits for me, what would going on touch. */
#include <string.h>

#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/one_world.h"

static void label(const char *host, const char *key, const char *value)
{
    json_t *answer = world_ask(&world, json_pack("{s:s, s:s, s:{s:s}}", "verb", "hosts.label",
                                                 "host", host, "set", key, value));

    assert_true(json_is_true(json_object_get(answer, "ok")));
    json_decref(answer);
}

static json_t *rows(json_t **ret_answer)
{
    *ret_answer = world_ask_verb(&world, "overview");

    return json_object_get(*ret_answer, "rollouts");
}

static void test_tells_what_is_open_and_what_waits(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *answer, *status;
    const json_t *row;

    world_add_hosts(&world, 2);
    assert_int_equal(json_array_size(rows(&answer)), 0);
    json_decref(answer);
    world.hosts[1].answers_nothing = true; /* the second wave can't be ready yet */
    world_submit(&world, &wish, id);
    while (world.hosts[0].commits == 0)
        world_turn(&world);
    row = json_array_get(rows(&answer), 0);
    assert_string_equal(json_word(row, "rollout"), id);
    assert_true(json_is_false(json_object_get(row, "waits")));
    assert_int_equal(json_number(row, "waves_count"), 2);
    assert_int_equal(json_number(row, "hosts_count"), 2);
    json_decref(answer);

    json_decref(world_ask_verb(&world, "pause"));
    row = json_array_get(rows(&answer), 0);
    assert_true(json_is_true(json_object_get(row, "waits")));
    assert_memory_equal(json_word(row, "next"), "belay resume", strlen("belay resume"));
    assert_non_null(strstr(json_word(row, "reason"), "paused"));
    json_decref(answer);

    json_decref(world_ask_verb(&world, "abort"));
    status = world_wait_state(&world, "aborted");
    json_decref(status);
    assert_int_equal(json_array_size(rows(&answer)), 0);
    json_decref(answer);
}

static void test_a_waiting_wave_tells_what_it_would_touch(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *status;
    const json_t *blast;

    world_add_hosts(&world, 2);
    world_add_host(&world, "web3");
    label("web1", "tier", "front");
    label("web2", "tier", "front");
    label("web3", "tier", "front");
    label("web2", "zone", "b");
    world.hosts[0].answers_nothing = world.hosts[1].answers_nothing = true;
    world_submit(&world, &wish, id);
    status = world_ask_verb(&world, "status");
    blast = json_object_get(status, "blast");
    assert_int_equal(json_number(blast, "wave"), 1);
    assert_int_equal(json_number(blast, "hosts_count"), 1);
    assert_non_null(strstr(json_word(blast, "text"), "going on touches 1 host, "));
    json_decref(status);

    json_decref(world_ask_verb(&world, "abort"));
    status = world_wait_state(&world, "aborted");
    assert_true(json_is_null(json_object_get(status, "blast")));
    json_decref(status);
}

static void test_leases_are_counted_until_they_are_given_back(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    static const struct {
        uint32_t step, moment, result;
        int ssh_lock, quiesce;
    } told[] = {
        {PROTO_STEP_QUIESCE, PROTO_MOMENT_BEGIN, 0, 0, 1},
        {PROTO_STEP_QUIESCE, PROTO_MOMENT_END, PROTO_RESULT_OK, 0, 1},
        {PROTO_STEP_SSH_LOCK, PROTO_MOMENT_BEGIN, 0, 1, 1},
        {PROTO_STEP_SSH_UNLOCK, PROTO_MOMENT_END, PROTO_RESULT_FAILED, 1, 1},
        {PROTO_STEP_SSH_UNLOCK, PROTO_MOMENT_END, PROTO_RESULT_OK, 0, 1},
        {PROTO_STEP_RESUME, PROTO_MOMENT_END, PROTO_RESULT_OK, 0, 0},
    };
    char id[17];

    world_add_hosts(&world, 2);
    world.hosts[0].end = FAKE_SILENT;
    world_submit(&world, &wish, id);
    while (world.hosts[0].starts == 0)
        world_turn(&world);
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        const json_t *leases;
        json_t *status;

        world_report(&world, &world.hosts[0],
                     &(struct proto_report){.moment = told[i].moment,
                                            .step = told[i].step,
                                            .result = told[i].result,
                                            .state = PROTO_JOB_CHANGING});
        status = world_ask_verb(&world, "status");
        leases = json_object_get(status, "leases");
        assert_int_equal(json_number(leases, "ssh_lock"), told[i].ssh_lock);
        assert_int_equal(json_number(leases, "quiesce"), told[i].quiesce);
        json_decref(status);
    }
}

static void test_why_names_rule_mover_and_deadline(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *why;

    world_add_hosts(&world, 2);
    world.hosts[0].end = FAKE_SILENT;
    world_submit(&world, &wish, id);
    while (world.hosts[0].starts == 0)
        world_turn(&world);
    for (int i = 0; i < 2; i++) {
        why = world_ask(&world,
                        json_pack("{s:s, s:s}", "verb", "why", "subject", i == 0 ? "web1" : id));
        assert_string_equal(json_word(why, "state"), "running");
        assert_true(strlen(json_word(why, "rule")) > 10);
        assert_true(strlen(json_word(why, "moves")) > 10);
        assert_int_equal(strlen(json_word(why, "deadline")), strlen("2026-11-21T06:40:00.123Z"));
        json_decref(why);
    }
    json_decref(world_ask_verb(&world, "rollback"));
    world_report(
        &world, &world.hosts[0],
        &(struct proto_report){.moment = PROTO_MOMENT_STATE, .state = PROTO_JOB_REVERT_FAILED});
    why = world_ask(&world, json_pack("{s:s, s:s}", "verb", "why", "subject", "web1"));
    assert_string_equal(json_word(why, "state"), "revert_failed");
    assert_non_null(strstr(json_word(why, "next"), "--host web1"));
    json_decref(why);
}

#define OVERVIEW_TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVERVIEW_TEST(test_tells_what_is_open_and_what_waits),
        OVERVIEW_TEST(test_a_waiting_wave_tells_what_it_would_touch),
        OVERVIEW_TEST(test_leases_are_counted_until_they_are_given_back),
        OVERVIEW_TEST(test_why_names_rule_mover_and_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
