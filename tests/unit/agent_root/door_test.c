/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/rescue/rescue.h"
#include "agent/root/rescue.h"
#include "tests/lib/plain_manifest.h"
#include "tests/lib/unit.h"

/* The agent's end of the emergency door, with a job that ended and a person who asks. */
struct world {
    char directory[40], path[80];
    struct agent_host host;
    struct agent_jobs_handler handler;
    struct agent_jobs *jobs;
    struct agent_rescue *rescue;
    struct proto_buffer manifest;
};

#define JOB_DIR "jobs/01000000000000000000000000000000"

static const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES] = {1, 2, 3};

static const char *path_of(struct world *world, const char *name)
{
    (void)snprintf(world->path, sizeof(world->path), "%s/%s", world->directory, name);
    return world->path;
}

static void on_nothing(void *userdata)
{
}

static void encode_manifest(struct world *world)
{
    struct plain_manifest plain;
    struct proto_manifest *manifest = plain_manifest_make(&plain);
    struct bl_error err = {0};

    memcpy(manifest->rollout_id, rollout_id, sizeof(rollout_id));
    if (proto_manifest_encode(manifest, &world->manifest, &err) < 0)
        fail_msg("%s", err.text);
}

static struct proto_report report_of(uint8_t rollout, uint32_t state)
{
    struct proto_report report = {.moment = PROTO_MOMENT_STATE,
                                  .state = state,
                                  .code = "a_code",
                                  .reason = "a reason",
                                  .boot_id = "boot-1"};

    memcpy(report.rollout_id, rollout_id, sizeof(rollout_id));
    report.rollout_id[0] = rollout;
    return report;
}

static void write_row(struct world *world, const char *what, uint8_t rollout, uint32_t state)
{
    struct proto_report report = report_of(rollout, state);
    const struct agent_journal_write write = {.reports = &report, .reports_count = 1, .what = what};
    struct bl_error err = {0};

    assert_int_equal(agent_journal_write(world->host.journal, &write, &err), 0);
}

static void take_job(struct world *world)
{
    const struct agent_job_limits limits = {
        .stage_ms = 1, .confirm_within_ms = 1, .watch_ms = 1, .keep_way_back_ms = 1};
    struct agent_journal_job accept = {
        .id = {1}, .manifest = {world->manifest.data, world->manifest.size_bytes}, .counter = 1};
    struct proto_report report = report_of(1, PROTO_JOB_BLOCKED);
    struct agent_job job;
    const struct agent_journal_write write = {.accept = &accept,
                                              .job = &job,
                                              .boot_id = "boot-1",
                                              .reports = &report,
                                              .reports_count = 1,
                                              .what = "job"};
    struct bl_error err = {0};

    memcpy(accept.rollout_id, rollout_id, sizeof(rollout_id));
    agent_job_init(&job, &limits);
    job.state = PROTO_JOB_BLOCKED;
    job.nonce = 1;
    (void)snprintf(job.code, sizeof(job.code), "a_code");
    (void)snprintf(job.reason, sizeof(job.reason), "a reason");
    if (agent_journal_write(world->host.journal, &write, &err) < 0 ||
        agent_jobs_resume(world->jobs, &err) < 0)
        fail_msg("%s", err.text);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct agent_rescue_config config = {.gid = (gid_t)-1};
    struct bl_error err = {0};

    assert_non_null(world);
    (void)snprintf(world->directory, sizeof(world->directory), "/tmp/belay-door-XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    world->host.state_dir = world->directory;
    (void)snprintf(world->host.boot_id, sizeof(world->host.boot_id), "boot-1");
    assert_true(sd_event_new(&world->host.loop) >= 0);
    assert_int_equal(agent_journal_open(path_of(world, "journal.db"), &world->host.journal, &err),
                     0);
    world->handler = (struct agent_jobs_handler){world, on_nothing, on_nothing, on_nothing};
    assert_int_equal(agent_jobs_new(&world->host, &world->handler, &world->jobs, &err), 0);
    encode_manifest(world);
    take_job(world);
    config.path = path_of(world, "rescue.sock");
    assert_int_equal(agent_rescue_new(&config, &world->host, world->jobs, /* talk= */ NULL,
                                      &world->rescue, &err),
                     0);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const files[] = {"rescue.sock", "journal.db", "journal.db-wal",
                                        "journal.db-shm"};
    struct world *world = *state;

    world->rescue = agent_rescue_free(world->rescue);
    world->jobs = agent_jobs_free(world->jobs);
    world->host.journal = agent_journal_free(world->host.journal);
    sd_event_unref(world->host.loop);
    proto_buffer_release(&world->manifest);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        (void)unlink(path_of(world, files[i]));
    assert_int_equal(rmdir(path_of(world, JOB_DIR)), 0);
    assert_int_equal(rmdir(path_of(world, "jobs")), 0);
    assert_int_equal(rmdir(world->directory), 0);
    free(world);
    return 0;
}

static void ask(struct world *world, uint32_t verb, struct proto_arena *arena,
                struct agent_rescue_reply *ret_reply)
{
    static uint8_t data[AGENT_RESCUE_REPLY_BYTES_MAX];
    const struct agent_rescue_request request = {AGENT_RESCUE_FORMAT, verb};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    PROTO_AUTO_BUFFER bytes = {0};
    struct bl_error err = {0};
    ssize_t n;

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path_of(world, "rescue.sock"));
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(proto_encode(&agent_rescue_request_schema, &request, &bytes, &err), 0);
    assert_int_equal(send(fd, bytes.data, bytes.size_bytes, MSG_NOSIGNAL), bytes.size_bytes);
    while (sd_event_run(world->host.loop, 0) > 0)
        continue;
    n = recv(fd, data, sizeof(data), 0);
    assert_true(n > 0);
    assert_int_equal(
        proto_decode(&agent_rescue_reply_schema, data, (size_t)n, arena, ret_reply, &err), 0);
    (void)close(fd);
}

