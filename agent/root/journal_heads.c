/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "agent/root/journal_db.h"

/* What of the audit's chain is told to the controller, and what of the controller's is kept. */

void agent_journal_head(const struct agent_journal *journal, uint8_t ret_head[PROTO_HASH_BYTES])
{
    memcpy(ret_head, journal->head, PROTO_HASH_BYTES);
}

static int read_hash(sqlite3_stmt *stmt, int column, uint8_t ret_hash[PROTO_HASH_BYTES],
                     struct bl_error *err)
{
    size_t bytes = 0;
    const void *data = bl_sqlite_column_blob(stmt, column, &bytes);

    if (data == NULL || bytes != PROTO_HASH_BYTES)
        return bl_fail(err, -EUCLEAN, "the journal holds a hash of %zu bytes", bytes);
    memcpy(ret_hash, data, PROTO_HASH_BYTES);

    return 1;
}

int agent_journal_hash_at(struct agent_journal *journal, uint64_t number,
                          uint8_t ret_hash[PROTO_HASH_BYTES], struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int r;

    if (number > journal->last_row)
        return 0;
    r = bl_sqlite_prepare(&journal->db, "SELECT hash FROM audit WHERE number = ?1", &stmt, err);
    if (r >= 0)
        r = bl_sqlite_bind_i64(stmt, 1, (int64_t)number, err);
    if (r >= 0)
        r = bl_sqlite_step(&journal->db, stmt, err);

    return r <= 0 ? r : read_hash(stmt, 0, ret_hash, err);
}

int agent_journal_kept_head(struct agent_journal *journal, uint64_t *ret_rows,
                            uint8_t ret_hash[PROTO_HASH_BYTES], struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int r;

    *ret_rows = 0;
    memset(ret_hash, 0, PROTO_HASH_BYTES);
    r = bl_sqlite_prepare(&journal->db, "SELECT number, hash FROM controller_head", &stmt, err);
    if (r >= 0)
        r = bl_sqlite_step(&journal->db, stmt, err);
    if (r > 0)
        r = read_hash(stmt, 1, ret_hash, err);
    if (r > 0)
        *ret_rows = (uint64_t)bl_sqlite_column_i64(stmt, 0);

    return r < 0 ? r : 0;
}

int agent_journal_keep_head(struct agent_journal *journal, uint64_t rows,
                            const uint8_t hash[PROTO_HASH_BYTES], struct bl_error *err)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    int r;

    if (!agent_journal_is_whole(journal))
        return bl_fail(err, -EIO, "the journal failed before and is not written any more");
    r = bl_sqlite_prepare(&journal->db, "INSERT OR REPLACE INTO controller_head VALUES(1, ?1, ?2)",
                          &stmt, err);
    if (r >= 0)
        r = bl_sqlite_bind_i64(stmt, 1, (int64_t)rows, err);
    if (r >= 0)
        r = bl_sqlite_bind_blob(stmt, 2, hash, PROTO_HASH_BYTES, err);
    if (r >= 0)
        r = bl_sqlite_run(&journal->db, stmt, err);

    return r;
}

int agent_journal_forget_head(struct agent_journal *journal, struct bl_error *err)
{
    return bl_sqlite_exec(&journal->db, "DELETE FROM controller_head", err);
}
