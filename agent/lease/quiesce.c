/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/quiesce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/lease/manager.h"
#include "agent/lease/quiesce_plan.h"
#include "agent/lease/quiesce_units.h"
#include "agent/lease/store.h"
#include "common/text.h"

#define TIMER "belay-lease@" AGENT_LEASE_QUIESCE ".timer"

enum {
    JOBS_MS_MAX = 120 * 1000, /* above systemd's own 90 s for a stop and a start */
};

/*
 * Two ways through the same machine. Taking: wait for backups, record, hold, stop, and look for
 * backups once more, since one may have begun in between. Giving back: unhold, start, forget.
 */
enum phase {
    PHASE_BEGIN = 1,
    PHASE_BACKUPS, /* wait until no backup runs */
    PHASE_JOBS,    /* wait for PID 1's jobs to stop or to start units */
    PHASE_END,     /* the outcome is known */
};

struct agent_quiesce {
    const struct agent_lease_places *places;
    const struct proto_manifest *manifest; /* NULL: giving back */
    char job[AGENT_LEASE_JOB_BYTES];
    struct agent_quiesce_caller caller;
    sd_bus *bus; /* to PID 1, attached to the caller's loop */
    sd_bus_slot *job_removed, *unit_changed;
    sd_event_source *again, *timer;
    enum phase phase;
    bool held;     /* the record is there, the units are held */
    bool too_late; /* the time to wait for backups is over */
    struct agent_quiesce_list list;
    struct proto_arena arena; /* of `record` */
    struct agent_lease_record record;
    struct bl_error unhold_failure; /* giving back: code 0 when every drop-in is gone */
    int result;
    struct agent_lease_outcome outcome;
};

static void look_again(struct agent_quiesce *op)
{
    int r = sd_event_source_set_enabled(op->again, SD_EVENT_ONESHOT);

    BL_ASSERT(r >= 0);
}

static void set_timer(struct agent_quiesce *op, int64_t after_ms)
{
    int r = sd_event_source_set_time_relative(op->timer, (uint64_t)after_ms * 1000);

    BL_ASSERT(r >= 0);
    r = sd_event_source_set_enabled(op->timer, SD_EVENT_ONESHOT);
    BL_ASSERT(r >= 0);
}

/* `done` comes with the next turn of the loop, never from inside one of our own calls. */
static void end(struct agent_quiesce *op)
{
    op->phase = PHASE_END;
    (void)sd_event_source_set_enabled(op->timer, SD_EVENT_OFF);
    look_again(op);
}

static void fail(struct agent_quiesce *op, const char *code, const struct bl_error *err)
{
    op->result = agent_lease_end(&op->outcome, code, err->code, err);
    end(op);
}

static void succeed(struct agent_quiesce *op, const char *reason)
{
    op->result = 0;
    bl_text_copy(op->outcome.reason, sizeof(op->outcome.reason), reason);
    end(op);
}

/* Another connection: this one belongs to the loop, and its signals must not be taken from it. */
static int set_lease_timer(struct agent_quiesce *op, int64_t after_ms, struct bl_error *err)
{
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    int r = agent_manager_open(op->places, &bus, err);

    if (r < 0)
        return r;

    return after_ms < 0 ? agent_manager_disarm(bus, TIMER, err)
                        : agent_manager_arm(bus, TIMER, after_ms, err);
}

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
    for (uint32_t i = 0; i < op->list.count; i++)
        units[i] = (struct agent_lease_unit){op->list.units[i].name, op->list.units[i].was_active,
                                             op->list.units[i].next_run_ms};
    record.units = units;
    record.units_count = op->list.count;
    r = agent_lease_save(op->places, AGENT_LEASE_QUIESCE, &record, err);
    if (r < 0)
        return r;

    return set_lease_timer(op, agent_lease_left_ms(&record, boot_id), err);
}

/* An earlier call may have died between its record and its timer. */
static int arm_again(struct agent_quiesce *op, struct bl_error *err)
{
    char boot_id[BL_BOOT_ID_BYTES];
    int r = bl_boot_id_read(boot_id, err);

    return r < 0 ? r : set_lease_timer(op, agent_lease_left_ms(&op->record, boot_id), err);
}

/* The list as an earlier call recorded it. */
static void list_from_record(struct agent_quiesce *op)
{
    op->list.count = op->record.units_count;
    for (uint32_t i = 0; i < op->record.units_count; i++) {
        struct agent_quiesce_unit *unit = &op->list.units[i];

        *unit = (struct agent_quiesce_unit){.was_active = op->record.units[i].was_active,
                                            .next_run_ms = op->record.units[i].next_run_ms};
        bl_text_copy(unit->name, sizeof(unit->name), op->record.units[i].name);
    }
}

