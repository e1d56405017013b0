/* SPDX-License-Identifier: Apache-2.0 */
#include "common/text.h"
#include "controller/daemon/store_db.h"

/* One row, or none: the change freeze that was ordered last. */

int ctl_store_save_freeze(struct ctl_store *store, const struct ctl_store_freeze *freeze,
                          struct bl_error *err)
{
    static const char set[] = "INSERT OR REPLACE INTO freeze VALUES (1,?,?,?,?)";
    static const char unset[] = "DELETE FROM freeze";
    CTL_AUTO_QUERY query = ctl_query_init(store, freeze->is_set ? set : unset, err);

    if (freeze->is_set) {
        ctl_query_bind_i64(&query, freeze->since.ms);
        ctl_query_bind_i64(&query, freeze->until.ms);
        ctl_query_bind_i64(&query, freeze->uid);
        ctl_query_bind_text(&query, freeze->reason);
    }

    return ctl_query_run(&query);
}

int ctl_store_load_freeze(struct ctl_store *store, struct ctl_store_freeze *ret_freeze,
                          struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store, "SELECT since_ms, until_ms, uid, reason FROM freeze", err);
    int r = ctl_query_next(&query);

    *ret_freeze = (struct ctl_store_freeze){.is_set = r > 0};
    if (r <= 0)
        return r;
    ret_freeze->since.ms = ctl_query_i64(&query, 0);
    ret_freeze->until.ms = ctl_query_i64(&query, 1);
    ret_freeze->uid = ctl_query_i64(&query, 2);
    bl_text_copy(ret_freeze->reason, sizeof(ret_freeze->reason), ctl_query_text(&query, 3));

    return query.result < 0 ? query.result : 1;
}
