/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/audit_heads.h"

#include <stdio.h>
#include <string.h>

#include "common/hex.h"
#include "common/text.h"
#include "controller/daemon/log.h"

void ctl_audit_heads_compare(const struct ctl_store_head *kept, const struct proto_audit_state *now,
                             char ret_break[CTL_AUDIT_BREAK_BYTES])
{
    ret_break[0] = '\0';
    if (kept->rows == 0)
        return;
    if (now->rows < kept->rows) {
        (void)snprintf(
            ret_break, CTL_AUDIT_BREAK_BYTES,
            "its audit ends at row %llu; it had told of row %llu: the rows behind %llu are "
            "cut off",
            (unsigned long long)now->rows, (unsigned long long)kept->rows,
            (unsigned long long)now->rows);
    } else if (now->asked_rows == kept->rows &&
               memcmp(now->asked_hash, kept->hash, sizeof(kept->hash)) != 0) {
        (void)snprintf(ret_break, CTL_AUDIT_BREAK_BYTES,
                       "row %llu of its audit has another hash than it told: written anew at or "
                       "before that row",
                       (unsigned long long)kept->rows);
    } else if (now->rows == kept->rows && memcmp(now->hash, kept->hash, sizeof(kept->hash)) != 0) {
        (void)snprintf(ret_break, CTL_AUDIT_BREAK_BYTES,
                       "its audit still has %llu rows, with another hash: written anew",
                       (unsigned long long)now->rows);
    }
}

/* The same of our own chain, by what the host has kept of it. */
static int compare_ours(struct ctl_engine *engine, const struct proto_audit_state *state,
                        char ret_break[CTL_AUDIT_BREAK_BYTES], struct bl_error *err)
{
    uint8_t ours[PROTO_HASH_BYTES];
    int r;

    ret_break[0] = '\0';
    if (state->kept_rows == 0)
        return 0;
    r = ctl_store_audit_hash(engine->store, state->kept_rows, ours, err);
    if (r == 0) {
        (void)snprintf(
            ret_break, CTL_AUDIT_BREAK_BYTES,
            "it was told of row %llu of this controller's audit, which is not there: cut "
            "off, or a backup was restored",
            (unsigned long long)state->kept_rows);
    } else if (r > 0 && memcmp(ours, state->kept_hash, sizeof(ours)) != 0) {
        (void)snprintf(ret_break, CTL_AUDIT_BREAK_BYTES,
                       "it was told another hash of row %llu of this controller's audit: written "
                       "anew at or before that row",
                       (unsigned long long)state->kept_rows);
    }

    return r < 0 ? r : 0;
}

int ctl_audit_heads_send(struct ctl_engine *engine, struct ctl_fleet_host *host,
                         struct bl_error *err)
{
    struct proto_message message = {.kind = PROTO_AUDIT_HEAD};
    struct proto_audit_head *head = &message.audit_head;
    struct ctl_store_head kept;
    int r;

    r = ctl_store_audit_last(engine->store, &head->rows, head->hash, err);
    if (r >= 0)
        r = ctl_store_load_head(engine->store, host->id, &kept, err);
    if (r >= 0 && host->audit_kept_rows > 0)
        r = ctl_store_audit_hash(engine->store, host->audit_kept_rows, head->kept_hash, err);
    if (r < 0)
        return r;
    head->asked_rows = kept.rows;
    head->kept_rows = host->audit_kept_rows;
    host->audit_due = ctl_engine_send(engine, &host->current, &message) >= 0;

    return 0;
}

/* Behind the commit: a head with rows that are not on disk would be a break after a power cut. */
static int tell(struct ctl_engine *engine, struct ctl_fleet_host *host, struct bl_error *err)
{
    const struct ctl_order order = {.kind = PROTO_AUDIT_HEAD, .host = host};

    host->audit_told = bl_mono_now();
    return ctl_engine_queue(engine, &order, err);
}

int ctl_audit_heads_look(struct ctl_engine *engine, struct ctl_fleet_host *host,
                         struct bl_error *err)
{
    if (!host->audit_known || host->held || !ctl_fleet_is_connected(host) ||
        bl_mono_now().ms - host->audit_told.ms < CTL_AUDIT_HEADS_EVERY_MS)
        return 0;

