/* SPDX-License-Identifier: Apache-2.0 */
/* What former jobs tell about how long the next one takes. */
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/one_world.h"

static json_t *ask(void)
{
    return world_ask_verb(&world, "durations");
}

static void step(struct fake_host *host, uint32_t which, uint64_t from_ms, uint64_t to_ms,
                 uint32_t result, const char *boot_id)
{
    struct proto_report report = {.moment = PROTO_MOMENT_BEGIN,
                                  .state = PROTO_JOB_CHANGING,
                                  .step = which,
                                  .mono_ms = from_ms,
                                  .boot_id = "here"};

    world_report(&world, host, &report);
    report.moment = PROTO_MOMENT_END;
    report.mono_ms = to_ms;
    report.result = result;
    report.boot_id = boot_id;
    world_report(&world, host, &report);
}

static void assert_step(const char *name, int64_t count, int64_t median_ms, int64_t p90_ms)
{
    json_t *answer = ask();
    const json_t *of = json_object_get(json_object_get(answer, "steps"), name);

    assert_int_equal(json_number(of, "count"), count);
    assert_int_equal(json_number(of, "median_ms"), median_ms);
    assert_int_equal(json_number(of, "p90_ms"), p90_ms);
    json_decref(answer);
}

static void test_nothing_is_known_before_the_first_job(void **state)
{
    json_t *answer = ask();

    assert_true(json_is_null(json_object_get(answer, "change")));
    assert_true(json_is_null(json_object_get(json_object_get(answer, "steps"), "upgrade")));
    json_decref(answer);
}

static void test_only_good_steps_within_one_boot_count(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    struct fake_host *host = &world.hosts[0];
    json_t *answer;
    char id[17];

    host->end = FAKE_SILENT;
    world_submit(&world, &wish, id);
    while (host->starts == 0)
        world_turn(&world);
    for (uint64_t i = 1; i <= 10; i++)
        step(host, PROTO_STEP_RESUME, 1000, 1000 + i * 100, PROTO_RESULT_OK, "here");
    assert_step("resume", 10, 500, 900);
    step(host, PROTO_STEP_RESUME, 1000, 99000, PROTO_RESULT_FAILED, "here");
    step(host, PROTO_STEP_RESUME, 1000, 99000, PROTO_RESULT_OK, "rebooted");
    step(host, PROTO_STEP_RESUME, 99000, 1000, PROTO_RESULT_OK, "here");
    step(host, PROTO_STEP_RESUME, 1, INT64_MAX, PROTO_RESULT_OK, "here"); /* twice overflows */
    step(host, PROTO_STEP_RESUME, 0, INT64_MAX, PROTO_RESULT_OK, "here");
    assert_step("resume", 10, 500, 900);
    answer = ask(); /* the job is not over: nobody knows how long it takes */
    assert_true(json_is_null(json_object_get(answer, "change")));
    json_decref(answer);
    step(host, PROTO_STEP_DISARM, 1, 8, PROTO_RESULT_OK, "here");
    answer = ask();
    assert_int_equal(json_number(json_object_get(answer, "change"), "count"), 1);
    assert_true(json_number(json_object_get(answer, "change"), "median_ms") >= 5507);
    assert_true(json_number(json_object_get(answer, "change"), "median_ms") < 99000);
    json_decref(answer);
}

/* One step of one job of a host that is not even in the fleet any more. */
static void store_step(const struct ctl_run *run, uint32_t host, uint32_t which)
{
    struct ctl_store_report stored = {.report = {.step = which, .code = "", .reason = ""}};
    struct bl_error err = {0};

    /* They are read by their ids: these come before any real one. */
    stored.host_id[8] = (uint8_t)(host >> 8);
    stored.host_id[9] = (uint8_t)host;
    memcpy(stored.report.rollout_id, run->id, sizeof(run->id));
    stored.report.boot_id = "here";
    for (uint64_t i = 1; i <= 2; i++) {
        stored.report.seq = i;
        stored.report.moment = i == 1 ? PROTO_MOMENT_BEGIN : PROTO_MOMENT_END;
        stored.report.result = i == 1 ? 0 : PROTO_RESULT_OK;
        stored.report.mono_ms = 10 * i;
        assert_int_equal(ctl_store_add_report(world.engine->store, &stored, &err), CTL_STORED_NOW);
    }
}

/* The loop has hosts to serve: so many jobs are read, however many there are. */
static void test_of_very_many_jobs_some_are_read(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    json_t *answer;
    char id[17];

    world_submit(&world, &wish, id);
    json_decref(world_wait_state(&world, "complete"));
    assert_true(ctl_engine_begin(world.engine));
    for (uint32_t i = 0; i < 4096; i++)
        store_step(world.engine->runs[0], i, PROTO_STEP_RESUME);
    store_step(world.engine->runs[0], 4096, PROTO_STEP_PROVE);
    assert_true(ctl_engine_end(world.engine));
    assert_step("resume", 4096, 10, 10);
    answer = ask();
    assert_true(json_is_null(json_object_get(json_object_get(answer, "steps"), "prove")));
    json_decref(answer);
}

#define DURATIONS_TEST(name) cmocka_unit_test_setup_teardown(name, open_world_of_two, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DURATIONS_TEST(test_nothing_is_known_before_the_first_job),
        DURATIONS_TEST(test_only_good_steps_within_one_boot_count),
        DURATIONS_TEST(test_of_very_many_jobs_some_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
