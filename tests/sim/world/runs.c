/* SPDX-License-Identifier: Apache-2.0 */
/*
 * belay-txn of a simulated host, as a unit that neither the agent's end nor its upgrade reaches, and
 * the package manager that it starts, which may outlive it. `started` is on disk before the first
 * effect and the result after the last, so each moment in between is one at which power may fail.
 *
 * How a child may lie: the design survives a lie about what it did, since the host is looked at
 * afterwards by others. So a change or a way back may say that it went well when it did not, or
 * the reverse, and a staging may claim a way back that is not there. What looks at the packages
 * (INSPECT) tells the truth: nothing could survive it otherwise.
 */
#include <errno.h>
#include <string.h>

#include "tests/sim/world/hosts.h"

enum {
    START_MS_MIN = 20,
    START_MS_MAX = 300,
    SAVE_MS_MIN = 5,
    SAVE_MS_MAX = 300,
    STAGE_MS_MIN = 2000,
    STAGE_MS_MAX = 3 * 60 * 1000,
    CHANGE_MS_MIN = 2000,
    CHANGE_MS_MAX = 10 * 60 * 1000,
    HANG_MS = 40 * 60 * 1000, /* what has no deadline of its own hangs no longer */
    LOCK_WAIT_DEFAULT_MS = 60 * 1000,
};

static int64_t draw_ms(const struct sim_host *h, int64_t low_ms, int64_t high_ms)
{
    return sim_draw_log(SIM_DRAW_UNIT, h->index, low_ms, high_ms);
}

static const char *name_of(uint32_t phase)
{
    return agent_txn_phase_name(phase);
}

static enum proto_step step_of(enum agent_txn_phase phase)
{
    if (phase == AGENT_TXN_REPAIR)
        return PROTO_STEP_REPAIR;

    return phase == AGENT_TXN_UPGRADE ? PROTO_STEP_UPGRADE : PROTO_STEP_RESTORE;
}

static bool is_change(enum agent_txn_phase phase)
{
    return phase == AGENT_TXN_UPGRADE || phase == AGENT_TXN_RESTORE;
}

/* ---- units ---- */

struct sim_unit *sim_unit_find(struct sim_host *h, const char *id, uint32_t phase)
{
    const struct sim_job_dir *dir = sim_dir_find(h, id);

    for (uint32_t i = 0; i < SIM_UNITS_MAX && dir != NULL; i++) {
        struct sim_unit *unit = &h->units[i];

        if (unit->state != SIM_UNIT_NONE && unit->dir == dir->number &&
            (uint32_t)unit->phase == phase)
            return unit;
    }

    return NULL;
}

static void end_unit(struct sim_unit *unit, bool is_good)
{
    struct sim_host *h = unit->host;
    const struct sim_job_dir *dir = sim_dir_of_number(h, unit->dir);
    enum agent_txn_phase phase = unit->phase;

    sim_cancel(&unit->ticket);
    sim_cancel(&unit->death);
    *unit = (struct sim_unit){0};
    if (dir == NULL)
        return;
    sim_units_tell_end(h, dir->id, phase, is_good);
    sim_tools_tell_end(h, dir->id, phase, is_good);
}

static void on_saved(void *userdata, uint64_t argument)
{
    struct sim_unit *unit = userdata;
    struct sim_host *h = unit->host;
    struct sim_job_dir *dir = sim_dir_of_number(h, unit->dir);

    unit->ticket = 0;
    if (dir != NULL) {
        struct sim_phase_files *files = &dir->phases[unit->phase];

        files->has_result = true;
        files->result_attempt = unit->outcome.attempt;
        files->result = unit->outcome.result;
        files->code = unit->outcome.code;
        sim_tell(h->index, "%s ends: %s %s", name_of(unit->phase), proto_result_name(files->result),
                 files->code);
    }
    end_unit(unit, dir != NULL);
}

