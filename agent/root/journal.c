/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/journal.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/root/journal_db.h"
#include "agent/root/journal_record.h"
#include "common/check.h"

static const char *const steps[] = {
    "CREATE TABLE jobs(place INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE,"
    " rollout_id BLOB NOT NULL UNIQUE, taken BLOB NOT NULL, job BLOB NOT NULL);"
    "CREATE TABLE signers(key BLOB PRIMARY KEY, counter INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE outbox(seq INTEGER PRIMARY KEY AUTOINCREMENT, message BLOB NOT NULL);"
    "CREATE TABLE audit(number INTEGER PRIMARY KEY, row BLOB NOT NULL, hash BLOB NOT NULL);"
    "CREATE TABLE head(only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL,"
    " hash BLOB NOT NULL);"
    "INSERT INTO head VALUES(1, 0, zeroblob(32));",
    "CREATE TABLE controller_head(only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL,"
    " hash BLOB NOT NULL);",
};
static const struct bl_sqlite_schema schema = {steps, sizeof(steps) / sizeof(steps[0])};

/* ---- statements -------------------------------------------------------------------------- */

struct value {
    const void *data;  /* used when not NULL */
    size_t size_bytes; /* of data */
    int64_t number;    /* else this */
};

#define NUMBER(n)      ((struct value){.number = (int64_t)(n)})
#define BLOB(d, bytes) ((struct value){.data = (d), .size_bytes = (bytes)})

static int prepare(struct agent_journal *journal, const char *sql, const struct value *values,
                   int value_count, sqlite3_stmt **ret_stmt, struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int r;

    r = bl_sqlite_prepare(&journal->db, sql, &stmt, err);
    for (int i = 0; r >= 0 && i < value_count; i++) {
        const struct value *value = &values[i];

        if (value->data != NULL) {
            r = bl_sqlite_bind_blob(stmt, i + 1, value->data, value->size_bytes, err);
        } else {
            r = bl_sqlite_bind_i64(stmt, i + 1, value->number, err);
        }
    }
    if (r < 0)
        return r;

    *ret_stmt = BL_TAKE_PTR(stmt);
    return 0;
}

static int run(struct agent_journal *journal, const char *sql, const struct value *values,
               int value_count, struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int r;

    if (journal->broken)
        return bl_fail(err, -EIO, "the journal failed before and is not written any more");
    r = prepare(journal, sql, values, value_count, &stmt, err);
    if (r < 0)
        return r;

    return bl_sqlite_run(&journal->db, stmt, err);
}

/* A column that must have exactly so many bytes: what lies on disk may be damaged. */
static int read_fixed(sqlite3_stmt *stmt, int column, void *ret_data, size_t size_bytes,
                      struct bl_error *err)
{
    size_t found_bytes = 0;
    const void *data = bl_sqlite_column_blob(stmt, column, &found_bytes);

    if (data == NULL || found_bytes != size_bytes)
        return bl_fail(err, -EUCLEAN, "the journal holds an id of %zu bytes", found_bytes);
    memcpy(ret_data, data, size_bytes);
    return 0;
}

/* ---- the audit chain --------------------------------------------------------------------- */

static void hash_row(const uint8_t before[PROTO_HASH_BYTES], const void *row, size_t row_bytes,
                     uint8_t ret_hash[PROTO_HASH_BYTES])
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, PROTO_HASH_BYTES);
    (void)crypto_generichash_update(&state, before, PROTO_HASH_BYTES);
    (void)crypto_generichash_update(&state, row, row_bytes);
    (void)crypto_generichash_final(&state, ret_hash, PROTO_HASH_BYTES);
}

/* Inside a transaction; the caller takes last_row and head back when that fails. */
static int append_row(struct agent_journal *journal, const struct agent_journal_row *row,
                      struct bl_error *err)
{
    PROTO_AUTO_BUFFER bytes = {0};
    struct agent_journal_row numbered = *row;
    uint8_t hash[PROTO_HASH_BYTES];
    int r;

    numbered.number = journal->last_row + 1;
    r = proto_encode(&agent_journal_row_schema, &numbered, &bytes, err);
    if (r < 0)
        return r;
    hash_row(journal->head, bytes.data, bytes.size_bytes, hash);

