/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/lease/cron_missed.h"
#include "agent/lease/manager.h"
#include "agent/lease/quiesce_hold.h"
#include "agent/lease/quiesce_op.h"
#include "agent/lease/quiesce_plan.h"
#include "agent/lease/store.h"
#include "common/text.h"

/* Whoever paused cron says what that cost. */
static void add_cron(const struct agent_lease_record *record, char *reason, size_t size_bytes)
{
    size_t used = strlen(reason);
    struct bl_text text;

    for (uint32_t i = 0; i < record->units_count; i++) {
        const struct agent_lease_unit *unit = &record->units[i];

        if (!unit->was_active ||
            (strcmp(unit->name, "cron.service") != 0 && strcmp(unit->name, "crond.service") != 0))
            continue;
        bl_text_init(&text, reason + used, size_bytes - used);
        agent_cron_tell_missed("", record->taken_ms, bl_wall_now().ms, &text);
        return;
    }
}

static void forget_lease(struct agent_quiesce *op)
{
    char reason[AGENT_LEASE_REASON_BYTES];
    struct bl_error err = {0};
    int r = agent_lease_remove(op->places, AGENT_LEASE_QUIESCE, &err);

    if (r < 0) {
        agent_quiesce_fail(op, "quiesce_failed", &err);
        return;
    }
    /* A timer that stays finds nothing to give back, and is disarmed then. */
    (void)!agent_quiesce_set_lease_timer(op->places, -1, &err);
    agent_quiesce_tell_given(&op->record, bl_wall_now(), reason, sizeof(reason));
    add_cron(&op->record, reason, sizeof(reason));
    agent_quiesce_succeed(op, reason);
}

/*
 * A start that takes its time is under way. One that waits for a stop which does not end stays
 * queued with PID 1: the unit runs again as soon as it can, and nobody can do more.
 */
static bool is_as_good_as_started(struct agent_quiesce *op, const struct agent_quiesce_unit *unit)
{
    struct agent_manager_unit state;
    struct bl_error ignored = {0};

    if (!unit->late || agent_manager_look(op->bus, unit->name, &state, &ignored) < 0)
        return false;

    return state.active || !state.ended;
}

void agent_quiesce_check_started(struct agent_quiesce *op)
{
    for (uint32_t i = 0; i < op->list.count; i++) {
        const struct agent_quiesce_unit *unit = &op->list.units[i];
        struct bl_error err = {0};

        if ((!unit->failed && !unit->late) || is_as_good_as_started(op, unit))
            continue;
        (void)bl_fail(&err, -EPROTO, "'%s' does not start again", unit->name);
        agent_quiesce_fail(op, "quiesce_resume", &err);
        return;
    }
    /* A unit that is still held was not started, whatever its job says: it was skipped. */
    if (op->unhold_failure.code < 0) {
        agent_quiesce_fail(op, "quiesce_failed", &op->unhold_failure);
        return;
    }
    forget_lease(op);
}

/* One that can't be queued is noted like one that fails: the others are given back all the same. */
static void start_kind(struct agent_quiesce *op, enum agent_quiesce_kind kind, const char *boot_id)
{
    for (uint32_t i = 0; i < op->list.count; i++) {
        struct agent_quiesce_unit *unit = &op->list.units[i];
        struct agent_manager_unit state;
        struct bl_error ignored = {0};
        int r;

        if (agent_quiesce_kind(unit->name) != kind ||
            !agent_quiesce_starts(&op->record, &op->record.units[i], boot_id))
            continue;
        r = agent_manager_look(op->bus, unit->name, &state, &ignored);
        if (r >= 0 && (!state.loaded || state.active))
            continue; /* the package is gone, or it runs */
        if (r < 0 || agent_quiesce_queue(op, "StartUnit", unit, &ignored) < 0)
            unit->failed = true;
    }
}

static int start_units(struct agent_quiesce *op, struct bl_error *err)
{
    /*
     * A socket can't be opened over its running service, so it comes first and hands its
     * descriptors over; timers and paths come last, since they may start a service at once.
     */
    static const enum agent_quiesce_kind order[] = {AGENT_QUIESCE_SOCKET, AGENT_QUIESCE_SERVICE,
                                                    AGENT_QUIESCE_PATH, AGENT_QUIESCE_TIMER};
    char boot_id[BL_BOOT_ID_BYTES];
    int r = bl_boot_id_read(boot_id, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        start_kind(op, order[i], boot_id);

    return 0;
}

void agent_quiesce_begin_giving(struct agent_quiesce *op)
{
    struct bl_error err = {0}, damage = {0};
    int r, held;

    held = agent_lease_load(op->places, AGENT_LEASE_QUIESCE, &op->arena, &op->record, &damage);
    r = agent_quiesce_unhold(op->places, &op->unhold_failure);
    if (r != 0 || held != 0)
        r = agent_manager_reread(op->bus, &err);
    if (r < 0) {
        agent_quiesce_fail(op, "quiesce_failed", &err);
        return;
    }
    if (held < 0) { /* all may run again, but nobody knows what did */
        agent_quiesce_fail(op, "quiesce_failed", &damage);
        return;
    }
    if (held == 0 && op->unhold_failure.code < 0) {
        agent_quiesce_fail(op, "quiesce_failed", &op->unhold_failure);
        return;
    }
    if (held == 0) {
        /* A timer that an earlier end left behind would come back each minute. */
        (void)!agent_quiesce_set_lease_timer(op->places, -1, &err);
        agent_quiesce_succeed(op, "nothing was paused");
        return;
    }
    agent_quiesce_list_from_record(op);
    if (start_units(op, &err) < 0) {
        agent_quiesce_fail(op, "quiesce_failed", &err);
        return;
    }
    agent_quiesce_wait_for_jobs(op);
}