/* The result is written last, some moments after the last effect. */
static void save(struct sim_unit *unit, enum proto_result result, const char *code)
{
    struct sim_host *h = unit->host;

    unit->state = SIM_UNIT_SAVING;
    unit->outcome.result = result;
    unit->outcome.code = code;
    sim_cancel(&unit->ticket);
    unit->ticket = sim_after(draw_ms(h, SAVE_MS_MIN, SAVE_MS_MAX), on_saved, unit, h->index);
}

static bool lies(const struct sim_unit *unit)
{
    return sim_fault(SIM_FAULT_CHILD_LIES, unit->host->index);
}

/* ---- staging ---- */

static void record_way_back(struct sim_host *h, struct sim_job_dir *dir, bool is_complete)
{
    uint64_t version = 0;

    for (uint32_t i = 0; i < sizeof(version) * 2; i++)
        version = version * 31 + (uint8_t)dir->id[i];
    dir->old_version = h->disk.installed.version;
    dir->new_version = version | 1;
    dir->is_way_back_complete = is_complete;
    dir->says_way_back = true;
    sim_host_note_staged(h, dir);
}

static void on_staged(void *userdata, uint64_t argument)
{
    static const char *const codes[] = {"fetch_failed", "pinned_set_differs", "no_way_back",
                                        "way_back_not_rehearsed"};
    struct sim_unit *unit = userdata;
    struct sim_host *h = unit->host;
    struct sim_job_dir *dir = sim_dir_of_number(h, unit->dir);

    unit->ticket = 0;
    if (dir == NULL) {
        end_unit(unit, false);
    } else if (h->disk.installed.is_mixed) {
        save(unit, PROTO_RESULT_FAILED, "package_database_broken");
    } else if (sim_fault(SIM_FAULT_STAGE_FAILS, h->index)) {
        save(unit, PROTO_RESULT_FAILED, codes[sim_draw_below(SIM_DRAW_UNIT, h->index, 4)]);
    } else if (sim_fault(SIM_FAULT_DISK_FULL, h->index)) {
        save(unit, PROTO_RESULT_FAILED, "no_space");
    } else {
        record_way_back(h, dir, !lies(unit));
        save(unit, PROTO_RESULT_OK, "");
    }
}

static void stage(struct sim_unit *unit, struct sim_job_dir *dir, bool hangs)
{
    struct sim_host *h = unit->host;
    int64_t deadline_ms = dir->phases[AGENT_TXN_STAGE].deadline_ms;
    int64_t ms = draw_ms(h, STAGE_MS_MIN, STAGE_MS_MAX);

    if (dir->phases[AGENT_TXN_UPGRADE].has_started) {
        save(unit, PROTO_RESULT_FAILED, "bad_task");
        return;
    }
    dir->is_way_back_complete = dir->says_way_back = false;
    unit->state = SIM_UNIT_STAGING;
    if (hangs || (deadline_ms > 0 && ms > deadline_ms)) {
        save(unit, PROTO_RESULT_FAILED, "fetch_failed");
        sim_cancel(&unit->ticket);
        unit->ticket = sim_after(deadline_ms > 0 ? deadline_ms : HANG_MS, on_saved, unit, h->index);
        return;
    }
    unit->ticket = sim_after(ms, on_staged, unit, h->index);
}

/* ---- package runs ---- */

static void try_lock(void *userdata, uint64_t argument);

static struct sim_unit *unit_of_run(struct sim_host *h)
{
    for (uint32_t i = 0; i < SIM_UNITS_MAX; i++) {
        struct sim_unit *unit = &h->units[i];

        if (unit->state == SIM_UNIT_CHANGING && unit->dir == h->run.dir &&
            unit->phase == h->run.phase)
            return unit;
    }

    return NULL;
}

/* What was broken off stays as it is. Whoever waits for the lock gets it. */
static void end_run(struct sim_host *h)
{
    enum proto_step step = step_of(h->run.phase);
    struct sim_job_dir *dir = sim_dir_of_number(h, h->run.dir);

    sim_cancel(&h->run.ticket);
    h->run.is_running = false;
    if (dir != NULL && step == PROTO_STEP_UPGRADE)
        dir->change_ended_ms = sim_now_ms();
    sim_law_unit_ends(h->index, step);
    for (uint32_t i = 0; i < SIM_UNITS_MAX; i++) {
        if (h->units[i].state != SIM_UNIT_AWAITS_LOCK)
            continue;
        sim_cancel(&h->units[i].ticket);
        h->units[i].ticket = sim_after(draw_ms(h, 1, 1000), try_lock, &h->units[i], h->index);
    }
}

