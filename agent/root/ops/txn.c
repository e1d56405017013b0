/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/txn.h"

#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "agent/root/phase.h"
#include "agent/txn/ballast.h"

/*
 * The steps forward that are package runs: repair, stage and upgrade. All of the work is belay-txn's; in here
 * is only what it is told and what its result means.
 */
enum {
    LOCK_WAIT_MS_MAX = 10 * 60 * 1000,
    RESTORE_LOCK_WAIT_MS = 30 * 60 * 1000,
};

struct txn_state {
    struct agent_phase_job job;
    struct agent_phase *phase;
};

static uint64_t lock_wait_of(uint64_t deadline_ms)
{
    return deadline_ms / 2 < LOCK_WAIT_MS_MAX ? deadline_ms / 2 : LOCK_WAIT_MS_MAX;
}

struct agent_txn_task agent_op_restore_task(const struct agent_work *work)
{
    return (struct agent_txn_task){.format = AGENT_TXN_FORMAT,
                                   .phase = AGENT_TXN_RESTORE,
                                   .attempt = work->job.way_backs,
                                   .pins = work->transaction.pins,
                                   .pins_count = work->transaction.pins_count,
                                   .is_late = work->job.way_back_end.ms != 0,
                                   .lock_wait_ms = RESTORE_LOCK_WAIT_MS};
}

void agent_op_describe_result(const struct agent_txn_result *result, char *ret_text,
                              size_t size_bytes)
{
    int used = snprintf(ret_text, size_bytes, "%s", result->reason);

    for (uint32_t i = 0; i < result->findings_count && used >= 0 && (size_t)used < size_bytes;
         i++) {
        const struct agent_txn_finding *finding = &result->findings[i];
        int more = snprintf(ret_text + used, size_bytes - (size_t)used, "%s%s: %s%s%s",
                            used > 0 ? "; " : "", finding->code, finding->reason,
                            finding->remedy[0] != '\0' ? " -> " : "", finding->remedy);

        used = more < 0 ? more : used + more;
    }
}

void agent_op_note_result(struct agent_op_run *run, const struct agent_txn_result *result)
{
    struct agent_findings findings = {0};

    for (uint32_t i = 0; i < result->notes_count; i++) {
        if (i + 1 == AGENT_FINDINGS_MAX && result->notes_count > AGENT_FINDINGS_MAX) {
            agent_findings_answer(&findings, "packages", "and %u more, see the log on the host",
                                  result->notes_count - i);
            break;
        }
        agent_findings_answer(&findings, "packages", "%s", result->notes[i].text);
    }
    agent_op_note(run, &findings);
}

/* What a repair ended is recorded package by package; it speaks against nothing. */
static void note_repaired(struct agent_op_run *run, const struct agent_txn_result *result)
{
    struct agent_findings findings = {.manifest = &run->work->manifest};

    for (uint32_t i = 0; i < result->findings_count; i++)
        agent_findings_add(&findings, PROTO_GRADE_MINOR, "package_database_repaired", "%s",
                           result->findings[i].reason);
    agent_op_note(run, &findings);
    if (findings.count > 0) {
        agent_op_succeed(run, "repaired %u: %s", findings.count, findings.text);
    } else {
        agent_op_succeed(run, "nothing was half done");
    }
}

static void end_by_result(struct agent_op_run *run, const struct agent_txn_result *result)
{
    char reason[AGENT_JOB_REASON_BYTES_MAX + 1];

    agent_op_note_result(run, result);
    if (result->result == PROTO_RESULT_OK && run->op->step == PROTO_STEP_REPAIR) {
        note_repaired(run, result);
        return;
    }
    if (result->result == PROTO_RESULT_OK) {
        agent_op_succeed(run, "%u package(s)",
                         run->op->step == PROTO_STEP_STAGE ? result->changes_count
                                                           : (unsigned)result->packages_done);
        return;
    }
    agent_op_describe_result(result, reason, sizeof(reason));
    agent_op_end(run, (enum proto_result)result->result, 0,
                 result->code[0] != '\0' ? result->code : "txn_failed", reason);
}

