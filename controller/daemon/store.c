/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/store.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"
#include "controller/daemon/store_db.h"

static const char *const schema_steps[] = {
    "CREATE TABLE hosts ("
    " id BLOB PRIMARY KEY, standing INTEGER NOT NULL, name TEXT NOT NULL, labels TEXT NOT NULL,"
    " facts TEXT NOT NULL, first_seen_ms INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL,"
    " clock_offset_ms INTEGER"
    ") WITHOUT ROWID;"
    "CREATE TABLE tokens ("
    " hash BLOB PRIMARY KEY, labels TEXT NOT NULL, uses INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL"
    ") WITHOUT ROWID;"
    "CREATE TABLE rollouts ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE,"
    " plan_name TEXT NOT NULL, plan_text TEXT NOT NULL, manifest BLOB NOT NULL,"
    " policy BLOB NOT NULL,"
    " created_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, submitted_by_uid INTEGER NOT NULL,"
    " state INTEGER NOT NULL, host_count INTEGER NOT NULL, exit_code INTEGER NOT NULL,"
    " holds INTEGER NOT NULL"
    ");"
    "CREATE TABLE rollout_signatures ("
    " rollout BLOB NOT NULL, place INTEGER NOT NULL, key BLOB NOT NULL, signature BLOB NOT NULL,"
    " PRIMARY KEY (rollout, place)"
    ") WITHOUT ROWID;"
    "CREATE TABLE rollout_hosts ("
    " rollout BLOB NOT NULL, place INTEGER NOT NULL, host BLOB NOT NULL, kind INTEGER NOT NULL,"
    " wave INTEGER NOT NULL, PRIMARY KEY (rollout, place)"
    ") WITHOUT ROWID;"
    "CREATE INDEX rollout_hosts_by_host ON rollout_hosts (host);"
    "CREATE TABLE events ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT, rollout BLOB NOT NULL, wall_ms INTEGER NOT NULL,"
    " mono_ms INTEGER NOT NULL, type INTEGER NOT NULL, host INTEGER NOT NULL,"
    " wave INTEGER NOT NULL, job_state INTEGER NOT NULL, grade INTEGER NOT NULL,"
    " nonce INTEGER NOT NULL, subject INTEGER NOT NULL, yes INTEGER NOT NULL,"
    " until_ms INTEGER NOT NULL, verdict INTEGER NOT NULL, text TEXT NOT NULL,"
    " boot INTEGER NOT NULL"
    ");"
    "CREATE TABLE approvals ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT, rollout BLOB NOT NULL, received_ms INTEGER NOT NULL,"
    " uid INTEGER NOT NULL, person TEXT NOT NULL, file BLOB NOT NULL, UNIQUE (rollout, file)"
    ");"
    "CREATE INDEX events_by_rollout ON events (rollout, number);"
    "CREATE TABLE reports ("
    " host BLOB NOT NULL, seq INTEGER NOT NULL, rollout BLOB NOT NULL, moment INTEGER NOT NULL,"
    " state INTEGER NOT NULL, step INTEGER NOT NULL, result INTEGER NOT NULL,"
    " grade INTEGER NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL, wall_ms INTEGER NOT NULL,"
    " mono_ms INTEGER NOT NULL, boot_id TEXT NOT NULL, nonce INTEGER NOT NULL,"
    " received_ms INTEGER NOT NULL, clock_offset_ms INTEGER NOT NULL, PRIMARY KEY (host, seq)"
    ") WITHOUT ROWID;"
    "CREATE INDEX reports_by_rollout ON reports (rollout, host, seq);"
    "CREATE TABLE audit ("
    " seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, uid INTEGER NOT NULL, verb TEXT NOT NULL,"
    " subject TEXT NOT NULL, detail TEXT NOT NULL, hash BLOB NOT NULL"
    ");",
    "ALTER TABLE rollouts ADD COLUMN owes INTEGER NOT NULL DEFAULT 0;",
    "ALTER TABLE hosts ADD COLUMN life INTEGER NOT NULL DEFAULT 0;"
    "DROP INDEX reports_by_rollout;"
    "ALTER TABLE reports RENAME TO reports_of_one_life;"
    "CREATE TABLE reports ("
    " host BLOB NOT NULL, life INTEGER NOT NULL, seq INTEGER NOT NULL, rollout BLOB NOT NULL,"
    " moment INTEGER NOT NULL, state INTEGER NOT NULL, step INTEGER NOT NULL,"
    " result INTEGER NOT NULL, grade INTEGER NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL,"
    " wall_ms INTEGER NOT NULL, mono_ms INTEGER NOT NULL, boot_id TEXT NOT NULL,"
    " nonce INTEGER NOT NULL, received_ms INTEGER NOT NULL, clock_offset_ms INTEGER NOT NULL,"
    " PRIMARY KEY (host, life, seq)"
    ") WITHOUT ROWID;"
    "INSERT INTO reports SELECT host, 0, seq, rollout, moment, state, step, result, grade, code,"
    " reason, wall_ms, mono_ms, boot_id, nonce, received_ms, clock_offset_ms"
    " FROM reports_of_one_life;"
    "DROP TABLE reports_of_one_life;"
    "CREATE INDEX reports_by_rollout ON reports (rollout, host, life, seq);",
    "CREATE TABLE denied ("
    " name TEXT NOT NULL, version TEXT NOT NULL, rollout BLOB NOT NULL, cause TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL, uid INTEGER NOT NULL, lifted_ms INTEGER NOT NULL,"
    " PRIMARY KEY (name, version, rollout)"
    ") WITHOUT ROWID;",
    "CREATE TABLE origins ("
    " rollout BLOB PRIMARY KEY, targets TEXT NOT NULL, retry_of BLOB NOT NULL"
    ") WITHOUT ROWID;"
    "CREATE INDEX origins_by_retry ON origins (retry_of);",
    "CREATE TABLE gate_samples ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT, rollout BLOB NOT NULL, gate INTEGER NOT NULL,"
    " wall_ms INTEGER NOT NULL, verdict INTEGER NOT NULL, outcome INTEGER NOT NULL,"
    " value TEXT NOT NULL, control_outcome INTEGER NOT NULL, control TEXT NOT NULL,"
    " minimum_outcome INTEGER NOT NULL, minimum TEXT NOT NULL, text TEXT NOT NULL"
    ");"
    "CREATE INDEX gate_samples_by_gate ON gate_samples (rollout, gate, verdict, number);",
    "CREATE TABLE freeze ("
    " one INTEGER PRIMARY KEY CHECK (one = 1), since_ms INTEGER NOT NULL,"
    " until_ms INTEGER NOT NULL, uid INTEGER NOT NULL, reason TEXT NOT NULL"
    ");",
    "CREATE TABLE gate_bases ("
    " rollout BLOB NOT NULL, gate INTEGER NOT NULL, bases BLOB NOT NULL,"
    " PRIMARY KEY (rollout, gate)) WITHOUT ROWID;",
    "CREATE TABLE desks ("
    " id BLOB PRIMARY KEY, name TEXT NOT NULL, admitted_ms INTEGER NOT NULL,"
    " uid INTEGER NOT NULL, revoked_ms INTEGER NOT NULL"
    ") WITHOUT ROWID;"
    "ALTER TABLE audit ADD COLUMN desk TEXT NOT NULL DEFAULT '';",
    "CREATE TABLE trust_files (version INTEGER PRIMARY KEY, file BLOB NOT NULL);",
    "CREATE TABLE host_heads ("
    " host BLOB PRIMARY KEY, rows INTEGER NOT NULL, hash BLOB NOT NULL, at_ms INTEGER NOT NULL,"
    " noted_ms INTEGER NOT NULL, broken TEXT NOT NULL, broken_ms INTEGER NOT NULL"
    ") WITHOUT ROWID;",
    "ALTER TABLE origins ADD COLUMN is_standby INTEGER NOT NULL DEFAULT 0;",
};

