/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/root/denials.h"
#include "agent/root/errand.h"
#include "agent/root/facts.h"
#include "agent/root/ops/room.h"
#include "agent/root/ops/survey.h"
#include "agent/root/ops/txn.h"

enum {
    INSPECT_DEADLINE_MS = 10 * 60 * 1000,
    DISKS_TIMEOUT_MS = 10000,
};

struct agent_look {
    struct agent_host *host;
    const struct agent_work *work;
    struct agent_look_task task;
    struct agent_look_caller caller;
    struct agent_phase_job job;
    struct agent_phase *phase;
    struct agent_survey *survey;
    struct agent_errand_ask *disks;
    struct proto_arena arena;
    struct agent_baseline baseline;
    struct agent_findings findings;
};

static void end(struct agent_look *look, const char *why)
{
    look->caller.done(look->caller.userdata, &look->findings, why);
}

/* Why the way back did not get through is told as far as the disks know it. */
static void on_disks(void *userdata, const struct agent_errand_result *result, const char *why)
{
    struct agent_look *look = userdata;

    if (result != NULL)
        agent_room_judge_writing(result->disks, result->disks_count, &look->findings);
    end(look, "");
}

static bool asks_disks(struct agent_look *look)
{
    const struct agent_errand_task task = {.format = AGENT_ERRAND_FORMAT,
                                           .what = AGENT_ERRAND_HOST,
                                           .state_dir = look->host->state_dir,
                                           .timeout_ms = DISKS_TIMEOUT_MS};
    const struct agent_errand_caller caller = {look, on_disks};
    struct bl_error ignored = {0};

    return look->task.restored && look->findings.grade > PROTO_GRADE_MINOR &&
           agent_errand_start(look->host, &task, &caller, &look->disks, &ignored) >= 0;
}

/* The units that we paused ourselves come back with RESUME. */
static int compare_units(struct agent_look *look, const struct agent_baseline *now,
                         struct bl_error *err)
{
    const struct agent_units_list list = {now->units, now->units_count};
    PROTO_AUTO_ARENA arena = {0};
    struct agent_lease_record quiesced;
    int r = agent_lease_load(look->host->places, AGENT_LEASE_QUIESCE, &arena, &quiesced, err);

    if (r >= 0)
        agent_compare_units(&look->baseline, &list, r > 0 ? &quiesced : NULL, &look->findings);

    return r;
}

static void compare_state(struct agent_look *look, const struct agent_baseline *now)
{
    const struct agent_baseline *before = &look->baseline;
    struct agent_findings *findings = &look->findings;
    struct proto_manifest plan = look->work->manifest;
    struct agent_baseline named = *now;
    struct agent_facts facts;

    /* What was sampled is not judged once more by this one sight. */
    if (!look->task.restored && plan.verify_again > 0)
        plan.verify_ports_count = named.names_count = 0;
    agent_facts_read(&facts);
    agent_compare_processes(before, now, findings);
    agent_compare_ports(before, now, &plan, findings);
    agent_compare_routes(before, now, findings);
    agent_compare_resolver(before, &named, findings);
    agent_compare_ssh(before, now, findings);
    agent_compare_system(before, now, findings);
    agent_compare_containers(before, now, findings);
    agent_compare_stale(before, now, &look->work->transaction, facts.package_manager == PROTO_DNF,
                        findings);
}

/* A policy that does not fit the new programs shows itself here, though all may look right as yet. */
static int look_for_denials(struct agent_look *look, const struct agent_baseline *now,
                            struct bl_error *err)
{
    struct agent_denials denials;
    int r;

    if (look->task.restored || now->selinux < AGENT_SYSTEM_SELINUX_PERMISSIVE)
        return 0;
    r = agent_denials_read(look->baseline.cursor, look->baseline.wall_ms, &denials, err);
    if (r >= 0 && denials.count > 0) {
        agent_findings_found(&look->findings, "selinux_denials",
                             "SELinux denied %u time(s) since the baseline, first: %s",
                             denials.count, denials.first);
    }

    return r;
}

