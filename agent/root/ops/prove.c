/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "agent/root/ops/look.h"

/*
 * PROVE: after the way back, is the host as it was before the change? It does not take RESTORE's
 * word for anything. Services may need a moment to come up, so a first look that finds something
 * is followed by a second one after the settle time, which decides.
 */
struct prove_state {
    struct agent_look *look;
    sd_event_source *again;
    bool is_second;
};

static int look(struct agent_op_run *run, struct bl_error *err);

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_op_run *run = userdata;
    struct bl_error err = {0};

    if (look(run, &err) < 0)
        agent_op_end(run, PROTO_RESULT_UNKNOWN, 0, "prove_unknown", err.text);
    return 0;
}

static int look_later(struct agent_op_run *run, struct bl_error *err)
{
    uint64_t settle_us = run->work->manifest.verify_settle_ms * 1000;
    struct prove_state *state = run->state;
    int r;

    state->is_second = true;
    r = sd_event_add_time_relative(run->host->loop, &state->again, CLOCK_BOOTTIME, settle_us, 0,
                                   on_again, run);
    if (r < 0)
        return bl_fail(err, r, "set a timer: %s", strerror(-r));

    return 0;
}

static void on_look(void *userdata, const struct agent_findings *findings, const char *why)
{
    struct agent_op_run *run = userdata;
    struct prove_state *state = run->state;
    const struct agent_findings found = *findings;
    struct bl_error err = {0};

    if (why[0] != '\0') {
        agent_op_end(run, PROTO_RESULT_UNKNOWN, 0, "prove_unknown", why);
        return;
    }
    if (found.grade > PROTO_GRADE_MINOR && !state->is_second) {
        state->look = agent_look_free(state->look);
        if (look_later(run, &err) >= 0)
            return;
    }
    agent_op_note(run, &found);
    if (found.grade > PROTO_GRADE_MINOR) {
        agent_op_end(run, PROTO_RESULT_FAILED, 0, found.code, found.text);
    } else {
        agent_op_succeed(run, "%s", found.count == 0 ? "exactly as before the change" : found.text);
    }
}

static int look(struct agent_op_run *run, struct bl_error *err)
{
    const struct agent_look_task task = {.restored = true, .verify_files = true};
    const struct agent_look_caller caller = {run, on_look};
    struct prove_state *state = run->state;

    return agent_look_start(run->host, run->work, &task, &caller, &state->look, err);
}

static void stop(struct agent_op_run *run)
{
    struct prove_state *state = run->state;

    state->look = agent_look_free(state->look);
    sd_event_source_disable_unref(state->again);
}

const struct agent_op agent_op_prove = {PROTO_STEP_PROVE, sizeof(struct prove_state), look, stop};
