/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is switched off on a simulated host and how it comes back: records of leases on its disk,
 * PID 1's timers (agent/lease/manager.c of the simulator), sshd's drop-in (ssh_lock.c) and the
 * paused units (quiesce.c). What decides about them (lease.c, release.c, silence.c) is real.
 *
 * The drop-in lies in /etc and survives a boot; what holds paused units lies in /run and does not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/lease/manager.h"
#include "agent/lease/quiesce.h"
#include "agent/lease/ssh_lock.h"
#include "agent/lease/store.h"
#include "common/text.h"
#include "tests/sim/world/hosts.h"
#include "tests/sim/world/wraps.h"

enum {
    PAUSE_MS_MIN = 100,
    PAUSE_MS_MAX = 15 * 1000,
    ACCURACY_MS = 1000, /* of PID 1's timers */
};

static const struct {
    const char *record, *timer;
} names[SIM_LEASE_LAST + 1] = {
    [SIM_LEASE_SSH] = {AGENT_LEASE_SSH_LOCK, "belay-lease@" AGENT_LEASE_SSH_LOCK ".timer"},
    [SIM_LEASE_JOBS] = {AGENT_LEASE_QUIESCE, "belay-lease@" AGENT_LEASE_QUIESCE ".timer"},
    [SIM_LEASE_SILENCE] = {"silence", "belay-silence.timer"},
};

static enum sim_lease lease_of(const char *name, bool is_timer)
{
    for (uint32_t i = 1; i <= SIM_LEASE_LAST; i++) {
        if (strcmp(is_timer ? names[i].timer : names[i].record, name) == 0)
            return (enum sim_lease)i;
    }
    sim_broken("no lease has the name %s", name);
}

/* That belay-silence goes back is a record of its own, of no lease. */
#define GOING_BACK "going_back"

static struct sim_lease_record *record_of(struct sim_host *h, const char *name)
{
    return strcmp(name, GOING_BACK) == 0 ? &h->disk.going_back
                                         : &h->disk.leases[lease_of(name, false)];
}

static int may_write(const struct sim_host *h, struct bl_error *err)
{
    if (!sim_process_may_act())
        return bl_fail(err, -EIO, "dead");
    if (sim_fault(SIM_FAULT_DISK_FULL, h->index))
        return bl_fail(err, -ENOSPC, "no space left on device");

    return 0;
}

/* ---- records ---- */

int __wrap_agent_lease_save(const struct agent_lease_places *places, const char *name,
                            const struct agent_lease_record *record, struct bl_error *err)
{
    struct sim_host *h = sim_here();
    struct sim_lease_record *saved = record_of(h, name);
    int r = may_write(h, err);

    if (r < 0)
        return r;
    saved->is_held = true;
    bl_text_copy(saved->job, sizeof(saved->job), record->job);
    bl_text_copy(saved->boot_id, sizeof(saved->boot_id), record->boot_id);
    saved->taken_ms = record->taken_ms;
    saved->until_ms = record->until_ms;
    saved->until_mono_ms = record->until_mono_ms;

    return 0;
}

int __wrap_agent_lease_load(const struct agent_lease_places *places, const char *name,
                            struct proto_arena *arena, struct agent_lease_record *ret_record,
                            struct bl_error *err)
{
    const struct sim_lease_record *saved = record_of(sim_here(), name);

    if (!saved->is_held)
        return 0;
    *ret_record = (struct agent_lease_record){.format = AGENT_LEASE_FORMAT,
                                              .job = saved->job,
                                              .taken_ms = saved->taken_ms,
                                              .until_ms = saved->until_ms,
                                              .boot_id = saved->boot_id,
                                              .until_mono_ms = saved->until_mono_ms};

    return 1;
}

int __wrap_agent_lease_remove(const struct agent_lease_places *places, const char *name,
                              struct bl_error *err)
{
    struct sim_host *h = sim_here();
    struct sim_lease_record *saved = record_of(h, name);
    int r;

    if (saved == &h->disk.going_back && !saved->is_held)
        return 0;
    r = may_write(h, err);
    if (r < 0)
        return r;
    if (saved == &h->disk.leases[SIM_LEASE_SILENCE] && saved->is_held) {
        sim_tell(h->index, "the silence timer is off");
        sim_law_lease_ended(h->index, SIM_LEASE_SILENCE);
    }
    saved->is_held = false;

    return 0;
}

/* ---- PID 1's timers ---- */

static void on_timer(void *userdata, uint64_t lease)
{
    struct sim_host *h = userdata;

    h->timers[lease].ticket = 0;
    sim_tool_start(h, (enum sim_tool_kind)lease);
}

