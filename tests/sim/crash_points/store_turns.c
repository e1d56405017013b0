/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/crash_points/store_turns.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/file.h"

enum {
    WALL_MS_0 = 1800000000,
    MANIFEST_BYTES = 6000,
    LARGE_MANIFEST_BYTES = 90000,
    TOKEN_USES = 2,
    LONG_REPORTS = 34,
};

/* ---- what is done in a turn --------------------------------------------------------------- */

static const uint8_t token_hash[PROTO_HASH_BYTES] = {7, 7, 7};

void store_turn_rollout_id(uint32_t rollout, uint8_t ret_id[PROTO_ROLLOUT_ID_BYTES])
{
    memset(ret_id, 0, PROTO_ROLLOUT_ID_BYTES);
    ret_id[0] = 9;
    ret_id[1] = (uint8_t)rollout;
}

int store_turn_audit(struct ctl_store *store, const char *verb, uint32_t number,
                     struct bl_error *err)
{
    const struct ctl_store_audit row = {.at = {WALL_MS_0 + (int64_t)number},
                                        .uid = 1000,
                                        .verb = verb,
                                        .subject = "web",
                                        .detail = "{\"role\":\"web\"}"};

    return ctl_store_add_audit(store, &row, err);
}

static int save_host(struct ctl_store *store, uint32_t host, uint32_t number, struct bl_error *err)
{
    struct ctl_store_host row = {.standing = CTL_STANDING_ENROLLED,
                                 .name = "web",
                                 .labels = "{\"role\":\"web\"}",
                                 .facts = "{\"os\":\"debian\",\"version\":\"12\"}",
                                 .first_seen = {WALL_MS_0},
                                 .last_seen = {WALL_MS_0 + (int64_t)number},
                                 .clock_offset_known = host % 2 == 0,
                                 .clock_offset_ms = -5};

    row.id[0] = (uint8_t)(host + 1);
    return ctl_store_save_host(store, &row, err);
}

static int save_hosts(struct ctl_store *store, const struct store_turn *turn, struct bl_error *err)
{
    int r = 0;

    for (uint32_t host = 0; r >= 0 && host < turn->counts.hosts; host++)
        r = save_host(store, host, turn->number, err);
    if (r >= 0)
        r = store_turn_audit(store, "approve", turn->number, err);
    return r;
}

static int use_token(struct ctl_store *store, const struct store_turn *turn, struct bl_error *err)
{
    const bool is_left = turn->kind == STORE_TOKEN_USED;
    BL_AUTO_FREE char *labels = NULL;
    int r = ctl_store_use_token(store, token_hash, (struct bl_wall){5}, &labels, err);

    if (r >= 0 && (r > 0) != is_left)
        return crash_wrong(err, "a token was used too often or too seldom");
    if (r > 0)
        r = save_host(store, turn->counts.hosts - 1, turn->number, err);
    if (r >= 0)
        r = store_turn_audit(store, is_left ? "enrol" : "refuse", turn->number, err);
    return r;
}

static int add_event(struct ctl_store *store, const struct store_turn *turn,
                     enum ctl_rollout_event_type type, uint32_t host, struct bl_error *err)
{
    const struct ctl_rollout_event event = {
        .now = {1000 + (int64_t)turn->number},
        .type = type,
        .host = host,
        .job_state = type == CTL_ROLLOUT_HOST_REPORT ? PROTO_JOB_READY : 0,
        .nonce = UINT64_MAX - turn->number};
    uint8_t id[PROTO_ROLLOUT_ID_BYTES];

    store_turn_rollout_id(turn->rollout, id);
    return ctl_store_add_event(store, id, &event, (struct bl_wall){WALL_MS_0}, err);
}

/* The exit code takes room or none in turn, so that SQLite has to write the whole row again. */
static int mark(struct ctl_store *store, const struct store_turn *turn, uint32_t state,
                struct bl_error *err)
{
    struct ctl_store_rollout rollout = {.state = state,
                                        .holds = turn->number % 2 == 1 ? CTL_HOLD_PERSON : 0,
                                        .exit_code = turn->number % 2 == 0 ? -1 : 0,
                                        .ended = {state == CTL_ROLLOUT_ABORTED ? WALL_MS_0 : 0}};

