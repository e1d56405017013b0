/* SPDX-License-Identifier: Apache-2.0 */
/* What was taken back is not installed again until a person lifts it. */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/one_world.h"

static json_t *lift(void)
{
    return world_ask(&world, json_pack("{s:s, s:s, s:s}", "verb", "deny.lift", "package", "nginx",
                                       "version", "2"));
}

static void assert_denied_count(size_t count)
{
    json_t *answer = world_ask_verb(&world, "deny.list");

    assert_int_equal(json_array_size(json_object_get(answer, "denied")), count);
    json_decref(answer);
}

static void assert_submission(uint8_t number, const char *code, const char *next)
{
    struct submission_wish wish = world_two_waves(&world);
    json_t *answer;

    wish.number = number;
    answer = world_ask(&world, world_submission(&world, &wish));
    assert_string_equal(json_word(answer, "code"), code);
    assert_string_equal(json_word(answer, "next"), next);
    json_decref(answer);
}

static void roll_out(uint8_t number, const char *state, char ret_id[17])
{
    struct submission_wish wish = world_two_waves(&world);

    wish.number = number;
    world_submit(&world, &wish, ret_id);
    json_decref(world_wait_state(&world, state));
}

static void test_versions_that_hosts_took_back_are_denied_until_lifted(void **state)
{
    const json_t *row;
    json_t *answer;
    char id[17], *text;

    world.hosts[0].end = FAKE_REVERTS;
    roll_out(1, "halted", id);
    answer = world_ask_verb(&world, "deny.list");
    assert_int_equal(json_array_size(json_object_get(answer, "denied")), 1);
    row = json_array_get(json_object_get(answer, "denied"), 0);
    assert_string_equal(json_word(row, "package"), "nginx");
    assert_string_equal(json_word(row, "version"), "2");
    assert_string_equal(json_word(row, "rollout"), id);
    assert_string_equal(json_word(row, "cause"), "web1 went back: nginx.service is not active");
    assert_int_equal(json_number(row, "uid"), -1);
    json_decref(answer);
    assert_submission(2, "denied", "belay deny lift nginx=2");

    answer = lift();
    assert_int_equal(json_number(answer, "lifted_count"), 1);
    json_decref(answer);
    world_restart(&world); /* and whoever goes on with this rollout lets lifted be lifted */
    json_decref(world_ask_verb(&world, "rollback"));
    json_decref(world_wait_state(&world, "rolled_back"));
    assert_denied_count(0);
    answer = world_ask_verb(&world, "audit");
    text = json_dumps(answer, 0);
    assert_non_null(strstr(text, "deny.lift"));
    assert_non_null(strstr(text, "deny.add"));
    free(text);
    assert_true(json_is_true(json_object_get(answer, "verified")));
    json_decref(answer);
}

static void test_what_people_took_back_is_denied_at_once(void **state)
{
    json_t *answer;
    char id[17];

    roll_out(1, "complete", id);
    assert_denied_count(0);
    world.hosts[0].answers_nothing = world.hosts[1].answers_nothing = true;
    json_decref(world_ask_verb(&world, "rollback"));
    json_decref(world_wait_state(&world, "rolling_back"));
    assert_denied_count(1); /* not only when the last host is back */
    answer = world_ask(&world, json_pack("{s:s, s:s}", "verb", "deny.lift", "rollout", id));
    assert_int_equal(json_number(answer, "lifted_count"), 1);
    json_decref(answer);
    assert_denied_count(0);
}

static void test_a_host_that_never_changed_denies_nothing(void **state)
{
    char id[17];

    world.hosts[0].end = FAKE_BLOCKS;
    roll_out(1, "halted", id);
    assert_denied_count(0);
}

/* It was started, and turned back while it was being isolated: no package was touched. */
static void test_a_host_that_turned_back_before_its_package_run_denies_nothing(void **state)
{
    static const uint32_t states[] = {PROTO_JOB_ISOLATING, PROTO_JOB_REVERTING, PROTO_JOB_REVERTED};
    const struct submission_wish wish = world_two_waves(&world);
    struct fake_host *host = &world.hosts[0];
    json_t *status;
    char id[17];

    host->end = FAKE_SILENT;
    world_submit(&world, &wish, id);
    while (host->starts == 0)
        world_turn(&world);
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        world_report(&world, host,
                     &(struct proto_report){.moment = PROTO_MOMENT_STATE, .state = states[i]});
    status = world_wait_state(&world, "halted");
    assert_string_equal(json_word(json_host(status, "web1"), "state"), "reverted");
    json_decref(status);
    assert_denied_count(0);
}

static void test_one_host_taken_back_proves_too_little(void **state)
{
    struct submission_wish wish = world_two_waves(&world);
    char id[17];

    wish.failures_allowed = 1;
    world.hosts[0].end = FAKE_REVERTS;
    world_submit(&world, &wish, id);
    json_decref(world_wait_state(&world, "complete"));
    assert_denied_count(0);
}

