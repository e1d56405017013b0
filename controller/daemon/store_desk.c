/* SPDX-License-Identifier: Apache-2.0 */
#include "common/text.h"
#include "controller/daemon/store_db.h"

/* Which desks may come in over the admin endpoint, and which did once: revoked ones are kept. */

int ctl_store_save_desk(struct ctl_store *store, const struct ctl_store_desk *desk,
                        struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store, "INSERT OR REPLACE INTO desks VALUES (?,?,?,?,?)", err);

    ctl_query_bind_blob(&query, desk->id, sizeof(desk->id));
    ctl_query_bind_text(&query, desk->name);
    ctl_query_bind_i64(&query, desk->admitted.ms);
    ctl_query_bind_i64(&query, desk->uid);
    ctl_query_bind_i64(&query, desk->revoked.ms);

    return ctl_query_run(&query);
}

int ctl_store_each_desk(struct ctl_store *store, ctl_store_desk_fn each, void *userdata,
                        struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(store,
                                          "SELECT id, name, admitted_ms, uid, revoked_ms FROM desks"
                                          " ORDER BY revoked_ms != 0, name, admitted_ms",
                                          err);
    int r;

    while ((r = ctl_query_next(&query)) > 0) {
        struct ctl_store_desk desk = {
            .admitted = {ctl_query_i64(&query, 2)},
            .uid = ctl_query_i64(&query, 3),
            .revoked = {ctl_query_i64(&query, 4)},
        };

        bl_text_copy(desk.name, sizeof(desk.name), ctl_query_text(&query, 1));
        ctl_query_fixed(&query, 0, desk.id, sizeof(desk.id));
        r = query.result;
        if (r >= 0)
            r = each(userdata, &desk, err);
        if (r < 0)
            return r;
    }

    return r;
}