    store_turn_rollout_id(turn->rollout, rollout.id);
    return ctl_store_mark_rollout(store, &rollout, err);
}

static int submit(struct ctl_store *store, const struct store_turn *turn, struct bl_error *err)
{
    static const struct proto_signature signatures[2] = {{{1}, {2}}, {{3}, {4}}};
    static uint8_t manifest[LARGE_MANIFEST_BYTES];
    struct ctl_store_rollout_host hosts[STORE_HOSTS] = {0};
    struct ctl_store_rollout rollout = {
        .plan_name = "openssl",
        .plan_text = "plan: openssl\nhosts: role=web\n",
        .manifest = {manifest, turn->is_large ? LARGE_MANIFEST_BYTES : MANIFEST_BYTES},
        .signatures = signatures,
        .signatures_count = 2,
        .policy = {(const uint8_t *)"how it goes", 11},
        .created = {WALL_MS_0},
        .submitted_by_uid = 1000,
        .state = CTL_ROLLOUT_STAGING,
        .host_count = STORE_HOSTS,
    };
    int r;

    for (size_t i = 0; i < sizeof(manifest); i++)
        manifest[i] = (uint8_t)(i * 31 + i / 251);
    for (uint32_t i = 0; i < STORE_HOSTS; i++) {
        hosts[i].id[0] = (uint8_t)(i + 1);
        hosts[i].wave = i == 0 ? 0 : 1;
    }
    store_turn_rollout_id(turn->rollout, rollout.id);
    r = ctl_store_add_rollout(store, &rollout, hosts, err);
    if (r >= 0)
        r = add_event(store, turn, CTL_ROLLOUT_SUBMIT, 0, err);
    if (r >= 0)
        r = store_turn_audit(store, "submit", turn->rollout, err);
    return r;
}

/* An enum ctl_stored, or an error. */
static int add_report(struct ctl_store *store, const struct store_turn *turn, uint32_t host,
                      uint32_t seq, struct bl_error *err)
{
    struct ctl_store_report stored = {.report = {.seq = seq,
                                                 .moment = PROTO_MOMENT_STATE,
                                                 .state = PROTO_JOB_READY,
                                                 .code = "staged",
                                                 .reason = "fetched and rehearsed, both ways",
                                                 .wall_ms = WALL_MS_0 + (int64_t)seq,
                                                 .mono_ms = seq,
                                                 .boot_id = "6f1c0a52-boot"},
                                      .received = {WALL_MS_0 + (int64_t)seq}};

    stored.host_id[0] = (uint8_t)(host + 1);
    store_turn_rollout_id(turn->rollout, stored.report.rollout_id);
    return ctl_store_add_report(store, &stored, err);
}

static int report(struct ctl_store *store, const struct store_turn *turn, struct bl_error *err)
{
    int r = 0;

    for (uint32_t host = 0; r >= 0 && host < 2; host++) {
        r = add_report(store, turn, host, turn->number, err);
        if (r >= 0 && r != CTL_STORED_NOW)
            return crash_wrong(err, "a new report was taken for a double");
        if (r >= 0)
            r = add_event(store, turn, CTL_ROLLOUT_HOST_REPORT, host, err);
    }
    if (r >= 0 && turn->number > 1) {
        /* A double, or of another rollout under a used number: neither is stored. */
        r = add_report(store, turn, 0, turn->number - 1, err);
        if (r == CTL_STORED_NOW)
            return crash_wrong(err, "a number was used twice");
    }
    if (r >= 0)
        r = mark(store, turn, CTL_ROLLOUT_RUNNING, err);
    return r;
}

static int end(struct ctl_store *store, const struct store_turn *turn, struct bl_error *err)
{
    int r = add_event(store, turn, CTL_ROLLOUT_ABORT, 0, err);

    if (r >= 0)
        r = mark(store, turn, CTL_ROLLOUT_ABORTED, err);
    if (r >= 0)
        r = store_turn_audit(store, "abort", turn->number, err);
    return r;
}

