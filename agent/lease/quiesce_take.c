/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "agent/lease/manager.h"
#include "agent/lease/quiesce_hold.h"
#include "agent/lease/quiesce_op.h"
#include "agent/lease/quiesce_plan.h"
#include "agent/lease/quiesce_running.h"
#include "agent/lease/store.h"
#include "common/text.h"

/* Durable before anything is switched off: what was found, and the timer that gives it back. */
static int record_list(struct agent_quiesce *op, struct bl_error *err)
{
    struct agent_lease_unit units[AGENT_LEASE_UNITS_MAX];
    struct agent_lease_record record;
    char boot_id[BL_BOOT_ID_BYTES];
    int r;

    r = agent_lease_fill(&record, op->job, (int64_t)op->manifest->lease_ms, boot_id, err);
    if (r < 0)
        return r;
    agent_quiesce_look_at_timers(op->bus, &op->list);
    for (uint32_t i = 0; i < op->list.count; i++) {
        const struct agent_quiesce_unit *unit = &op->list.units[i];

        units[i] = (struct agent_lease_unit){unit->name, unit->was_active, unit->next_run_ms,
                                             unit->catches_up, unit->runs_unknown};
    }
    record.units = units;
    record.units_count = op->list.count;
    r = agent_lease_save(op->places, AGENT_LEASE_QUIESCE, &record, err);
    if (r < 0)
        return r;

    return agent_quiesce_set_lease_timer(op->places, agent_lease_left_ms(&record, boot_id), err);
}

/* An earlier call may have died between its record and its timer. */
static int arm_again(struct agent_quiesce *op, struct bl_error *err)
{
    char boot_id[BL_BOOT_ID_BYTES];
    int r = bl_boot_id_read(boot_id, err);

    if (r < 0)
        return r;

    return agent_quiesce_set_lease_timer(op->places, agent_lease_left_ms(&op->record, boot_id),
                                         err);
}

static int stop_units(struct agent_quiesce *op, struct bl_error *err)
{
    for (uint32_t i = 0; i < op->list.count; i++) {
        struct agent_manager_unit state;
        int r = agent_manager_look(op->bus, op->list.units[i].name, &state, err);

        if (r >= 0 && state.loaded && !state.ended)
            r = agent_quiesce_queue(op, "StopUnit", &op->list.units[i], err);
        if (r < 0)
            return r;
    }

    return 0;
}

static void hold(struct agent_quiesce *op)
{
    struct bl_error err = {0};
    int r = 0;

    /* What is held already is what the record says: more would never be given back. */
    if (!op->held && !op->collected)
        r = agent_quiesce_collect(op->bus, op->manifest, &op->list, &err);
    if (r == -EPROTO) {
        agent_quiesce_fail(op, "quiesce_protected", &err);
        return;
    }
    if (r >= 0)
        r = op->held ? arm_again(op, &err) : record_list(op, &err);
    if (r >= 0)
        r = agent_quiesce_hold(op->places, &op->list, &err);
    if (r >= 0)
        r = agent_manager_reread(op->bus, &err);
    if (r >= 0)
        r = stop_units(op, &err);
    if (r < 0) {
        agent_quiesce_fail(op, "quiesce_failed", &err);
        return;
    }
    op->held = true;
    agent_quiesce_wait_for_jobs(op);
}

static void tell_taken(struct agent_quiesce *op)
{
    uint32_t left_count = agent_quiesce_count_left(op->bus, &op->list);
    struct bl_text text;
    char reason[AGENT_LEASE_REASON_BYTES];

    bl_text_init(&text, reason, sizeof(reason));
    if (left_count > 0) {
        bl_text_add_number(&text, left_count);
        bl_text_add(&text, " processes of stopped units go on; ");
    }
    if (op->list.left[0] != '\0') {
        bl_text_add(&text, "not paused: ");
        bl_text_add(&text, op->list.left);
        bl_text_add(&text, "; ");
    }
    bl_text_add(&text, "paused:");
    for (uint32_t i = 0; i < op->list.count; i++) {
        bl_text_add(&text, i == 0 ? " " : ", ");
        bl_text_add(&text, op->list.units[i].name);
        if (!op->list.units[i].was_active)
            bl_text_add(&text, " (was not running)");
    }
    if (op->list.count == 0)
        bl_text_add(&text, " nothing on this host matches");
    agent_quiesce_succeed(op, reason);
}

void agent_quiesce_look_for_backups(struct agent_quiesce *op)
{
    char name[AGENT_QUIESCE_BACKUP_BYTES];
    struct bl_error err = {0};
    int count = agent_quiesce_find_backups(op->bus, op->manifest, &op->list, name, &err);

    if (count < 0) {
        agent_quiesce_fail(op, "quiesce_failed", &err);
    } else if (count == 0 && op->held) {
        tell_taken(op);
    } else if (count == 0) {
        hold(op);
    } else if (op->too_late) {
        (void)bl_fail(&err, -ETIMEDOUT, "backup '%s' still runs after %lld s", name,
                      (long long)op->manifest->quiesce_wait_ms / 1000);
        agent_quiesce_fail(op, "quiesce_backup_running", &err);
    } else {
        op->collected = false; /* while it is waited for, units come and go */
    }
}

void agent_quiesce_begin_taking(struct agent_quiesce *op)
{
    struct bl_error err = {0};
    int r = agent_lease_load(op->places, AGENT_LEASE_QUIESCE, &op->arena, &op->record, &err);

    /* What a former job left and nobody can read holds nothing that this one would not hold. */
    if (r < 0 && r != -EUCLEAN) {
        agent_quiesce_fail(op, "quiesce_failed", &err);
        return;
    }
    if (r > 0 && strcmp(op->record.job, op->job) != 0) {
        (void)bl_fail(&err, -EEXIST, "job %s has paused this host's units", op->record.job);
        agent_quiesce_fail(op, "quiesce_taken", &err);
        return;
    }
    if (r > 0) {
        op->held = true;
        agent_quiesce_list_from_record(op);
        hold(op);
        return;
    }
    /* Before the wait: what is found now is looked at for backups that it started. */
    r = agent_quiesce_collect(op->bus, op->manifest, &op->list, &err);
    if (r < 0) {
        agent_quiesce_fail(op, r == -EPROTO ? "quiesce_protected" : "quiesce_failed", &err);
        return;
    }
    op->collected = true;
    op->phase = AGENT_QUIESCE_BACKUPS;
    agent_quiesce_wait(op, (int64_t)op->manifest->quiesce_wait_ms);
    (void)sd_event_source_set_enabled(op->again, SD_EVENT_ONESHOT);
}

/* After the jobs: what should have stopped must have. A unit that never loaded has. */
void agent_quiesce_check_stopped(struct agent_quiesce *op)
{
    for (uint32_t i = 0; i < op->list.count; i++) {
        struct agent_manager_unit state;
        struct bl_error err = {0};
        int r = agent_manager_look(op->bus, op->list.units[i].name, &state, &err);

        if (r >= 0 && state.loaded && !state.ended)
            r = bl_fail(&err, -EPROTO, "'%s' did not stop", op->list.units[i].name);
        if (r < 0) {
            agent_quiesce_fail(op, "quiesce_stop", &err);
            return;
        }
    }
    /* A backup that began while we were stopping is waited for like those before. */
    op->phase = AGENT_QUIESCE_BACKUPS;
    if (!op->too_late)
        agent_quiesce_wait(op, (int64_t)op->manifest->quiesce_wait_ms);
}
