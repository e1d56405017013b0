/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "agent/root/containers.h"
#include "agent/root/ops/compare.h"
#include "agent/root/ops/txn.h"
#include "agent/root/phase.h"
#include "common/text.h"

/*
 * RESTORE: the way back. First the packages, by belay-txn; then every unit that ran before the
 * change and does not now is started: a service that crashed too often under the bad version is
 * refused by systemd when the old version's own scripts start it. Then, in the same way, containers,
 * which end with an engine that was upgraded. How the packages went is the step's outcome; whether
 * units and containers run is for PROVE to say.
 */
struct restore_state {
    struct agent_phase_job job;
    struct agent_phase *phase;
    struct agent_units_call *call;
    struct proto_arena arena;
    struct agent_baseline baseline;
    struct agent_containers_ask *containers;
    uint32_t next; /* unit of the baseline that is looked at next */
    enum proto_result result;
    char code[AGENT_JOB_CODE_BYTES_MAX + 1];
    char reason[AGENT_JOB_REASON_BYTES_MAX + 1];
};

static void end(struct agent_op_run *run)
{
    const struct restore_state *state = run->state;

    agent_op_end(run, state->result, 0, state->code, state->reason);
}

static void on_containers(void *userdata, const struct agent_containers *containers,
                          const char *why)
{
    struct agent_op_run *run = userdata;

    if (containers == NULL)
        sd_journal_print(LOG_WARNING, "Containers were not started again: %s", why);
    end(run);
}

static void revive_containers(struct agent_op_run *run)
{
    const struct agent_containers_caller caller = {run, on_containers};
    struct restore_state *state = run->state;
    struct bl_error err = {0};

    if (state->baseline.containers_count == 0) {
        end(run);
    } else if (agent_containers_revive(run->host, state->baseline.containers,
                                       state->baseline.containers_count, &caller,
                                       &state->containers, &err) < 0) {
        on_containers(run, NULL, err.text);
    }
}

static void revive_next(struct agent_op_run *run);

static void on_revived(void *userdata, const struct agent_units_answer *answer)
{
    struct agent_op_run *run = userdata;
    struct restore_state *state = run->state;

    state->call = NULL;
    revive_next(run);
}

static void on_unit_state(void *userdata, const struct agent_units_answer *answer)
{
    struct agent_op_run *run = userdata;
    struct restore_state *state = run->state;
    const struct agent_unit *unit = &state->baseline.units[state->next - 1];
    bool is_wanted =
        answer->end == AGENT_UNITS_OK && (answer->state == AGENT_UNIT_FAILED ||
                                          (answer->state == AGENT_UNIT_INACTIVE && unit->enabled));

    state->call = NULL;
    if (!is_wanted ||
        agent_units_run(run->host->units, unit->name, on_revived, run, &state->call) < 0)
        revive_next(run);
}

/* One after the other: their order at boot is systemd's matter and is kept by its dependencies. */
static void revive_next(struct agent_op_run *run)
{
    struct restore_state *state = run->state;
    PROTO_AUTO_ARENA arena = {0};
    struct agent_lease_record quiesced;
    struct bl_error err = {0};
    bool is_quiesced;

    is_quiesced =
        agent_lease_load(run->host->places, AGENT_LEASE_QUIESCE, &arena, &quiesced, &err) > 0;
    while (state->next < state->baseline.units_count) {
        const struct agent_unit *unit = &state->baseline.units[state->next++];

        if (unit->state != AGENT_UNIT_ACTIVE ||
            agent_compare_is_exempt(unit->name, is_quiesced ? &quiesced : NULL))
            continue;
        if (agent_units_state(run->host->units, unit->name, on_unit_state, run, &state->call) >= 0)
            return;
    }
    revive_containers(run);
}

static void on_phase(void *userdata, enum agent_phase_end phase_end,
                     const struct agent_txn_result *result, const char *why)
{
    struct agent_op_run *run = userdata;
    struct restore_state *state = run->state;
    struct bl_error err = {0};

    state->result = PROTO_RESULT_FAILED;
    if (phase_end == AGENT_PHASE_RESULT) {
        agent_op_note_result(run, result);
        state->result = (enum proto_result)result->result;
        bl_text_copy(state->code, sizeof(state->code), result->code);
        agent_op_describe_result(result, state->reason, sizeof(state->reason));
    } else {
        bl_text_copy(state->code, sizeof(state->code), "txn_not_run");
        bl_text_copy(state->reason, sizeof(state->reason), why);
    }
    /* A failure of the packages does not end the way back: what can run is to run. */
    if (agent_baseline_load(run->work->dir_fd, &state->arena, &state->baseline, &err) < 0) {
        end(run);
    } else {
        revive_next(run);
    }
}

static int start(struct agent_op_run *run, struct bl_error *err)
{
    const struct agent_txn_task task = agent_op_restore_task(run->work);
    const struct agent_phase_caller caller = {run, on_phase};
    struct restore_state *state = run->state;

    state->job = (struct agent_phase_job){run->work->id_text, run->work->dir_fd};
    return agent_phase_start(run->host, &state->job, &task, &caller, &state->phase, err);
}

static void stop(struct agent_op_run *run)
{
    struct restore_state *state = run->state;

    state->phase = agent_phase_free(state->phase);
    state->call = agent_units_drop(state->call);
    state->containers = agent_containers_free(state->containers);
    proto_arena_release(&state->arena);
}

const struct agent_op agent_op_restore = {PROTO_STEP_RESTORE, sizeof(struct restore_state), start,
                                          stop};