static const struct bl_sqlite_schema schema = {
    .steps = schema_steps,
    .step_count = sizeof(schema_steps) / sizeof(schema_steps[0]),
};

int ctl_store_open(const char *state_dir, struct ctl_store **ret_store, struct bl_error *err)
{
    struct ctl_store *store = calloc(1, sizeof(*store));
    char path[PATH_MAX];
    int r;

    if (store == NULL)
        return bl_fail(err, -ENOMEM, "store: no memory");
    store->lock_fd = -1;
    r = store->lock_fd = bl_dir_lock(state_dir, err);
    if (r == -EBUSY)
        (void)bl_wrap(err, "another belayd is running");
    if (r >= 0 && bl_text_format(path, sizeof(path), "%s/store.db", state_dir) < 0)
        r = bl_fail(err, -ENAMETOOLONG, "'%s': path too long", state_dir);
    if (r >= 0)
        r = bl_sqlite_open(&store->db, path, &schema, err);
    if (r < 0) {
        (void)ctl_store_close(store);
        return r;
    }
    *ret_store = store;

    return 0;
}

struct ctl_store *ctl_store_close(struct ctl_store *store)
{
    if (store == NULL)
        return NULL;
    bl_sqlite_close(&store->db);
    bl_close_fd(&store->lock_fd);
    free(store);

