/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/deny.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/hex.h"
#include "common/text.h"
#include "controller/daemon/log.h"

enum {
    DETAIL_BYTES = 2 * PROTO_NAME_BYTES_MAX + 32,
};

/* The rollout as a whole goes back, or stopped for hosts that did. One host alone proves too little. */
static bool is_taken_back(const struct ctl_rollout *rollout)
{
    if (rollout->state == CTL_ROLLOUT_STOPPING || rollout->state == CTL_ROLLOUT_HALTED)
        return !rollout->aborted;

    return rollout->state == CTL_ROLLOUT_ROLLING_BACK ||
           rollout->state == CTL_ROLLOUT_ROLLED_BACK ||
           rollout->state == CTL_ROLLOUT_ROLLBACK_INCOMPLETE;
}

/* Only what really changed a host counts: one that went back before its package run proves nothing. */
static bool is_witness(const struct ctl_run *run, uint32_t index)
{
    uint32_t state = run->hosts[index].state;

    return run->members[index].upgraded &&
           (state == CTL_HOST_REVERTING || state == CTL_HOST_REVERTED ||
            state == CTL_HOST_REVERT_FAILED);
}

/* ---- who is about to install it ---- */

/* The pins are sorted by name: the first one that is not before it. */
static uint32_t find_name(const struct proto_manifest *manifest, const char *name)
{
    uint32_t low = 0, high = manifest->pins_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (strcmp(manifest->pins[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }

    return low;
}

static bool installs(const struct proto_manifest *manifest, const char *name, const char *version)
{
    for (uint32_t i = find_name(manifest, name);
         i < manifest->pins_count && strcmp(manifest->pins[i].name, name) == 0; i++) {
        if (manifest->pins[i].action != PROTO_ACTION_REMOVE &&
            strcmp(manifest->pins[i].version, version) == 0)
            return true;
    }

    return false;
}

int ctl_deny_pause_others(struct ctl_engine *engine, const char *name, const char *version,
                          struct bl_error *err)
{
    const struct ctl_rollout_event event = {.type = CTL_ROLLOUT_PAUSE};
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)], detail[DETAIL_BYTES];

    (void)snprintf(detail, sizeof(detail), "%s=%s is denied", name, version);
    for (uint32_t i = 0; i < engine->run_count; i++) {
        struct ctl_run *run = engine->runs[i];
        int r;

        if (!ctl_rollout_is_going(&run->rollout) || (run->rollout.holds & CTL_HOLD_PERSON) != 0 ||
            !installs(&run->manifest, name, version))
            continue;
        bl_hex_encode(run->id, sizeof(run->id), id);
        r = ctl_engine_step(engine, run, event, err);
        if (r >= 0)
            r = ctl_engine_audit(engine, -1, "pause", id, detail, err);
        if (r < 0)
            return r;
        ctl_log(CTL_LOG_NOTICE, "rollout %s: paused: %s", id, detail);
    }

    return 0;
}

/* ---- what hosts took back ---- */

