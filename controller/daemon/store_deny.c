/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "controller/daemon/store_db.h"

/* Which versions of packages nobody may install, until a person lifts it. */

int ctl_store_deny(struct ctl_store *store, const struct ctl_store_denied *row, bool again,
                   struct bl_error *err)
{
    static const char once[] = "INSERT OR IGNORE INTO denied VALUES (?,?,?,?,?,?,0) RETURNING 1";
    static const char anew[] = "INSERT OR REPLACE INTO denied VALUES (?,?,?,?,?,?,0) RETURNING 1";
    CTL_AUTO_QUERY query = ctl_query_init(store, again ? anew : once, err);
    int r, is_new;

    ctl_query_bind_text(&query, row->name);
    ctl_query_bind_text(&query, row->version);
    ctl_query_bind_blob(&query, row->rollout, row->has_rollout ? sizeof(row->rollout) : 0);
    ctl_query_bind_text(&query, row->cause);
    ctl_query_bind_i64(&query, row->at.ms);
    ctl_query_bind_i64(&query, row->uid);
    is_new = ctl_query_next(&query);
    if (is_new <= 0)
        return is_new;
    r = ctl_query_next(&query); /* ends the statement */

    return r < 0 ? r : 1;
}

int ctl_store_lift(struct ctl_store *store, const char *name, const char *version,
                   const uint8_t *rollout, struct bl_wall at, struct bl_error *err)
{
    static const char of_rollout[] =
        "UPDATE denied SET lifted_ms=? WHERE lifted_ms=0 AND rollout=? RETURNING 1";
    static const char of_package[] =
        "UPDATE denied SET lifted_ms=? WHERE lifted_ms=0 AND name=? AND version=? RETURNING 1";
    CTL_AUTO_QUERY query = ctl_query_init(store, rollout != NULL ? of_rollout : of_package, err);
    int r, count = 0;

    ctl_query_bind_i64(&query, at.ms);
    if (rollout != NULL) {
        ctl_query_bind_blob(&query, rollout, PROTO_ROLLOUT_ID_BYTES);
    } else {
        ctl_query_bind_text(&query, name);
        ctl_query_bind_text(&query, version);
    }
    while ((r = ctl_query_next(&query)) > 0)
        count++;

    return r < 0 ? r : count;
}

int ctl_store_each_denied(struct ctl_store *store, const char *name, const char *version,
                          ctl_store_denied_fn each, void *userdata, struct bl_error *err)
{
    /* Two statements: one for both would look at every row for each version. */
    static const char all[] = "SELECT name, version, rollout, cause, at_ms, uid FROM denied"
                              " WHERE lifted_ms=0 ORDER BY name, version, at_ms DESC";
    static const char of_version[] =
        "SELECT name, version, rollout, cause, at_ms, uid FROM denied"
        " WHERE name=? AND version=? AND lifted_ms=0 ORDER BY at_ms DESC";
    const bool is_of_version = name[0] != '\0';
    CTL_AUTO_QUERY query = ctl_query_init(store, is_of_version ? of_version : all, err);
    int r;

    if (is_of_version) {
        ctl_query_bind_text(&query, name);
        ctl_query_bind_text(&query, version);
    }
    while ((r = ctl_query_next(&query)) > 0) {
        const struct proto_bytes rollout = ctl_query_bytes(&query, 2);
        struct ctl_store_denied row = {
            .name = ctl_query_text(&query, 0),
            .version = ctl_query_text(&query, 1),
            .has_rollout = rollout.size_bytes != 0,
            .cause = ctl_query_text(&query, 3),
            .at = {ctl_query_i64(&query, 4)},
            .uid = ctl_query_i64(&query, 5),
        };

        if (row.has_rollout)
            ctl_query_fixed(&query, 2, row.rollout, sizeof(row.rollout));
        r = query.result;
        if (r >= 0)
            r = each(userdata, &row, err);
        if (r < 0)
            return r;
    }

    return r;
}
