/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "controller/daemon/store_db.h"

/* ---- writing a rollout ---- */

static int add_row(struct ctl_store *store, const struct ctl_store_rollout *rollout,
                   struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store,
        "INSERT INTO rollouts (id, plan_name, plan_text, manifest, policy, created_ms, ended_ms,"
        " submitted_by_uid, state, host_count, exit_code, holds) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        err);

    ctl_query_bind_blob(&query, rollout->id, sizeof(rollout->id));
    ctl_query_bind_text(&query, rollout->plan_name);
    ctl_query_bind_text(&query, rollout->plan_text);
    ctl_query_bind_blob(&query, rollout->manifest.data, rollout->manifest.size_bytes);
    ctl_query_bind_blob(&query, rollout->policy.data, rollout->policy.size_bytes);
    ctl_query_bind_i64(&query, rollout->created.ms);
    ctl_query_bind_i64(&query, rollout->ended.ms);
    ctl_query_bind_i64(&query, rollout->submitted_by_uid);
    ctl_query_bind_i64(&query, rollout->state);
    ctl_query_bind_i64(&query, rollout->host_count);
    ctl_query_bind_i64(&query, rollout->exit_code);
    ctl_query_bind_i64(&query, rollout->holds);

    return ctl_query_run(&query);
}

static int add_signatures(struct ctl_store *store, const struct ctl_store_rollout *rollout,
                          struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store, "INSERT INTO rollout_signatures VALUES (?,?,?,?)", err);

    for (uint32_t i = 0; i < rollout->signatures_count; i++) {
        const struct proto_signature *signature = &rollout->signatures[i];

        ctl_query_bind_blob(&query, rollout->id, sizeof(rollout->id));
        ctl_query_bind_i64(&query, i);
        ctl_query_bind_blob(&query, signature->key, sizeof(signature->key));
        ctl_query_bind_blob(&query, signature->signature, sizeof(signature->signature));
        if (ctl_query_run(&query) < 0)
            return query.result;
    }

    return query.result;
}

static int add_hosts(struct ctl_store *store, const struct ctl_store_rollout *rollout,
                     const struct ctl_store_rollout_host *hosts, struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store, "INSERT INTO rollout_hosts VALUES (?,?,?,?,?)", err);

    for (uint32_t i = 0; i < rollout->host_count; i++) {
        ctl_query_bind_blob(&query, rollout->id, sizeof(rollout->id));
        ctl_query_bind_i64(&query, i);
        ctl_query_bind_blob(&query, hosts[i].id, sizeof(hosts[i].id));
        ctl_query_bind_i64(&query, hosts[i].kind);
        ctl_query_bind_i64(&query, hosts[i].wave);
        if (ctl_query_run(&query) < 0)
            return query.result;
    }

    return query.result;
}

int ctl_store_add_rollout(struct ctl_store *store, const struct ctl_store_rollout *rollout,
                          const struct ctl_store_rollout_host *hosts, struct bl_error *err)
{
    int r;

    r = add_row(store, rollout, err);
    if (r >= 0)
        r = add_signatures(store, rollout, err);
    if (r >= 0)
        r = add_hosts(store, rollout, hosts, err);

    return r;
}

int ctl_store_mark_rollout(struct ctl_store *store, const struct ctl_store_rollout *rollout,
                           struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store, "UPDATE rollouts SET state=?, ended_ms=?, exit_code=?, holds=?, owes=? WHERE id=?",
        err);

    ctl_query_bind_i64(&query, rollout->state);
    ctl_query_bind_i64(&query, rollout->ended.ms);
    ctl_query_bind_i64(&query, rollout->exit_code);
    ctl_query_bind_i64(&query, rollout->holds);
    ctl_query_bind_i64(&query, rollout->owes);
    ctl_query_bind_blob(&query, rollout->id, sizeof(rollout->id));

    return ctl_query_run(&query);
}

/* ---- reading rollouts ---- */

#define LIST_COLUMNS                                                                          \
    "r.id, r.plan_name, r.created_ms, r.ended_ms, r.submitted_by_uid, r.state, r.host_count," \
    " r.exit_code, r.holds, r.owes"

static void read_list_columns(struct ctl_query *query, struct ctl_store_rollout *ret_rollout)
{
    *ret_rollout = (struct ctl_store_rollout){
        .plan_name = ctl_query_text(query, 1),
        .plan_text = "",
        .created = {ctl_query_i64(query, 2)},
        .ended = {ctl_query_i64(query, 3)},
        .submitted_by_uid = ctl_query_i64(query, 4),
        .state = ctl_query_u32(query, 5),
        .host_count = ctl_query_u32(query, 6),
        .exit_code = (int32_t)ctl_query_i64(query, 7),
        .holds = ctl_query_u32(query, 8),
        .owes = ctl_query_i64(query, 9) != 0,
    };
    ctl_query_fixed(query, 0, ret_rollout->id, sizeof(ret_rollout->id));
}

