/* SPDX-License-Identifier: Apache-2.0 */
/* What belayd can tell of hosts and rollouts beside their state: leases, the audit. */
#include <errno.h>
#include <sqlite3.h>

#include "controller/daemon/check.h"
#include "controller/daemon/setup.h"
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/one_world.h"

static void test_leases_are_shown_until_given_back(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *leases;

    world_add_hosts(&world, 2);
    world.hosts[0].end = FAKE_SILENT;
    world_submit(&world, &wish, id);
    while (world.hosts[0].starts == 0)
        world_turn(&world);
    fake_host_report(&world.hosts[0], &(struct proto_report){.moment = PROTO_MOMENT_BEGIN,
                                                             .state = PROTO_JOB_ISOLATING,
                                                             .step = PROTO_STEP_SSH_LOCK});
    while (world.hosts[0].acknowledged < world.hosts[0].report_count)
        world_turn(&world);
    leases = world_ask_verb(&world, "leases");
    assert_int_equal(json_array_size(json_object_get(leases, "leases")), 1);
    assert_string_equal(json_word(json_array_get(json_object_get(leases, "leases"), 0), "lease"),
                        "ssh_lock");
    json_decref(leases);
    fake_host_report(&world.hosts[0], &(struct proto_report){.moment = PROTO_MOMENT_END,
                                                             .state = PROTO_JOB_REVERTING,
                                                             .step = PROTO_STEP_SSH_UNLOCK,
                                                             .result = PROTO_RESULT_OK});
    while (world.hosts[0].acknowledged < world.hosts[0].report_count)
        world_turn(&world);
    leases = world_ask_verb(&world, "leases");
    assert_int_equal(json_array_size(json_object_get(leases, "leases")), 0);
    json_decref(leases);
}

/* Also after its rollout has ended, and belayd has started again. */
static void test_a_lease_outlives_its_rollout(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *leases;

    world_add_hosts(&world, 2);
    world.hosts[0].end = FAKE_SILENT;
    world_submit(&world, &wish, id);
    while (world.hosts[0].starts == 0)
        world_turn(&world);
    world_report(&world, &world.hosts[0],
                 &(struct proto_report){.moment = PROTO_MOMENT_BEGIN,
                                        .state = PROTO_JOB_ISOLATING,
                                        .step = PROTO_STEP_SSH_LOCK});
    world_report(
        &world, &world.hosts[0],
        &(struct proto_report){.moment = PROTO_MOMENT_STATE, .state = PROTO_JOB_REVERT_FAILED});
    json_decref(world_wait_state(&world, "halted"));
    world_restart(&world);
    leases = world_ask_verb(&world, "leases");
    assert_int_equal(json_array_size(json_object_get(leases, "leases")), 1);
    assert_string_equal(json_word(json_array_get(json_object_get(leases, "leases"), 0), "host"),
                        "web1");
    json_decref(leases);
}

static void test_the_audit_of_a_rollout_is_found_behind_other_rows(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *audit;

    world_add_hosts(&world, 2);
    world_submit(&world, &wish, id);
    json_decref(world_wait_state(&world, "complete"));
    for (unsigned i = 0; i < 3; i++)
        json_decref(world_ask(&world, json_pack("{s:s, s:s, s:{s:s}}", "verb", "hosts.label",
                                                "host", "web1", "set", "role", "web")));
    audit =
        world_ask(&world, json_pack("{s:s, s:s, s:i}", "verb", "audit", "rollout", id, "limit", 2));
    assert_int_equal(json_array_size(json_object_get(audit, "rows")), 1);
    assert_string_equal(json_word(json_array_get(json_object_get(audit, "rows"), 0), "verb"),
                        "submit");
    json_decref(audit);
}

static void change_store(const char *sql)
{
    char path[TEMP_BYTES + sizeof("/" CTL_SETUP_STORE_NAME)];
    sqlite3 *db = NULL;

    (void)snprintf(path, sizeof(path), "%s/" CTL_SETUP_STORE_NAME, world.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Each is named, and a start says so instead of being tried for ever. */
static void test_every_damaged_rollout_is_found(void **state)
{
    static const char no_approval[] =
        "INSERT INTO approvals (rollout, received_ms, uid, person, file)"
        " SELECT id, 1, 0, 'anna', x'00' FROM rollouts WHERE number = 3";
    static const char *const damages[] = {
        "UPDATE rollouts SET manifest = x'00' WHERE number = 1",
        "UPDATE rollouts SET policy = x'00' WHERE number = 2",
        no_approval,
    };
    struct submission_wish wish = world_two_waves(&world);
    struct ctl_check_result result;
    struct bl_error err = {0};
    char id[17];

    world_add_hosts(&world, 2);
    for (wish.number = 1; wish.number <= 2; wish.number++) {
        world_submit(&world, &wish, id);
        json_decref(world_wait_state(&world, "complete"));
    }
    world_submit(&world, &wish, id); /* stays open */
    world.control = ctl_control_close(world.control);
    world.engine = ctl_engine_close(world.engine);
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        change_store(damages[i]);
        assert_int_equal(ctl_check_state(world.dir, &result, &err), 0);
        assert_int_equal(result.problems_count, i + 1);
    }
    assert_int_equal(ctl_engine_open(&world.config, world.event, &world.engine, &err), -EUCLEAN);
}

#define RECORDS_TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECORDS_TEST(test_leases_are_shown_until_given_back),
        RECORDS_TEST(test_a_lease_outlives_its_rollout),
        RECORDS_TEST(test_the_audit_of_a_rollout_is_found_behind_other_rows),
        RECORDS_TEST(test_every_damaged_rollout_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
