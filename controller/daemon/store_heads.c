/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/text.h"
#include "controller/daemon/store_db.h"

/* Heads of the hosts' audits, and what of our own chain they are told. */

int ctl_store_audit_last(struct ctl_store *store, uint64_t *ret_rows,
                         uint8_t ret_hash[PROTO_HASH_BYTES], struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", err);
    int r = ctl_query_next(&query);

    *ret_rows = 0;
    memset(ret_hash, 0, PROTO_HASH_BYTES);
    if (r <= 0)
        return r;
    *ret_rows = (uint64_t)ctl_query_i64(&query, 0);
    ctl_query_fixed(&query, 1, ret_hash, PROTO_HASH_BYTES);

    return query.result;
}

int ctl_store_audit_hash(struct ctl_store *store, uint64_t seq, uint8_t ret_hash[PROTO_HASH_BYTES],
                         struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(store, "SELECT hash FROM audit WHERE seq=?", err);
    int r;

    ctl_query_bind_i64(&query, (int64_t)seq);
    r = ctl_query_next(&query);
    if (r <= 0)
        return r;
    ctl_query_fixed(&query, 0, ret_hash, PROTO_HASH_BYTES);

    return query.result < 0 ? query.result : 1;
}

#define HEAD_COLUMNS "rows, hash, at_ms, noted_ms, broken, broken_ms"

static void read_head(struct ctl_query *query, struct ctl_store_head *head)
{
    *head = (struct ctl_store_head){
        .rows = (uint64_t)ctl_query_i64(query, 0),
        .at = {ctl_query_i64(query, 2)},
        .noted_at = {ctl_query_i64(query, 3)},
        .broken_at = {ctl_query_i64(query, 5)},
    };
    ctl_query_fixed(query, 1, head->hash, sizeof(head->hash));
    if (ctl_query_text(query, 4) != NULL)
        bl_text_copy(head->broken, sizeof(head->broken), ctl_query_text(query, 4));
}

int ctl_store_load_head(struct ctl_store *store, const uint8_t host[PROTO_HOST_ID_BYTES],
                        struct ctl_store_head *ret_head, struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store, "SELECT " HEAD_COLUMNS " FROM host_heads WHERE host=?", err);
    int r;

    *ret_head = (struct ctl_store_head){0};
    ctl_query_bind_blob(&query, host, PROTO_HOST_ID_BYTES);
    r = ctl_query_next(&query);
    if (r <= 0)
        return r;
    read_head(&query, ret_head);

    return query.result < 0 ? query.result : 1;
}

int ctl_store_save_head(struct ctl_store *store, const uint8_t host[PROTO_HOST_ID_BYTES],
                        const struct ctl_store_head *head, struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store, "INSERT OR REPLACE INTO host_heads (host, " HEAD_COLUMNS ") VALUES (?,?,?,?,?,?,?)",
        err);

    ctl_query_bind_blob(&query, host, PROTO_HOST_ID_BYTES);
    ctl_query_bind_i64(&query, (int64_t)head->rows);
    ctl_query_bind_blob(&query, head->hash, sizeof(head->hash));
    ctl_query_bind_i64(&query, head->at.ms);
    ctl_query_bind_i64(&query, head->noted_at.ms);
    ctl_query_bind_text(&query, head->broken);
    ctl_query_bind_i64(&query, head->broken_at.ms);

    return ctl_query_run(&query);
}
