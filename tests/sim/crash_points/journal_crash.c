/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/crash_points/crash.h"
#include "tests/sim/crash_points/journal_turns.h"
#include "tests/sim/crash_points/rows.h"

/* The agent's journal at every crash point. */
enum {
    MANIFEST_BYTES = 9000, /* a few pages */
    LARGE_MANIFEST_BYTES = 90000,
    WALL_MS_0 = 1800000000,
};

struct world {
    struct agent_journal *journal;
    struct journal_turns turns;
    uint8_t manifest[LARGE_MANIFEST_BYTES];
};

static int open_journal(void *userdata, const char *directory, struct bl_error *err)
{
    struct world *world = userdata;
    char path[64];

    (void)snprintf(path, sizeof(path), "%s/journal.db", directory);
    return agent_journal_open(path, &world->journal, err);
}

static void close_journal(void *userdata)
{
    struct world *world = userdata;

    world->journal = agent_journal_free(world->journal);
}

/* ---- turns -------------------------------------------------------------------------------- */

static void make_report(const struct journal_turn *turn, const struct agent_job_effect *effect,
                        struct proto_report *ret_report)
{
    *ret_report = (struct proto_report){.rollout_id = {9, turn->job},
                                        .moment = effect->moment,
                                        .state = effect->state,
                                        .step = effect->step,
                                        .result = effect->result,
                                        .grade = effect->grade,
                                        .code = effect->code,
                                        .reason = effect->reason,
                                        .wall_ms = WALL_MS_0,
                                        .mono_ms = 1234,
                                        .boot_id = "6f1c0a52-boot",
                                        .nonce = effect->nonce};
}

/* Of changing length, so that SQLite has to write the whole row again. */
static const char *boot_id_of(const struct journal_turn *turn)
{
    return turn->number % 2 == 0 ? "6f1c0a52-boot" : "6f1c0a52-boot-2";
}

static int write_turn(struct world *world, const struct journal_turn *turn, struct bl_error *err)
{
    struct proto_signature signatures[2] = {{.key = {1}, .signature = {2}},
                                            {.key = {2, turn->job}, .signature = {3}}};
    const struct agent_journal_job accept = {
        .id = {turn->job},
        .rollout_id = {9, turn->job},
        .manifest = {world->manifest, turn->is_large ? LARGE_MANIFEST_BYTES : MANIFEST_BYTES},
        .signatures = signatures,
        .signatures_count = 2,
        .kind = 1,
        .counter = UINT64_C(1000) + turn->job,
        .accepted_wall_ms = 5};
    struct proto_report reports[JOURNAL_TURN_REPORTS_MAX];
    const struct agent_journal_write write = {.accept = turn->takes_job ? &accept : NULL,
                                              .job_id = accept.id,
                                              .job = turn->saves_job ? &turn->saved : NULL,
                                              .boot_id = boot_id_of(turn),
                                              .reports = reports,
                                              .reports_count = turn->report_count,
                                              .what = "job",
                                              .who = ""};
    int r;

    for (uint32_t i = 0; i < turn->report_count; i++)
        make_report(turn, &turn->reports[i], &reports[i]);
    r = agent_journal_write(world->journal, &write, err);
    if (r < 0)
        return r;
    if (reports[turn->report_count - 1].seq != turn->last_seq)
        return crash_wrong(err, "a report has a number that is not the next");
    return 0;
}

static int write_note(struct world *world, struct bl_error *err)
{
    const struct agent_journal_row row = {.wall_ms = WALL_MS_0,
                                          .mono_ms = 99,
                                          .boot_id = "6f1c0a52-boot",
                                          .what = "rescue",
                                          .who = "uid 1000 pid 77",
                                          .code = "hold",
                                          .reason = "done"};

    return agent_journal_note(world->journal, &row, err);
}

static int run_turn(void *userdata, unsigned number, struct bl_error *err)
{
    struct world *world = userdata;
    const struct journal_turn *turn = &world->turns.list[number];
    int r = 0;

    switch (turn->kind) {
    case JOURNAL_WRITE:
        r = write_turn(world, turn, err);
        break;
    case JOURNAL_NOTE:
        r = write_note(world, err);
        break;
    case JOURNAL_ACKNOWLEDGE:
        r = agent_journal_acknowledge(world->journal, turn->seq, err);
        break;
    case JOURNAL_RAISE:
        r = agent_journal_raise(world->journal, (const uint8_t[AGENT_JOB_ID_BYTES]){turn->job},
                                err);
        break;
    }
    if (r >= 0 && agent_journal_last_row(world->journal) != turn->last_row)
        return crash_wrong(err, "an audit row has a number that is not the next");
    return r;
}

