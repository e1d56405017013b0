/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/store_db.h"

#include <errno.h>
#include <string.h>

struct ctl_query ctl_query_init(struct ctl_store *store, const char *sql, struct bl_error *err)
{
    struct ctl_query query = {.store = store, .err = err};

    if (store->begin_due)
        query.result = bl_sqlite_begin(&store->db, err);
    if (query.result < 0)
        return query;
    store->begin_due = false;
    query.result = bl_sqlite_prepare(&store->db, sql, &query.stmt, err);

    return query;
}

void ctl_query_release(struct ctl_query *query)
{
    bl_sqlite_finalize_ptr(&query->stmt);
}

void ctl_query_bind_i64(struct ctl_query *query, int64_t value)
{
    if (query->result >= 0)
        query->result = bl_sqlite_bind_i64(query->stmt, ++query->place, value, query->err);
}

void ctl_query_bind_text(struct ctl_query *query, const char *text)
{
    if (query->result >= 0)
        query->result = bl_sqlite_bind_text(query->stmt, ++query->place, text, query->err);
}

void ctl_query_bind_blob(struct ctl_query *query, const void *data, size_t size_bytes)
{
    if (query->result >= 0)
        query->result =
            bl_sqlite_bind_blob(query->stmt, ++query->place, data, size_bytes, query->err);
}

int ctl_query_run(struct ctl_query *query)
{
    if (query->result >= 0)
        query->result = bl_sqlite_run(&query->store->db, query->stmt, query->err);
    query->place = 0;

    return query->result < 0 ? query->result : 0;
}

int ctl_query_next(struct ctl_query *query)
{
    if (query->result >= 0)
        query->result = bl_sqlite_step(&query->store->db, query->stmt, query->err);

    return query->result;
}

int64_t ctl_query_i64(const struct ctl_query *query, int column)
{
    return bl_sqlite_column_i64(query->stmt, column);
}

uint32_t ctl_query_u32(const struct ctl_query *query, int column)
{
    return (uint32_t)bl_sqlite_column_i64(query->stmt, column);
}

const char *ctl_query_text(const struct ctl_query *query, int column)
{
    return bl_sqlite_column_text(query->stmt, column);
}

struct proto_bytes ctl_query_bytes(const struct ctl_query *query, int column)
{
    struct proto_bytes bytes;

    bytes.data = bl_sqlite_column_blob(query->stmt, column, &bytes.size_bytes);

    return bytes;
}

void ctl_query_fixed(struct ctl_query *query, int column, void *ret_data, size_t size_bytes)
{
    const struct proto_bytes blob = ctl_query_bytes(query, column);

    if (blob.size_bytes == size_bytes) {
        memcpy(ret_data, blob.data, size_bytes);
        return;
    }
    memset(ret_data, 0, size_bytes);
    query->result = bl_fail(query->err, -EUCLEAN, "store: column %d of '%s' is damaged", column,
                            sqlite3_sql(query->stmt));
}
