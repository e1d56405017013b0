/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/daemon/store_db.h"

/* Where a rollout comes from, and which later ones do its failed hosts again, or its standby hosts. */

int ctl_store_add_origin(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                         const char *targets, const uint8_t *of, bool is_standby,
                         struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(store, "INSERT INTO origins VALUES (?,?,?,?)", err);

    ctl_query_bind_blob(&query, id, PROTO_ROLLOUT_ID_BYTES);
    ctl_query_bind_text(&query, targets);
    ctl_query_bind_blob(&query, of != NULL ? of : id, of != NULL ? PROTO_ROLLOUT_ID_BYTES : 0);
    ctl_query_bind_i64(&query, is_standby ? 1 : 0);

    return ctl_query_run(&query);
}

/* The newest of its kind that names this rollout. */
static int load_later(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                      bool is_standby, struct ctl_store_origin *origin, struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store,
                       "SELECT o.rollout FROM origins o JOIN rollouts r ON r.id = o.rollout"
                       " WHERE o.retry_of = ? AND o.is_standby = ?"
                       " ORDER BY r.number DESC LIMIT 1",
                       err);
    int r;

    ctl_query_bind_blob(&query, id, PROTO_ROLLOUT_ID_BYTES);
    ctl_query_bind_i64(&query, is_standby ? 1 : 0);
    r = ctl_query_next(&query);
    if (r <= 0)
        return r;
    *(is_standby ? &origin->has_standby_by : &origin->has_retried_by) = true;
    ctl_query_fixed(&query, 0, is_standby ? origin->standby_by : origin->retried_by,
                    PROTO_ROLLOUT_ID_BYTES);

    return query.result;
}

int ctl_store_load_origin(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                          struct ctl_store_origin *ret_origin, struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store, "SELECT targets, retry_of, is_standby FROM origins WHERE rollout = ?", err);
    struct ctl_store_origin origin = {0};
    int r;

    ctl_query_bind_blob(&query, id, PROTO_ROLLOUT_ID_BYTES);
    r = ctl_query_next(&query);
    if (r < 0)
        return r;
    if (r > 0 && ctl_query_bytes(&query, 1).size_bytes != 0) {
        origin.has_standby_of = ctl_query_i64(&query, 2) != 0;
        origin.has_retry_of = !origin.has_standby_of;
        ctl_query_fixed(&query, 1, origin.of, sizeof(origin.of));
    }
    if (r > 0)
        r = query.result;
    if (r >= 0)
        r = load_later(store, id, /* is_standby= */ false, &origin, err);
    if (r >= 0)
        r = load_later(store, id, /* is_standby= */ true, &origin, err);
    if (r < 0)
        return r;
    origin.targets = strdup(ctl_query_text(&query, 0) != NULL ? ctl_query_text(&query, 0) : "");
    if (origin.targets == NULL)
        return bl_fail(err, -ENOMEM, "store: no memory");

    *ret_origin = origin;
    return 0;
}
