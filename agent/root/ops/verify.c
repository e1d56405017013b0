/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/root/ops/logs.h"
#include "agent/root/ops/look.h"
#include "agent/root/ops/samples.h"

/*
 * VERIFY: is the host as it was, but for what was signed? The plan's units must stay up through
 * the settle time, without systemd having had to restart them; a unit of the plan that fails ends
 * it at once. Then the plan's own checks, as often as it says, its logs, and one look at everything.
 * Once more at the end of the watch, without settling.
 */
struct verify_state {
    struct agent_units_call *watch, *call;
    struct agent_samples *samples;
    struct agent_logs *logs;
    struct agent_look *look;
    sd_event_source *settled;
    struct agent_samples_seen seen[PROTO_UNITS_MAX]; /* at the beginning of the settle time */
    struct agent_findings findings;                  /* of the plan's own checks */
    bool is_last; /* at the end of the watch, which has counted restarts: nothing settles */
};

static void end_by_findings(struct agent_op_run *run, const struct agent_findings *findings)
{
    agent_op_note(run, findings);
    if (findings->grade == 0) {
        agent_op_succeed(run, "as before, but for what was signed");
    } else {
        agent_op_end(run, PROTO_RESULT_FAILED, findings->grade, findings->code, findings->text);
    }
}

static void on_look(void *userdata, const struct agent_findings *findings, const char *why)
{
    struct agent_op_run *run = userdata;
    struct verify_state *state = run->state;

    if (why[0] != '\0') {
        agent_op_end(run, PROTO_RESULT_UNKNOWN, PROTO_GRADE_FUNCTIONAL, "verify_unknown", why);
        return;
    }
    agent_findings_join(&state->findings, findings);
    end_by_findings(run, &state->findings);
}

static void fail_to_ask(struct agent_op_run *run, const char *why)
{
    agent_op_end(run, PROTO_RESULT_UNKNOWN, PROTO_GRADE_FUNCTIONAL, "verify_unknown", why);
}

static void begin_look(struct agent_op_run *run)
{
    const struct agent_look_task task = {.restored = false};
    const struct agent_look_caller caller = {run, on_look};
    struct verify_state *state = run->state;
    struct bl_error err = {0};

    if (agent_look_start(run->host, run->work, &task, &caller, &state->look, &err) < 0)
        fail_to_ask(run, err.text);
}

static void on_logs(void *userdata, const struct agent_findings *findings, const char *why)
{
    struct agent_op_run *run = userdata;
    struct verify_state *state = run->state;

    if (why[0] != '\0') {
        agent_op_note(run, &state->findings);
        fail_to_ask(run, why);
        return;
    }
    agent_findings_join(&state->findings, findings);
    begin_look(run);
}

static void begin_logs(struct agent_op_run *run)
{
    const struct agent_logs_caller caller = {run, on_logs};
    struct verify_state *state = run->state;
    struct bl_error err = {0};

    if (run->work->manifest.verify_logs_count == 0)
        begin_look(run);
    else if (agent_logs_start(run->host, run->work, AGENT_LOGS_READ, &caller, &state->logs, &err) <
             0)
        fail_to_ask(run, err.text);
}

static void on_samples(void *userdata, const struct agent_findings *findings, const char *why)
{
    struct agent_op_run *run = userdata;
    struct verify_state *state = run->state;

    if (why[0] != '\0') {
        agent_op_note(run, findings);
        fail_to_ask(run, why);
        return;
    }
    agent_findings_join(&state->findings, findings);
    begin_logs(run);
}

/* The first sight of the units. */
static void on_units(void *userdata, const struct agent_units_answer *answer)
{
    struct agent_op_run *run = userdata;
    const struct proto_manifest *manifest = &run->work->manifest;
    struct verify_state *state = run->state;
    bool ends = false;

    state->call = NULL;
    if (answer->end != AGENT_UNITS_OK) {
        fail_to_ask(run, answer->why);
        return;
    }
    for (uint32_t i = 0; i < manifest->verify_units_count; i++) {
        const char *name = manifest->verify_units[i].text;
        const struct agent_unit *unit = agent_units_find(answer->list, name);

        if (unit != NULL && unit->state == AGENT_UNIT_FAILED)
            ends = agent_findings_end_by_unit(&state->findings, name) || ends;
        state->seen[i] = agent_samples_see(unit);
    }
    if (ends)
        end_by_findings(run, &state->findings);
}

static int end_settling(struct agent_op_run *run, struct bl_error *err)
{
    const struct agent_samples_caller caller = {run, on_samples};
    struct verify_state *state = run->state;

    state->watch = agent_units_drop(state->watch);
    state->call = agent_units_drop(state->call);

    return agent_samples_start(run->host, run->work, state->is_last ? NULL : state->seen, &caller,
                               &state->samples, err);
}

static int on_settled(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_op_run *run = userdata;
    struct bl_error err = {0};

    if (end_settling(run, &err) < 0)
        fail_to_ask(run, err.text);

    return 0;
}

static void on_failed(void *userdata, const char *name)
{
    struct agent_op_run *run = userdata;
    const struct proto_manifest *manifest = &run->work->manifest;
    struct verify_state *state = run->state;

    for (uint32_t i = 0; i < manifest->verify_units_count; i++) {
        if (strcmp(manifest->verify_units[i].text, name) == 0 &&
            agent_findings_end_by_unit(&state->findings, name)) {
            end_by_findings(run, &state->findings);
            return;
        }
    }
}

static int start(struct agent_op_run *run, struct bl_error *err)
{
    uint64_t settle_us = run->work->manifest.verify_settle_ms * 1000;
    struct verify_state *state = run->state;
    int r;

    state->findings.manifest = &run->work->manifest;
    state->is_last = run->work->job.state == PROTO_JOB_PROBATION;
    if (state->is_last)
        return end_settling(run, err);
    r = agent_units_watch(run->host->units, on_failed, run, &state->watch);
    if (r >= 0)
        r = agent_units_list(run->host->units, on_units, run, &state->call);
    if (r >= 0) {
        r = sd_event_add_time_relative(run->host->loop, &state->settled, CLOCK_BOOTTIME, settle_us,
                                       0, on_settled, run);
    }
    if (r < 0)
        return bl_fail(err, r, "begin to verify: %s", strerror(-r));

    return 0;
}

static void stop(struct agent_op_run *run)
{
    struct verify_state *state = run->state;

    state->watch = agent_units_drop(state->watch);
    state->call = agent_units_drop(state->call);
    state->samples = agent_samples_free(state->samples);
    state->logs = agent_logs_free(state->logs);
    state->look = agent_look_free(state->look);
    sd_event_source_disable_unref(state->settled);
}

const struct agent_op agent_op_verify = {PROTO_STEP_VERIFY, sizeof(struct verify_state), start,
                                         stop};
