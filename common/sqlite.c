/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/sqlite_holder.h"

enum {
    BUSY_TIMEOUT_MS = 5000,
};

static int errno_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_CONSTRAINT:
        return -EEXIST;
    case SQLITE_CANTOPEN:
        return -ENOENT;
    default:
        return -EIO;
    }
}

/*
 * After some errors SQLite has taken back the whole transaction by itself; what the caller still
 * writes would become durable without what came before it.
 */
static bool is_undone(const struct bl_sqlite *s)
{
    return s->in_transaction && sqlite3_get_autocommit(s->db) != 0;
}

/* Whoever waits for the lock shall not have to look for the one who has it. */
static int fail_locked(struct bl_sqlite *s, const char *what, struct bl_error *err)
{
    const char *path = s->db != NULL ? sqlite3_db_filename(s->db, "main") : NULL;
    const pid_t holder = path != NULL ? bl_sqlite_holder(path) : 0;

    if (holder == 0) {
        return bl_fail(err, -EBUSY,
                       "%s: another program has it locked: 'fuser -v %s' names who has it open; "
                       "end that program, nothing was changed meanwhile",
                       what, path != NULL ? path : "FILE");
    }

    return bl_fail(err, -EBUSY,
                   "%s: process %ld has it locked: 'ps -fp %ld' tells what that is; end it, "
                   "nothing was changed meanwhile",
                   what, (long)holder, (long)holder);
}

static int fail(struct bl_sqlite *s, int code, const char *what, struct bl_error *err)
{
    if ((code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_FULL || is_undone(s))
        s->broken = true;
    if ((code & 0xff) == SQLITE_BUSY)
        return fail_locked(s, what, err);
    return bl_fail(err, errno_of(code), "%s: %s", what,
                   s->db != NULL ? sqlite3_errmsg(s->db) : sqlite3_errstr(code));
}

static int check_usable(const struct bl_sqlite *s, struct bl_error *err)
{
    BL_ASSERT(s->db != NULL);

    if (s->broken) {
        return bl_fail(err, -EIO,
                       "the database failed to write before and is not used any more; "
                       "check the disk, then restart");
    }
    return 0;
}

int bl_sqlite_exec(struct bl_sqlite *s, const char *sql, struct bl_error *err)
{
    int r = check_usable(s, err);

    if (r < 0)
        return r;
    r = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    if (r != SQLITE_OK)
        return fail(s, r, "database", err);
    return 0;
}

static int read_number(struct bl_sqlite *s, const char *sql, int64_t *ret_number,
                       struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int r = bl_sqlite_prepare(s, sql, &stmt, err);

    if (r < 0)
        return r;
    r = bl_sqlite_step(s, stmt, err);
    if (r < 0)
        return r;
    if (r == 0)
        return bl_fail(err, -EUCLEAN, "database: no answer to '%s'", sql);
    *ret_number = bl_sqlite_column_i64(stmt, 0);
    return 0;
}

int bl_sqlite_check_sound(struct bl_sqlite *s, struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int r = bl_sqlite_prepare(s, "PRAGMA quick_check(1)", &stmt, err);

    if (r < 0)
        return r;
    r = bl_sqlite_step(s, stmt, err);
    if (r < 0)
        return r;
    if (r == 0 || strcmp(bl_sqlite_column_text(stmt, 0), "ok") != 0) {
        return bl_fail(err, -EUCLEAN, "database is damaged: %s",
                       r == 0 ? "no answer" : bl_sqlite_column_text(stmt, 0));
    }
    return 0;
}

static int migrate(struct bl_sqlite *s, const struct bl_sqlite_schema *schema, struct bl_error *err)
{
    char set_version[48];
    int64_t version;
    int r;

    r = read_number(s, "PRAGMA user_version", &version, err);
    if (r < 0)
        return r;
    if (version < 0 || version > (int64_t)schema->step_count) {
        return bl_fail(err, -EUCLEAN,
                       "database has format %lld, this program knows up to %u: use the newer "
                       "version of belay that wrote it",
                       (long long)version, schema->step_count);
    }

    /*
     * Also without a step to take: this commit begins the log anew on disk. Until then a power cut
     * could bring back the one that the checkpoint emptied, and hide what we have read since.
     */
    r = bl_sqlite_begin(s, err);
    for (unsigned i = (unsigned)version; r == 0 && i < schema->step_count; i++)
        r = bl_sqlite_exec(s, schema->steps[i], err);
    if (r == 0) {
        (void)snprintf(set_version, sizeof(set_version), "PRAGMA user_version=%u",
                       schema->step_count);
        r = bl_sqlite_exec(s, set_version, err);
    }
    if (r == 0)
        r = bl_sqlite_commit(s, err);
    if (r < 0)
        bl_sqlite_rollback(s);
    return r;
}

/*
 * The checkpoint brings to disk what the log holds: after a failed fsync of the process before, that
 * is perhaps only in the page cache, marked clean, so that no later fsync would write it, and what is
 * committed behind it in the log would be lost with it. That somebody who reads keeps it from being
 * done is no error for SQLite: it says so in its answer.
 */
static int begin_log(struct bl_sqlite *s, struct bl_error *err)
{
    int64_t is_busy = 0;
    int r = read_number(s, "PRAGMA wal_checkpoint(TRUNCATE)", &is_busy, err);

    if (r < 0)
        return r;

    return is_busy != 0 ? fail(s, SQLITE_BUSY, "its log can't be begun anew", err) : 0;
}

static int configure(struct bl_sqlite *s, const struct bl_sqlite_schema *schema,
                     struct bl_error *err)
{
    int r;

    (void)sqlite3_extended_result_codes(s->db, 1);
    (void)sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
    r = bl_sqlite_exec(s,
                       "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
                       "PRAGMA trusted_schema=OFF;",
                       err);
    if (r >= 0)
        r = begin_log(s, err);
    if (r < 0)
        return r;
    r = bl_sqlite_check_sound(s, err);
    if (r < 0)
        return r;
    return migrate(s, schema, err);
}

int bl_sqlite_open(struct bl_sqlite *s, const char *path, const struct bl_sqlite_schema *schema,
                   struct bl_error *err)
{
    int r;

    *s = (struct bl_sqlite){0};

    /* Made here first so that it never exists with a looser mode than 0600. */
    {
        BL_AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
            return bl_fail(err, -errno, "database '%s': %s", path, strerror(errno));
    }
    r = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL);
    if (r != SQLITE_OK) {
        r = fail(s, r, "open", err);
    } else {
        r = configure(s, schema, err);
    }
    if (r < 0) {
        bl_sqlite_close(s);
        return bl_wrap(err, "database '%s'", path);
    }
    return 0;
}