static int queue_job(struct agent_quiesce *op, const char *method, struct agent_quiesce_unit *unit,
                     struct bl_error *err)
{
    int r = agent_manager_queue(op->bus, method, unit->name, unit->job, err);

    if (r < 0)
        return r;
    unit->pending = true;
    unit->failed = false;

    return 0;
}

static bool is_any_pending(const struct agent_quiesce *op)
{
    for (uint32_t i = 0; i < op->list.count; i++)
        if (op->list.units[i].pending)
            return true;

    return false;
}

static void wait_for_jobs(struct agent_quiesce *op)
{
    op->phase = PHASE_JOBS;
    set_timer(op, JOBS_MS_MAX);
    look_again(op);
}

static int stop_units(struct agent_quiesce *op, struct bl_error *err)
{
    for (uint32_t i = 0; i < op->list.count; i++) {
        struct agent_manager_unit state;
        int r = agent_manager_look(op->bus, op->list.units[i].name, &state, err);

        if (r >= 0 && state.loaded && !state.ended)
            r = queue_job(op, "StopUnit", &op->list.units[i], err);
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
    if (!op->held)
        r = agent_quiesce_collect(op->bus, op->manifest, &op->list, &err);
    if (r == -EPROTO) {
        fail(op, "quiesce_protected", &err);
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
        fail(op, "quiesce_failed", &err);
        return;
    }
    op->held = true;
    wait_for_jobs(op);
}

static void tell_taken(struct agent_quiesce *op)
{
    struct bl_text text;
    char reason[AGENT_LEASE_REASON_BYTES];

    bl_text_init(&text, reason, sizeof(reason));
    bl_text_add(&text, "paused:");
    for (uint32_t i = 0; i < op->list.count; i++) {
        bl_text_add(&text, i == 0 ? " " : ", ");
        bl_text_add(&text, op->list.units[i].name);
        if (!op->list.units[i].was_active)
            bl_text_add(&text, " (was not running)");
    }
    if (op->list.count == 0)
        bl_text_add(&text, " nothing on this host matches");
    succeed(op, reason);
}

static void look_for_backups(struct agent_quiesce *op)
{
    char name[AGENT_LEASE_UNIT_BYTES_MAX + 1];
    struct bl_error err = {0};
    int count = agent_quiesce_find_backups(op->bus, op->manifest, name, &err);

    if (count < 0)
        fail(op, "quiesce_failed", &err);
    else if (count == 0 && op->held)
        tell_taken(op);
    else if (count == 0)
        hold(op);
    else if (op->too_late) {
        (void)bl_fail(&err, -ETIMEDOUT, "backup '%s' still runs after %lld s", name,
                      (long long)op->manifest->quiesce_wait_ms / 1000);
        fail(op, "quiesce_backup_running", &err);
    }
}

static void begin_taking(struct agent_quiesce *op)
{
    struct bl_error err = {0};
    int r = agent_lease_load(op->places, AGENT_LEASE_QUIESCE, &op->arena, &op->record, &err);

    /* What a former job left and nobody can read holds nothing that this one would not hold. */
    if (r < 0 && r != -EUCLEAN) {
        fail(op, "quiesce_failed", &err);
        return;
    }
    if (r > 0 && strcmp(op->record.job, op->job) != 0) {
        (void)bl_fail(&err, -EEXIST, "job %s has paused this host's units", op->record.job);
        fail(op, "quiesce_taken", &err);
        return;
    }
    if (r > 0) {
        op->held = true;
        list_from_record(op);
        hold(op);
        return;
    }
    op->phase = PHASE_BACKUPS;
    set_timer(op, (int64_t)op->manifest->quiesce_wait_ms);
    look_for_backups(op);
}

/* After the jobs: what should have stopped must have. A unit that never loaded has. */
static void check_stopped(struct agent_quiesce *op)
{
    for (uint32_t i = 0; i < op->list.count; i++) {
        struct agent_manager_unit state;
        struct bl_error err = {0};
        int r = agent_manager_look(op->bus, op->list.units[i].name, &state, &err);

        if (r >= 0 && state.loaded && !state.ended)
            r = bl_fail(&err, -EPROTO, "'%s' did not stop", op->list.units[i].name);
        if (r < 0) {
            fail(op, "quiesce_stop", &err);
            return;
        }
    }
    /* A backup that began while we were stopping is waited for like those before. */
    op->phase = PHASE_BACKUPS;
    if (!op->too_late)
        set_timer(op, (int64_t)op->manifest->quiesce_wait_ms);
    look_for_backups(op);
}

static void forget_lease(struct agent_quiesce *op)
{
    char reason[AGENT_LEASE_REASON_BYTES];
    struct bl_error err = {0};
    int r = agent_lease_remove(op->places, AGENT_LEASE_QUIESCE, &err);

    if (r < 0) {
        fail(op, "quiesce_failed", &err);
        return;
    }
    /* A timer that stays finds nothing to give back, and is disarmed then. */
    (void)!set_lease_timer(op, -1, &err);
    agent_quiesce_tell_given(&op->record, bl_wall_now(), reason, sizeof(reason));
    succeed(op, reason);
}

static void check_started(struct agent_quiesce *op)
{
    for (uint32_t i = 0; i < op->list.count; i++) {
        struct bl_error err = {0};

        if (!op->list.units[i].failed)
            continue;
        (void)bl_fail(&err, -EPROTO, "'%s' does not start again", op->list.units[i].name);
        fail(op, "quiesce_resume", &err);
        return;
    }
    /* A unit that is still held was not started, whatever its job says: it was skipped. */
    if (op->unhold_failure.code < 0) {
        fail(op, "quiesce_failed", &op->unhold_failure);
        return;
    }
    forget_lease(op);
}

/* One that can't be queued is noted like one that fails: the others are given back all the same. */
static int start_units(struct agent_quiesce *op, struct bl_error *err)
{
    char boot_id[BL_BOOT_ID_BYTES];
    int r = bl_boot_id_read(boot_id, err);

    if (r < 0)
        return r;
    /* Backwards: services first, what triggers them last, as they were stopped. */
    for (uint32_t i = op->list.count; i-- > 0;) {
        struct agent_quiesce_unit *unit = &op->list.units[i];
        struct agent_manager_unit state;
        struct bl_error ignored = {0};

        if (!agent_quiesce_starts(&op->record, &op->record.units[i], boot_id))
            continue;
        r = agent_manager_look(op->bus, unit->name, &state, &ignored);
        if (r >= 0 && (!state.loaded || state.active))
            continue; /* the package is gone, or it runs */
        if (r < 0 || queue_job(op, "StartUnit", unit, &ignored) < 0)
            unit->failed = true;
    }

    return 0;
}

static void begin_giving(struct agent_quiesce *op)
{
    struct bl_error err = {0}, damage = {0};
    int r, held;

    held = agent_lease_load(op->places, AGENT_LEASE_QUIESCE, &op->arena, &op->record, &damage);
    r = agent_quiesce_unhold(op->places, &op->unhold_failure);
    if (r != 0 || held != 0)
        r = agent_manager_reread(op->bus, &err);
    if (r < 0) {
        fail(op, "quiesce_failed", &err);
        return;
    }
    if (held < 0) { /* all may run again, but nobody knows what did */
        fail(op, "quiesce_failed", &damage);
        return;
    }
    if (held == 0 && op->unhold_failure.code < 0) {
        fail(op, "quiesce_failed", &op->unhold_failure);
        return;
    }
    if (held == 0) {
        /* A timer that an earlier end left behind would come back each minute. */
        (void)!set_lease_timer(op, -1, &err);
        succeed(op, "nothing was paused");
        return;
    }
    list_from_record(op);
    if (start_units(op, &err) < 0) {
        fail(op, "quiesce_failed", &err);
        return;
    }
    wait_for_jobs(op);
}

static int on_again(sd_event_source *source, void *userdata)
{
    struct agent_quiesce *op = userdata;

    switch (op->phase) {
    case PHASE_BEGIN:
        if (op->manifest != NULL)
            begin_taking(op);
        else
            begin_giving(op);
        break;
    case PHASE_BACKUPS:
        look_for_backups(op);
        break;
    case PHASE_JOBS:
        if (is_any_pending(op))
            break;
        if (op->manifest != NULL)
            check_stopped(op);
        else
            check_started(op);
        break;
    case PHASE_END:
        op->caller.done(op->caller.userdata, op->result, &op->outcome);
        break;
    }

    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_quiesce *op = userdata;

    if (op->phase == PHASE_BACKUPS) {
        op->too_late = true;
    } else if (op->phase == PHASE_JOBS) {
        for (uint32_t i = 0; i < op->list.count; i++) {
            op->list.units[i].failed = op->list.units[i].failed || op->list.units[i].pending;
            op->list.units[i].pending = false;
        }
    }
    look_again(op);

    return 0;
}

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    struct agent_quiesce *op = userdata;
    const char *job, *unit, *result;
    uint32_t id;

    if (op->phase != PHASE_JOBS ||
        sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) < 0)
        return 0;
    for (uint32_t i = 0; i < op->list.count; i++) {
        struct agent_quiesce_unit *waiting = &op->list.units[i];

        if (!waiting->pending || strcmp(waiting->job, job) != 0)
            continue;
        waiting->pending = false;
        waiting->failed = strcmp(result, "done") != 0 && strcmp(result, "skipped") != 0;
        look_again(op);
    }

    return 0;
}