static int walk_list(struct ctl_query *query, ctl_store_rollout_fn each, void *userdata)
{
    int r;

    while ((r = ctl_query_next(query)) > 0) {
        struct ctl_store_rollout rollout;

        read_list_columns(query, &rollout);
        if (query->result < 0)
            return query->result;
        r = each(userdata, &rollout, query->err);
        if (r < 0)
            return r;
    }

    return r;
}

int ctl_store_each_rollout(struct ctl_store *store, uint32_t limit, ctl_store_rollout_fn each,
                           void *userdata, struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store, "SELECT " LIST_COLUMNS " FROM rollouts r ORDER BY r.number DESC LIMIT ?", err);

    ctl_query_bind_i64(&query, limit);

    return walk_list(&query, each, userdata);
}

int ctl_store_each_rollout_of_host(struct ctl_store *store,
                                   const uint8_t host_id[PROTO_HOST_ID_BYTES], uint32_t limit,
                                   ctl_store_rollout_fn each, void *userdata, struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store,
        "SELECT " LIST_COLUMNS " FROM rollout_hosts h JOIN rollouts r ON r.id = h.rollout"
        " WHERE h.host = ? ORDER BY r.number DESC LIMIT ?",
        err);

    ctl_query_bind_blob(&query, host_id, PROTO_HOST_ID_BYTES);
    ctl_query_bind_i64(&query, limit);

    return walk_list(&query, each, userdata);
}

static int load_signatures(struct ctl_store *store, struct ctl_store_rollout *rollout,
                           struct proto_signature signatures[PROTO_SIGNATURES_MAX],
                           struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store, "SELECT key, signature FROM rollout_signatures WHERE rollout=? ORDER BY place", err);
    int r;

    ctl_query_bind_blob(&query, rollout->id, sizeof(rollout->id));
    while ((r = ctl_query_next(&query)) > 0) {
        struct proto_signature *signature = &signatures[rollout->signatures_count];

        if (rollout->signatures_count == PROTO_SIGNATURES_MAX)
            return bl_fail(err, -EUCLEAN, "store: too many signatures");
        ctl_query_fixed(&query, 0, signature->key, sizeof(signature->key));
        ctl_query_fixed(&query, 1, signature->signature, sizeof(signature->signature));
        rollout->signatures_count++;
    }
    rollout->signatures = signatures;

    return r;
}

int ctl_store_load_rollout(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                           ctl_store_rollout_fn each, void *userdata, struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store,
        "SELECT " LIST_COLUMNS ", r.plan_text, r.manifest, r.policy FROM rollouts r WHERE r.id = ?",
        err);
    struct proto_signature signatures[PROTO_SIGNATURES_MAX];
    struct ctl_store_rollout rollout;
    int r;

    ctl_query_bind_blob(&query, id, PROTO_ROLLOUT_ID_BYTES);
    r = ctl_query_next(&query);
    if (r <= 0)
        return r;
    read_list_columns(&query, &rollout);
    rollout.plan_text = ctl_query_text(&query, 10);
    rollout.manifest = ctl_query_bytes(&query, 11);
    rollout.policy = ctl_query_bytes(&query, 12);
    r = query.result;
    if (r >= 0)
        r = load_signatures(store, &rollout, signatures, err);
    if (r >= 0)
        r = each(userdata, &rollout, err);

    return r < 0 ? r : 1;
}

int ctl_store_each_rollout_host(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                                ctl_store_rollout_host_fn each, void *userdata,
                                struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store, "SELECT place, host, kind, wave FROM rollout_hosts WHERE rollout=? ORDER BY place",
        err);
    int r;

    ctl_query_bind_blob(&query, id, PROTO_ROLLOUT_ID_BYTES);
    while ((r = ctl_query_next(&query)) > 0) {
        struct ctl_store_rollout_host host = {
            .kind = ctl_query_u32(&query, 2),
            .wave = ctl_query_u32(&query, 3),
        };

        ctl_query_fixed(&query, 1, host.id, sizeof(host.id));
        r = query.result;
        if (r >= 0)
            r = each(userdata, ctl_query_u32(&query, 0), &host, err);
        if (r < 0)
            return r;
    }

    return r;
}

int ctl_store_is_rollout_of_host(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                                 const uint8_t host_id[PROTO_HOST_ID_BYTES], struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store, "SELECT 1 FROM rollout_hosts WHERE rollout=? AND host=?", err);

    ctl_query_bind_blob(&query, id, PROTO_ROLLOUT_ID_BYTES);
    ctl_query_bind_blob(&query, host_id, PROTO_HOST_ID_BYTES);

    return ctl_query_next(&query);
}
