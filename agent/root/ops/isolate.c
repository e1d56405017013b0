/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/quiesce.h"
#include "agent/lease/ssh_lock.h"
#include "agent/root/ops/op.h"

/*
 * Taking the host out of the way and giving it back. What is switched off and how it comes back is
 * agent/lease's; each of it is a lease that ends by itself.
 */
struct quiesce_state {
    struct agent_quiesce *quiesce;
};

static void end_by_outcome(struct agent_op_run *run, int result,
                           const struct agent_lease_outcome *outcome)
{
    if (result < 0) {
        agent_op_end(run, PROTO_RESULT_FAILED, 0, outcome->code, outcome->reason);
    } else {
        agent_op_end(run, PROTO_RESULT_OK, 0, "", outcome->reason);
    }
}

static void on_quiesce(void *userdata, int result, const struct agent_lease_outcome *outcome)
{
    end_by_outcome(userdata, result, outcome);
}

static int start_quiesce(struct agent_op_run *run, struct bl_error *err)
{
    const struct agent_quiesce_caller caller = {run->host->loop, run, on_quiesce};
    struct quiesce_state *state = run->state;

    return agent_quiesce_take(run->host->places, run->work->id_text, &run->work->manifest, &caller,
                              &state->quiesce, err);
}

static int start_resume(struct agent_op_run *run, struct bl_error *err)
{
    const struct agent_quiesce_caller caller = {run->host->loop, run, on_quiesce};
    struct quiesce_state *state = run->state;

    return agent_quiesce_release(run->host->places, &caller, &state->quiesce, err);
}

static void stop_quiesce(struct agent_op_run *run)
{
    struct quiesce_state *state = run->state;

    state->quiesce = agent_quiesce_free(state->quiesce);
}

static int start_ssh_lock(struct agent_op_run *run, struct bl_error *err)
{
    struct agent_lease_outcome outcome = {0};
    int r;

    r = agent_ssh_lock_take(run->host->places, run->work->id_text, &run->work->manifest, &outcome,
                            err);
    end_by_outcome(run, r, &outcome);
    return 0;
}

static int start_ssh_unlock(struct agent_op_run *run, struct bl_error *err)
{
    struct agent_lease_outcome outcome = {0};

    end_by_outcome(run, agent_ssh_lock_release(run->host->places, &outcome, err), &outcome);
    return 0;
}

const struct agent_op agent_op_quiesce = {PROTO_STEP_QUIESCE, sizeof(struct quiesce_state),
                                          start_quiesce, stop_quiesce};
const struct agent_op agent_op_resume = {PROTO_STEP_RESUME, sizeof(struct quiesce_state),
                                         start_resume, stop_quiesce};
const struct agent_op agent_op_ssh_lock = {PROTO_STEP_SSH_LOCK, 0, start_ssh_lock, NULL};
const struct agent_op agent_op_ssh_unlock = {PROTO_STEP_SSH_UNLOCK, 0, start_ssh_unlock, NULL};
