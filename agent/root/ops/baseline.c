/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/baseline.h"

#include "agent/root/kernel_log.h"
#include "agent/root/ops/op.h"
#include "agent/root/ops/survey.h"

struct baseline_state {
    struct agent_survey *survey;
};

static void on_survey(void *userdata, const struct agent_baseline *now, const char *why)
{
    struct agent_op_run *run = userdata;
    char cursor[AGENT_BASELINE_CURSOR_BYTES_MAX + 1];
    struct agent_baseline baseline;
    uint32_t active = 0, failed = 0;
    struct bl_error err = {0};
    int r;

    if (now == NULL) {
        agent_op_fail(run, "baseline_unknown", "%s", why);
        return;
    }
    for (uint32_t i = 0; i < now->units_count; i++) {
        active += now->units[i].state == AGENT_UNIT_ACTIVE ? 1 : 0;
        failed += now->units[i].state == AGENT_UNIT_FAILED ? 1 : 0;
    }
    baseline = *now;
    baseline.cursor = cursor;
    r = agent_kernel_log_end(cursor, sizeof(cursor), &err);
    if (r >= 0)
        r = agent_baseline_save(run->work->dir_fd, &baseline, &err);
    if (r < 0) {
        agent_op_fail(run, "baseline_not_saved", "%s", err.text);
    } else {
        agent_op_succeed(run,
                         "%u units active, %u failed, %u sockets listen, %u routes, %u mounts, "
                         "%u containers",
                         active, failed, now->listeners_count, now->routes_count, now->mounts_count,
                         now->containers_count);
    }
}

static int start(struct agent_op_run *run, struct bl_error *err)
{
    const struct agent_survey_caller caller = {run, on_survey};
    struct baseline_state *state = run->state;

    return agent_survey_start(run->host, &run->work->manifest, &caller, &state->survey, err);
}

static void stop(struct agent_op_run *run)
{
    struct baseline_state *state = run->state;

    state->survey = agent_survey_free(state->survey);
}

const struct agent_op agent_op_baseline = {PROTO_STEP_BASELINE, sizeof(struct baseline_state),
                                           start, stop};
