/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/journal.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/unit.h"

struct world {
    char directory[40], path[64];
    struct agent_journal *journal;
};

static void reopen(struct world *world)
{
    struct bl_error err = {0};

    world->journal = agent_journal_free(world->journal);
    if (agent_journal_open(world->path, &world->journal, &err) < 0)
        fail_msg("%s", err.text);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    (void)snprintf(world->directory, sizeof(world->directory), "/tmp/belay-journal-XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    (void)snprintf(world->path, sizeof(world->path), "%s/journal.db", world->directory);
    reopen(world);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    struct world *world = *state;
    char path[80];

    world->journal = agent_journal_free(world->journal);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", world->path, endings[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(world->directory), 0);
    free(world);
    return 0;
}

static struct proto_report report_of(uint32_t state, const char *reason)
{
    return (struct proto_report){.rollout_id = {9},
                                 .moment = PROTO_MOMENT_STATE,
                                 .state = state,
                                 .code = "a_code",
                                 .reason = reason,
                                 .wall_ms = 1800000000000,
                                 .mono_ms = 1234,
                                 .boot_id = "boot-1"};
}

static struct agent_job job_in_probation(void)
{
    struct agent_job_limits limits = {.stage_ms = 11,
                                      .ready_ms = 12,
                                      .confirm_within_ms = 13,
                                      .watch_ms = 14,
                                      .keep_way_back_ms = 15,
                                      .quiesce = true,
                                      .ssh_lock = true};
    struct agent_job job;

    agent_job_init(&job, &limits);
    job.state = PROTO_JOB_PROBATION;
    job.changed = job.armed = job.link_new = job.start_wanted = true;
    job.asks_in_vain = 3;
    job.blames = 2;
    job.grade = PROTO_GRADE_MINOR;
    job.nonce = 77;
    job.stage_deadline.ms = 101;
    job.ready_deadline.ms = 102;
    job.confirm_deadline.ms = 103;
    job.watch_end.ms = 104;
    job.ask_at.ms = 105;
    (void)snprintf(job.code, sizeof(job.code), "a_code");
    (void)snprintf(job.reason, sizeof(job.reason), "a reason");
    return job;
}

static void take(struct world *world, uint8_t id, const struct agent_job *job)
{
    static uint8_t manifest[] = {1, 2, 3, 4};
    struct proto_signature signature = {.key = {id}, .signature = {5}};
    struct agent_journal_job accept = {.id = {id},
                                       .rollout_id = {9, id},
                                       .manifest = {manifest, sizeof(manifest)},
                                       .signatures = &signature,
                                       .signatures_count = 1,
                                       .kind = 2,
                                       .counter = UINT64_C(1000) + id,
                                       .accepted_wall_ms = 5};
    struct proto_report reports[2] = {report_of(PROTO_JOB_ACCEPTED, "one"),
                                      report_of(PROTO_JOB_STAGING, "two")};
    struct agent_journal_write write = {.accept = &accept,
                                        .job = job,
                                        .boot_id = "boot-1",
                                        .reports = reports,
                                        .reports_count = 2,
                                        .what = "job"};
    struct bl_error err = {0};

    if (agent_journal_write(world->journal, &write, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_job_comes_back_as_it_was(void **state)
{
    struct world *world = *state;
    struct agent_job job = job_in_probation();
    PROTO_AUTO_ARENA arena = {0};
    struct agent_journal_job saved;
    struct bl_error err = {0};
    uint64_t counter = 0;
    uint8_t id[AGENT_JOB_ID_BYTES];

    assert_int_equal(agent_journal_load_newest(world->journal, &arena, &saved, &err), 0);
    take(world, 1, &job);
    job.blames = 0;
    take(world, 2, &job);
    reopen(world);

    assert_int_equal(agent_journal_load_newest(world->journal, &arena, &saved, &err), 1);
    assert_int_equal(saved.id[0], 2);
    assert_int_equal(saved.rollout_id[1], 2);
    assert_int_equal(saved.kind, 2);
    assert_int_equal(saved.counter, 1002);
    assert_int_equal(saved.manifest.size_bytes, 4);
    assert_int_equal(saved.signatures_count, 1);
    assert_string_equal(saved.boot_id, "boot-1");
    /* Bytes, padding and all: what is not saved would be zero and differ. */
    assert_memory_equal(&saved.job, &job, sizeof(job));

    assert_int_equal(
        agent_journal_load_job(world->journal, (const uint8_t[16]){1}, &arena, &saved, &err), 1);
    assert_int_equal(saved.job.blames, 2);
    assert_int_equal(
        agent_journal_find_counter(world->journal, (const uint8_t[32]){2}, &counter, &err), 1);
    assert_int_equal(counter, 1002);
    assert_int_equal(
        agent_journal_find_counter(world->journal, (const uint8_t[32]){3}, &counter, &err), 0);
    assert_int_equal(agent_journal_find_rollout(world->journal, (const uint8_t[8]){9, 1}, id, &err),
                     1);
    assert_int_equal(id[0], 1);
}

/* The host's base after one more job that ended so; 0: none. */
static uint8_t base_after(struct world *world, uint8_t id, enum proto_job_state state, bool changed)
{
    struct agent_job job = job_in_probation();
    PROTO_AUTO_ARENA arena = {0};
    struct agent_journal_job base;
    struct bl_error err = {0};
    int r;

    job.state = state;
    job.armed = false;
    job.changed = changed;
    job.way_back_end.ms = 106;
    take(world, id, &job);
    r = agent_journal_load_base(world->journal, &arena, &base, &err);
    assert_true(r >= 0);
    return r > 0 ? base.id[0] : 0;
}

static void test_a_failed_way_back_buries_what_lies_beneath(void **state)
{
    struct world *world = *state;

    assert_int_equal(base_after(world, 1, PROTO_JOB_COMMITTED, true), 1);
    assert_int_equal(base_after(world, 2, PROTO_JOB_REVERTED, true), 1);
    assert_int_equal(base_after(world, 3, PROTO_JOB_REVERT_FAILED, false), 1);
    assert_int_equal(base_after(world, 4, PROTO_JOB_REVERT_FAILED, true), 0);
    assert_int_equal(base_after(world, 5, PROTO_JOB_BLOCKED, false), 0);
    assert_int_equal(base_after(world, 6, PROTO_JOB_COMMITTED, true), 6);
}

static void test_every_field_of_the_job_is_saved(void **state)
{
    struct world *world = *state;
    struct agent_job job = job_in_probation();
    PROTO_AUTO_ARENA arena = {0};
    struct agent_journal_job saved;
    struct bl_error err = {0};

    /* The other values that a job in the middle of its way back may have. */
    job.state = PROTO_JOB_REVERTING;
    job.step = PROTO_STEP_RESUME;
    job.tries = 2;
    job.step_running = job.revert_wanted = job.cancel_wanted = job.held = job.quiesced =
        job.ssh_locked = job.isolate_again = job.commit_seen = job.failed = job.undo_failed =
            job.asking = job.missing_told = true;
    job.way_back_end.ms = 106;
    assert_true(agent_job_is_sound(&job));
    take(world, 1, &job);
    assert_int_equal(agent_journal_load_newest(world->journal, &arena, &saved, &err), 1);
    assert_memory_equal(&saved.job, &job, sizeof(job));

    job.step_running = false;
    job.retry_at.ms = 107;
    assert_true(agent_job_is_sound(&job));
    take(world, 2, &job);
    assert_int_equal(agent_journal_load_newest(world->journal, &arena, &saved, &err), 1);
    assert_memory_equal(&saved.job, &job, sizeof(job));
}

static void damage(struct world *world, const char *sql)
{
    sqlite3 *db = NULL;

    world->journal = agent_journal_free(world->journal);
    assert_int_equal(sqlite3_open(world->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    reopen(world);
}

static void test_a_job_that_cannot_be_true_is_not_believed(void **state)
{
    struct world *world = *state;
    struct agent_job job = job_in_probation();
    PROTO_AUTO_ARENA arena = {0};
    struct agent_journal_job saved;
    struct bl_error err = {0};

    job.nonce = 0; /* never so in probation */
    assert_false(agent_job_is_sound(&job));
    take(world, 1, &job);
    assert_int_equal(agent_journal_load_newest(world->journal, &arena, &saved, &err), -EUCLEAN);

    damage(world, "UPDATE jobs SET job = x'00'");
    assert_int_equal(agent_journal_load_newest(world->journal, &arena, &saved, &err), -EUCLEAN);
    assert_int_equal(agent_journal_load_base(world->journal, &arena, &saved, &err), -EUCLEAN);
}

static void test_outbox_keeps_order_until_acknowledged(void **state)
{
    struct world *world = *state;
    struct agent_job job = job_in_probation();
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER bytes = {0};
    struct proto_message message;
    struct bl_error err = {0};
    uint64_t seq = 0;

    assert_int_equal(agent_journal_next_report(world->journal, 0, &seq, &bytes, &err), 0);
    take(world, 1, &job);
    assert_int_equal(agent_journal_next_report(world->journal, 0, &seq, &bytes, &err), 1);
    assert_int_equal(seq, 1);
    assert_int_equal(proto_message_decode(bytes.data, bytes.size_bytes, &arena, &message, &err), 0);
    assert_int_equal(message.kind, PROTO_REPORT);
    assert_int_equal(message.report.seq, 1);
    assert_string_equal(message.report.reason, "one");
    assert_int_equal(agent_journal_next_report(world->journal, 1, &seq, &bytes, &err), 1);
    assert_int_equal(seq, 2);

    assert_int_equal(agent_journal_acknowledge(world->journal, 1, &err), 0);
    reopen(world);
    assert_int_equal(agent_journal_next_report(world->journal, 0, &seq, &bytes, &err), 1);
    assert_int_equal(seq, 2);
    assert_int_equal(agent_journal_acknowledge(world->journal, 3, &err), -EPROTO);
    assert_int_equal(agent_journal_acknowledge(world->journal, 2, &err), 0);
    assert_int_equal(agent_journal_next_report(world->journal, 0, &seq, &bytes, &err), 0);

    /* Numbers go on after all were acknowledged and the process started again. */
    reopen(world);
    take(world, 2, &job);
    assert_int_equal(agent_journal_next_report(world->journal, 0, &seq, &bytes, &err), 1);
    assert_int_equal(seq, 3);
}

static void test_a_failed_write_ends_all_writing(void **state)
{
    struct world *world = *state;
    struct agent_job job = job_in_probation();
    struct proto_report bad = report_of(PROTO_JOB_STAGING, "bad \x01 text");
    struct agent_journal_write write = {.job_id = (const uint8_t[16]){1},
                                        .job = &job,
                                        .boot_id = "boot-1",
                                        .reports = &bad,
                                        .reports_count = 1,
                                        .what = "job"};
    const struct agent_journal_row row = {.what = "rescue", .who = "", .code = "", .reason = ""};
    uint8_t head[PROTO_HASH_BYTES];
    struct bl_error err = {0};

    take(world, 1, &job);
    assert_true(agent_journal_is_whole(world->journal));
    assert_true(agent_journal_write(world->journal, &write, &err) < 0);
    assert_false(agent_journal_is_whole(world->journal));
    bad.reason = "good text";
    assert_int_equal(agent_journal_write(world->journal, &write, &err), -EIO);
    assert_int_equal(agent_journal_note(world->journal, &row, &err), -EIO);
    assert_int_equal(agent_journal_acknowledge(world->journal, 1, &err), -EIO);
    assert_int_equal(agent_journal_raise(world->journal, (const uint8_t[16]){1}, &err), -EIO);

    /* What was there before is whole. */
    assert_int_equal(agent_journal_check_chain(world->journal, head, &err), 0);
    assert_int_equal(agent_journal_last_row(world->journal), 2);
}

static void note(struct world *world, const char *reason)
{
    struct agent_journal_row row = {.wall_ms = 1,
                                    .boot_id = "boot-1",
                                    .what = "rescue",
                                    .who = "uid 0",
                                    .code = "unlock",
                                    .reason = reason};
    struct bl_error err = {0};

    if (agent_journal_note(world->journal, &row, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_audit_rows_are_read_back(void **state)
{
    struct world *world = *state;
    PROTO_AUTO_ARENA arena = {0};
    struct agent_journal_row row;
    struct bl_error err = {0};

    note(world, "first");
    note(world, "second");
    reopen(world);
    assert_int_equal(agent_journal_last_row(world->journal), 2);
    assert_int_equal(agent_journal_read_row(world->journal, 2, &arena, &row, &err), 1);
    assert_int_equal(row.number, 2);
    assert_string_equal(row.what, "rescue");
    assert_string_equal(row.who, "uid 0");
    assert_string_equal(row.reason, "second");
    assert_int_equal(agent_journal_read_row(world->journal, 3, &arena, &row, &err), 0);
}

static void test_tampering_breaks_the_chain(void **state)
{
    static const char *const edits[] = {
        "UPDATE audit SET row = (SELECT row FROM audit WHERE number = 1) WHERE number = 2",
        "UPDATE audit SET hash = zeroblob(32) WHERE number = 2",
        "DELETE FROM audit WHERE number = 1",
        "DELETE FROM audit WHERE number = 2",
        "DELETE FROM audit WHERE number = 3",
        "UPDATE head SET number = 2",
        "INSERT INTO audit SELECT 4, row, hash FROM audit WHERE number = 3",
    };
    uint8_t head[PROTO_HASH_BYTES];
    struct bl_error err = {0};

    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        struct world *world;
        void *fresh = NULL;

        assert_int_equal(set_up(&fresh), 0);
        world = fresh;
        note(world, "first");
        note(world, "second");
        note(world, "third");
        assert_int_equal(agent_journal_check_chain(world->journal, head, &err), 0);
        damage(world, edits[i]);
        assert_int_equal(agent_journal_check_chain(world->journal, head, &err), -EUCLEAN);
        assert_int_equal(tear_down(&fresh), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_job_comes_back_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_failed_way_back_buries_what_lies_beneath, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_every_field_of_the_job_is_saved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_job_that_cannot_be_true_is_not_believed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_outbox_keeps_order_until_acknowledged, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_failed_write_ends_all_writing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_audit_rows_are_read_back, set_up, tear_down),
        cmocka_unit_test(test_tampering_breaks_the_chain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
