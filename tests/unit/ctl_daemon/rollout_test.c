/* SPDX-License-Identifier: Apache-2.0 */
/* Whole rollouts through the daemon: from the control socket to hosts on the wire and back. */
#include <sodium.h>

#include "controller/daemon/client.h"
#include "controller/daemon/store_db.h"
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/one_world.h"

static void assert_counts_add_up(const json_t *status)
{
    json_t *count;
    const char *name;
    int64_t sum = 0;

    json_object_foreach (json_object_get(status, "counts"), name, count) {
        sum += json_integer_value(count);
    }
    assert_int_equal(sum, json_number(status, "hosts_count"));
    assert_int_equal(json_object_size(json_object_get(status, "counts")), CTL_HOST_STATE_LAST);
}

static void test_a_good_rollout_goes_through_all_waves(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *status, *report;
    const json_t *steps;

    world_add_hosts(&world, 2);
    world.hosts[1].clock_offset_ms = 3600 * 1000; /* an hour ahead: the report corrects it */
    fake_host_disconnect(&world.hosts[1]);
    fake_host_connect(&world.hosts[1], world.config.listen, world.engine->public_key);
    fake_host_hello(&world.hosts[1]);
    world_submit(&world, &wish, id);
    status = world_wait_state(&world, "complete");
    assert_string_equal(json_word(status, "rollout"), id);
    assert_int_equal(json_number(status, "exit_code"), 0);
    assert_true(json_is_true(json_object_get(status, "final")));
    assert_counts_add_up(status);
    assert_int_equal(json_number(json_object_get(status, "counts"), "committed"), 2);
    json_decref(status);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(world.hosts[i].starts, 1);
        assert_int_equal(world.hosts[i].commits, 1);
        assert_int_equal(world.hosts[i].proof_failures, 0);
    }

    report = world_ask_verb(&world, "report");
    steps = json_object_get(json_host(report, "web2"), "steps");
    assert_int_equal(json_array_size(steps), 5);
    assert_string_equal(json_word(json_array_get(steps, 2), "name"), "upgrade");
    assert_string_equal(json_word(json_array_get(steps, 2), "result"), "ok");
    /* Both began within the same seconds by one clock, though one says it is an hour later. */
    assert_memory_equal(
        json_word(json_array_get(json_object_get(json_host(report, "web1"), "steps"), 0), "start"),
        json_word(json_array_get(steps, 0), "start"), strlen("2026-11-21T06"));
    assert_true(json_number(json_host(report, "web2"), "clock_offset_ms") > 3599 * 1000);
    assert_true(json_is_null(json_object_get(json_host(report, "web2"), "cause")));
    json_decref(report);
}

static void test_a_bad_host_stops_the_waves_after_it(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *status, *report;
    const json_t *cause;

    world_add_hosts(&world, 2);
    world.hosts[0].end = FAKE_REVERTS;
    world_submit(&world, &wish, id);
    status = world_wait_state(&world, "halted");
    assert_int_equal(json_number(status, "exit_code"), 3);
    assert_counts_add_up(status);
    assert_string_equal(json_word(json_host(status, "web1"), "state"), "reverted");
    assert_string_equal(json_word(json_host(status, "web1"), "grade"), "functional");
    assert_string_equal(json_word(json_host(status, "web1"), "code"), "service_down");
    assert_string_equal(json_word(json_host(status, "web2"), "state"), "cancelled");
    assert_int_equal(world.hosts[1].starts, 0);
    json_decref(status);
    report = world_ask_verb(&world, "report");
    cause = json_object_get(json_host(report, "web1"), "cause");
    assert_string_equal(json_word(cause, "code"), "service_down");
    assert_string_equal(json_word(cause, "reason"), "nginx.service is not active");
    json_decref(report);
}