static unsigned count_accepted(void *userdata)
{
    struct world *world = userdata;
    const struct journal_turns *turns = &world->turns;
    struct journal_turn refusal = {.kind = JOURNAL_WRITE, .report_count = 1};
    struct bl_error err = {0};
    unsigned count = 0;

    refusal.reports[0] =
        (struct agent_job_effect){.moment = PROTO_MOMENT_STATE, .state = PROTO_JOB_REFUSED};
    refusal.last_seq = turns->list[turns->count - 1].last_seq;
    count += agent_journal_is_whole(world->journal);
    count += write_note(world, &err) >= 0;
    count += agent_journal_acknowledge(world->journal, 0, &err) >= 0;
    count += agent_journal_raise(world->journal, (const uint8_t[AGENT_JOB_ID_BYTES]){1}, &err) >= 0;
    err = (struct bl_error){0};
    count += write_turn(world, &refusal, &err) >= 0 || err.code == -EUCLEAN;
    return count;
}

/* ---- reading ------------------------------------------------------------------------------ */

static void tell_job(FILE *into, const char *which, const struct agent_journal_job *job)
{
    (void)fprintf(into,
                  "%s: id %u rollout %u manifest %llx signatures %u kind %llu counter %llu "
                  "boot %s job %llx state %u step %u\n",
                  which, job->id[0], job->rollout_id[1],
                  crash_hash(job->manifest.data, job->manifest.size_bytes), job->signatures_count,
                  (unsigned long long)job->kind, (unsigned long long)job->counter, job->boot_id,
                  crash_hash(&job->job, sizeof(job->job)), job->job.state, job->job.step);
}

static int read_jobs(struct world *world, const struct journal_turn *turn, FILE *into,
                     struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_journal_job job = {0};
    uint8_t id[AGENT_JOB_ID_BYTES];
    uint64_t counter = 0;
    int r;

    r = agent_journal_load_newest(world->journal, &arena, &job, err);
    if (r >= 0 && (r > 0 ? job.id[0] : 0) != turn->newest_job)
        r = crash_wrong(err, "another job is the newest");
    if (r > 0)
        tell_job(into, "newest", &job);
    if (r >= 0)
        r = agent_journal_load_base(world->journal, &arena, &job, err);
    if (r >= 0 && (r > 0 ? job.id[0] : 0) != turn->base_job)
        r = crash_wrong(err, "the host stands on another job");
    for (uint8_t number = 1; r >= 0 && number <= turn->job_count + 1; number++) {
        const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES] = {9, number};
        const bool is_known = number <= turn->job_count;

        r = agent_journal_load_job(world->journal, (const uint8_t[AGENT_JOB_ID_BYTES]){number},
                                   &arena, &job, err);
        if (r >= 0 && (r > 0) != is_known)
            r = crash_wrong(err, "a job is missing or too many");
        if (r > 0)
            tell_job(into, "job", &job);
        if (r >= 0)
            r = agent_journal_find_rollout(world->journal, rollout_id, id, err);
        if (r >= 0 && ((r > 0) != is_known || (is_known && id[0] != number)))
            r = crash_wrong(err, "a rollout leads to another job");
        if (r >= 0)
            r = agent_journal_find_counter(world->journal, (const uint8_t[PROTO_KEY_BYTES]){1},
                                           &counter, err);
        if (r >= 0 && counter != (turn->job_count == 0 ? 0 : UINT64_C(1000) + turn->job_count))
            r = crash_wrong(err, "the highest counter is another");
    }
    return r;
}

static int read_outbox(struct world *world, const struct journal_turn *turn, FILE *into,
                       struct bl_error *err)
{
    PROTO_AUTO_BUFFER message = {0};
    uint64_t seq = 0;
    int r;

    while ((r = agent_journal_next_report(world->journal, seq, &seq, &message, err)) > 0) {
        (void)fprintf(into, "report %llu %llx\n", (unsigned long long)seq,
                      crash_hash(message.data, message.size_bytes));
        if (seq > turn->last_seq)
            return crash_wrong(err, "a report that was never made");
    }
    return r;
}

static int read_audit(struct world *world, const struct journal_turn *turn, FILE *into,
                      struct bl_error *err)
{
    uint8_t head[PROTO_HASH_BYTES];
    int r = agent_journal_check_chain(world->journal, head, err);

    if (r < 0)
        return r;
    if (agent_journal_last_row(world->journal) != turn->last_row)
        return crash_wrong(err, "the audit trail has another length");
    for (uint64_t number = 1; number <= turn->last_row; number++) {
        PROTO_AUTO_ARENA arena = {0};
        struct agent_journal_row row;

        r = agent_journal_read_row(world->journal, number, &arena, &row, err);
        if (r < 0)
            return r;
        if (r == 0)
            return crash_wrong(err, "an audit row is missing");
        (void)fprintf(into, "audit %llu %s %u %u %u %u %s\n", (unsigned long long)row.number,
                      row.what, row.moment, row.state, row.step, row.result, row.code);
    }
    return 0;
}