static void set_timer(struct sim_host *h, enum sim_lease lease, int64_t after_ms)
{
    sim_cancel(&h->timers[lease].ticket);
    h->timers[lease].is_armed = true;
    after_ms += sim_draw_between(SIM_DRAW_SYSTEM, h->index, 0, ACCURACY_MS);
    h->timers[lease].ticket = sim_after(after_ms, on_timer, h, lease);
}

void sim_timer_ended(struct sim_host *h, enum sim_lease lease)
{
    if (h->timers[lease].is_armed && h->machine->is_up)
        set_timer(h, lease, AGENT_LEASE_RETRY_MS);
}

void sim_leases_cut(struct sim_host *h)
{
    for (uint32_t i = 1; i <= SIM_LEASE_LAST; i++) {
        sim_cancel(&h->timers[i].ticket);
        h->timers[i].is_armed = false;
    }
    if (h->are_jobs_paused)
        sim_law_lease_ended(h->index, SIM_LEASE_JOBS);
    h->are_jobs_paused = false;
}

void agent_manager_close(sd_bus **bus)
{
    *bus = NULL;
}

int agent_manager_open(const struct agent_lease_places *places, sd_bus **ret_bus,
                       struct bl_error *err)
{
    *ret_bus = NULL;

    return 0;
}

int agent_manager_arm(sd_bus *bus, const char *timer, int64_t after_ms, struct bl_error *err)
{
    struct sim_host *h = sim_here();
    enum sim_lease lease = lease_of(timer, true);

    if (!sim_process_may_act())
        return bl_fail(err, -EIO, "dead");
    set_timer(h, lease, after_ms);
    if (lease == SIM_LEASE_SILENCE) {
        sim_tell(h->index, "the silence timer is armed for %lld s", (long long)after_ms / 1000);
        sim_law_lease_taken(h->index, lease, sim_now_ms() + after_ms);
    }

    return 0;
}

int agent_manager_disarm(sd_bus *bus, const char *timer, struct bl_error *err)
{
    struct sim_host *h = sim_here();
    enum sim_lease lease = lease_of(timer, true);

    if (!sim_process_may_act())
        return bl_fail(err, -EIO, "dead");
    sim_cancel(&h->timers[lease].ticket);
    h->timers[lease].is_armed = false;

    return 0;
}

int agent_manager_reset(sd_bus *bus, const char *unit, struct bl_error *err)
{
    return 0;
}

int agent_manager_run(sd_bus *bus, const char *method, const char *unit, int64_t timeout_ms,
                      struct bl_error *err)
{
    struct sim_tool *tool = sim_tool_here();
    char instance[64], id[SIM_JOB_ID_BYTES];
    uint32_t phase;
    int r;

    SIM_LAW(tool != NULL && strcmp(method, "StartUnit") == 0, "%s of %s", method, unit);
    if (!sim_process_may_act())
        return bl_fail(err, -EIO, "dead");
    if (strcmp(unit, "belay-agent.service") == 0) {
        r = sim_tool_start_agent(tool, timeout_ms);
    } else {
        bl_text_copy(instance, sizeof(instance), strchr(unit, '@') + 1);
        *strchr(instance, '.') = '\0';
        r = agent_txn_instance_parse(instance, id, &phase, err);
        if (r >= 0)
            r = sim_tool_run_unit(tool, id, phase);
    }

    return r < 0 ? bl_fail(err, r, "the job of %s failed", unit) : 0;
}

/* ---- SSH ---- */

int agent_ssh_lock_take(const struct agent_lease_places *places, const char *job,
                        const struct proto_manifest *manifest,
                        struct agent_lease_outcome *ret_outcome, struct bl_error *err)
{
    struct sim_host *h = sim_here();
    const struct sim_lease_record *held = &h->disk.leases[SIM_LEASE_SSH];
    struct agent_lease_record record;
    char boot_id[BL_BOOT_ID_BYTES];
    bool is_joined = held->is_held;
    int r = 0;

    *ret_outcome = (struct agent_lease_outcome){0};
    if (is_joined && strcmp(held->job, job) != 0) {
        r = bl_fail(err, -EEXIST, "job %s holds the SSH lock", held->job);
        return agent_lease_end(ret_outcome, "ssh_lock_taken", r, err);
    }
    if (is_joined) {
        (void)!__wrap_agent_lease_load(places, AGENT_LEASE_SSH_LOCK, NULL, &record, err);
        bl_text_copy(boot_id, sizeof(boot_id), h->machine->boot_id);
    } else {
        r = agent_lease_fill(&record, job, (int64_t)manifest->lease_ms, boot_id, err);
        if (r >= 0)
            r = __wrap_agent_lease_save(places, AGENT_LEASE_SSH_LOCK, &record, err);
    }
    if (r >= 0)
        r = agent_manager_arm(NULL, names[SIM_LEASE_SSH].timer,
                              agent_lease_left_ms(&record, boot_id), err);
    if (r >= 0)
        r = may_write(h, err);
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_failed", r, err);
    if (!h->disk.has_ssh_drop_in) {
        h->disk.has_ssh_drop_in = true;
        sim_tell(h->index, "SSH is locked");
        sim_law_lease_taken(h->index, SIM_LEASE_SSH,
                            sim_now_ms() + agent_lease_left_ms(&record, boot_id));
    }