static int on_unit_changed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
    struct agent_quiesce *op = userdata;
    char *unit = NULL;

    if (op->phase != PHASE_BACKUPS)
        return 0;
    if (sd_bus_path_decode(sd_bus_message_get_path(message), "/org/freedesktop/systemd1/unit",
                           &unit) > 0 &&
        agent_quiesce_is_backup(op->manifest, unit))
        look_again(op);
    free(unit);

    return 0;
}

/* The ears are open before the first question is asked. */
static int listen_to_manager(struct agent_quiesce *op, struct bl_error *err)
{
    int r = agent_manager_open(op->places, &op->bus, err);

    if (r < 0)
        return r;
    r = sd_bus_match_signal(op->bus, &op->job_removed, NULL, AGENT_MANAGER_PATH,
                            AGENT_MANAGER_INTERFACE, "JobRemoved", on_job_removed, op);
    if (r >= 0)
        r = sd_bus_match_signal(op->bus, &op->unit_changed, NULL, NULL,
                                "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                on_unit_changed, op);
    if (r >= 0)
        r = sd_bus_attach_event(op->bus, op->caller.event, SD_EVENT_PRIORITY_NORMAL);
    if (r >= 0)
        r = sd_event_add_time_relative(op->caller.event, &op->timer, CLOCK_BOOTTIME, 0, 0, on_timer,
                                       op);
    if (r >= 0)
        r = sd_event_source_set_enabled(op->timer, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_defer(op->caller.event, &op->again, on_again, op);
    if (r < 0)
        return bl_fail(err, r, "listen to systemd: %s", strerror(-r));

    return 0;
}

static int start(const struct agent_lease_places *places, const struct proto_manifest *manifest,
                 const struct agent_quiesce_caller *caller, struct agent_quiesce **ret_op,
                 struct bl_error *err)
{
    struct agent_quiesce *op = calloc(1, sizeof(*op));
    int r;

    if (op == NULL)
        return bl_fail(err, -ENOMEM, "no memory to pause units");
    op->places = places;
    op->manifest = manifest;
    op->caller = *caller;
    op->phase = PHASE_BEGIN;
    r = listen_to_manager(op, err);
    if (r < 0) {
        agent_quiesce_free(op);
        return r;
    }
    *ret_op = op;

    return 0;
}

int agent_quiesce_take(const struct agent_lease_places *places, const char *job,
                       const struct proto_manifest *manifest,
                       const struct agent_quiesce_caller *caller, struct agent_quiesce **ret_op,
                       struct bl_error *err)
{
    int r;

    BL_ASSERT(strlen(job) == AGENT_LEASE_JOB_BYTES - 1);

    r = start(places, manifest, caller, ret_op, err);
    if (r >= 0)
        bl_text_copy((*ret_op)->job, sizeof((*ret_op)->job), job);

    return r;
}

int agent_quiesce_release(const struct agent_lease_places *places,
                          const struct agent_quiesce_caller *caller, struct agent_quiesce **ret_op,
                          struct bl_error *err)
{
    return start(places, NULL, caller, ret_op, err);
}

struct agent_quiesce *agent_quiesce_free(struct agent_quiesce *op)
{
    if (op == NULL)
        return NULL;
    op->again = sd_event_source_disable_unref(op->again);
    op->timer = sd_event_source_disable_unref(op->timer);
    op->job_removed = sd_bus_slot_unref(op->job_removed);
    op->unit_changed = sd_bus_slot_unref(op->unit_changed);
    if (op->bus != NULL)
        (void)sd_bus_detach_event(op->bus);
    agent_manager_close(&op->bus);
    proto_arena_release(&op->arena);
    free(op);

    return NULL;
}