static void on_phase(void *userdata, enum agent_phase_end end,
                     const struct agent_txn_result *result, const char *why)
{
    struct agent_op_run *run = userdata;

    switch (end) {
    case AGENT_PHASE_RESULT:
        end_by_result(run, result);
        break;
    case AGENT_PHASE_INTERRUPTED:
        agent_op_fail(run, "interrupted", "%s", why);
        break;
    case AGENT_PHASE_FAILED:
        agent_op_fail(run, "txn_not_run", "%s", why);
        break;
    }
}

static int begin(struct agent_op_run *run, const struct agent_txn_task *task, struct bl_error *err)
{
    const struct agent_phase_caller caller = {.userdata = run, .done = on_phase};
    struct txn_state *state = run->state;

    state->job = (struct agent_phase_job){run->work->id_text, run->work->dir_fd};
    return agent_phase_start(run->host, &state->job, task, &caller, &state->phase, err);
}

static bool replaces_conffiles(const struct proto_manifest *manifest)
{
    return manifest->conffiles == PROTO_CONFFILES_REPLACE;
}

/* Half of the time of staging, which comes after it. */
static int start_repair(struct agent_op_run *run, struct bl_error *err)
{
    const struct proto_manifest *manifest = &run->work->manifest;
    const struct agent_txn_task task = {.format = AGENT_TXN_FORMAT,
                                        .phase = AGENT_TXN_REPAIR,
                                        .deadline_ms = manifest->stage_ms / 2,
                                        .lock_wait_ms = lock_wait_of(manifest->stage_ms / 2)};

    return begin(run, &task, err);
}

static int start_stage(struct agent_op_run *run, struct bl_error *err)
{
    const struct proto_manifest *manifest = &run->work->manifest;
    const struct agent_txn_task task = {.format = AGENT_TXN_FORMAT,
                                        .phase = AGENT_TXN_STAGE,
                                        .package_set = manifest->package_set,
                                        .packages = manifest->packages,
                                        .packages_count = manifest->packages_count,
                                        .excludes = manifest->excludes,
                                        .excludes_count = manifest->excludes_count,
                                        .pins = run->work->transaction.pins,
                                        .pins_count = run->work->transaction.pins_count,
                                        .allow_remove = manifest->allow_remove,
                                        .allow_downgrade = manifest->allow_downgrade,
                                        .replace_conffiles = replaces_conffiles(manifest),
                                        .metadata_max_age_ms = manifest->metadata_max_age_ms,
                                        .keep = manifest->revert_paths,
                                        .keep_count = manifest->revert_paths_count,
                                        .by_snapshot =
                                            manifest->revert_class == PROTO_REVERT_FILESYSTEM,
                                        .allow_new = manifest->allow_new,
                                        .ignore_phasing = manifest->ignore_phasing,
                                        .deadline_ms = manifest->stage_ms,
                                        .lock_wait_ms = lock_wait_of(manifest->stage_ms)};
    struct bl_error why = {0};

    /* The prechecks are what judges a disk that is too full. */
    if (agent_ballast_make(run->host->state_dir, &why) < 0)
        sd_journal_print(LOG_WARNING, "No room is kept for emergencies: %s", why.text);

    return begin(run, &task, err);
}

static int start_upgrade(struct agent_op_run *run, struct bl_error *err)
{
    const struct proto_manifest *manifest = &run->work->manifest;
    const struct agent_txn_task task = {.format = AGENT_TXN_FORMAT,
                                        .phase = AGENT_TXN_UPGRADE,
                                        .pins = run->work->transaction.pins,
                                        .pins_count = run->work->transaction.pins_count,
                                        .allow_remove = manifest->allow_remove,
                                        .allow_downgrade = manifest->allow_downgrade,
                                        .replace_conffiles = replaces_conffiles(manifest),
                                        .deadline_ms = manifest->change_ms,
                                        .lock_wait_ms = lock_wait_of(manifest->change_ms)};

    return begin(run, &task, err);
}

static void stop(struct agent_op_run *run)
{
    struct txn_state *state = run->state;

    state->phase = agent_phase_free(state->phase);
}

const struct agent_op agent_op_repair = {PROTO_STEP_REPAIR, sizeof(struct txn_state), start_repair,
                                         stop};
const struct agent_op agent_op_stage = {PROTO_STEP_STAGE, sizeof(struct txn_state), start_stage,
                                        stop};
const struct agent_op agent_op_upgrade = {PROTO_STEP_UPGRADE, sizeof(struct txn_state),
                                          start_upgrade, stop};