static int read_journal(void *userdata, unsigned turns_done, FILE *into, struct bl_error *err)
{
    static const struct journal_turn nothing;
    struct world *world = userdata;
    const struct journal_turn *turn =
        turns_done == 0 ? &nothing : &world->turns.list[turns_done - 1];
    int r;

    if (!agent_journal_is_whole(world->journal))
        return crash_wrong(err, "is broken from the start");
    r = read_jobs(world, turn, into, err);
    if (r >= 0)
        r = read_outbox(world, turn, into, err);
    if (r >= 0)
        r = read_audit(world, turn, into, err);
    return r;
}

/* ---- damage ------------------------------------------------------------------------------- */

static const char *const damages[] = {
    "PRAGMA user_version = 99",
    "PRAGMA user_version = -1",
    "PRAGMA user_version = 0",
    "DROP TABLE jobs",
    "DROP TABLE outbox",
    "DROP TABLE audit",
    "DELETE FROM head",
    "DROP TABLE head",
    "DELETE FROM sqlite_sequence",
    "UPDATE sqlite_sequence SET seq = 9223372036854775807",
    "UPDATE sqlite_sequence SET seq = -1",
    "UPDATE sqlite_sequence SET seq = 'x'",
    "UPDATE head SET number = 9223372036854775807",
    "UPDATE head SET number = -7",
    "UPDATE head SET number = 'x'",
    "UPDATE head SET hash = x'00'",
    "UPDATE head SET hash = ''",
    "UPDATE jobs SET job = x''",
    "UPDATE jobs SET job = 'text'",
    "UPDATE jobs SET job = 7",
    "UPDATE jobs SET job = zeroblob(100000)",
    "UPDATE jobs SET taken = x''",
    "UPDATE jobs SET taken = 1.5",
    "UPDATE jobs SET taken = job",
    "UPDATE jobs SET job = taken",
    "UPDATE jobs SET taken = substr(taken, 1, length(taken) / 2)",
    "UPDATE jobs SET job = substr(job, 1, length(job) - 1)",
    "UPDATE jobs SET job = CAST(job || x'00' AS BLOB)",
    "UPDATE jobs SET id = zeroblob(3) WHERE place = 2",
    "UPDATE jobs SET id = 'a longer text than sixteen bytes are' WHERE place = 2",
    "UPDATE jobs SET place = 9223372036854775807 WHERE place = 2",
    "UPDATE jobs SET place = -place",
    "UPDATE signers SET counter = -1",
    "UPDATE signers SET counter = 'x'",
    "UPDATE outbox SET message = x''",
    "UPDATE outbox SET message = 17",
    "INSERT INTO outbox VALUES(-5, x'80')",
    "INSERT INTO outbox VALUES(9223372036854775807, zeroblob(1000000))",
    "UPDATE audit SET row = x''",
    "UPDATE audit SET row = 3",
    "UPDATE audit SET hash = x'01'",
    "UPDATE audit SET row = zeroblob(4000000) WHERE number = 3",
    "UPDATE audit SET number = -number WHERE number = 4",
    "DELETE FROM audit",
    "CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM audit; END",
    "CREATE TRIGGER t BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
    "CREATE TRIGGER t BEFORE INSERT ON outbox BEGIN SELECT RAISE(IGNORE); END",
    "DROP TABLE head; CREATE VIEW head AS SELECT 1 AS only, 2 AS number, zeroblob(32) AS hash",
    "DROP TABLE jobs; CREATE TABLE jobs(place, id, rollout_id, taken, job)",
    NULL,
};

int main(int argc, char **argv)
{
    static struct world world;
    struct crash_subject subject = {.name = "agent journal",
                                    .file = "journal.db",
                                    .world = &world,
                                    .open = open_journal,
                                    .close = close_journal,
                                    .turn = run_turn,
                                    .read = read_journal,
                                    .count_accepted = count_accepted,
                                    .damages = damages};

    BL_ASSERT(sodium_init() >= 0);
    for (size_t i = 0; i < LARGE_MANIFEST_BYTES; i++)
        world.manifest[i] = (uint8_t)(i * 31 + i / 251);
    journal_turns_make(&world.turns);
    subject.turn_count = world.turns.count;
    subject.lives = world.turns.lives;
    subject.life_count = world.turns.life_count;
    return crash_main(argc, argv, &subject);
}
