/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/lease/store.h"
#include "agent/root/job.h"
#include "tests/lib/plain_manifest.h"
#include "tests/lib/unit.h"

/*
 * Orders to go back while a job is open: of the job that the host stands on, and of one below that.
 * The way back of both is kept no longer, so that the answer is a report and no step begins.
 */
enum {
    BELOW = 1,
    BASE,
    OPEN,
};

struct world {
    char directory[32], path[64];
    char lease_dir[64];
    struct agent_lease_places places;
    struct agent_host host;
    struct agent_jobs_handler handler;
    struct agent_jobs *jobs;
};

static void on_nothing(void *userdata)
{
}

static void encode_manifest(uint8_t number, struct proto_buffer *ret_bytes)
{
    struct plain_manifest plain;
    struct proto_manifest *manifest = plain_manifest_make(&plain);
    struct bl_error err = {0};

    manifest->rollout_id[0] = number;
    manifest->not_before_ms = INT64_C(1800000000000);
    manifest->not_after_ms = manifest->not_before_ms + 3600 * 1000;
    manifest->counter = number;
    manifest->lease_ms = 3600 * 1000;
    manifest->stage_ms = manifest->change_ms = manifest->confirm_within_ms = 600 * 1000;
    manifest->verify_settle_ms = 1000;
    if (proto_manifest_encode(manifest, ret_bytes, &err) < 0)
        fail_msg("%s", err.text);
}

static struct agent_job job_of(uint8_t number)
{
    static const struct agent_job_limits limits = {.stage_ms = 1000,
                                                   .ready_ms = 3600 * 1000,
                                                   .confirm_within_ms = 1000,
                                                   .watch_ms = 1000,
                                                   .keep_way_back_ms = 1};
    struct agent_job job;

    agent_job_init(&job, &limits);
    job.nonce = number;
    job.changed = number != OPEN;
    job.state = number == OPEN ? PROTO_JOB_READY : PROTO_JOB_COMMITTED;
    if (number != OPEN)
        job.way_back_end.ms = 1;
    return job;
}

static void write_job(struct world *world, uint8_t number)
{
    PROTO_AUTO_BUFFER bytes = {0};
    struct agent_job job = job_of(number);
    struct agent_journal_job accept = {.id = {number}, .rollout_id = {number}, .counter = number};
    struct proto_report report = {.rollout_id = {number},
                                  .moment = PROTO_MOMENT_STATE,
                                  .state = job.state,
                                  .code = "",
                                  .reason = "",
                                  .boot_id = "boot-1"};
    const struct agent_journal_write write = {.accept = &accept,
                                              .job = &job,
                                              .boot_id = "boot-1",
                                              .reports = &report,
                                              .reports_count = 1,
                                              .what = "job"};
    struct bl_error err = {0};

    encode_manifest(number, &bytes);
    accept.manifest = (struct proto_bytes){bytes.data, bytes.size_bytes};
    if (agent_journal_write(world->host.journal, &write, &err) < 0)
        fail_msg("%s", err.text);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct bl_error err = {0};

    assert_non_null(world);
    assert_int_equal(proto_init(&err), 0);
    (void)snprintf(world->directory, sizeof(world->directory), "/tmp/belay-jobs-XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    (void)snprintf(world->path, sizeof(world->path), "%s/journal.db", world->directory);
    (void)snprintf(world->lease_dir, sizeof(world->lease_dir), "%s/leases", world->directory);
    world->places.lease_dir = world->lease_dir;
    world->host.places = &world->places;
    world->host.state_dir = world->host.run_dir = world->host.config_dir = world->directory;
    (void)snprintf(world->host.boot_id, sizeof(world->host.boot_id), "boot-1");
    world->handler = (struct agent_jobs_handler){world, on_nothing, on_nothing, on_nothing};
    assert_true(sd_event_new(&world->host.loop) >= 0);
    assert_int_equal(agent_journal_open(world->path, &world->host.journal, &err), 0);
    for (uint8_t number = BELOW; number <= OPEN; number++)
        write_job(world, number);
    assert_int_equal(agent_jobs_new(&world->host, &world->handler, &world->jobs, &err), 0);
    if (agent_jobs_resume(world->jobs, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(agent_jobs_is_open(world->jobs));
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"journal.db", "journal.db-wal", "journal.db-shm"};
    struct world *world = *state;
    char path[128];

    world->jobs = agent_jobs_free(world->jobs);
    world->host.journal = agent_journal_free(world->host.journal);
    sd_event_unref(world->host.loop);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", world->directory, names[i]);
        (void)unlink(path);
    }
    for (uint8_t number = BELOW; number <= OPEN; number++) {
        (void)snprintf(path, sizeof(path), "%s/jobs/%02x%030d", world->directory, number, 0);
        (void)rmdir(path);
    }
    (void)snprintf(path, sizeof(path), "%s/jobs", world->directory);
    (void)rmdir(path);
    (void)snprintf(path, sizeof(path), "%s/going_back", world->lease_dir);
    (void)unlink(path);
    (void)rmdir(world->lease_dir);
    assert_int_equal(rmdir(world->directory), 0);
    free(world);
    return 0;
}

static void take_back(struct world *world, uint8_t number)
{
    const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES] = {number};

    agent_jobs_take_back(world->jobs, rollout_id,
                         (struct agent_job_event){.type = AGENT_JOB_REVERT,
                                                  .code = "revert_by_controller",
                                                  .reason = "wanted"},
                         "controller");
}