    r = run(journal, "INSERT INTO audit VALUES(?1, ?2, ?3)",
            (const struct value[]){NUMBER(numbered.number), BLOB(bytes.data, bytes.size_bytes),
                                   BLOB(hash, sizeof(hash))},
            3, err);
    if (r < 0)
        return r;
    r = run(journal, "UPDATE head SET number = ?1, hash = ?2",
            (const struct value[]){NUMBER(numbered.number), BLOB(hash, sizeof(hash))}, 2, err);
    if (r < 0)
        return r;

    journal->last_row = numbered.number;
    memcpy(journal->head, hash, sizeof(hash));
    return 0;
}

int agent_journal_check_chain(struct agent_journal *journal, uint8_t ret_head[PROTO_HASH_BYTES],
                              struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    uint8_t before[PROTO_HASH_BYTES] = {0};
    uint64_t number = 0;
    int r;

    r = prepare(journal, "SELECT number, row, hash FROM audit ORDER BY number", NULL, 0, &stmt,
                err);
    if (r < 0)
        return r;
    while ((r = bl_sqlite_step(&journal->db, stmt, err)) > 0) {
        uint8_t claimed[PROTO_HASH_BYTES], hash[PROTO_HASH_BYTES];
        size_t row_bytes = 0;
        const void *row = bl_sqlite_column_blob(stmt, 1, &row_bytes);

        number++;
        r = read_fixed(stmt, 2, claimed, sizeof(claimed), err);
        if (r < 0)
            return bl_wrap(err, "audit row %llu", (unsigned long long)number);
        hash_row(before, row, row_bytes, hash);
        if ((uint64_t)bl_sqlite_column_i64(stmt, 0) != number ||
            memcmp(claimed, hash, sizeof(hash)) != 0) {
            return bl_fail(err, -EUCLEAN, "the audit trail is broken at row %llu",
                           (unsigned long long)number);
        }
        memcpy(before, hash, sizeof(before));
    }
    if (r < 0)
        return r;
    if (number != journal->last_row || memcmp(before, journal->head, sizeof(before)) != 0) {
        return bl_fail(err, -EUCLEAN, "the audit trail ends at row %llu instead of %llu",
                       (unsigned long long)number, (unsigned long long)journal->last_row);
    }

    memcpy(ret_head, before, PROTO_HASH_BYTES);
    return 0;
}

/* ---- writing ----------------------------------------------------------------------------- */

static int insert_job(struct agent_journal *journal, const struct agent_journal_job *job,
                      const struct proto_buffer *saved, struct bl_error *err)
{
    PROTO_AUTO_BUFFER taken = {0};
    int r;

    r = proto_encode(&agent_journal_job_schema, job, &taken, err);
    if (r < 0)
        return r;
    r = run(journal, "INSERT INTO jobs(id, rollout_id, taken, job) VALUES(?1, ?2, ?3, ?4)",
            (const struct value[]){
                BLOB(job->id, sizeof(job->id)), BLOB(job->rollout_id, sizeof(job->rollout_id)),
                BLOB(taken.data, taken.size_bytes), BLOB(saved->data, saved->size_bytes)},
            4, err);
    for (uint32_t i = 0; r >= 0 && i < job->signatures_count; i++) {
        r = run(journal, "INSERT OR REPLACE INTO signers VALUES(?1, ?2)",
                (const struct value[]){BLOB(job->signatures[i].key, PROTO_KEY_BYTES),
                                       NUMBER(job->counter)},
                2, err);
    }

    return r;
}

static int save_job(struct agent_journal *journal, const struct agent_journal_write *write,
                    struct bl_error *err)
{
    const struct agent_journal_saved saved = {.job = *write->job,
                                              .code = write->job->code,
                                              .reason = write->job->reason,
                                              .boot_id = write->boot_id};
    PROTO_AUTO_BUFFER bytes = {0};
    int r;

    r = proto_encode(&agent_journal_saved_schema, &saved, &bytes, err);
    if (r < 0)
        return r;
    if (write->accept != NULL)
        return insert_job(journal, write->accept, &bytes, err);

    return run(journal, "UPDATE jobs SET job = ?1 WHERE id = ?2",
               (const struct value[]){BLOB(bytes.data, bytes.size_bytes),
                                      BLOB(write->job_id, AGENT_JOB_ID_BYTES)},
               2, err);
}

