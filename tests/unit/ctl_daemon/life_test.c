/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts whose journal goes back: what they reported is believed no longer, until they say it anew. */
#include "controller/daemon/host_life.h"
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/one_world.h"

enum {
    LOOK_TURNS = 100,
};

/* Web1 and web2 are committed, and both know that all of it was heard. */
static void complete_a_rollout(void)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];

    world_add_hosts(&world, 2);
    world_submit(&world, &wish, id);
    json_decref(world_wait_state(&world, "complete"));
    for (unsigned i = 0; i < 2; i++) {
        while (world.hosts[i].acknowledged < world.hosts[i].report_count)
            world_turn(&world);
    }
}

static struct ctl_fleet_host *known(const struct fake_host *host)
{
    return ctl_fleet_find(&world.engine->fleet, host->public_key);
}

/* Only when belayd has seen the end of the former connection: before, this could be a copy. */
static void come_again(struct fake_host *host)
{
    const unsigned welcomes = host->welcomes;

    fake_host_disconnect(host);
    while (ctl_fleet_is_connected(known(host)))
        world_turn(&world);
    fake_host_connect(host, world.config.listen, world.engine->public_key);
    fake_host_hello(host);
    while (host->welcomes == welcomes)
        world_turn(&world);
}

/* The host is as it was after so many reports, as a restored snapshot makes it. */
static void restore(struct fake_host *host, uint64_t report_count)
{
    host->report_count = host->acknowledged = report_count;
    host->job_state = report_count > 0 ? host->reports[report_count - 1].state : 0;
}

static unsigned count_audit(const char *verb)
{
    json_t *audit = world_ask_verb(&world, "audit");
    const json_t *rows = json_object_get(audit, "rows");
    unsigned count = 0;

    for (size_t i = 0; i < json_array_size(rows); i++) {
        if (strcmp(json_word(json_array_get(rows, i), "verb"), verb) == 0)
            count++;
    }
    json_decref(audit);
    return count;
}

static void assert_host(const char *name, const char *state, const char *code)
{
    json_t *status = world_ask_verb(&world, "status");

    assert_string_equal(json_word(json_host(status, name), "state"), state);
    assert_string_equal(json_word(json_host(status, name), "code"), code);
    json_decref(status);
}

static void assert_web1_went_back(void)
{
    json_t *status = world_ask_verb(&world, "status");

    assert_int_equal(json_number(status, "exit_code"), 3);
    assert_int_equal(json_number(json_object_get(status, "counts"), "lost"), 1);
    assert_int_equal(json_number(json_object_get(status, "counts"), "committed"), 1);
    json_decref(status);
    assert_host("web1", "lost", "went_back");
    assert_host("web2", "committed", "");
    assert_int_equal(count_audit("went_back"), 1);
}

static void test_fewer_reports_take_back_what_was_believed(void **state)
{
    complete_a_rollout();
    restore(&world.hosts[0], 2);
    come_again(&world.hosts[0]);
    assert_web1_went_back();
    /* It is told once: the same journal comes again over the next connection. */
    come_again(&world.hosts[0]);
    assert_web1_went_back();
    world_restart(&world);
    assert_web1_went_back();
}

static void test_nothing_is_taken_back_of_a_host_that_knows_all(void **state)
{
    complete_a_rollout();
    come_again(&world.hosts[0]);
    assert_int_equal(count_audit("went_back"), 0);
    assert_host("web1", "committed", "");
}

/* It had queued as many again before anybody asked, under numbers that were used. */
static void test_another_report_under_a_used_number_takes_it_back(void **state)
{
    struct fake_host *host = &world.hosts[0];

    complete_a_rollout();
    host->acknowledged = host->report_count = 2;
    fake_host_report(host, &(struct proto_report){.moment = PROTO_MOMENT_STATE,
                                                  .state = PROTO_JOB_STAGING,
                                                  .step = PROTO_STEP_BASELINE});
    while (host->acknowledged < host->report_count)
        world_turn(&world);
    assert_web1_went_back();
    world_restart(&world);
    assert_web1_went_back();
}

/* Its reports begin anew with the numbers that were used, and are believed. */
static void test_its_own_word_moves_it_on_again(void **state)
{
    struct fake_host *host = &world.hosts[0];

    complete_a_rollout();
    restore(host, 2);
    come_again(host);
    world_report(&world, host,
                 &(struct proto_report){.moment = PROTO_MOMENT_STATE,
                                        .state = PROTO_JOB_REVERTING,
                                        .code = "interrupted",
                                        .reason = "the change was broken off"});
    assert_host("web1", "reverting", "interrupted");
    world_report(&world, host,
                 &(struct proto_report){.moment = PROTO_MOMENT_STATE,
                                        .state = PROTO_JOB_REVERTED,
                                        .code = "interrupted",
                                        .reason = "the change was broken off"});
    assert_host("web1", "reverted", "interrupted");
    world_restart(&world);
    assert_host("web1", "reverted", "interrupted");
    assert_int_equal(count_audit("went_back"), 1);
    come_again(host); /* the numbers of its new life are what counts */
    assert_host("web1", "reverted", "interrupted");
    assert_int_equal(count_audit("went_back"), 1);
}

static void look(void)
{
    struct bl_error err = {0};

    assert_true(ctl_engine_begin(world.engine));
    assert_int_equal(ctl_host_life_look(world.engine, known(&world.hosts[0]), &err), 0);
    assert_true(ctl_engine_end(world.engine));
}

/* A connection that nobody ended: only its silence tells that no second machine is behind it. */
static void test_behind_a_dead_connection_it_is_judged_later(void **state)
{
    struct fake_host *before = &world.hosts[0], *restored = &world.hosts[2];

    complete_a_rollout();
    *restored = *before;
    restored->socket = NULL;
    before->answers_nothing = true;
    restore(restored, 2);
    world.host_count = 3;
    fake_host_connect(restored, world.config.listen, world.engine->public_key);
    restored->welcomes = 0;
    fake_host_hello(restored);
    while (restored->welcomes == 0)
        world_turn(&world);
    assert_host("web1", "committed", "");
    look();
    assert_host("web1", "committed", "");
    look();
    assert_web1_went_back();
}

/* Two machines with one key: which of them speaks nobody knows, so nothing is taken back. */
static void test_a_clone_takes_nothing_back(void **state)
{
    struct fake_host *original = &world.hosts[0], *clone = &world.hosts[2];

    complete_a_rollout();
    *clone = *original;
    clone->socket = NULL;
    clone->report_count = clone->acknowledged = 0;
    world.host_count = 3;
    fake_host_connect(clone, world.config.listen, world.engine->public_key);
    fake_host_hello(clone);
    while (!known(original)->held)
        world_turn(&world);
    for (unsigned i = 0; i < LOOK_TURNS; i++)
        world_turn(&world);
    look();
    look();
    assert_int_equal(known(original)->life, 0);
    assert_int_equal(count_audit("went_back"), 0);
    assert_host("web1", "committed", "");
}

#define LIFE_TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIFE_TEST(test_fewer_reports_take_back_what_was_believed),
        LIFE_TEST(test_nothing_is_taken_back_of_a_host_that_knows_all),
        LIFE_TEST(test_another_report_under_a_used_number_takes_it_back),
        LIFE_TEST(test_its_own_word_moves_it_on_again),
        LIFE_TEST(test_behind_a_dead_connection_it_is_judged_later),
        LIFE_TEST(test_a_clone_takes_nothing_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