static void finish_upgrade(struct sim_host *h, const struct sim_job_dir *dir)
{
    h->disk.installed =
        (struct sim_installed){.version = dir->new_version,
                               .is_broken = sim_fault(SIM_FAULT_CHANGE_BREAKS_SERVICE, h->index) ||
                                            sim_fault(SIM_FAULT_CHANGE_BREAKS_MORE, h->index),
                               .cuts_off = sim_fault(SIM_FAULT_CHANGE_CUTS_OFF, h->index)};
    sim_tell(h->index, "packages are new%s%s",
             h->disk.installed.is_broken ? ", the service is broken" : "",
             h->disk.installed.cuts_off ? ", the network is gone" : "");
}

/* A lie about a change that worked may also be that nothing was changed at all. */
static void report_run(struct sim_unit *unit, struct sim_job_dir *dir, const char *failure)
{
    struct sim_host *h = unit->host;
    bool is_upgrade = unit->phase == AGENT_TXN_UPGRADE;
    bool is_lie = lies(unit);

    if (unit->phase == AGENT_TXN_REPAIR) {
        save(unit, failure == NULL ? PROTO_RESULT_OK : PROTO_RESULT_FAILED,
             failure == NULL ? "" : failure);
        return;
    }
    if (!is_upgrade && failure == NULL && sim_fault(SIM_FAULT_WAY_BACK_LIES, h->index)) {
        h->disk.installed.version = dir->new_version;
        h->disk.installed.is_mixed = sim_draw_percent(SIM_DRAW_LATER, h->index, 50);
        save(unit, PROTO_RESULT_OK, "");
        return;
    }
    if (failure != NULL && !is_lie) {
        save(unit, PROTO_RESULT_FAILED, failure);
    } else if (failure == NULL && is_lie && is_upgrade &&
               sim_draw_percent(SIM_DRAW_UNIT, h->index, 50)) {
        h->disk.installed = (struct sim_installed){.version = dir->old_version};
        save(unit, PROTO_RESULT_OK, "");
    } else if (failure == NULL && is_lie) {
        save(unit, PROTO_RESULT_FAILED, is_upgrade ? "dpkg_failed" : "restore_incomplete");
    } else {
        save(unit, PROTO_RESULT_OK, "");
    }
}

static void on_run_end(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;
    struct sim_job_dir *dir = sim_dir_of_number(h, h->run.dir);
    struct sim_unit *unit = unit_of_run(h);
    const char *failure = h->run.failure;

    h->run.ticket = 0;
    if (failure == NULL && dir != NULL) {
        if (h->run.phase == AGENT_TXN_UPGRADE)
            finish_upgrade(h, dir);
        else if (h->run.phase == AGENT_TXN_REPAIR)
            h->disk.installed.is_mixed = false;
        else
            h->disk.installed = (struct sim_installed){.version = dir->old_version};
    }
    if (unit != NULL && dir != NULL)
        report_run(unit, dir, failure);
    end_run(h);
}

/* Only now the first package is touched. */
static void on_run_touches(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;
    const struct sim_job_dir *dir = sim_dir_of_number(h, h->run.dir);

    /* The way back of what was never changed has nothing to do. */
    if (h->run.phase == AGENT_TXN_UPGRADE || (h->run.phase == AGENT_TXN_RESTORE && dir != NULL &&
                                              h->disk.installed.version != dir->old_version))
        h->disk.installed.is_mixed = true;
    h->run.ticket = sim_at(h->run.ends_ms, on_run_end, h, h->index);
}

