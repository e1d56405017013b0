/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "controller/daemon/store_db.h"

/* ---- events ---- */

int ctl_store_add_event(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                        const struct ctl_rollout_event *event, struct bl_wall at,
                        struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store,
        "INSERT INTO events (rollout, wall_ms, mono_ms, type, host, wave, job_state, grade, nonce,"
        " subject, yes, until_ms, verdict, text, boot) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        err);

    ctl_query_bind_blob(&query, id, PROTO_ROLLOUT_ID_BYTES);
    ctl_query_bind_i64(&query, at.ms);
    ctl_query_bind_i64(&query, event->now.ms);
    ctl_query_bind_i64(&query, event->type);
    ctl_query_bind_i64(&query, event->host);
    ctl_query_bind_i64(&query, event->wave);
    ctl_query_bind_i64(&query, event->job_state);
    ctl_query_bind_i64(&query, event->grade);
    ctl_query_bind_i64(&query, (int64_t)event->nonce);
    ctl_query_bind_i64(&query, event->number);
    ctl_query_bind_i64(&query, event->yes);
    ctl_query_bind_i64(&query, event->until.ms);
    ctl_query_bind_i64(&query, event->verdict);
    ctl_query_bind_text(&query, event->text != NULL ? event->text : "");
    ctl_query_bind_i64(&query, (int64_t)event->boot);

    return ctl_query_run(&query);
}

int ctl_store_each_event(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                         ctl_store_event_fn each, void *userdata, struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store,
        "SELECT wall_ms, mono_ms, type, host, wave, job_state, grade, nonce, subject, yes, until_ms,"
        " verdict, text, boot FROM events"
        " WHERE rollout=? ORDER BY number",
        err);
    int r;

    ctl_query_bind_blob(&query, id, PROTO_ROLLOUT_ID_BYTES);
    while ((r = ctl_query_next(&query)) > 0) {
        const uint32_t type = ctl_query_u32(&query, 2);
        const struct ctl_rollout_event event = {
            .now = {ctl_query_i64(&query, 1)},
            .wall = {ctl_query_i64(&query, 0)},
            .type = (enum ctl_rollout_event_type)type,
            .host = ctl_query_u32(&query, 3),
            .wave = ctl_query_u32(&query, 4),
            .job_state = ctl_query_u32(&query, 5),
            .grade = ctl_query_u32(&query, 6),
            .nonce = (uint64_t)ctl_query_i64(&query, 7),
            .number = ctl_query_u32(&query, 8),
            .yes = ctl_query_i64(&query, 9) != 0,
            .until = {ctl_query_i64(&query, 10)},
            .verdict = ctl_query_u32(&query, 11),
            .text = ctl_query_text(&query, 12),
            .boot = (uint64_t)ctl_query_i64(&query, 13),
        };

        r = each(userdata, &event, (struct bl_wall){ctl_query_i64(&query, 0)}, err);
        if (r < 0)
            return r;
    }

    return r;
}

/* ---- reports ---- */

/* A double is the same in everything; these are enough to tell it from any other. */
static int compare_with_stored(struct ctl_store *store, const struct ctl_store_report *stored,
                               struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store,
        "SELECT boot_id = ? AND mono_ms = ? AND rollout = ? AND moment = ? AND state = ?"
        " AND step = ? FROM reports WHERE host = ? AND life = ? AND seq = ?",
        err);
    const struct proto_report *report = &stored->report;
    int r;

    ctl_query_bind_text(&query, report->boot_id);
    ctl_query_bind_i64(&query, (int64_t)report->mono_ms);
    ctl_query_bind_blob(&query, report->rollout_id, sizeof(report->rollout_id));
    ctl_query_bind_i64(&query, report->moment);
    ctl_query_bind_i64(&query, report->state);
    ctl_query_bind_i64(&query, report->step);
    ctl_query_bind_blob(&query, stored->host_id, sizeof(stored->host_id));
    ctl_query_bind_i64(&query, stored->life);
    ctl_query_bind_i64(&query, (int64_t)report->seq);
    r = ctl_query_next(&query);
    if (r < 0)
        return r;

    return r > 0 && ctl_query_i64(&query, 0) != 0 ? CTL_STORED_BEFORE : CTL_STORED_CONTRADICTS;
}