static int queue_report(struct agent_journal *journal, struct proto_report *report,
                        struct bl_error *err)
{
    struct proto_message message = {.kind = PROTO_REPORT};
    PROTO_AUTO_BUFFER bytes = {0};
    int r;

    report->seq = journal->last_seq + 1;
    message.report = *report;
    r = proto_message_encode(&message, &bytes, err);
    if (r < 0)
        return r;
    r = run(journal, "INSERT INTO outbox VALUES(?1, ?2)",
            (const struct value[]){NUMBER(report->seq), BLOB(bytes.data, bytes.size_bytes)}, 2,
            err);
    if (r < 0)
        return r;

    journal->last_seq = report->seq;
    return 0;
}

static int write_all(struct agent_journal *journal, const struct agent_journal_write *write,
                     struct bl_error *err)
{
    int r = 0;

    if (write->job != NULL)
        r = save_job(journal, write, err);
    for (uint32_t i = 0; r >= 0 && i < write->reports_count; i++) {
        struct proto_report *report = &write->reports[i];
        struct agent_journal_row row = {
            .wall_ms = report->wall_ms,
            .mono_ms = (int64_t)report->mono_ms,
            .boot_id = report->boot_id,
            .what = write->what,
            .who = write->who,
            .moment = report->moment,
            .state = report->state,
            .step = report->step,
            .result = report->result,
            .grade = report->grade,
            .code = report->code,
            .reason = report->reason,
        };

        memcpy(row.rollout_id, report->rollout_id, sizeof(row.rollout_id));
        r = append_row(journal, &row, err);
        if (r >= 0)
            r = queue_report(journal, report, err);
    }

    return r;
}

int agent_journal_write(struct agent_journal *journal, const struct agent_journal_write *write,
                        struct bl_error *err)
{
    const struct agent_journal former = *journal;
    int r;

    BL_ASSERT(write->accept == NULL || write->job != NULL);

    r = bl_sqlite_begin(&journal->db, err);
    if (r >= 0)
        r = write_all(journal, write, err);
    if (r >= 0)
        r = bl_sqlite_commit(&journal->db, err);
    if (r < 0) {
        bl_sqlite_rollback(&journal->db);
        journal->last_seq = former.last_seq;
        journal->last_row = former.last_row;
        memcpy(journal->head, former.head, sizeof(journal->head));
        journal->broken = true;
        return bl_wrap(err, "journal");
    }

    return 0;
}

int agent_journal_note(struct agent_journal *journal, const struct agent_journal_row *row,
                       struct bl_error *err)
{
    const struct agent_journal former = *journal;
    int r;

    r = bl_sqlite_begin(&journal->db, err);
    if (r >= 0)
        r = append_row(journal, row, err);
    if (r >= 0)
        r = bl_sqlite_commit(&journal->db, err);
    if (r < 0) {
        bl_sqlite_rollback(&journal->db);
        journal->last_row = former.last_row;
        memcpy(journal->head, former.head, sizeof(journal->head));
        return bl_wrap(err, "journal");
    }

    return 0;
}

int agent_journal_acknowledge(struct agent_journal *journal, uint64_t seq, struct bl_error *err)
{
    if (seq > journal->last_seq) {
        return bl_fail(err, -EPROTO, "report %llu is acknowledged and was never made",
                       (unsigned long long)seq);
    }

    return run(journal, "DELETE FROM outbox WHERE seq <= ?1", (const struct value[]){NUMBER(seq)},
               1, err);
}

/* ---- reading ----------------------------------------------------------------------------- */

static int copy_text(char *ret_text, size_t size_bytes, const char *text, struct bl_error *err)
{
    size_t length = strlen(text);

    if (length >= size_bytes)
        return bl_fail(err, -EUCLEAN, "a saved text is too long");
    memcpy(ret_text, text, length + 1);
    return 0;
}

static int decode_job(sqlite3_stmt *stmt, struct proto_arena *arena,
                      struct agent_journal_job *ret_job, struct bl_error *err)
{
    struct agent_journal_saved saved;
    size_t bytes = 0;
    const void *data;
    int r;