static void test_a_restart_in_the_middle_goes_on(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *status;

    world_add_hosts(&world, 2);
    world.hosts[0].end = FAKE_SILENT; /* takes START, and then the controller dies */
    world_submit(&world, &wish, id);
    json_decref(world_wait_state(&world, "running"));
    while (world.hosts[0].starts == 0)
        world_turn(&world);
    world.hosts[0].end = FAKE_COMMITS;
    world_restart(&world);
    for (unsigned i = 0; i < 2; i++) { /* the couriers notice, and build new connections */
        fake_host_disconnect(&world.hosts[i]);
        fake_host_connect(&world.hosts[i], world.config.listen, world.engine->public_key);
        fake_host_hello(&world.hosts[i]);
    }
    status = world_wait_state(&world, "complete");
    assert_string_equal(json_word(status, "rollout"), id);
    assert_int_equal(world.hosts[0].starts, 2); /* repeated, since it may not have arrived */
    assert_int_equal(world.hosts[0].commits, 1);
    json_decref(status);
    world_restart(&world); /* and what has ended is as it was */
    status = world_wait_state(&world, "complete");
    assert_int_equal(json_number(json_object_get(status, "counts"), "committed"), 2);
    json_decref(status);
}

static void test_doubles_of_reports_change_nothing(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *before, *after;

    world_add_hosts(&world, 2);
    world_submit(&world, &wish, id);
    json_decref(world_wait_state(&world, "complete"));
    while (world.hosts[0].acknowledged < world.hosts[0].report_count)
        world_turn(&world);
    before = world_ask_verb(&world, "report");
    world.hosts[0].acknowledged = 0; /* it forgot: all come again */
    fake_host_send_again(&world.hosts[0]);
    while (world.hosts[0].acknowledged < world.hosts[0].report_count)
        world_turn(&world);
    after = world_ask_verb(&world, "report");
    assert_true(json_equal(json_host(before, "web1"), json_host(after, "web1")));
    json_decref(before);
    json_decref(after);
}

static int count_report(void *userdata, const struct ctl_store_report *report, struct bl_error *err)
{
    (*(unsigned *)userdata)++;
    return 0;
}

static unsigned stored_reports(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES])
{
    struct bl_error err = {0};
    unsigned count = 0;

    assert_int_equal(
        ctl_store_each_report(world.engine->store, rollout_id, count_report, &count, &err), 0);
    return count;
}

/* A host that was taken over can't fill the controller's disk with words. */
static void test_what_a_host_may_say_is_bounded(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    const struct proto_report note = {.moment = PROTO_MOMENT_STATE, .state = PROTO_JOB_READY};
    const uint8_t unknown_id[PROTO_ROLLOUT_ID_BYTES] = {0xee};
    uint8_t known_id[PROTO_ROLLOUT_ID_BYTES];
    struct ctl_run_host *members;
    unsigned before;
    char id[17];

    world_add_hosts(&world, 2);
    world.hosts[0].end = FAKE_SILENT;
    world_submit(&world, &wish, id);
    while (world.hosts[0].starts == 0)
        world_turn(&world);
    memcpy(known_id, world.hosts[0].rollout_id, sizeof(known_id));
    memcpy(world.hosts[0].rollout_id, unknown_id, sizeof(unknown_id));
    world_report(&world, &world.hosts[0], &note); /* acknowledged, so that it comes no more */
    assert_int_equal(stored_reports(unknown_id), 0);

    memcpy(world.hosts[0].rollout_id, known_id, sizeof(known_id));
    members = world.engine->runs[0]->members;
    before = stored_reports(known_id);
    assert_int_equal(members[0].reports_count + members[1].reports_count, before);
    members[0].reports_count = members[1].reports_count = CTL_RUN_REPORTS_MAX;
    world_report(&world, &world.hosts[0], &note);
    assert_int_equal(stored_reports(known_id), before);
}

static void test_rollback_after_the_end_takes_all_back(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *status;

    world_add_hosts(&world, 2);
    world_submit(&world, &wish, id);
    json_decref(world_wait_state(&world, "complete"));
    status = world_ask_verb(&world, "rollback");
    assert_string_equal(json_word(status, "state"), "rolling_back");
    json_decref(status);
    status = world_wait_state(&world, "rolled_back");
    assert_int_equal(json_number(status, "exit_code"), 5);
    assert_int_equal(json_number(json_object_get(status, "counts"), "reverted"), 2);
    assert_int_equal(world.hosts[0].reverts, 1);
    json_decref(status);
}