int ctl_store_add_report(struct ctl_store *store, const struct ctl_store_report *stored,
                         struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store, "INSERT OR IGNORE INTO reports VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", err);
    const struct proto_report *report = &stored->report;
    int r;

    ctl_query_bind_blob(&query, stored->host_id, sizeof(stored->host_id));
    ctl_query_bind_i64(&query, stored->life);
    ctl_query_bind_i64(&query, (int64_t)report->seq);
    ctl_query_bind_blob(&query, report->rollout_id, sizeof(report->rollout_id));
    ctl_query_bind_i64(&query, report->moment);
    ctl_query_bind_i64(&query, report->state);
    ctl_query_bind_i64(&query, report->step);
    ctl_query_bind_i64(&query, report->result);
    ctl_query_bind_i64(&query, report->grade);
    ctl_query_bind_text(&query, report->code);
    ctl_query_bind_text(&query, report->reason);
    ctl_query_bind_i64(&query, report->wall_ms);
    ctl_query_bind_i64(&query, (int64_t)report->mono_ms);
    ctl_query_bind_text(&query, report->boot_id);
    ctl_query_bind_i64(&query, (int64_t)report->nonce);
    ctl_query_bind_i64(&query, stored->received.ms);
    ctl_query_bind_i64(&query, stored->clock_offset_ms);
    r = ctl_query_run(&query);
    if (r < 0)
        return r;

    if (sqlite3_changes(store->db.db) > 0)
        return CTL_STORED_NOW;

    return compare_with_stored(store, stored, err);
}

int ctl_store_last_seq(struct ctl_store *store, const uint8_t host_id[PROTO_HOST_ID_BYTES],
                       uint32_t life, uint64_t *ret_seq, struct bl_error *err)
{
    CTL_AUTO_QUERY query =
        ctl_query_init(store, "SELECT max(seq) FROM reports WHERE host = ? AND life = ?", err);
    int r;

    ctl_query_bind_blob(&query, host_id, PROTO_HOST_ID_BYTES);
    ctl_query_bind_i64(&query, life);
    r = ctl_query_next(&query);
    if (r < 0)
        return r;
    *ret_seq = r > 0 ? (uint64_t)ctl_query_i64(&query, 0) : 0;

    return 0;
}

int ctl_store_each_rollout_told(struct ctl_store *store, const uint8_t host_id[PROTO_HOST_ID_BYTES],
                                uint32_t life, uint64_t seq, ctl_store_id_fn each, void *userdata,
                                struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store, "SELECT DISTINCT rollout FROM reports WHERE host = ? AND life = ? AND seq > ?", err);
    int r;

    ctl_query_bind_blob(&query, host_id, PROTO_HOST_ID_BYTES);
    ctl_query_bind_i64(&query, life);
    ctl_query_bind_i64(&query, (int64_t)seq);
    while ((r = ctl_query_next(&query)) > 0) {
        uint8_t id[PROTO_ROLLOUT_ID_BYTES];

        ctl_query_fixed(&query, 0, id, sizeof(id));
        r = query.result < 0 ? query.result : each(userdata, id, err);
        if (r < 0)
            return r;
    }

    return r;
}

static void read_report(struct ctl_query *query, struct ctl_store_report *ret_stored)
{
    *ret_stored = (struct ctl_store_report){
        .report =
            {
                .seq = (uint64_t)ctl_query_i64(query, 2),
                .moment = ctl_query_u32(query, 4),
                .state = ctl_query_u32(query, 5),
                .step = ctl_query_u32(query, 6),
                .result = ctl_query_u32(query, 7),
                .grade = ctl_query_u32(query, 8),
                .code = ctl_query_text(query, 9),
                .reason = ctl_query_text(query, 10),
                .wall_ms = ctl_query_i64(query, 11),
                .mono_ms = (uint64_t)ctl_query_i64(query, 12),
                .boot_id = ctl_query_text(query, 13),
                .nonce = (uint64_t)ctl_query_i64(query, 14),
            },
        .life = ctl_query_u32(query, 1),
        .received = {ctl_query_i64(query, 15)},
        .clock_offset_ms = ctl_query_i64(query, 16),
    };
    ctl_query_fixed(query, 0, ret_stored->host_id, sizeof(ret_stored->host_id));
    ctl_query_fixed(query, 3, ret_stored->report.rollout_id, sizeof(ret_stored->report.rollout_id));
}

int ctl_store_each_report(struct ctl_store *store, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                          ctl_store_report_fn each, void *userdata, struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store, "SELECT * FROM reports WHERE rollout=? ORDER BY host, life, seq", err);
    int r;

    ctl_query_bind_blob(&query, id, PROTO_ROLLOUT_ID_BYTES);
    while ((r = ctl_query_next(&query)) > 0) {
        struct ctl_store_report stored;

        read_report(&query, &stored);
        r = query.result;
        if (r >= 0)
            r = each(userdata, &stored, err);
        if (r < 0)
            return r;
    }

    return r;
}

/* ---- audit ---- */