    data = bl_sqlite_column_blob(stmt, 0, &bytes);
    r = proto_decode(&agent_journal_job_schema, data, bytes, arena, ret_job, err);
    data = bl_sqlite_column_blob(stmt, 1, &bytes);
    if (r >= 0)
        r = proto_decode(&agent_journal_saved_schema, data, bytes, arena, &saved, err);
    if (r >= 0)
        r = copy_text(saved.job.code, sizeof(saved.job.code), saved.code, err);
    if (r >= 0)
        r = copy_text(saved.job.reason, sizeof(saved.job.reason), saved.reason, err);
    if (r == -EBADMSG)
        err->code = r = -EUCLEAN;
    if (r < 0)
        return r;
    if (!agent_job_is_sound(&saved.job))
        return bl_fail(err, -EUCLEAN, "the saved job cannot be true");

    ret_job->job = saved.job;
    ret_job->boot_id = saved.boot_id;
    return 1;
}

static int load_job(struct agent_journal *journal, const char *sql, const uint8_t *id,
                    struct proto_arena *arena, struct agent_journal_job *ret_job,
                    struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    const struct value value = BLOB(id, AGENT_JOB_ID_BYTES);
    int r;

    r = prepare(journal, sql, &value, id != NULL ? 1 : 0, &stmt, err);
    if (r >= 0)
        r = bl_sqlite_step(&journal->db, stmt, err);
    if (r > 0)
        r = decode_job(stmt, arena, ret_job, err);
    if (r < 0)
        return bl_wrap(err, "journal");

    return r;
}

int agent_journal_load_newest(struct agent_journal *journal, struct proto_arena *arena,
                              struct agent_journal_job *ret_job, struct bl_error *err)
{
    return load_job(journal, "SELECT taken, job FROM jobs ORDER BY place DESC LIMIT 1", NULL, arena,
                    ret_job, err);
}

int agent_journal_load_job(struct agent_journal *journal, const uint8_t id[AGENT_JOB_ID_BYTES],
                           struct proto_arena *arena, struct agent_journal_job *ret_job,
                           struct bl_error *err)
{
    return load_job(journal, "SELECT taken, job FROM jobs WHERE id = ?1", id, arena, ret_job, err);
}

int agent_journal_load_base(struct agent_journal *journal, struct proto_arena *arena,
                            struct agent_journal_job *ret_job, struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int r =
        prepare(journal, "SELECT taken, job FROM jobs ORDER BY place DESC", NULL, 0, &stmt, err);

    while (r >= 0 && (r = bl_sqlite_step(&journal->db, stmt, err)) > 0) {
        proto_arena_release(arena); /* of the job before */
        r = decode_job(stmt, arena, ret_job, err);
        if (r >= 0 && ret_job->job.state == PROTO_JOB_COMMITTED)
            return r;
        if (r >= 0 && ret_job->job.state == PROTO_JOB_REVERT_FAILED && ret_job->job.changed)
            return 0; /* nobody knows what lies on top of those before it */
    }
    return r < 0 ? bl_wrap(err, "journal") : 0;
}

int agent_journal_raise(struct agent_journal *journal, const uint8_t id[AGENT_JOB_ID_BYTES],
                        struct bl_error *err)
{
    static const char sql[] =
        "UPDATE jobs SET place = 1 + (SELECT max(place) FROM jobs) WHERE id = ?1";
    const struct value value = BLOB(id, AGENT_JOB_ID_BYTES);

    return run(journal, sql, &value, 1, err) < 0 ? bl_wrap(err, "journal") : 0;
}

int agent_journal_find_rollout(struct agent_journal *journal,
                               const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                               uint8_t ret_job_id[AGENT_JOB_ID_BYTES], struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    const struct value value = BLOB(rollout_id, PROTO_ROLLOUT_ID_BYTES);
    int r;

    r = prepare(journal, "SELECT id FROM jobs WHERE rollout_id = ?1", &value, 1, &stmt, err);
    if (r >= 0)
        r = bl_sqlite_step(&journal->db, stmt, err);
    if (r <= 0)
        return r;
    r = read_fixed(stmt, 0, ret_job_id, AGENT_JOB_ID_BYTES, err);

    return r < 0 ? r : 1;
}

int agent_journal_find_counter(struct agent_journal *journal, const uint8_t key[PROTO_KEY_BYTES],
                               uint64_t *ret_counter, struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    const struct value value = BLOB(key, PROTO_KEY_BYTES);
    int r;

    r = prepare(journal, "SELECT counter FROM signers WHERE key = ?1", &value, 1, &stmt, err);
    if (r >= 0)
        r = bl_sqlite_step(&journal->db, stmt, err);
    if (r > 0)
        *ret_counter = (uint64_t)bl_sqlite_column_i64(stmt, 0);

    return r;
}