static void on_survey(void *userdata, const struct agent_baseline *now, const char *why)
{
    struct agent_look *look = userdata;
    const struct agent_kernel_log_task task =
        agent_compare_kernel_log_task(&look->baseline, &look->work->manifest);
    struct agent_kernel_log log;
    struct bl_error err = {0};
    int r;

    if (now == NULL) {
        end(look, why);
        return;
    }
    r = compare_units(look, now, &err);
    if (r >= 0) {
        compare_state(look, now);
        r = agent_kernel_log_read(&task, &log, &err);
    }
    if (r >= 0)
        r = look_for_denials(look, now, &err);
    if (r < 0) {
        end(look, err.text);
        return;
    }
    /* After the way back the kernel's log still tells of the change; it proves nothing then. */
    if (!look->task.restored)
        agent_compare_kernel_log(&log, &look->findings);
    if (!asks_disks(look))
        end(look, "");
}

static int compare_packages(struct agent_look *look, const struct agent_txn_result *now,
                            struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_txn_result before;
    int r;

    if (!look->task.restored) {
        agent_compare_pins(&look->work->transaction, now, &look->findings);
        return 0;
    }
    r = agent_txn_result_load(look->work->dir_fd, AGENT_TXN_STAGE, &arena, &before, err);
    if (r < 0)
        return bl_wrap(err, "the state before the change");
    agent_compare_restored(&before, now, &look->findings);

    return 0;
}

/* Where sshd took logins before the change; where it took none, nothing is to be asked. */
static uint32_t list_ssh(const struct agent_baseline *baseline,
                         struct proto_text ret_list[AGENT_PROBE_SSH_MAX])
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < baseline->ssh_count; i++) {
        if (baseline->ssh[i].speaks)
            ret_list[count++].text = baseline->ssh[i].endpoint;
    }

    return count;
}

static void on_phase(void *userdata, enum agent_phase_end phase_end,
                     const struct agent_txn_result *result, const char *why)
{
    struct agent_look *look = userdata;
    const struct agent_survey_caller caller = {look, on_survey};
    struct proto_text ssh[AGENT_PROBE_SSH_MAX];
    const struct agent_survey_task task = {
        .manifest = &look->work->manifest, .ssh = ssh, .ssh_count = list_ssh(&look->baseline, ssh)};
    struct bl_error err = {0};
    int r;

    if (phase_end != AGENT_PHASE_RESULT) {
        end(look, why);
        return;
    }
    r = compare_packages(look, result, &err);
    if (r >= 0)
        r = agent_survey_start(look->host, &task, &caller, &look->survey, &err);
    if (r < 0)
        end(look, err.text);
}

int agent_look_start(struct agent_host *host, const struct agent_work *work,
                     const struct agent_look_task *task, const struct agent_look_caller *caller,
                     struct agent_look **ret_look, struct bl_error *err)
{
    const struct agent_txn_task inspect = {.format = AGENT_TXN_FORMAT,
                                           .phase = AGENT_TXN_INSPECT,
                                           .pins = work->transaction.pins,
                                           .pins_count = work->transaction.pins_count,
                                           .verify_files = task->verify_files,
                                           .prove = task->restored,
                                           .deadline_ms = INSPECT_DEADLINE_MS};
    struct agent_look *look = calloc(1, sizeof(*look));
    const struct agent_phase_caller phase_caller = {look, on_phase};
    int r;

    if (look == NULL)
        return bl_fail(err, -ENOMEM, "no memory for a look at the host");
    look->host = host;
    look->work = work;
    look->task = *task;
    look->findings.manifest = &work->manifest;
    look->findings.restored = task->restored;
    look->caller = *caller;
    look->job = (struct agent_phase_job){work->id_text, work->dir_fd};
    r = agent_baseline_load(work->dir_fd, &look->arena, &look->baseline, err);
    if (r >= 0)
        r = agent_phase_start(host, &look->job, &inspect, &phase_caller, &look->phase, err);
    if (r < 0) {
        (void)agent_look_free(look);
        return r;
    }

    *ret_look = look;
    return 0;
}

struct agent_look *agent_look_free(struct agent_look *look)
{
    if (look == NULL)
        return NULL;
    look->phase = agent_phase_free(look->phase);
    look->survey = agent_survey_free(look->survey);
    look->disks = agent_errand_free(look->disks);
    proto_arena_release(&look->arena);
    free(look);
    return NULL;
}