/* What a host notes on its way is no cause of its good end. */
static void test_a_committed_host_has_no_cause(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *status, *report;

    world_add_hosts(&world, 2);
    world.hosts[0].end = FAKE_SILENT;
    world_submit(&world, &wish, id);
    while (world.hosts[0].starts == 0)
        world_turn(&world);
    world_report(
        &world, &world.hosts[0],
        &(struct proto_report){.moment = PROTO_MOMENT_STATE, .state = PROTO_JOB_PROBATION});
    world_report(&world, &world.hosts[0],
                 &(struct proto_report){.moment = PROTO_MOMENT_STATE,
                                        .state = PROTO_JOB_PROBATION,
                                        .code = "commit_seen",
                                        .reason = "the controller confirmed"});
    status = world_ask_verb(&world, "status");
    assert_string_equal(json_word(json_host(status, "web1"), "code"), "commit_seen");
    json_decref(status);
    report = world_ask_verb(&world, "report");
    assert_true(json_is_null(json_object_get(json_host(report, "web1"), "cause")));
    json_decref(report);
    world_report(
        &world, &world.hosts[0],
        &(struct proto_report){.moment = PROTO_MOMENT_STATE, .state = PROTO_JOB_COMMITTED});
    status = world_ask_verb(&world, "status");
    assert_string_equal(json_word(json_host(status, "web1"), "state"), "committed");
    assert_string_equal(json_word(json_host(status, "web1"), "code"), "");
    assert_string_equal(json_word(json_host(status, "web1"), "reason"), "");
    json_decref(status);
}

/* The rollback ends with what the host answered, not with its silence until a deadline. */
static void test_a_rollback_too_late_ends_with_the_hosts_answer(void **state)
{
    const struct proto_report too_late = {.moment = PROTO_MOMENT_STATE,
                                          .state = PROTO_JOB_COMMITTED,
                                          .code = "way_back_expired",
                                          .reason = "the way back is no longer kept"};
    struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *status, *report;

    world_add_hosts(&world, 2);
    world_submit(&world, &wish, id);
    json_decref(world_wait_state(&world, "complete"));
    world_report(&world, &world.hosts[1],
                 &too_late); /* asked for at the host: nothing was ordered */
    json_decref(world_wait_state(&world, "complete"));
    world.hosts[0].job_state = PROTO_JOB_READY; /* so that the host does not go back by itself */
    json_decref(world_ask_verb(&world, "rollback"));
    while (world.hosts[0].reverts == 0)
        world_turn(&world);
    world_report(&world, &world.hosts[0], &too_late);
    status = world_wait_state(&world, "rollback_incomplete");
    assert_int_equal(json_number(status, "exit_code"), 6);
    assert_string_equal(json_word(json_host(status, "web1"), "state"), "revert_failed");
    assert_string_equal(json_word(json_host(status, "web1"), "code"), "way_back_expired");
    assert_string_equal(json_word(json_host(status, "web2"), "state"), "reverted");
    json_decref(status);
    world_restart(&world);
    report = world_ask_verb(&world, "report");
    assert_string_equal(json_word(json_object_get(json_host(report, "web1"), "cause"), "reason"),
                        "the way back is no longer kept");
    json_decref(report);
}