static const char *draw_failure(const struct sim_host *h, enum agent_txn_phase phase)
{
    if (phase == AGENT_TXN_REPAIR)
        return sim_draw_percent(SIM_DRAW_LATER, h->index, 30) ? "package_database_broken" : NULL;
    if (phase == AGENT_TXN_RESTORE)
        return sim_fault(SIM_FAULT_WAY_BACK_FAILS, h->index) ? "restore_incomplete" : NULL;
    if (sim_fault(SIM_FAULT_CHANGE_FAILS, h->index))
        return "postinst_failed";

    return sim_fault(SIM_FAULT_DISK_FULL, h->index) ? "no_space" : NULL;
}

static void begin_run(struct sim_unit *unit, struct sim_job_dir *dir, bool hangs)
{
    struct sim_host *h = unit->host;
    int64_t deadline_ms = dir->phases[unit->phase].deadline_ms;
    int64_t ms = hangs ? HANG_MS : draw_ms(h, CHANGE_MS_MIN, CHANGE_MS_MAX);

    unit->state = SIM_UNIT_CHANGING;
    h->run = (struct sim_package_run){.is_running = true,
                                      .dir = unit->dir,
                                      .phase = unit->phase,
                                      .failure = draw_failure(h, unit->phase)};
    if (deadline_ms > 0 && unit->began_ms + deadline_ms < sim_now_ms() + ms) {
        ms = unit->began_ms + deadline_ms - sim_now_ms();
        h->run.failure = "change_timed_out";
    }
    h->run.ends_ms = sim_now_ms() + ms;
    h->run.ticket = sim_after(ms > 0 ? draw_ms(h, 1, ms) : 0, on_run_touches, h, h->index);
    sim_tell(h->index, "package run begins: %s", name_of(unit->phase));
    sim_law_unit_begins(h->index, dir->rollout_id, step_of(unit->phase), dir->is_way_back_complete);
}

/* Both end what an earlier run of their job left behind, after half of their patience. */
static bool ends_own(enum agent_txn_phase phase)
{
    return phase == AGENT_TXN_RESTORE || phase == AGENT_TXN_REPAIR;
}

static void try_lock(void *userdata, uint64_t hangs)
{
    struct sim_unit *unit = userdata;
    struct sim_host *h = unit->host;
    struct sim_job_dir *dir = sim_dir_of_number(h, unit->dir);
    int64_t wait_ms, left_ms;

    unit->ticket = 0;
    if (dir == NULL) {
        end_unit(unit, false);
        return;
    }
    wait_ms = dir->phases[unit->phase].lock_wait_ms;
    if (wait_ms <= 0)
        wait_ms = LOCK_WAIT_DEFAULT_MS;
    left_ms = unit->began_ms + (ends_own(unit->phase) ? wait_ms / 2 : wait_ms) - sim_now_ms();
    if (h->run.is_running && left_ms <= 0 && ends_own(unit->phase) && h->run.dir == unit->dir &&
        unit_of_run(h) == NULL) {
        sim_tell(h->index, "what comes after ends the package run that was left behind");
        end_run(h);
        sim_cancel(&unit->ticket);
    }
    if (!h->run.is_running) {
        begin_run(unit, dir, hangs == 1);
    } else if (left_ms <= 0) {
        save(unit, PROTO_RESULT_FAILED, "lock_held");
    } else {
        unit->state = SIM_UNIT_AWAITS_LOCK;
        unit->ticket = sim_after(left_ms, try_lock, unit, 0);
    }
}

/* ---- the life of a unit ---- */

/* Killed, or dead by itself; what it started goes on or not. */
static void die(struct sim_unit *unit)
{
    struct sim_host *h = unit->host;

    sim_tell(h->index, "belay-txn dies in %s", name_of(unit->phase));
    if (unit->state == SIM_UNIT_CHANGING && sim_draw_percent(SIM_DRAW_UNIT, h->index, 50))
        end_run(h);
    end_unit(unit, false);
}

static void on_death(void *userdata, uint64_t argument)
{
    struct sim_unit *unit = userdata;

    unit->death = 0;
    die(unit);
}

