/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/phase.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOK_AGAIN_MS = 500,
};

struct agent_phase {
    struct agent_host *host;
    const struct agent_phase_job *job;
    struct agent_phase_caller caller;
    enum agent_txn_phase phase;
    uint64_t attempt;
    char unit[AGENT_TXN_UNIT_BYTES];
    bool only_reads;
    bool is_asked; /* of what only reads: the run that is waited for was begun for this task */
    bool ran;      /* we saw it run, so that a missing result means that it died */
    struct agent_units_call *call;
    sd_event_source *again;
};

static void look(struct agent_phase *phase);
static void run(struct agent_phase *phase);

static void end_failed(struct agent_phase *phase, const char *why)
{
    phase->caller.done(phase->caller.userdata, AGENT_PHASE_FAILED, NULL, why);
}

/* 1: told the caller; 0: there is no result. */
static int end_with_result(struct agent_phase *phase)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_txn_result result;
    struct bl_error err = {0};
    int r;

    r = agent_txn_result_load(phase->job->dir_fd, phase->phase, &arena, &result, &err);
    if (r == -ENOENT)
        return 0;
    if (r < 0) {
        end_failed(phase, err.text);
    } else {
        phase->caller.done(phase->caller.userdata, AGENT_PHASE_RESULT, &result, "");
    }

    return 1;
}

/* A result from before the way back was begun this time, by us or by belay-silence. */
static bool has_former_attempt(const struct agent_phase *phase)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_txn_result result;
    struct bl_error ignored = {0};

    return agent_txn_result_load(phase->job->dir_fd, phase->phase, &arena, &result, &ignored) >=
               0 &&
           result.attempt != phase->attempt;
}

/*
 * What only reads is asked anew each time: a run that an agent before us has left, and its result,
 * are of another task or of a former state.
 */
static bool is_of_former(const struct agent_phase *phase)
{
    return phase->only_reads && !phase->is_asked;
}

static void ask_anew(struct agent_phase *phase)
{
    struct bl_error err = {0};

    if (agent_txn_phase_clear(phase->job->dir_fd, phase->phase, &err) < 0) {
        end_failed(phase, err.text);
        return;
    }
    phase->is_asked = true;
    run(phase);
}

static void on_ended(void *userdata, const struct agent_units_answer *answer)
{
    struct agent_phase *phase = userdata;
    char why[AGENT_TXN_TEXT_BYTES_MAX];
    bool may_be_repeated;

    phase->call = NULL;
    if (answer->end == AGENT_UNITS_LOST) {
        look(phase);
        return;
    }
    if (is_of_former(phase)) {
        ask_anew(phase);
        return;
    }
    /* A unit that failed may still have written why; a result is worth more than systemd's word. */
    if (end_with_result(phase) != 0)
        return;
    may_be_repeated = phase->phase == AGENT_TXN_REPAIR && !phase->ran;
    phase->ran = true;
    if (phase->phase == AGENT_TXN_UPGRADE || may_be_repeated) {
        look(phase);
        return;
    }
    (void)snprintf(why, sizeof(why), "%s ended without a result (%s)", phase->unit,
                   answer->end == AGENT_UNITS_OK ? "no failure" : answer->why);
    end_failed(phase, why);
}

static void run(struct agent_phase *phase)
{
    int r = agent_units_run(phase->host->units, phase->unit, on_ended, phase, &phase->call);

    if (r < 0)
        end_failed(phase, strerror(-r));
}

/* The unit does not run and left no result. */
static void run_unless_interrupted(struct agent_phase *phase)
{
    struct bl_error err = {0};
    int r;

    r = agent_txn_started_load(phase->job->dir_fd, phase->phase, &err);
    if (r < 0) {
        end_failed(phase, err.text);
        return;
    }
    if (phase->phase == AGENT_TXN_UPGRADE && (r > 0 || phase->ran)) {
        if (r > 0) {
            phase->caller.done(phase->caller.userdata, AGENT_PHASE_INTERRUPTED, NULL,
                               "the package run was interrupted");
        } else {
            end_failed(phase, "the package run could not be started");
        }
        return;
    }
    if (r > 0)
        r = agent_txn_phase_clear(phase->job->dir_fd, phase->phase, &err);
    if (r < 0) {
        end_failed(phase, err.text);
        return;
    }
    run(phase);
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
    look(userdata);
    return 0;
}

static void look_later(struct agent_phase *phase)
{
    int r;

    phase->again = sd_event_source_disable_unref(phase->again);
    r = sd_event_add_time_relative(phase->host->loop, &phase->again, CLOCK_BOOTTIME,
                                   (uint64_t)LOOK_AGAIN_MS * 1000, 0, on_again, phase);
    if (r < 0)
        end_failed(phase, strerror(-r));
}

static void on_state(void *userdata, const struct agent_units_answer *answer)
{
    struct agent_phase *phase = userdata;

    phase->call = NULL;
    if (answer->end != AGENT_UNITS_OK) {
        end_failed(phase, answer->why);
        return;
    }
    switch (answer->state) {
    case AGENT_UNIT_ACTIVATING:
    case AGENT_UNIT_ACTIVE:
        run(phase); /* joins it; one that is not for this task is waited for */
        break;
    case AGENT_UNIT_DEACTIVATING:
        look_later(phase); /* to start it now would run it once more */
        break;
    case AGENT_UNIT_INACTIVE:
    case AGENT_UNIT_FAILED:
        if (is_of_former(phase) || has_former_attempt(phase)) {
            ask_anew(phase);
        } else if (end_with_result(phase) == 0) {
            run_unless_interrupted(phase);
        }
        break;
    }
}

static void look(struct agent_phase *phase)
{
    int r = agent_units_state(phase->host->units, phase->unit, on_state, phase, &phase->call);

    if (r < 0)
        end_failed(phase, strerror(-r));
}

int agent_phase_start(struct agent_host *host, const struct agent_phase_job *job,
                      const struct agent_txn_task *task, const struct agent_phase_caller *caller,
                      struct agent_phase **ret_phase, struct bl_error *err)
{
    struct agent_phase *phase;
    int r = agent_txn_task_save(job->dir_fd, task, err);

    if (r < 0)
        return r;

    phase = calloc(1, sizeof(*phase));
    if (phase == NULL)
        return bl_fail(err, -ENOMEM, "no memory for a package run");
    phase->host = host;
    phase->job = job;
    phase->caller = *caller;
    phase->phase = (enum agent_txn_phase)task->phase;
    phase->attempt = task->attempt;
    phase->only_reads = task->phase == AGENT_TXN_QUERY || task->phase == AGENT_TXN_INSPECT;
    agent_txn_unit_name(job->id_text, task->phase, phase->unit);
    r = agent_units_state(host->units, phase->unit, on_state, phase, &phase->call);
    if (r < 0) {
        free(phase);
        return bl_fail(err, r, "ask for a unit: %s", strerror(-r));
    }

    *ret_phase = phase;
    return 0;
}

struct agent_phase *agent_phase_free(struct agent_phase *phase)
{
    if (phase == NULL)
        return NULL;
    phase->call = agent_units_drop(phase->call);
    sd_event_source_disable_unref(phase->again);
    free(phase);
    return NULL;
}