static void test_pause_holds_the_next_wave_and_is_audited(void **state)
{
    struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *status, *audit;

    world_add_hosts(&world, 2);
    world.hosts[1].answers_nothing = true; /* the second wave can't be ready yet */
    world_submit(&world, &wish, id);
    json_decref(world_wait_state(&world, "staging"));
    while (world.hosts[0].commits == 0)
        world_turn(&world);
    status = world_ask_verb(&world, "pause");
    assert_true(json_is_true(json_object_get(status, "paused")));
    assert_int_equal(json_number(status, "exit_code"), 4);
    assert_int_equal(json_array_size(json_object_get(status, "holds")), 1);
    assert_string_equal(json_word(json_array_get(json_object_get(status, "holds"), 0), "code"),
                        "paused");
    assert_memory_equal(json_word(status, "next"), "belay resume", strlen("belay resume"));
    json_decref(status);
    world.hosts[1].answers_nothing = false;
    fake_host_disconnect(&world.hosts[1]);
    fake_host_connect(&world.hosts[1], world.config.listen, world.engine->public_key);
    fake_host_hello(&world.hosts[1]);
    while (world.hosts[1].job_state != PROTO_JOB_READY)
        world_turn(&world);
    for (unsigned i = 0; i < 50; i++)
        world_turn(&world);
    assert_int_equal(world.hosts[1].starts, 0);
    json_decref(world_ask_verb(&world, "resume"));
    json_decref(world_wait_state(&world, "complete"));
    audit = world_ask(&world, json_pack("{s:s, s:s}", "verb", "audit", "rollout", id));
    assert_int_equal(json_array_size(json_object_get(audit, "rows")), 3);
    assert_true(json_is_true(json_object_get(audit, "verified")));
    assert_int_equal(json_number(json_array_get(json_object_get(audit, "rows"), 1), "uid"),
                     getuid());
    json_decref(audit);
}

static void test_an_ended_rollout_that_owes_a_host_survives_a_restart(void **state)
{
    struct submission_wish wish = world_two_waves(&world);
    char id[17];

    wish.hosts_per_wave[1] = 0;
    world_add_hosts(&world, 1);
    world_submit(&world, &wish, id);
    json_decref(world_wait_state(&world, "complete"));
    world.hosts[0].answers_nothing = true;
    json_decref(world_ask(
        &world, json_pack("{s:s, s:s, s:s}", "verb", "rollback", "rollout", id, "host", "web1")));
    world_restart(&world);
    assert_int_equal(world.engine->run_count, 1);
    assert_true(world.engine->runs[0]->owes);
    assert_int_equal(world.engine->runs[0]->hosts[0].state, CTL_HOST_REVERTING);
    assert_true(world.engine->runs[0]->wake_at.ms != 0);
}

static void test_an_ended_rollout_that_is_loaded_again_keeps_time(void **state)
{
    struct submission_wish wish = world_two_waves(&world);
    char id[17];

    wish.hosts_per_wave[1] = 0;
    world_add_hosts(&world, 1);
    world_submit(&world, &wish, id);
    json_decref(world_wait_state(&world, "complete"));
    world.hosts[0].answers_nothing = true;
    world_restart(&world);
    assert_int_equal(world.engine->run_count, 0);
    json_decref(world_ask(
        &world, json_pack("{s:s, s:s, s:s}", "verb", "rollback", "rollout", id, "host", "web1")));
    assert_int_equal(world.engine->runs[0]->hosts[0].state, CTL_HOST_REVERTING);
    assert_non_null(world.engine->runs[0]->timer);
}

static int refuse_commit(void *userdata)
{
    return 1;
}

static void test_an_order_that_was_not_stored_is_not_confirmed(void **state)
{
    struct submission_wish wish = world_two_waves(&world);
    struct ctl_control control = {.engine = world.engine, .fd = -1};
    struct ctl_client client = {.control = &control, .fd = -1};
    json_t *request = json_pack("{s:s}", "verb", "pause"), *answer;
    char id[17];

    world_add_hosts(&world, 2);
    world_submit(&world, &wish, id);
    (void)sqlite3_commit_hook(world.engine->store->db.db, refuse_commit, NULL);
    ctl_client_serve(&client, request);
    answer = json_loadb((const char *)client.out.data + CTL_CLIENT_HEAD_BYTES,
                        client.out.size_bytes - CTL_CLIENT_HEAD_BYTES, 0, NULL);
    assert_true(json_is_false(json_object_get(answer, "ok")));
    assert_string_equal(json_word(answer, "code"), "internal");
    assert_true(world.engine->failed);
    json_decref(answer);
    json_decref(request);
    free(client.out.data);
}