static int deny_kind(struct ctl_engine *engine, struct ctl_run *run, uint32_t index,
                     struct bl_error *err)
{
    const struct proto_manifest *manifest = &run->manifest;
    const struct ctl_run_host *witness = &run->members[index];
    const bool has_cause = witness->reason != NULL && witness->reason[0] != '\0';
    struct ctl_store_denied row = {.has_rollout = true, .at = bl_wall_now(), .uid = -1};
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)], cause[PROTO_REASON_BYTES_MAX + 1];
    char detail[DETAIL_BYTES] = "";
    struct bl_text cause_text;
    uint32_t count = 0;

    bl_text_init(&cause_text, cause, sizeof(cause));
    bl_text_add(&cause_text, witness->host->name);
    bl_text_add(&cause_text, " went back: ");
    bl_text_add(&cause_text, has_cause ? witness->reason : run->rollout.reason);
    memcpy(row.rollout, run->id, sizeof(row.rollout));
    row.cause = cause;
    for (uint32_t i = 0; i < manifest->pins_count; i++) {
        const struct proto_pin *pin = &manifest->pins[i];
        bool is_new;
        int r;

        if (!proto_kind_has(&manifest->kinds[witness->kind], i) ||
            pin->action == PROTO_ACTION_REMOVE)
            continue;
        row.name = pin->name;
        row.version = pin->version;
        r = ctl_store_deny(engine->store, &row, /* again= */ false, err);
        is_new = r > 0;
        if (is_new)
            r = ctl_deny_pause_others(engine, pin->name, pin->version, err);
        if (r < 0)
            return r;
        if (is_new && count++ == 0)
            (void)snprintf(detail, sizeof(detail), "%s=%s", pin->name, pin->version);
    }
    run->denied_kinds |= UINT64_C(1) << witness->kind;
    if (count == 0)
        return 0;
    bl_hex_encode(run->id, sizeof(run->id), id);
    ctl_log(CTL_LOG_NOTICE,
            "rollout %s: %u package versions are denied from now on, such as %s: %s", id, count,
            detail, cause);
    if (count > 1) {
        size_t used = strlen(detail);

        (void)snprintf(detail + used, sizeof(detail) - used, " and %u more", count - 1);
    }

    return ctl_engine_audit(engine, -1, "deny.add", id, detail, err);
}

static int note_host(struct ctl_engine *engine, struct ctl_run *run, uint32_t index,
                     struct bl_error *err)
{
    if ((run->denied_kinds >> run->members[index].kind & 1U) != 0 || !is_witness(run, index))
        return 0;

    return deny_kind(engine, run, index, err);
}

int ctl_deny_note(struct ctl_engine *engine, struct ctl_run *run,
                  const struct ctl_rollout_event *event, struct bl_error *err)
{
    const bool is_one =
        event->type == CTL_ROLLOUT_HOST_REPORT || event->type == CTL_ROLLOUT_HOST_SEEN;
    const bool is_first = !run->denies;
    int r = 0;

    run->denies = is_taken_back(&run->rollout);
    if (!run->denies)
        return 0;
    /* All are looked at only when it turns: a report costs the same in a rollout of any size. */
    if (is_one && !is_first)
        return note_host(engine, run, event->host, err);
    for (uint32_t i = 0; i < run->rollout.host_count && r >= 0; i++)
        r = note_host(engine, run, i, err);

    return r;
}

/* ---- asking ---- */

struct finding {
    char *text, *next;
    size_t text_bytes, next_bytes;
    bool found;
};

static int take_denied(void *userdata, const struct ctl_store_denied *row, struct bl_error *err)
{
    struct finding *finding = userdata;
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)] = "";

    if (finding->found)
        return 0;
    finding->found = true;
    if (row->has_rollout)
        bl_hex_encode(row->rollout, sizeof(row->rollout), id);
    (void)snprintf(finding->text, finding->text_bytes, "%s=%s is denied%s%s: %s", row->name,
                   row->version, row->has_rollout ? " since rollout " : "", id, row->cause);
    (void)snprintf(finding->next, finding->next_bytes, "belay deny lift %s=%s", row->name,
                   row->version);

    return 0;
}

int ctl_deny_find(struct ctl_store *store, const struct proto_manifest *manifest, char *ret_text,
                  size_t text_bytes, char *ret_next, size_t next_bytes, struct bl_error *err)
{
    struct finding finding = {ret_text, ret_next, text_bytes, next_bytes, false};

    for (uint32_t i = 0; i < manifest->pins_count && !finding.found; i++) {
        const struct proto_pin *pin = &manifest->pins[i];
        int r;

        if (pin->action == PROTO_ACTION_REMOVE)
            continue;
        r = ctl_store_each_denied(store, pin->name, pin->version, take_denied, &finding, err);
        if (r < 0)
            return r;
    }

    return finding.found ? 1 : 0;
}