static void test_people_deny_and_lift_by_hand(void **state)
{
    json_t *request = json_pack("{s:s, s:s, s:s, s:s}", "verb", "deny.add", "package", "nginx",
                                "version", "2", "reason", "breaks the shop");
    json_t *answer;

    json_decref(world_ask(&world, json_incref(request)));
    json_decref(world_ask(&world, json_incref(request))); /* twice is once */
    assert_denied_count(1);
    assert_submission(1, "denied", "belay deny lift nginx=2");
    json_decref(lift());
    assert_denied_count(0);
    answer = lift();
    assert_string_equal(json_word(answer, "code"), "not_found");
    json_decref(answer);
    json_decref(world_ask(&world, request)); /* and anew after it was lifted */
    assert_denied_count(1);
    answer = world_ask(
        &world, json_pack("{s:s, s:s, s:s}", "verb", "deny.add", "package", "a b", "version", "2"));
    assert_string_equal(json_word(answer, "code"), "bad_request");
    json_decref(answer);
    json_decref(lift());
    assert_submission(1, "", "");
}

static json_t *status_of(const char *id)
{
    return world_ask(&world, json_pack("{s:s, s:s}", "verb", "status", "rollout", id));
}

static void assert_paused(const char *id, bool is_paused)
{
    json_t *status = status_of(id);

    assert_int_equal(json_is_true(json_object_get(status, "paused")), is_paused);
    json_decref(status);
}

static void assert_pause_is_told(const char *id)
{
    json_t *audit = world_ask_verb(&world, "audit"), *row;
    bool is_there = false;
    size_t i;

    json_array_foreach (json_object_get(audit, "rows"), i, row)
        is_there = is_there || (strcmp(json_word(row, "verb"), "pause") == 0 &&
                                strcmp(json_word(row, "subject"), id) == 0 &&
                                strcmp(json_word(row, "detail"), "nginx=2 is denied") == 0 &&
                                json_number(row, "uid") == -1);
    assert_true(is_there);
    json_decref(audit);
}

/* Two rollouts of the same version: what one takes back the other does not go on with. */
static void test_other_rollouts_do_not_go_on_with_what_was_taken_back(void **state)
{
    struct submission_wish wish = world_two_waves(&world);
    char other[17], id[17];
    json_t *answer;

    (void)world_add_host(&world, "web3");
    (void)world_add_host(&world, "db1");
    wish.number = 1;
    wish.first_host = 2;
    world.hosts[2].end = FAKE_SILENT;
    world_submit(&world, &wish, other);
    while (world.hosts[2].starts == 0)
        world_turn(&world);
    assert_paused(other, false);
    world.hosts[0].end = FAKE_REVERTS;
    wish.number = 2;
    wish.first_host = 0;
    world_submit(&world, &wish, id);
    json_decref(world_wait_state(&world, "halted"));
    assert_paused(other, true);
    assert_pause_is_told(other);
    assert_paused(id, false);
    world_restart(&world);
    assert_paused(other, true);
    answer = world_ask(&world, json_pack("{s:s, s:s}", "verb", "resume", "rollout", other));
    assert_true(json_is_true(json_object_get(answer, "ok"))); /* a person looked into it */
    json_decref(answer);
    assert_paused(other, false);
}

static void test_what_people_deny_pauses_who_would_install_it(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    static const char *const versions[] = {"3", "2"};
    char id[17];

    world.hosts[0].end = FAKE_SILENT;
    world_submit(&world, &wish, id);
    while (world.hosts[0].starts == 0)
        world_turn(&world);
    for (size_t i = 0; i < 2; i++) {
        json_decref(world_ask(&world, json_pack("{s:s, s:s, s:s}", "verb", "deny.add", "package",
                                                "nginx", "version", versions[i])));
        assert_paused(id, strcmp(versions[i], "2") == 0);
    }
    assert_pause_is_told(id);
}

#define DENY_TEST(name) cmocka_unit_test_setup_teardown(name, open_world_of_two, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DENY_TEST(test_versions_that_hosts_took_back_are_denied_until_lifted),
        DENY_TEST(test_what_people_took_back_is_denied_at_once),
        DENY_TEST(test_a_host_that_never_changed_denies_nothing),
        DENY_TEST(test_a_host_that_turned_back_before_its_package_run_denies_nothing),
        DENY_TEST(test_one_host_taken_back_proves_too_little),
        DENY_TEST(test_people_deny_and_lift_by_hand),
        DENY_TEST(test_other_rollouts_do_not_go_on_with_what_was_taken_back),
        DENY_TEST(test_what_people_deny_pauses_who_would_install_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