void bl_sqlite_close(struct bl_sqlite *s)
{
    if (s->db == NULL)
        return;
    bl_sqlite_rollback(s);
    /* close_v2 also takes a handle with forgotten statements; it can't fail then. */
    (void)sqlite3_close_v2(s->db);
    *s = (struct bl_sqlite){0};
}

int bl_sqlite_prepare(struct bl_sqlite *s, const char *sql, sqlite3_stmt **ret_stmt,
                      struct bl_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int r = check_usable(s, err);

    if (r < 0)
        return r;
    r = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
    if (r != SQLITE_OK)
        return fail(s, r, "prepare", err);
    *ret_stmt = stmt;
    return 0;
}

void bl_sqlite_finalize_ptr(sqlite3_stmt **stmt)
{
    /* Its code repeats the error of the last step, which was reported there. */
    (void)sqlite3_finalize(*stmt);
    *stmt = NULL;
}

static int bound(int code, int place, struct bl_error *err)
{
    if (code != SQLITE_OK) {
        return bl_fail(err, code == SQLITE_NOMEM ? -ENOMEM : -EINVAL, "bind %d: %s", place,
                       sqlite3_errstr(code));
    }
    return 0;
}

int bl_sqlite_bind_i64(sqlite3_stmt *stmt, int place, int64_t value, struct bl_error *err)
{
    return bound(sqlite3_bind_int64(stmt, place, value), place, err);
}

int bl_sqlite_bind_text(sqlite3_stmt *stmt, int place, const char *text, struct bl_error *err)
{
    return bound(sqlite3_bind_text(stmt, place, text, -1, SQLITE_TRANSIENT), place, err);
}

int bl_sqlite_bind_blob(sqlite3_stmt *stmt, int place, const void *data, size_t size_bytes,
                        struct bl_error *err)
{
    if (size_bytes > INT_MAX)
        return bl_fail(err, -EMSGSIZE, "bind %d: too large", place);
    if (data != NULL && size_bytes == 0)
        return bound(sqlite3_bind_zeroblob(stmt, place, 0), place, err);
    return bound(sqlite3_bind_blob(stmt, place, data, (int)size_bytes, SQLITE_TRANSIENT), place,
                 err);
}

int bl_sqlite_step(struct bl_sqlite *s, sqlite3_stmt *stmt, struct bl_error *err)
{
    int r = check_usable(s, err);

    if (r < 0)
        return r;
    r = sqlite3_step(stmt);
    if (r == SQLITE_ROW)
        return 1;
    if (r == SQLITE_DONE)
        return 0;
    return fail(s, r, "database", err);
}

int bl_sqlite_run(struct bl_sqlite *s, sqlite3_stmt *stmt, struct bl_error *err)
{
    int r = bl_sqlite_step(s, stmt, err);

    (void)sqlite3_reset(stmt); /* repeats the step's error, which is in r */
    BL_ASSERT(r != 1);
    return r;
}

int64_t bl_sqlite_column_i64(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt, column);
}

const char *bl_sqlite_column_text(sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);

    return text == NULL ? "" : (const char *)text;
}

const void *bl_sqlite_column_blob(sqlite3_stmt *stmt, int column, size_t *ret_size_bytes)
{
    const void *data = sqlite3_column_blob(stmt, column);

    *ret_size_bytes = (size_t)sqlite3_column_bytes(stmt, column);
    return data;
}

int bl_sqlite_begin(struct bl_sqlite *s, struct bl_error *err)
{
    int r;

    BL_ASSERT(!s->in_transaction);

    r = bl_sqlite_exec(s, "BEGIN IMMEDIATE", err);
    if (r < 0)
        return r;
    s->in_transaction = true;
    return 0;
}

int bl_sqlite_commit(struct bl_sqlite *s, struct bl_error *err)
{
    int r;

    BL_ASSERT(s->in_transaction);

    r = bl_sqlite_exec(s, "COMMIT", err);
    if (r < 0) {
        s->broken = true;
        bl_sqlite_rollback(s);
        return bl_wrap(err, "commit");
    }
    s->in_transaction = false;
    return 0;
}

void bl_sqlite_rollback(struct bl_sqlite *s)
{
    if (s->db == NULL || !s->in_transaction)
        return;
    /* SQLite rolls back by itself when this fails, at the latest when the database is closed. */
    (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->in_transaction = false;
}