    return tell(engine, host, err);
}

static bool is_within(struct bl_wall from, struct bl_wall now, int64_t ms)
{
    return from.ms != 0 && now.ms >= from.ms && now.ms - from.ms < ms; /* it may be set back */
}

/* At once, but not again and again: who tells the heads may be anybody by now. */
static int note_break(struct ctl_engine *engine, const struct ctl_fleet_host *host,
                      const char *what, struct ctl_store_head *head, struct bl_error *err)
{
    const struct bl_wall now = bl_wall_now();
    bool is_told = is_within(head->broken_at, now, CTL_AUDIT_HEADS_BROKEN_ROW_EVERY_MS);

    if (what[0] == '\0' || is_told)
        return 0;
    bl_text_copy(head->broken, sizeof(head->broken), what);
    head->broken_at = now;
    ctl_log(CTL_LOG_WARNING, "host '%s': %s", host->name, what);

    return ctl_engine_audit(engine, -1, "audit.broken", host->name, what, err);
}

static int note_head(struct ctl_engine *engine, const struct ctl_fleet_host *host,
                     struct ctl_store_head *head, struct bl_error *err)
{
    char text[BL_HEX_BYTES(PROTO_HASH_BYTES)], detail[128];
    const struct bl_wall now = bl_wall_now();

    if (is_within(head->noted_at, now, CTL_AUDIT_HEADS_ROW_EVERY_MS))
        return 0;
    head->noted_at = now;
    bl_hex_encode(head->hash, sizeof(head->hash), text);
    (void)snprintf(detail, sizeof(detail), "row %llu %s", (unsigned long long)head->rows, text);

    return ctl_engine_audit(engine, -1, "audit.head", host->name, detail, err);
}

/* Only what it kept counts: nothing of its own chain was asked for yet. */
static int take_first(struct ctl_engine *engine, struct ctl_fleet_host *host,
                      const struct proto_audit_state *state, struct bl_error *err)
{
    char ours[CTL_AUDIT_BREAK_BYTES];
    struct ctl_store_head head;
    int r;

    host->audit_known = true;
    host->audit_kept_rows = state->kept_rows;
    r = compare_ours(engine, state, ours, err);
    if (r >= 0 && ours[0] != '\0') {
        r = ctl_store_load_head(engine->store, host->id, &head, err);
        if (r >= 0)
            r = note_break(engine, host, ours, &head, err);
        if (r >= 0)
            r = ctl_store_save_head(engine->store, host->id, &head, err);
    }

    return r < 0 ? r : tell(engine, host, err);
}

int ctl_audit_heads_take(struct ctl_engine *engine, struct ctl_fleet_host *host,
                         const struct proto_audit_state *state, struct bl_error *err)
{
    char broken[CTL_AUDIT_BREAK_BYTES];
    struct ctl_store_head head;
    bool is_new;
    int r;

    if (state->rows > INT64_MAX) /* a kept row beyond that is one that is not there */
        return 0;
    if (!host->audit_known)
        return take_first(engine, host, state, err);
    if (!host->audit_due)
        return 0; /* one answer for each time it was asked */
    r = ctl_store_load_head(engine->store, host->id, &head, err);
    if (r < 0)
        return r;
    if (state->asked_rows != head.rows)
        return 0; /* it answers something else, such as a second WELCOME */
    host->audit_due = false;
    host->audit_kept_rows = state->kept_rows;
    ctl_audit_heads_compare(&head, state, broken);
    /* Not told now: what was kept stays, so that it is found again when it may be. */
    if (broken[0] != '\0' &&
        is_within(head.broken_at, bl_wall_now(), CTL_AUDIT_HEADS_BROKEN_ROW_EVERY_MS))
        return 0;
    is_new = head.rows != state->rows || memcmp(head.hash, state->hash, sizeof(head.hash)) != 0;
    r = note_break(engine, host, broken, &head, err);
    head.rows = state->rows;
    memcpy(head.hash, state->hash, sizeof(head.hash));
    head.at = bl_wall_now();
    if (r >= 0 && is_new)
        r = note_head(engine, host, &head, err);

    return r < 0 ? r : ctl_store_save_head(engine->store, host->id, &head, err);
}