static int run(struct ctl_store *store, const struct store_turn *turn, struct bl_error *err)
{
    int r = 0;

    switch (turn->kind) {
    case STORE_HOSTS_SEEN:
        return save_hosts(store, turn, err);
    case STORE_TOKEN_ADDED:
        r = ctl_store_add_token(store, token_hash, "{}", TOKEN_USES, (struct bl_wall){1000}, err);
        return r < 0 ? r : store_turn_audit(store, "token", turn->number, err);
    case STORE_TOKEN_USED:
    case STORE_TOKEN_REFUSED:
        return use_token(store, turn, err);
    case STORE_SUBMITTED:
        return submit(store, turn, err);
    case STORE_REPORTED:
        return report(store, turn, err);
    case STORE_RESTARTED:
        return add_event(store, turn, CTL_ROLLOUT_RESTART, 0, err);
    case STORE_ENDED:
        return end(store, turn, err);
    }
    return r;
}

int store_turn_run(struct ctl_store *store, const struct store_turn *turn, struct bl_error *err)
{
    int r;

    ctl_store_begin(store);
    r = run(store, turn, err);
    if (r >= 0)
        r = ctl_store_commit(store, err);
    return r;
}

/* ---- the scenario ------------------------------------------------------------------------- */

static void add(struct store_turns *turns, enum store_turn_kind kind, uint32_t number)
{
    struct store_turn *turn = &turns->list[turns->count];
    struct store_counts *counts = &turn->counts;

    BL_ASSERT(turns->count < STORE_TURNS_MAX);
    if (turns->count > 0) {
        *counts = turn[-1].counts;
        turn->rollout = turn[-1].rollout;
        turn->is_large = turn[-1].is_large;
    }
    turns->count++;
    turn->kind = kind;
    turn->number = number;
    switch (kind) {
    case STORE_HOSTS_SEEN:
        counts->hosts += number;
        break;
    case STORE_TOKEN_ADDED:
        counts->tokens_left = TOKEN_USES;
        break;
    case STORE_TOKEN_USED:
        counts->tokens_left--;
        counts->hosts++;
        break;
    case STORE_TOKEN_REFUSED:
        break;
    case STORE_SUBMITTED:
        turn->rollout = ++counts->rollouts;
        counts->events++;
        break;
    case STORE_REPORTED:
        counts->reports += 2;
        counts->events += 2;
        break;
    case STORE_RESTARTED:
    case STORE_ENDED:
        counts->events++;
        break;
    }
    if (kind != STORE_REPORTED && kind != STORE_RESTARTED)
        counts->audits++;
}

static void end_life(struct store_turns *turns, bool is_killed, bool is_long)
{
    turns->lives[turns->life_count++] = (struct crash_life){turns->count, is_killed, is_long};
}

void store_turns_make(struct store_turns *turns)
{
    memset(turns, 0, sizeof(*turns));
    add(turns, STORE_HOSTS_SEEN, STORE_HOSTS - TOKEN_USES);
    add(turns, STORE_TOKEN_ADDED, 0);
    add(turns, STORE_TOKEN_USED, 1);
    end_life(turns, false, false);
    add(turns, STORE_SUBMITTED, 0);
    for (uint32_t i = 1; i <= 4; i++)
        add(turns, STORE_REPORTED, i);
    end_life(turns, true, false);
    add(turns, STORE_RESTARTED, 1);
    add(turns, STORE_TOKEN_USED, 2);
    add(turns, STORE_TOKEN_REFUSED, 3);
    add(turns, STORE_REPORTED, 5);
    end_life(turns, false, false);
    add(turns, STORE_RESTARTED, 2);
    add(turns, STORE_HOSTS_SEEN, 0);
    add(turns, STORE_REPORTED, 6);
    add(turns, STORE_ENDED, 7);
    end_life(turns, true, false);
    /* Each mark of a large rollout goes through so many pages that the log is soon begun anew. */
    add(turns, STORE_SUBMITTED, 0);
    turns->list[turns->count - 1].is_large = true;
    for (uint32_t i = 7; i < 7 + LONG_REPORTS; i++)
        add(turns, STORE_REPORTED, i);
    add(turns, STORE_ENDED, 0);
    end_life(turns, true, true);
}