/* What would have no effect is no success. */
static void test_what_stops_can_neither_pause_nor_resume(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    static const char *const verbs[] = {"pause", "resume"};
    char id[17];
    json_t *answer;

    world_add_hosts(&world, 2);
    world.hosts[0].end = FAKE_SILENT;
    world_submit(&world, &wish, id);
    while (world.hosts[0].starts == 0)
        world_turn(&world);
    json_decref(world_ask_verb(&world, "abort"));
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        answer = world_ask_verb(&world, verbs[i]);
        assert_string_equal(json_word(answer, "code"), "not_going");
        json_decref(answer);
    }
}

static void assert_refused(const struct submission_wish *wish, const char *code)
{
    json_t *answer = world_ask(&world, world_submission(&world, wish));

    assert_true(json_is_false(json_object_get(answer, "ok")));
    assert_string_equal(json_word(answer, "code"), code);
    json_decref(answer);
}

static void test_what_hosts_would_refuse_is_refused_early(void **state)
{
    struct submission_wish wish = world_two_waves(&world);
    struct submission_wish bolder;
    struct person stranger;
    json_t *request, *other, *answer;
    char id[17];

    world_add_hosts(&world, 3);
    assert_int_equal(crypto_sign_keypair(stranger.key, stranger.secret), 0);
    wish.signers[0] = &stranger;
    assert_refused(&wish, "unknown_signer");
    wish.signers[0] = &world.anna;
    wish.risk = PROTO_RISK_HIGH; /* one operator and one commander */
    assert_refused(&wish, "quorum");
    wish.signers[1] = &world.anna;
    assert_refused(&wish, "quorum");
    wish.risk =
        PROTO_RISK_MEDIUM; /* no soak, for one: a person alone may not, nor twice the same */
    assert_refused(&wish, "weaker_than_risk");
    wish = world_two_waves(&world);
    wish.not_after_ms = 1000;
    assert_refused(&wish, "expired");

    wish = world_two_waves(&world);
    request = world_submission(&world, &wish); /* the signed tree has other hosts */
    (void)json_object_set_new(json_array_get(json_object_get(request, "hosts"), 0), "id",
                              json_deep_copy(json_object_get(
                                  json_array_get(json_object_get(request, "hosts"), 1), "id")));
    answer = world_ask(&world, request);
    assert_string_equal(json_word(answer, "code"), "targets_differ");
    json_decref(answer);

    request = world_submission(&world, &wish);
    (void)json_object_set_new(json_array_get(json_object_get(request, "hosts"), 0), "wave",
                              json_integer(2));
    answer = world_ask(&world, request);
    assert_string_equal(json_word(answer, "code"), "waves_differ");
    json_decref(answer);

    bolder = wish;
    bolder.failures_allowed = 1;
    request = world_submission(&world, &wish); /* with a policy that nobody signed */
    other = world_submission(&world, &bolder);
    (void)json_object_set(request, "policy", json_object_get(other, "policy"));
    json_decref(other);
    answer = world_ask(&world, request);
    assert_string_equal(json_word(answer, "code"), "policy_differs");
    json_decref(answer);

    request = world_submission(&world, &wish);
    (void)json_object_set_new(request, "policy", json_string("AAAA"));
    answer = world_ask(&world, request);
    assert_string_equal(json_word(answer, "code"), "bad_policy");
    json_decref(answer);

    request = world_submission(&world, &wish);
    (void)json_object_set_new(json_array_get(json_object_get(request, "signatures"), 0),
                              "signature", json_sprintf("%0128d", 0));
    answer = world_ask(&world, request);
    assert_string_equal(json_word(answer, "code"), "bad_signature");
    json_decref(answer);

    world.hosts[0].end = FAKE_SILENT;
    world_submit(&world, &wish, id);
    wish.number = 2;
    assert_refused(&wish, "host_busy");
    json_decref(world_ask_verb(&world, "abort"));
}

static void assert_request_refused(json_t *request, const char *code)
{
    json_t *answer = world_ask(&world, request);

    assert_string_equal(json_word(answer, "code"), code);
    json_decref(answer);
}

