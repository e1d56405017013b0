/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/quiesce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/lease/manager.h"
#include "agent/lease/quiesce_op.h"
#include "agent/lease/quiesce_plan.h"
#include "agent/lease/store.h"
#include "common/text.h"

enum {
    JOBS_MS_MAX = 120 * 1000, /* above systemd's own 90 s for a stop and a start */
    RECHECK_MS = 1000,
};

static void look_again(struct agent_quiesce *op)
{
    int r = sd_event_source_set_enabled(op->again, SD_EVENT_ONESHOT);

    BL_ASSERT(r >= 0);
}

static void set_timer(sd_event_source *timer, int64_t after_ms)
{
    int r = sd_event_source_set_time_relative(timer, (uint64_t)after_ms * 1000);

    BL_ASSERT(r >= 0);
    r = sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
    BL_ASSERT(r >= 0);
}

void agent_quiesce_wait(struct agent_quiesce *op, int64_t after_ms)
{
    set_timer(op->timer, after_ms);
}

static void end(struct agent_quiesce *op)
{
    op->phase = AGENT_QUIESCE_END;
    (void)sd_event_source_set_enabled(op->timer, SD_EVENT_OFF);
    (void)sd_event_source_set_enabled(op->recheck, SD_EVENT_OFF);
    look_again(op);
}

void agent_quiesce_fail(struct agent_quiesce *op, const char *code, const struct bl_error *err)
{
    op->result = agent_lease_end(&op->outcome, code, err->code, err);
    end(op);
}

void agent_quiesce_succeed(struct agent_quiesce *op, const char *reason)
{
    op->result = 0;
    bl_text_copy(op->outcome.reason, sizeof(op->outcome.reason), reason);
    end(op);
}

/* Another connection: the operation's belongs to the loop, and its signals must stay there. */
int agent_quiesce_set_lease_timer(const struct agent_lease_places *places, int64_t after_ms,
                                  struct bl_error *err)
{
    AGENT_AUTO_MANAGER sd_bus *bus = NULL;
    int r = agent_manager_open(places, &bus, err);

    if (r < 0)
        return r;

    return after_ms < 0 ? agent_manager_disarm(bus, AGENT_QUIESCE_TIMER_UNIT, err)
                        : agent_manager_arm(bus, AGENT_QUIESCE_TIMER_UNIT, after_ms, err);
}

void agent_quiesce_list_from_record(struct agent_quiesce *op)
{
    op->list.count = op->record.units_count;
    for (uint32_t i = 0; i < op->record.units_count; i++) {
        struct agent_quiesce_unit *unit = &op->list.units[i];

        *unit = (struct agent_quiesce_unit){.was_active = op->record.units[i].was_active,
                                            .next_run_ms = op->record.units[i].next_run_ms,
                                            .catches_up = op->record.units[i].catches_up,
                                            .runs_unknown = op->record.units[i].runs_unknown};
        bl_text_copy(unit->name, sizeof(unit->name), op->record.units[i].name);
    }
}

int agent_quiesce_queue(struct agent_quiesce *op, const char *method,
                        struct agent_quiesce_unit *unit, struct bl_error *err)
{
    int r = agent_manager_queue(op->bus, method, unit->name, unit->job, err);

    if (r < 0)
        return r;
    unit->pending = true;
    unit->failed = false;
    unit->late = false;

    return 0;
}

static bool is_any_pending(const struct agent_quiesce *op)
{
    for (uint32_t i = 0; i < op->list.count; i++)
        if (op->list.units[i].pending)
            return true;

    return false;
}

void agent_quiesce_wait_for_jobs(struct agent_quiesce *op)
{
    op->phase = AGENT_QUIESCE_JOBS;
    agent_quiesce_wait(op, op->caller.jobs_ms > 0 ? op->caller.jobs_ms : JOBS_MS_MAX);
    look_again(op);
}

static int on_again(sd_event_source *source, void *userdata)
{
    struct agent_quiesce *op = userdata;

    switch (op->phase) {
    case AGENT_QUIESCE_BEGIN:
        if (op->manifest != NULL)
            agent_quiesce_begin_taking(op);
        else
            agent_quiesce_begin_giving(op);
        break;
    case AGENT_QUIESCE_BACKUPS:
        agent_quiesce_look_for_backups(op);
        if (op->phase == AGENT_QUIESCE_BACKUPS)
            set_timer(op->recheck, RECHECK_MS);
        break;
    case AGENT_QUIESCE_JOBS:
        if (is_any_pending(op))
            break;
        if (op->manifest != NULL)
            agent_quiesce_check_stopped(op);
        else
            agent_quiesce_check_started(op);
        if (op->phase == AGENT_QUIESCE_BACKUPS)
            look_again(op);
        break;
    case AGENT_QUIESCE_END:
        op->caller.done(op->caller.userdata, op->result, &op->outcome);
        break;
    }

    return 0;
}

static int on_recheck(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_quiesce *op = userdata;

    if (op->phase == AGENT_QUIESCE_BACKUPS)
        look_again(op);

    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_quiesce *op = userdata;

    if (op->phase == AGENT_QUIESCE_BACKUPS) {
        op->too_late = true;
    } else if (op->phase == AGENT_QUIESCE_JOBS) {
        for (uint32_t i = 0; i < op->list.count; i++) {
            op->list.units[i].late = op->list.units[i].pending;
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

    if (op->phase != AGENT_QUIESCE_JOBS ||
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

    if (op->phase != AGENT_QUIESCE_BACKUPS)
        return 0;
    if (sd_bus_path_decode(sd_bus_message_get_path(message), "/org/freedesktop/systemd1/unit",
                           &unit) > 0 &&
        agent_quiesce_is_backup(op->manifest, unit))
        look_again(op);
    free(unit);

    return 0;
}

static int add_timer(struct agent_quiesce *op, sd_event_source **ret_timer,
                     sd_event_time_handler_t handler)
{
    int r =
        sd_event_add_time_relative(op->caller.event, ret_timer, CLOCK_BOOTTIME, 0, 0, handler, op);

    return r < 0 ? r : sd_event_source_set_enabled(*ret_timer, SD_EVENT_OFF);
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
        r = add_timer(op, &op->timer, on_timer);
    if (r >= 0)
        r = add_timer(op, &op->recheck, on_recheck);
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
    op->phase = AGENT_QUIESCE_BEGIN;
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
    op->recheck = sd_event_source_disable_unref(op->recheck);
    op->job_removed = sd_bus_slot_unref(op->job_removed);
    op->unit_changed = sd_bus_slot_unref(op->unit_changed);
    if (op->bus != NULL)
        (void)sd_bus_detach_event(op->bus);
    agent_manager_close(&op->bus);
    proto_arena_release(&op->arena);
    free(op);

    return NULL;
}
