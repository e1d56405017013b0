/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Job directories of a simulated host, as the agent finds them: the real functions of agent/txn
 * and agent/root/prune are replaced. Every file is there as a whole or not at all, which is what
 * the real ones make of it with rename and fsync.
 */
#include <errno.h>
#include <string.h>

#include "agent/root/ops/baseline.h"
#include "agent/root/prune.h"
#include "agent/txn/progress.h"
#include "common/text.h"
#include "tests/sim/world/hosts.h"
#include "tests/sim/world/wraps.h"

enum {
    DESCRIPTOR_BASE = 1 << 28, /* no real descriptor is so high: to close it is harmless */
    PROGRESS_MS = 20 * 1000,
};

struct sim_job_dir *sim_dir_find(struct sim_host *h, const char *id)
{
    for (uint32_t i = 0; i < SIM_JOB_DIRS_MAX; i++) {
        if (h->disk.dirs[i].number != 0 && strcmp(h->disk.dirs[i].id, id) == 0)
            return &h->disk.dirs[i];
    }

    return NULL;
}

struct sim_job_dir *sim_dir_of_number(struct sim_host *h, uint32_t number)
{
    for (uint32_t i = 0; i < SIM_JOB_DIRS_MAX; i++) {
        if (number != 0 && h->disk.dirs[i].number == number)
            return &h->disk.dirs[i];
    }

    return NULL;
}

struct sim_job_dir *sim_dir_of_rollout(struct sim_host *h, const uint8_t *rollout_id)
{
    for (uint32_t i = 0; i < SIM_JOB_DIRS_MAX; i++) {
        if (h->disk.dirs[i].number != 0 &&
            memcmp(h->disk.dirs[i].rollout_id, rollout_id, PROTO_ROLLOUT_ID_BYTES) == 0)
            return &h->disk.dirs[i];
    }

    return NULL;
}

/* A full disk, or a process that is dead: then nothing is written. */
static int may_write(const struct sim_host *h, struct bl_error *err)
{
    if (!sim_process_may_act())
        return bl_fail(err, -EIO, "dead");
    if (sim_fault(SIM_FAULT_DISK_FULL, h->index))
        return bl_fail(err, -ENOSPC, "no space left on device");

    return 0;
}

/* ---- agent/txn/task.c ---- */

int __wrap_agent_txn_job_make(const char *state_dir, const char *job, int *ret_fd,
                              struct bl_error *err)
{
    struct sim_host *h = sim_here();
    struct sim_job_dir *dir = sim_dir_find(h, job);
    int r;

    for (uint32_t i = 0; i < SIM_JOB_DIRS_MAX && dir == NULL; i++) {
        if (h->disk.dirs[i].number != 0)
            continue;
        r = may_write(h, err);
        if (r < 0)
            return r;
        dir = &h->disk.dirs[i];
        *dir = (struct sim_job_dir){.number = ++h->disk.last_number};
        bl_text_copy(dir->id, sizeof(dir->id), job);
    }
    SIM_LAW(dir != NULL, "host %u keeps the files of too many jobs", h->index);
    *ret_fd = DESCRIPTOR_BASE + (int)dir->number;

    return 0;
}

static struct sim_phase_files *files_of(int job_fd, uint32_t phase)
{
    struct sim_job_dir *dir = sim_dir_of_number(sim_here(), (uint32_t)(job_fd - DESCRIPTOR_BASE));

    SIM_LAW(phase <= AGENT_TXN_PHASE_LAST, "there is no phase %u", phase);

    return dir != NULL ? &dir->phases[phase] : NULL;
}

int __wrap_agent_txn_task_save(int job_fd, const struct agent_txn_task *task, struct bl_error *err)
{
    struct sim_phase_files *files = files_of(job_fd, task->phase);
    int r = may_write(sim_here(), err);

    if (r < 0)
        return r;
    if (files == NULL)
        return bl_fail(err, -ENOENT, "the job's directory is gone");
    files->has_task = true;
    files->attempt = task->attempt;
    files->deadline_ms = (int64_t)task->deadline_ms;
    files->lock_wait_ms = (int64_t)task->lock_wait_ms;

    return 0;
}

int __wrap_agent_txn_result_load(int job_fd, uint32_t phase, struct proto_arena *arena,
                                 struct agent_txn_result *ret_result, struct bl_error *err)
{
    const struct sim_phase_files *files = files_of(job_fd, phase);

    if (files == NULL || !files->has_result)
        return bl_fail(err, -ENOENT, "no result");
    *ret_result = (struct agent_txn_result){.format = AGENT_TXN_FORMAT,
                                            .phase = phase,
                                            .attempt = files->result_attempt,
                                            .result = files->result,
                                            .code = files->code,
                                            .reason = files->code,
                                            .changes_count = 0,
                                            .packages_done = 1,
                                            .audit_clean = true};

    return 0;
}

int __wrap_agent_txn_started_load(int job_fd, uint32_t phase, struct bl_error *err)
{
    const struct sim_phase_files *files = files_of(job_fd, phase);

    return files != NULL && files->has_started ? 1 : 0;
}

int __wrap_agent_txn_phase_clear(int job_fd, uint32_t phase, struct bl_error *err)
{
    struct sim_phase_files *files = files_of(job_fd, phase);
    int r = may_write(sim_here(), err);

    if (r < 0 || files == NULL)
        return r;
    files->has_started = false;
    files->has_result = false;

    return 0;
}

/* A package run that is under way has something new to say every 20 s. */
bool __wrap_agent_txn_progress_load(int job_fd, uint32_t phase, struct proto_arena *arena,
                                    struct proto_progress *ret_progress)
{
    const struct sim_phase_files *files = files_of(job_fd, phase);

    if (files == NULL || !files->has_started || files->has_result)
        return false;
    *ret_progress =
        (struct proto_progress){.step = agent_txn_progress_step(phase),
                                .packages_done = (uint64_t)bl_mono_now().ms / PROGRESS_MS % 50,
                                .packages_total = 50,
                                .what = "demo",
                                .script = ""};

    return true;
}

/* ---- agent/root/prune.c ---- */

void agent_prune_jobs(const char *state_dir, const char *newest, const char *base)
{
    struct sim_host *h = sim_here();

    for (uint32_t i = 0; i < SIM_JOB_DIRS_MAX; i++) {
        struct sim_job_dir *dir = &h->disk.dirs[i];

        if (dir->number == 0 || strcmp(dir->id, newest) == 0 || strcmp(dir->id, base) == 0)
            continue;
        if (!sim_process_may_act())
            continue;
        sim_law_files_deleted(h->index, dir->rollout_id);
        *dir = (struct sim_job_dir){0};
    }
}

/* ---- agent/root/ops/baseline.c, but for the operation ---- */

int agent_baseline_load(int dir_fd, struct proto_arena *arena, struct agent_baseline *ret_baseline,
                        struct bl_error *err)
{
    const struct sim_job_dir *dir =
        sim_dir_of_number(sim_here(), (uint32_t)(dir_fd - DESCRIPTOR_BASE));

    *ret_baseline = (struct agent_baseline){.format = AGENT_BASELINE_FORMAT};
    if (dir == NULL || !dir->has_baseline)
        return bl_fail(err, -EUCLEAN, "there is no baseline");

    return 0;
}

const struct agent_unit *agent_baseline_find(const struct agent_baseline *baseline,
                                             const char *name)
{
    return NULL;
}