/* Whoever sends bad orders must not be able to hide what the host did. */
static void test_refusals_do_not_cut_the_log(void **state)
{
    struct world *world = *state;
    PROTO_AUTO_ARENA arena = {0};
    struct agent_rescue_reply reply;

    write_row(world, "job", 1, PROTO_JOB_BLOCKED);
    write_row(world, "refused", 9, PROTO_JOB_REFUSED);
    write_row(world, "job", 1, PROTO_JOB_BLOCKED);
    write_row(world, "refused", 1, PROTO_JOB_REFUSED); /* it may call itself anything */
    ask(world, AGENT_RESCUE_LOG, &arena, &reply);
    assert_true(reply.done);
    assert_int_equal(reply.rows_count, 3);
    for (uint32_t i = 0; i < reply.rows_count; i++)
        assert_string_equal(reply.rows[i].what, "job");
    assert_int_equal(reply.rows[0].number, 1);
}

static void test_the_log_ends_at_another_job(void **state)
{
    struct world *world = *state;
    PROTO_AUTO_ARENA arena = {0};
    struct agent_rescue_reply reply;

    write_row(world, "job", 9, PROTO_JOB_BLOCKED);
    write_row(world, "job", 1, PROTO_JOB_BLOCKED);
    ask(world, AGENT_RESCUE_LOG, &arena, &reply);
    assert_int_equal(reply.rows_count, 1);
    assert_int_equal(reply.rows[0].number, 3);
}

static void test_who_asked_is_written_down(void **state)
{
    struct world *world = *state;
    PROTO_AUTO_ARENA arena = {0};
    struct agent_rescue_reply reply;
    struct agent_journal_row row;
    struct bl_error err = {0};

    ask(world, AGENT_RESCUE_HOLD, &arena, &reply);
    assert_false(reply.done); /* the job is over */
    assert_non_null(strstr(reply.text, "does not apply"));
    assert_int_equal(agent_journal_read_row(world->host.journal, 2, &arena, &row, &err), 1);
    assert_string_equal(row.what, "rescue");
    assert_string_equal(row.code, "hold");
    assert_string_equal(row.reason, "refused");
    assert_memory_equal(row.who, "uid ", 4);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_refusals_do_not_cut_the_log),
        CASE(test_the_log_ends_at_another_job),
        CASE(test_who_asked_is_written_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