static void test_what_only_the_policy_binds_is_held_to_it(void **state)
{
    struct submission_wish wish = world_two_waves(&world);
    json_t *request, *hosts;

    world_add_hosts(&world, 2);
    wish.signers[1] = &world.carla;
    request = world_submission(&world, &wish);
    assert_int_equal(json_array_remove(json_object_get(request, "signatures"), 0), 0);
    assert_request_refused(request, "requester");

    request = world_submission(&world, &wish);
    (void)json_object_set_new(request, "plan_text", json_string("plan: nginx-2026"));
    assert_request_refused(request, "plan_differs");

    request = world_submission(&world, &wish); /* both waves keep their size */
    hosts = json_object_get(request, "hosts");
    (void)json_object_set_new(json_array_get(hosts, 0), "wave", json_integer(2));
    (void)json_object_set_new(json_array_get(hosts, 1), "wave", json_integer(1));
    assert_request_refused(request, "waves_differ");
}

static void test_a_rollout_id_is_used_once(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];

    world_add_hosts(&world, 2);
    world_submit(&world, &wish, id);
    json_decref(world_wait_state(&world, "complete"));
    assert_refused(&wish, "exists");
    json_decref(world_wait_state(&world, "complete"));
}

static void test_high_risk_passes_with_a_commander(void **state)
{
    struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *status;

    world_add_hosts(&world, 2);
    wish.risk = PROTO_RISK_HIGH;
    wish.signers[1] = &world.carla;
    world_submit(&world, &wish, id);
    status = world_wait_state(&world, "complete");
    assert_string_equal(json_string_value(json_array_get(json_object_get(status, "signers"), 1)),
                        "carla");
    json_decref(status);
}

static void test_why_names_the_cause_of_a_blocked_host(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    char id[17];
    json_t *why;

    world_add_hosts(&world, 2);
    world.hosts[0].end = FAKE_BLOCKS;
    world_submit(&world, &wish, id);
    json_decref(world_wait_state(&world, "halted"));
    why = world_ask(&world, json_pack("{s:s, s:s}", "verb", "why", "subject", "web1"));
    assert_string_equal(json_word(why, "kind"), "host");
    assert_string_equal(json_word(why, "state"), "blocked");
    assert_string_equal(json_word(why, "code"), "service_down");
    json_decref(why);
    why = world_ask_verb(&world, "why");
    assert_string_equal(json_word(why, "kind"), "rollout");
    assert_true(json_array_size(json_object_get(why, "facts")) >= 3);
    json_decref(why);
}

#define ROLLOUT_TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROLLOUT_TEST(test_a_good_rollout_goes_through_all_waves),
        ROLLOUT_TEST(test_a_bad_host_stops_the_waves_after_it),
        ROLLOUT_TEST(test_a_restart_in_the_middle_goes_on),
        ROLLOUT_TEST(test_doubles_of_reports_change_nothing),
        ROLLOUT_TEST(test_what_a_host_may_say_is_bounded),
        ROLLOUT_TEST(test_rollback_after_the_end_takes_all_back),
        ROLLOUT_TEST(test_a_committed_host_has_no_cause),
        ROLLOUT_TEST(test_a_rollback_too_late_ends_with_the_hosts_answer),
        ROLLOUT_TEST(test_pause_holds_the_next_wave_and_is_audited),
        ROLLOUT_TEST(test_an_ended_rollout_that_owes_a_host_survives_a_restart),
        ROLLOUT_TEST(test_an_ended_rollout_that_is_loaded_again_keeps_time),
        ROLLOUT_TEST(test_an_order_that_was_not_stored_is_not_confirmed),
        ROLLOUT_TEST(test_what_stops_can_neither_pause_nor_resume),
        ROLLOUT_TEST(test_what_hosts_would_refuse_is_refused_early),
        ROLLOUT_TEST(test_what_only_the_policy_binds_is_held_to_it),
        ROLLOUT_TEST(test_a_rollout_id_is_used_once),
        ROLLOUT_TEST(test_high_risk_passes_with_a_commander),
        ROLLOUT_TEST(test_why_names_the_cause_of_a_blocked_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