/* False: nothing is to be run, the unit has been seen to. */
static bool check_history(struct sim_unit *unit, struct sim_job_dir *dir)
{
    struct sim_phase_files *files = &dir->phases[unit->phase];

    if (files->has_result) {
        end_unit(unit, true);
        return false;
    }
    if (files->has_started && unit->phase == AGENT_TXN_UPGRADE) {
        save(unit, PROTO_RESULT_FAILED, "dpkg_interrupted");
        return false;
    }
    if (!files->has_task) {
        save(unit, PROTO_RESULT_FAILED, "bad_task");
        return false;
    }
    if (sim_fault(SIM_FAULT_DISK_FULL, unit->host->index)) {
        end_unit(unit, false); /* not even that it started can be written */
        return false;
    }
    files->has_started = true;

    return true;
}

static void on_started(void *userdata, uint64_t argument)
{
    struct sim_unit *unit = userdata;
    struct sim_host *h = unit->host;
    struct sim_job_dir *dir = sim_dir_of_number(h, unit->dir);
    bool hangs;

    unit->ticket = 0;
    if (dir == NULL) {
        end_unit(unit, false);
        return;
    }
    if (!check_history(unit, dir))
        return;
    unit->outcome.attempt = dir->phases[unit->phase].attempt;
    hangs = sim_fault(SIM_FAULT_CHILD_HANGS, h->index);
    if (sim_fault(SIM_FAULT_CHILD_DIES, h->index))
        unit->death = sim_after(draw_ms(h, 1, CHANGE_MS_MAX / 2), on_death, unit, h->index);
    if (unit->phase == AGENT_TXN_STAGE) {
        stage(unit, dir, hangs);
    } else if (unit->phase == AGENT_TXN_REPAIR && h->disk.installed.is_mixed) {
        try_lock(unit, hangs ? 1 : 0);
    } else if (!is_change(unit->phase)) {
        save(unit, PROTO_RESULT_OK, "");
    } else if (!dir->is_way_back_complete) {
        save(unit, PROTO_RESULT_FAILED, "no_way_back");
    } else {
        try_lock(unit, hangs ? 1 : 0);
    }
}

struct sim_unit *sim_unit_run(struct sim_host *h, const char *id, uint32_t phase)
{
    const struct sim_job_dir *dir = sim_dir_find(h, id);
    struct sim_unit *unit = sim_unit_find(h, id, phase);

    if (unit != NULL || dir == NULL || h->is_stopping || !h->machine->is_up)
        return unit;
    for (uint32_t i = 0; i < SIM_UNITS_MAX; i++) {
        unit = &h->units[i];
        if (unit->state == SIM_UNIT_NONE)
            break;
        unit = NULL;
    }
    SIM_LAW(unit != NULL, "host %u runs too many units", h->index);
    *unit = (struct sim_unit){.host = h,
                              .state = SIM_UNIT_STARTING,
                              .dir = dir->number,
                              .phase = (enum agent_txn_phase)phase,
                              .began_ms = sim_now_ms()};
    unit->ticket = sim_after(draw_ms(h, START_MS_MIN, START_MS_MAX), on_started, unit, h->index);

    return unit;
}

bool sim_units_are_changing(const struct sim_host *h)
{
    for (uint32_t i = 0; i < SIM_UNITS_MAX; i++) {
        if (h->units[i].state != SIM_UNIT_NONE && is_change(h->units[i].phase))
            return true;
    }

    return h->run.is_running;
}

void sim_units_cut(struct sim_host *h)
{
    for (uint32_t i = 0; i < SIM_UNITS_MAX; i++) {
        sim_cancel(&h->units[i].ticket);
        sim_cancel(&h->units[i].death);
        h->units[i] = (struct sim_unit){0};
    }
    if (h->run.is_running)
        end_run(h);
}

void sim_units_kill_one(struct sim_host *h)
{
    for (uint32_t i = 0; i < SIM_UNITS_MAX; i++) {
        if (h->units[i].state == SIM_UNIT_NONE)
            continue;
        die(&h->units[i]);
        return;
    }
}