static void hash_text(crypto_generichash_state *state, const char *text)
{
    const uint64_t size_bytes = strlen(text);

    /* With its length in front, so that no two rows look alike when put in a line. */
    (void)crypto_generichash_update(state, (const uint8_t *)&size_bytes, sizeof(size_bytes));
    (void)crypto_generichash_update(state, (const uint8_t *)text, size_bytes);
}

static void hash_row(const struct ctl_store_audit *row, const uint8_t former[PROTO_HASH_BYTES],
                     uint8_t ret_hash[PROTO_HASH_BYTES])
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, PROTO_HASH_BYTES);
    (void)crypto_generichash_update(&state, former, PROTO_HASH_BYTES);
    (void)crypto_generichash_update(&state, (const uint8_t *)&row->seq, sizeof(row->seq));
    (void)crypto_generichash_update(&state, (const uint8_t *)&row->at.ms, sizeof(row->at.ms));
    (void)crypto_generichash_update(&state, (const uint8_t *)&row->uid, sizeof(row->uid));
    hash_text(&state, row->verb);
    hash_text(&state, row->subject);
    hash_text(&state, row->detail);
    /* Rows from before there were desks had none; each text has its length in front. */
    if (row->desk[0] != '\0')
        hash_text(&state, row->desk);
    (void)crypto_generichash_final(&state, ret_hash, PROTO_HASH_BYTES);
}

int ctl_store_add_audit(struct ctl_store *store, const struct ctl_store_audit *row,
                        struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(store, "INSERT INTO audit VALUES (?,?,?,?,?,?,?,?)", err);
    struct ctl_store_audit next = *row;
    uint8_t former[PROTO_HASH_BYTES];
    uint64_t last_seq;
    int r;

    r = ctl_store_audit_last(store, &last_seq, former, err);
    if (r < 0)
        return r;
    next.seq = last_seq + 1;
    next.desk = row->desk != NULL ? row->desk : "";
    hash_row(&next, former, next.hash);
    ctl_query_bind_i64(&query, (int64_t)next.seq);
    ctl_query_bind_i64(&query, next.at.ms);
    ctl_query_bind_i64(&query, next.uid);
    ctl_query_bind_text(&query, next.verb);
    ctl_query_bind_text(&query, next.subject);
    ctl_query_bind_text(&query, next.detail);
    ctl_query_bind_blob(&query, next.hash, sizeof(next.hash));
    ctl_query_bind_text(&query, next.desk);

    return ctl_query_run(&query);
}

static int walk_audit(struct ctl_query *query, ctl_store_audit_fn each, void *userdata)
{
    int r;

    while ((r = ctl_query_next(query)) > 0) {
        struct ctl_store_audit row = {
            .seq = (uint64_t)ctl_query_i64(query, 0),
            .at = {ctl_query_i64(query, 1)},
            .uid = ctl_query_i64(query, 2),
            .verb = ctl_query_text(query, 3),
            .subject = ctl_query_text(query, 4),
            .detail = ctl_query_text(query, 5),
            .desk = ctl_query_text(query, 7),
        };

        ctl_query_fixed(query, 6, row.hash, sizeof(row.hash));
        r = query->result;
        if (r >= 0)
            r = each(userdata, &row, query->err);
        if (r < 0)
            return r;
    }

    return r;
}

int ctl_store_each_audit(struct ctl_store *store, const char *subject, uint32_t limit,
                         ctl_store_audit_fn each, void *userdata, struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(
        store,
        subject == NULL ? "SELECT * FROM (SELECT * FROM audit ORDER BY seq DESC LIMIT ?)"
                          " ORDER BY seq"
                        : "SELECT * FROM (SELECT * FROM audit WHERE subject = ?"
                          " ORDER BY seq DESC LIMIT ?) ORDER BY seq",
        err);

    if (subject != NULL)
        ctl_query_bind_text(&query, subject);
    ctl_query_bind_i64(&query, limit);

    return walk_audit(&query, each, userdata);
}

static int verify_row(void *userdata, const struct ctl_store_audit *row, struct bl_error *err)
{
    struct ctl_store_chain *chain = userdata;
    uint8_t hash[PROTO_HASH_BYTES];

    hash_row(row, chain->head, hash);
    chain->rows_count++;
    if (chain->broken_at == 0 &&
        (row->seq != chain->rows_count || memcmp(hash, row->hash, sizeof(hash)) != 0))
        chain->broken_at = row->seq;
    memcpy(chain->head, row->hash, sizeof(chain->head));

    return 0;
}

int ctl_store_verify_audit(struct ctl_store *store, struct ctl_store_chain *ret_chain,
                           struct bl_error *err)
{
    CTL_AUTO_QUERY query = ctl_query_init(store, "SELECT * FROM audit ORDER BY seq", err);

    *ret_chain = (struct ctl_store_chain){0};

    return walk_audit(&query, verify_row, ret_chain);
}
