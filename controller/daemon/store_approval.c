/* SPDX-License-Identifier: Apache-2.0 */
#include <sqlite3.h>

#include "controller/daemon/store_db.h"

int ctl_store_add_approval(struct ctl_store *store, const struct ctl_store_approval *approval,
                           struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store,
                       "INSERT OR IGNORE INTO approvals (rollout, received_ms, uid, person, file)"
                       " VALUES (?,?,?,?,?)",
                       err);
    int r;

    ctl_query_bind_blob(&query, approval->rollout_id, sizeof(approval->rollout_id));
    ctl_query_bind_i64(&query, approval->received.ms);
    ctl_query_bind_i64(&query, approval->uid);
    ctl_query_bind_text(&query, approval->person);
    ctl_query_bind_blob(&query, approval->file.data, approval->file.size_bytes);
    r = ctl_query_run(&query);
    if (r < 0)
        return r;

    return sqlite3_changes(store->db.db) > 0 ? 1 : 0;
}

int ctl_store_each_approval(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                            ctl_store_approval_fn each, void *userdata, struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store,
        "SELECT rollout, received_ms, uid, person, file FROM approvals WHERE rollout=?"
        " ORDER BY number",
        err);
    int r;

    ctl_query_bind_blob(&query, id, PROTO_ROLLOUT_ID_BYTES);
    while ((r = ctl_query_next(&query)) > 0) {
        struct ctl_store_approval approval = {
            .received = {ctl_query_i64(&query, 1)},
            .uid = ctl_query_i64(&query, 2),
            .person = ctl_query_text(&query, 3),
            .file = ctl_query_bytes(&query, 4),
        };

        ctl_query_fixed(&query, 0, approval.rollout_id, sizeof(approval.rollout_id));
        r = each(userdata, &approval, err);
        if (r < 0)
            return r;
    }

    return r;
}
