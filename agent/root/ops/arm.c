/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/silence.h"
#include "agent/root/ops/logs.h"
#include "agent/root/ops/txn.h"

/*
 * The silence timer lives in PID 1 and outlives this process. It rings when the change and the time
 * to confirm it are both over: earlier it could start the way back into a package run that is
 * merely slow, on a host whose agent is being upgraded by that very run.
 */
struct arm_state {
    struct agent_logs *logs;
};

static int arm(struct agent_op_run *run, struct bl_error *err)
{
    const struct proto_manifest *manifest = &run->work->manifest;
    const struct agent_txn_task task = agent_op_restore_task(run->work);
    int r;

    /* What the way back needs to be told must lie on disk before anything can need it. */
    r = agent_txn_task_save(run->work->dir_fd, &task, err);
    if (r >= 0) {
        r = agent_silence_arm(run->host->places, run->work->id_text,
                              (int64_t)(manifest->change_ms + manifest->confirm_within_ms) +
                                  proto_manifest_checks_ms(manifest),
                              err);
    }
    if (r < 0)
        return bl_wrap(err, "silence timer");

    agent_op_succeed(run, "the way back starts by itself if nothing is heard of this change");
    return 0;
}

static void on_marked(void *userdata, const struct agent_findings *findings, const char *why)
{
    struct agent_op_run *run = userdata;
    struct bl_error err = {0};

    if (why[0] != '\0')
        agent_op_fail(run, "logs_unknown", "where the plan's logs end: %s", why);
    else if (arm(run, &err) < 0)
        agent_op_fail(run, "step_not_begun", "%s", err.text);
}

/* What is logged from here on is of the change. */
static int start_arm(struct agent_op_run *run, struct bl_error *err)
{
    const struct agent_logs_caller caller = {run, on_marked};
    struct arm_state *state = run->state;

    if (run->work->manifest.verify_logs_count == 0)
        return arm(run, err);

    return agent_logs_start(run->host, run->work, AGENT_LOGS_MARK, &caller, &state->logs, err);
}

static void stop_arm(struct agent_op_run *run)
{
    struct arm_state *state = run->state;

    state->logs = agent_logs_free(state->logs);
}

static int start_disarm(struct agent_op_run *run, struct bl_error *err)
{
    int r = agent_silence_disarm(run->host->places, err);

    if (r < 0)
        return bl_wrap(err, "silence timer");

    agent_op_succeed(run, "the silence timer is off");
    return 0;
}

const struct agent_op agent_op_arm = {PROTO_STEP_ARM, sizeof(struct arm_state), start_arm,
                                      stop_arm};
const struct agent_op agent_op_disarm = {PROTO_STEP_DISARM, 0, start_disarm, NULL};