static void cancel(struct world *world)
{
    (void)agent_jobs_tell(
        world->jobs, (struct agent_job_event){.type = AGENT_JOB_CANCEL, .code = "c", .reason = "r"},
        "controller");
    assert_false(agent_jobs_is_open(world->jobs));
}

/* How many reports of a rollout with this code lie in the outbox. */
static unsigned count_reports(struct world *world, uint8_t number, const char *code)
{
    PROTO_AUTO_BUFFER bytes = {0};
    struct bl_error err = {0};
    unsigned count = 0;
    uint64_t seq = 0;

    while (agent_journal_next_report(world->host.journal, seq, &seq, &bytes, &err) > 0) {
        PROTO_AUTO_ARENA arena = {0};
        struct proto_message message;

        assert_int_equal(proto_message_decode(bytes.data, bytes.size_bytes, &arena, &message, &err),
                         0);
        if (message.report.rollout_id[0] == number && strcmp(message.report.code, code) == 0)
            count++;
    }
    return count;
}

static void test_the_base_waits_for_the_end_of_what_lies_on_it(void **state)
{
    struct world *world = *state;

    take_back(world, BASE);
    assert_int_equal(count_reports(world, BASE, "way_back_expired"), 0);
    cancel(world);
    assert_int_equal(count_reports(world, BASE, "way_back_expired"), 1);
    assert_int_equal(agent_jobs_work(world->jobs)->rollout_id[0], BASE);
}

static void test_what_is_gone_is_told_at_once(void **state)
{
    struct world *world = *state;

    take_back(world, BELOW);
    assert_int_equal(count_reports(world, BELOW, "way_back_gone"), 1);
    assert_int_equal(agent_jobs_work(world->jobs)->rollout_id[0], OPEN);
    assert_true(agent_jobs_is_open(world->jobs));
}

static void test_no_other_order_makes_that_of_the_base_forgotten(void **state)
{
    struct world *world = *state;

    take_back(world, BASE);
    take_back(world, BELOW);
    assert_int_equal(count_reports(world, BELOW, "way_back_gone"), 1);
    take_back(world, OPEN); /* ends it, and then the base is asked */
    assert_false(agent_jobs_is_open(world->jobs));
    assert_int_equal(count_reports(world, OPEN, "revert_by_controller"), 1);
    assert_int_equal(count_reports(world, BASE, "way_back_expired"), 1);
    assert_int_equal(count_reports(world, BELOW, "way_back_gone"), 1);
}

/* The report of its end may have been lost: an acknowledgement can be forged. */
static void test_what_is_over_is_told_to_whoever_asks_for_it_again(void **state)
{
    struct world *world = *state;

    take_back(world, OPEN);
    assert_false(agent_jobs_is_open(world->jobs));
    assert_int_equal(count_reports(world, OPEN, "revert_by_controller"), 1);
    take_back(world, OPEN);
    assert_int_equal(count_reports(world, OPEN, "revert_by_controller"), 2);
}

/* belay-silence found no agent, and began; the agent that comes up after all must not go on. */
static void test_a_way_back_that_began_without_the_agent_is_joined(void **state)
{
    struct world *world = *state;
    struct agent_lease_record record;
    char boot_id[BL_BOOT_ID_BYTES], id[AGENT_LEASE_JOB_BYTES];
    struct bl_error err = {0};

    (void)snprintf(id, sizeof(id), "%02d%030d", BASE, 0);
    assert_true(agent_lease_fill(&record, id, 1000, boot_id, &err) >= 0);
    assert_int_equal(agent_lease_save(&world->places, "going_back", &record, &err), 0);
    assert_true(agent_jobs_resume(world->jobs, &err) >= 0);
    assert_true(agent_jobs_is_open(world->jobs)); /* it was for another job */

    (void)snprintf(id, sizeof(id), "%02d%030d", OPEN, 0);
    assert_int_equal(agent_lease_save(&world->places, "going_back", &record, &err), 0);
    assert_true(agent_jobs_resume(world->jobs, &err) >= 0);
    assert_false(agent_jobs_is_open(world->jobs));
    assert_int_equal(count_reports(world, OPEN, "silence"), 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_the_base_waits_for_the_end_of_what_lies_on_it),
        CASE(test_what_is_gone_is_told_at_once),
        CASE(test_no_other_order_makes_that_of_the_base_forgotten),
        CASE(test_what_is_over_is_told_to_whoever_asks_for_it_again),
        CASE(test_a_way_back_that_began_without_the_agent_is_joined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