    return 0;
}

int agent_ssh_lock_release(const struct agent_lease_places *places,
                           struct agent_lease_outcome *ret_outcome, struct bl_error *err)
{
    struct sim_host *h = sim_here();
    struct bl_error ignored = {0};
    int r;

    *ret_outcome = (struct agent_lease_outcome){0};
    if (!h->disk.has_ssh_drop_in && !h->disk.leases[SIM_LEASE_SSH].is_held)
        return 0;
    if (!sim_process_may_act())
        return bl_fail(err, -EIO, "dead");
    if (h->disk.has_ssh_drop_in && sim_fault(SIM_FAULT_RELEASE_FAILS, h->index)) {
        sim_tell(h->index, "SSH could not be opened");
        sim_law_lease_kept(h->index, SIM_LEASE_SSH);
        r = bl_fail(err, -EPROTO, "sshd cannot be reloaded");
        return agent_lease_end(ret_outcome, "ssh_lock_refresh", r, err);
    }
    if (h->disk.has_ssh_drop_in) {
        h->disk.has_ssh_drop_in = false;
        sim_tell(h->index, "SSH is open again");
        sim_law_lease_ended(h->index, SIM_LEASE_SSH);
    }
    r = __wrap_agent_lease_remove(places, AGENT_LEASE_SSH_LOCK, err);
    if (r < 0)
        return agent_lease_end(ret_outcome, "ssh_lock_failed", r, err);
    (void)!agent_manager_disarm(NULL, names[SIM_LEASE_SSH].timer, &ignored);

    return 0;
}

/* ---- paused units ---- */

struct agent_quiesce {
    struct sim_host *host;
    struct agent_quiesce_caller caller;
    char job[AGENT_LEASE_JOB_BYTES];
    bool is_take;
    int64_t lease_ms;
    sd_event_source *begin, *end;
    int result;
    struct agent_lease_outcome outcome;
};

static int on_quiesce_end(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_quiesce *op = userdata;

    op->caller.done(op->caller.userdata, op->result, &op->outcome);
    return 0;
}

static void pause_jobs(struct agent_quiesce *op, struct bl_error *err)
{
    struct sim_host *h = op->host;
    const struct sim_lease_record *held = &h->disk.leases[SIM_LEASE_JOBS];
    struct agent_lease_record record;
    char boot_id[BL_BOOT_ID_BYTES];
    int r;

    if (held->is_held && strcmp(held->job, op->job) != 0) {
        r = bl_fail(err, -EEXIST, "job %s has paused this host's units", held->job);
        op->result = agent_lease_end(&op->outcome, "quiesce_taken", r, err);
        return;
    }
    if (held->is_held) { /* joined */
        bl_text_copy(boot_id, sizeof(boot_id), h->machine->boot_id);
        r = __wrap_agent_lease_load(NULL, AGENT_LEASE_QUIESCE, NULL, &record, err);
    } else {
        r = agent_lease_fill(&record, op->job, op->lease_ms, boot_id, err);
        if (r >= 0)
            r = __wrap_agent_lease_save(NULL, AGENT_LEASE_QUIESCE, &record, err);
    }
    if (r >= 0)
        r = agent_manager_arm(NULL, names[SIM_LEASE_JOBS].timer,
                              agent_lease_left_ms(&record, boot_id), err);
    if (r >= 0)
        r = may_write(h, err);
    if (r < 0) {
        op->result = agent_lease_end(&op->outcome, "quiesce_failed", r, err);
    } else if (!h->are_jobs_paused) {
        h->are_jobs_paused = true;
        sim_tell(h->index, "cron and timers are paused");
        sim_law_lease_taken(h->index, SIM_LEASE_JOBS,
                            sim_now_ms() + agent_lease_left_ms(&record, boot_id));
    }
}

