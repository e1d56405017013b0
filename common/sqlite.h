/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BL_COMMON_SQLITE_H
#define BL_COMMON_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * SQLite as a journal: what a committed transaction wrote is on disk (synchronous=FULL, WAL). Once
 * SQLite has reported an I/O error or a full disk, or a commit failed, the handle refuses all later
 * work with -EIO: a second try after a failed fsync may claim success for data that is gone.
 */
struct bl_sqlite {
    sqlite3 *db;
    bool in_transaction;
    bool broken; /* see above: nothing is believed any more */
};

/* One step of the schema: statement(s) that lead from user_version i to i + 1. */
struct bl_sqlite_schema {
    const char *const *steps;
    unsigned step_count;
};

/*
 * Opens or creates the database `path` (mode 0600) and brings it to the newest schema in one
 * transaction. -EUCLEAN: damaged, or made by a newer version; the text names the remedy.
 */
int bl_sqlite_open(struct bl_sqlite *s, const char *path, const struct bl_sqlite_schema *schema,
                   struct bl_error *err) BL_CHECKED;

/* -EUCLEAN when the database's own structure is damaged: what open has looked at already. */
int bl_sqlite_check_sound(struct bl_sqlite *s, struct bl_error *err) BL_CHECKED;

/* Rolls back what is not committed. Fine on a zeroed struct and twice. */
void bl_sqlite_close(struct bl_sqlite *s);

/* One or more statements without parameters or rows. */
int bl_sqlite_exec(struct bl_sqlite *s, const char *sql, struct bl_error *err) BL_CHECKED;

/*
 * A statement: prepare, bind by place (1-based), step until 0, then it finalizes itself when it
 * leaves scope. `sql` is a literal of ours, never built from data.
 */
int bl_sqlite_prepare(struct bl_sqlite *s, const char *sql, sqlite3_stmt **ret_stmt,
                      struct bl_error *err) BL_CHECKED;
void bl_sqlite_finalize_ptr(sqlite3_stmt **stmt);
#define BL_AUTO_STMT BL_CLEANUP(bl_sqlite_finalize_ptr)

/* Binding copies. All return -ENOMEM or -EINVAL as SQLite does. NULL text or data binds NULL. */
int bl_sqlite_bind_i64(sqlite3_stmt *stmt, int place, int64_t value, struct bl_error *err)
    BL_CHECKED;
int bl_sqlite_bind_text(sqlite3_stmt *stmt, int place, const char *text, struct bl_error *err)
    BL_CHECKED;
int bl_sqlite_bind_blob(sqlite3_stmt *stmt, int place, const void *data, size_t size_bytes,
                        struct bl_error *err) BL_CHECKED;

/* 1: a row is there, read it by the column functions; 0: done. */
int bl_sqlite_step(struct bl_sqlite *s, sqlite3_stmt *stmt, struct bl_error *err) BL_CHECKED;

/* Steps a statement that gives no rows to its end and resets it. */
int bl_sqlite_run(struct bl_sqlite *s, sqlite3_stmt *stmt, struct bl_error *err) BL_CHECKED;

int64_t bl_sqlite_column_i64(sqlite3_stmt *stmt, int column);
/* Valid until the next step; "" for NULL. */
const char *bl_sqlite_column_text(sqlite3_stmt *stmt, int column);
/* Valid until the next step; NULL with 0 bytes for NULL. */
const void *bl_sqlite_column_blob(sqlite3_stmt *stmt, int column, size_t *ret_size_bytes);

/* Transactions don't nest. An uncommitted one is rolled back by bl_sqlite_rollback or close. */
int bl_sqlite_begin(struct bl_sqlite *s, struct bl_error *err) BL_CHECKED;
int bl_sqlite_commit(struct bl_sqlite *s, struct bl_error *err) BL_CHECKED;
void bl_sqlite_rollback(struct bl_sqlite *s);

#endif