int agent_journal_next_report(struct agent_journal *journal, uint64_t after_seq, uint64_t *ret_seq,
                              struct proto_buffer *message, struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    const struct value value = NUMBER(after_seq);
    size_t bytes = 0;
    const void *data;
    int r;

    r = prepare(journal, "SELECT seq, message FROM outbox WHERE seq > ?1 ORDER BY seq LIMIT 1",
                &value, 1, &stmt, err);
    if (r >= 0)
        r = bl_sqlite_step(&journal->db, stmt, err);
    if (r <= 0)
        return r;

    data = bl_sqlite_column_blob(stmt, 1, &bytes);
    proto_buffer_release(message);
    message->data = malloc(bytes > 0 ? bytes : 1);
    if (message->data == NULL)
        return bl_fail(err, -ENOMEM, "no memory for a report");
    if (bytes > 0)
        memcpy(message->data, data, bytes);
    message->size_bytes = message->capacity_bytes = bytes;
    *ret_seq = (uint64_t)bl_sqlite_column_i64(stmt, 0);
    return 1;
}

int agent_journal_read_row(struct agent_journal *journal, uint64_t number,
                           struct proto_arena *arena, struct agent_journal_row *ret_row,
                           struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    const struct value value = NUMBER(number);
    size_t bytes = 0;
    const void *data;
    int r;

    r = prepare(journal, "SELECT row FROM audit WHERE number = ?1", &value, 1, &stmt, err);
    if (r >= 0)
        r = bl_sqlite_step(&journal->db, stmt, err);
    if (r <= 0)
        return r;
    data = bl_sqlite_column_blob(stmt, 0, &bytes);
    r = proto_decode(&agent_journal_row_schema, data, bytes, arena, ret_row, err);
    if (r < 0)
        return bl_wrap(err, "audit row %llu", (unsigned long long)number);

    return 1;
}

uint64_t agent_journal_last_row(const struct agent_journal *journal)
{
    return journal->last_row;
}

/* ---- life -------------------------------------------------------------------------------- */

bool agent_journal_is_whole(const struct agent_journal *journal)
{
    return !journal->broken && !journal->db.broken;
}

uint64_t agent_journal_last_seq(const struct agent_journal *journal)
{
    return journal->last_seq;
}

static int load_counters(struct agent_journal *journal, struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *head = NULL;
    BL_AUTO_STMT sqlite3_stmt *sequence = NULL;
    int r;

    r = prepare(journal, "SELECT number, hash FROM head", NULL, 0, &head, err);
    if (r >= 0)
        r = bl_sqlite_step(&journal->db, head, err);
    if (r == 0)
        return bl_fail(err, -EUCLEAN, "the audit trail has lost its head");
    if (r > 0)
        r = read_fixed(head, 1, journal->head, sizeof(journal->head), err);
    if (r < 0)
        return r;
    journal->last_row = (uint64_t)bl_sqlite_column_i64(head, 0);

    /* Kept by AUTOINCREMENT, so that a number is not used again after its report was deleted. */
    r = prepare(journal, "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'", NULL, 0,
                &sequence, err);
    if (r >= 0)
        r = bl_sqlite_step(&journal->db, sequence, err);
    if (r > 0)
        journal->last_seq = (uint64_t)bl_sqlite_column_i64(sequence, 0);

    return r < 0 ? r : 0;
}

int agent_journal_open(const char *path, struct agent_journal **ret_journal, struct bl_error *err)
{
    AGENT_AUTO_JOURNAL *journal = calloc(1, sizeof(*journal));
    int r;

    if (journal == NULL)
        return bl_fail(err, -ENOMEM, "no memory for the journal");
    r = bl_sqlite_open(&journal->db, path, &schema, err);
    if (r >= 0)
        r = load_counters(journal, err);
    if (r < 0)
        return bl_wrap(err, "journal");

    *ret_journal = BL_TAKE_PTR(journal);
    return 0;
}

struct agent_journal *agent_journal_free(struct agent_journal *journal)
{
    if (journal == NULL)
        return NULL;
    bl_sqlite_close(&journal->db);
    free(journal);
    return NULL;
}