static void resume_jobs(struct agent_quiesce *op, struct bl_error *err)
{
    struct sim_host *h = op->host;
    struct bl_error ignored = {0};
    int r;

    if (!h->are_jobs_paused && !h->disk.leases[SIM_LEASE_JOBS].is_held)
        return;
    if (!sim_process_may_act()) {
        op->result = -EIO;
        return;
    }
    if (h->are_jobs_paused && sim_fault(SIM_FAULT_RELEASE_FAILS, h->index)) {
        sim_tell(h->index, "cron and timers could not be given back");
        sim_law_lease_kept(h->index, SIM_LEASE_JOBS);
        r = bl_fail(err, -EPROTO, "'cron.service' does not start again");
        op->result = agent_lease_end(&op->outcome, "quiesce_resume", r, err);
        return;
    }
    if (h->are_jobs_paused) {
        h->are_jobs_paused = false;
        sim_tell(h->index, "cron and timers run again");
        sim_law_lease_ended(h->index, SIM_LEASE_JOBS);
    }
    r = __wrap_agent_lease_remove(NULL, AGENT_LEASE_QUIESCE, err);
    if (r < 0)
        op->result = agent_lease_end(&op->outcome, "quiesce_failed", r, err);
    else
        (void)!agent_manager_disarm(NULL, names[SIM_LEASE_JOBS].timer, &ignored);
}

static void act(struct agent_quiesce *op)
{
    struct bl_error err = {0};

    if (op->is_take)
        pause_jobs(op, &err);
    else
        resume_jobs(op, &err);
}

static int on_quiesce_begin(sd_event_source *source, void *userdata)
{
    struct agent_quiesce *op = userdata;
    int64_t ms = sim_draw_log(SIM_DRAW_UNIT, op->host->index, PAUSE_MS_MIN, PAUSE_MS_MAX);

    act(op);
    (void)sd_event_add_time_relative(op->caller.event, &op->end, CLOCK_BOOTTIME,
                                     (uint64_t)ms * 1000, 0, on_quiesce_end, op);
    return 0;
}

static struct agent_quiesce *make_op(const struct agent_quiesce_caller *caller)
{
    struct agent_quiesce *op = calloc(1, sizeof(*op));

    if (op == NULL)
        sim_broken("no memory to pause units");
    op->host = sim_here();
    op->caller = *caller;

    return op;
}

int agent_quiesce_take(const struct agent_lease_places *places, const char *job,
                       const struct proto_manifest *manifest,
                       const struct agent_quiesce_caller *caller, struct agent_quiesce **ret_op,
                       struct bl_error *err)
{
    struct agent_quiesce *op = make_op(caller);

    op->is_take = true;
    op->lease_ms = (int64_t)manifest->lease_ms;
    bl_text_copy(op->job, sizeof(op->job), job);
    *ret_op = op;

    return sd_event_add_defer(caller->event, &op->begin, on_quiesce_begin, op);
}

/* Held at the very beginning of a boot, so nothing of it has run since the power came back. */
int agent_quiesce_keep(const struct agent_lease_places *places, struct agent_lease_record *record,
                       const char *boot_id, struct bl_error *err)
{
    int64_t left_ms = agent_lease_left_ms(record, boot_id);
    struct sim_host *h = sim_here();
    int r;

    record->boot_id = boot_id;
    record->until_mono_ms = (uint64_t)bl_mono_after(bl_mono_now(), left_ms).ms;
    r = __wrap_agent_lease_save(places, AGENT_LEASE_QUIESCE, record, err);
    if (r >= 0)
        r = agent_manager_arm(NULL, names[SIM_LEASE_JOBS].timer, left_ms, err);
    if (r < 0)
        return r;
    if (!h->are_jobs_paused) {
        h->are_jobs_paused = true;
        sim_tell(h->index, "cron and timers stay paused");
        sim_law_lease_taken(h->index, SIM_LEASE_JOBS, sim_now_ms() + left_ms);
    }

    return 0;
}

/* A tool has no loop that the world could turn: it waits where it is. */
int agent_quiesce_release(const struct agent_lease_places *places,
                          const struct agent_quiesce_caller *caller, struct agent_quiesce **ret_op,
                          struct bl_error *err)
{
    struct agent_quiesce *op = make_op(caller);
    struct sim_tool *tool = sim_tool_here();

    *ret_op = op;
    if (tool == NULL)
        return sd_event_add_defer(caller->event, &op->begin, on_quiesce_begin, op);
    act(op);
    sim_tool_pass(tool, sim_draw_log(SIM_DRAW_UNIT, op->host->index, PAUSE_MS_MIN, PAUSE_MS_MAX));
    caller->done(caller->userdata, op->result, &op->outcome);

    return 0;
}

struct agent_quiesce *agent_quiesce_free(struct agent_quiesce *op)
{
    if (op == NULL)
        return NULL;
    sd_event_source_disable_unref(op->begin);
    sd_event_source_disable_unref(op->end);
    free(op);

    return NULL;
}