    return NULL;
}

void ctl_store_begin(struct ctl_store *store)
{
    store->begin_due = !store->db.in_transaction;
}

int ctl_store_commit(struct ctl_store *store, struct bl_error *err)
{
    store->begin_due = false;

    return store->db.in_transaction ? bl_sqlite_commit(&store->db, err) : 0;
}

void ctl_store_rollback(struct ctl_store *store)
{
    store->begin_due = false;
    if (store->db.in_transaction)
        bl_sqlite_rollback(&store->db);
}

/* ---- hosts ---- */

int ctl_store_save_host(struct ctl_store *store, const struct ctl_store_host *host,
                        struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store, "INSERT OR REPLACE INTO hosts VALUES (?,?,?,?,?,?,?,?,?)", err);

    ctl_query_bind_blob(&query, host->id, sizeof(host->id));
    ctl_query_bind_i64(&query, host->standing);
    ctl_query_bind_text(&query, host->name);
    ctl_query_bind_text(&query, host->labels);
    ctl_query_bind_text(&query, host->facts);
    ctl_query_bind_i64(&query, host->first_seen.ms);
    ctl_query_bind_i64(&query, host->last_seen.ms);
    if (host->clock_offset_known) {
        ctl_query_bind_i64(&query, host->clock_offset_ms);
    } else {
        ctl_query_bind_text(&query, NULL);
    }
    ctl_query_bind_i64(&query, host->life);

    return ctl_query_run(&query);
}

int ctl_store_each_host(struct ctl_store *store, ctl_store_host_fn each, void *userdata,
                        struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store,
                       "SELECT id, standing, name, labels, facts, first_seen_ms, last_seen_ms,"
                       " clock_offset_ms, clock_offset_ms IS NOT NULL, life FROM hosts ORDER BY id",
                       err);
    int r;

    while ((r = ctl_query_next(&query)) > 0) {
        struct ctl_store_host host = {
            .standing = ctl_query_u32(&query, 1),
            .name = ctl_query_text(&query, 2),
            .labels = ctl_query_text(&query, 3),
            .facts = ctl_query_text(&query, 4),
            .first_seen = {ctl_query_i64(&query, 5)},
            .last_seen = {ctl_query_i64(&query, 6)},
            .clock_offset_ms = ctl_query_i64(&query, 7),
            .clock_offset_known = ctl_query_i64(&query, 8) != 0,
            .life = ctl_query_u32(&query, 9),
        };

        ctl_query_fixed(&query, 0, host.id, sizeof(host.id));
        if (query.result < 0)
            return query.result;
        r = each(userdata, &host, err);
        if (r < 0)
            return r;
    }

    return r;
}

/* ---- tokens ---- */

int ctl_store_add_token(struct ctl_store *store, const uint8_t hash[PROTO_HASH_BYTES],
                        const char *labels, uint32_t uses, struct bl_wall expires,
                        struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(store, "INSERT INTO tokens VALUES (?,?,?,?)", err);

    ctl_query_bind_blob(&query, hash, PROTO_HASH_BYTES);
    ctl_query_bind_text(&query, labels);
    ctl_query_bind_i64(&query, uses);
    ctl_query_bind_i64(&query, expires.ms);

    return ctl_query_run(&query);
}

int ctl_store_use_token(struct ctl_store *store, const uint8_t hash[PROTO_HASH_BYTES],
                        struct bl_wall now, char **ret_labels, struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store,
                       "UPDATE tokens SET uses = uses - 1"
                       " WHERE hash = ? AND uses > 0 AND expires_ms > ? RETURNING labels",
                       err);
    BL_AUTO_FREE char *labels = NULL;
    int r;

    ctl_query_bind_blob(&query, hash, PROTO_HASH_BYTES);
    ctl_query_bind_i64(&query, now.ms);
    r = ctl_query_next(&query);
    if (r <= 0)
        return r;
    labels = strdup(ctl_query_text(&query, 0));
    if (labels == NULL)
        return bl_fail(err, -ENOMEM, "token: no memory");
    /* RETURNING gives its rows after the update is done; this only ends the statement. */
    r = ctl_query_next(&query);
    if (r < 0)
        return r;
    *ret_labels = BL_TAKE_PTR(labels);

    return 1;
}
