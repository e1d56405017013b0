/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each event means for a job. What an event changed in the saved job ends in a RECORD before
 * anything else may happen, so that a crash loses no decision; only the counting of questions to
 * the witnesses may be lost, and then begins anew.
 *
 * It must never end committed without COMMIT over a new connection, nor leave anything switched off
 * in silence.
 */
#include "agent/core/job.h"

#include <stddef.h>

#include "agent/core/job_move.h"
#include "common/check.h"
#include "common/text.h"

enum {
    TRIES_MAX = 3, /* of a step that gives something back; all others are tried once */
    RETRY_MS = 10000,
    /*
     * Silence is judged by more than one answer. One could be a gateway that restarts, or a
     * controller that comes back after an hour and has not had the time to take our link: a fleet
     * of healthy hosts must not turn back in that moment.
     */
    BLAMES_NEEDED = 3,
    /*
     * Without any answer so often, the host goes back. The witnesses were reached before the
     * change, so a probe that can't even be run since then speaks against the change, and only a
     * definite answer may excuse silence (unknown is never good).
     */
    ASKS_IN_VAIN_MAX = 10,
    ASK_EVERY_MS_MIN = 1000,
    ASK_EVERY_MS_MAX = 60000,
    /* Of a cut off host each answer takes as long as a probe is patient: not yet one in vain. */
    ANSWER_WITHIN_MS = 15000,
};

/* Why the way back failed matters more than why it was taken; that one is named behind it. */
static void note_undo_failure(struct agent_job *job, const struct agent_job_event *event)
{
    char reason[sizeof(job->reason)];
    struct bl_text text;

    if (job->undo_failed)
        return;

    job->undo_failed = true;
    bl_text_init(&text, reason, sizeof(reason));
    bl_text_add(&text, event->reason != NULL ? event->reason : "");
    bl_text_add(&text, " (went back for: ");
    bl_text_add(&text, job->code);
    bl_text_add(&text, ")");
    job->code[0] = '\0';
    agent_job_set_cause(job, event->code, reason);
}

static int64_t ask_every_ms(const struct agent_job *job)
{
    int64_t tenth_ms = job->limits.confirm_within_ms / 10;

    if (tenth_ms < ASK_EVERY_MS_MIN)
        return ASK_EVERY_MS_MIN;

    return tenth_ms > ASK_EVERY_MS_MAX ? ASK_EVERY_MS_MAX : tenth_ms;
}

/* R20: a minor finding is recorded and looked at afterwards; it turns nothing back. */
static bool is_passed(const struct agent_job_event *event)
{
    if (event->result == PROTO_RESULT_OK)
        return true;

    return event->step == PROTO_STEP_VERIFY && event->result == PROTO_RESULT_FAILED &&
           event->grade == PROTO_GRADE_MINOR;
}

static bool gives_back(uint32_t step)
{
    return step == PROTO_STEP_SSH_UNLOCK || step == PROTO_STEP_RESUME || step == PROTO_STEP_DISARM;
}

static void on_step_passed(struct agent_job *job)
{
    if (job->step == PROTO_STEP_SSH_UNLOCK)
        job->ssh_locked = false;
    if (job->step == PROTO_STEP_RESUME)
        job->quiesced = false;
    if (job->step == PROTO_STEP_DISARM)
        job->armed = false;
}

static void on_step_failed(struct agent_job *job, const struct agent_job_event *event)
{
    if (gives_back(job->step) && job->tries < TRIES_MAX) {
        job->retry_at = bl_mono_after(event->now, RETRY_MS);
        return;
    }
    if (job->state != PROTO_JOB_REVERTING) {
        agent_job_fail(job, event->code, event->reason);
        return;
    }
    /* A failed step never ends the way back; the rest is undone all the same. */
    if (job->step != PROTO_STEP_QUIESCE && job->step != PROTO_STEP_SSH_LOCK)
        note_undo_failure(job, event);
}

static void on_step_ended(struct agent_job *job, const struct agent_job_event *event,
                          struct agent_job_effects *effects)
{
    struct agent_job_effect *end;

    if (!job->step_running || job->step != (uint32_t)event->step)
        return; /* a double, or the end of a step that is no longer waited for */

    job->step_running = false;
    if ((uint32_t)event->grade > job->grade)
        job->grade = event->grade;
    end = agent_job_record(job, PROTO_MOMENT_END, effects);
    end->result = event->result;
    agent_job_describe(end, event->code, event->reason);

    if (is_passed(event)) {
        on_step_passed(job);
    } else {
        on_step_failed(job, event);
    }
    agent_job_go_on(job, event->now, effects);
}

/* For the steps that change nothing: their end is no longer waited for. */
static void give_up_step(struct agent_job *job, const char *code, const char *reason,
                         struct agent_job_effects *effects)
{
    struct agent_job_effect *end;

    job->step_running = false;
    end = agent_job_record(job, PROTO_MOMENT_END, effects);
    end->result = PROTO_RESULT_UNKNOWN;
    agent_job_describe(end, code, reason);
    agent_job_fail(job, code, reason);
}

static void ask_witnesses(struct agent_job *job, struct bl_mono now,
                          struct agent_job_effects *effects)
{
    int64_t every_ms = ask_every_ms(job);

    if (job->asks_in_vain == ASKS_IN_VAIN_MAX) {
        agent_job_fail(job, "witnesses_unknown",
                       "no commit over a new connection, and the network could not be looked at");
        return;
    }

    job->asks_in_vain++;
    job->asking = true;
    /* When the time between is shorter, the answer brings the next question: see on_witnesses. */
    job->ask_at = bl_mono_after(now, every_ms > ANSWER_WITHIN_MS ? every_ms : ANSWER_WITHIN_MS);
    (void)agent_job_emit(effects, AGENT_JOB_ASK_WITNESSES);
}

/* A repair is a package run: its end is waited for, and staging is late then. */
static bool may_be_given_up(uint32_t step)
{
    return step != PROTO_STEP_REPAIR;
}

/* Draws the consequences of each deadline that has passed. */
static void expire(struct agent_job *job, struct bl_mono now, struct agent_job_effects *effects)
{
    if (job->state == PROTO_JOB_STAGING && may_be_given_up(job->step) &&
        bl_mono_reached(now, job->stage_deadline))
        give_up_step(job, "stage_timeout", "staging did not end in time", effects);

    if (job->state == PROTO_JOB_READY && job->ready_deadline.ms != 0 &&
        bl_mono_reached(now, job->ready_deadline) && !job->cancel_wanted) {
        job->cancel_wanted = true;
        agent_job_set_cause(job, "not_started", "the order to start did not come in time");
    }

    if (job->step == PROTO_STEP_VERIFY && job->step_running && !job->held &&
        bl_mono_reached(now, job->confirm_deadline))
        give_up_step(job, "verify_timeout", "the verification did not end in time", effects);

    if (job->state == PROTO_JOB_PROBATION && !job->commit_seen && !job->held && !job->failed &&
        bl_mono_reached(now, job->ask_at))
        ask_witnesses(job, now, effects);
}

static void look_at_the_clock(struct agent_job *job, struct bl_mono now,
                              struct agent_job_effects *effects)
{
    expire(job, now, effects);
    if (job->retry_at.ms != 0 && bl_mono_reached(now, job->retry_at) &&
        !agent_job_must_turn_back(job))
        agent_job_begin_step(job, job->step, effects);
    agent_job_go_on(job, now, effects);
}

static void on_offer(struct agent_job *job, const struct agent_job_event *event,
                     struct agent_job_effects *effects)
{
    BL_ASSERT(event->nonce != 0);

    if (job->state != PROTO_JOB_OFFERED)
        return; /* offers are repeated */

    job->nonce = event->nonce;
    agent_job_enter(job, PROTO_JOB_ACCEPTED, event->now, effects);
    agent_job_go_on(job, event->now, effects);
}

/* The boot has given back what was switched off, so it is taken again before the change begins. */
static void isolate_anew(struct agent_job *job)
{
    job->isolate_again = job->state == PROTO_JOB_CHANGING;
    job->step = 0;
    job->tries = 0;
    job->step_running = false;
    job->retry_at = (struct bl_mono){0};
}

/*
 * A reboot makes all instants of the boot before meaningless: every wait begins anew, so the host
 * may wait longer for its way back but never shorter. What was verified before it says nothing
 * about the system that came up, so verification and the proof of the new link are done again.
 */
static void on_reboot(struct agent_job *job, struct bl_mono now, struct agent_job_effects *effects)
{
    bool commits = job->state == PROTO_JOB_PROBATION && job->step == PROTO_STEP_DISARM;

    job->stage_deadline = bl_mono_after(now, job->limits.stage_ms);
    if (job->ready_deadline.ms != 0)
        job->ready_deadline = bl_mono_after(now, job->limits.ready_ms);
    job->confirm_deadline = bl_mono_after(now, job->limits.confirm_within_ms);
    job->ask_at = job->confirm_deadline;
    if (job->way_back_end.ms != 0)
        job->way_back_end = bl_mono_after(now, job->limits.keep_way_back_ms);
    if (job->retry_at.ms != 0)
        job->retry_at = now;
    if (job->state == PROTO_JOB_PROBATION)
        job->watch_end = bl_mono_after(now, commits ? 0 : job->limits.watch_ms);
    if (!job->changed && !job->failed &&
        (job->state == PROTO_JOB_ISOLATING || job->state == PROTO_JOB_CHANGING))
        isolate_anew(job);

    if ((job->state != PROTO_JOB_VERIFYING && job->state != PROTO_JOB_PROBATION) || commits ||
        job->failed)
        return;

    job->link_new = false;
    job->commit_seen = false;
    agent_job_enter(job, PROTO_JOB_VERIFYING, now, effects);
}

static void on_restart(struct agent_job *job, const struct agent_job_event *event,
                       struct agent_job_effects *effects)
{
    job->asking = false;
    job->asks_in_vain = 0;
    if (event->rebooted)
        on_reboot(job, event->now, effects);

    expire(job, event->now, effects);
    if (job->step_running)
        agent_job_run_step(job, effects);
    /* COMMIT may have come in the moment of the crash: a new connection brings it again. */
    if (job->state == PROTO_JOB_PROBATION && !job->commit_seen)
        (void)agent_job_emit(effects, AGENT_JOB_RECONNECT);
    look_at_the_clock(job, event->now, effects);
}

static void on_start(struct agent_job *job, const struct agent_job_event *event,
                     struct agent_job_effects *effects)
{
    if ((job->state != PROTO_JOB_STAGING && job->state != PROTO_JOB_READY) || job->start_wanted)
        return;

    job->start_wanted = true;
    if (job->state == PROTO_JOB_STAGING)
        agent_job_note(job, "start_wanted", "the order to start came while staging", effects);
    agent_job_go_on(job, event->now, effects);
}

static void on_commit(struct agent_job *job, const struct agent_job_event *event,
                      struct agent_job_effects *effects)
{
    if (!agent_job_asks_commit(job) || job->commit_seen || event->nonce != job->nonce)
        return;

    job->commit_seen = true;
    agent_job_note(job, "commit_seen", "the controller confirmed over a new connection", effects);
    agent_job_go_on(job, event->now, effects);
}

static void on_cancel(struct agent_job *job, const struct agent_job_event *event,
                      struct agent_job_effects *effects)
{
    if (agent_job_is_final(job) || job->changed || job->cancel_wanted ||
        job->state == PROTO_JOB_OFFERED || job->state == PROTO_JOB_REVERTING)
        return; /* after the change began only REVERT goes back */

    job->cancel_wanted = true;
    agent_job_set_cause(job, event->code != NULL ? event->code : "cancelled", event->reason);
    if (job->step_running)
        agent_job_note(job, "cancel_wanted", "waits for the end of the running step", effects);
    agent_job_go_on(job, event->now, effects);
}

/* Why the last way back failed is in the journal; this one has its own cause and its own end. */
static void forget_failure(struct agent_job *job)
{
    job->undo_failed = false;
    job->code[0] = '\0';
    job->reason[0] = '\0';
}

static void on_revert(struct agent_job *job, const struct agent_job_event *event,
                      struct agent_job_effects *effects)
{
    bool is_late = job->state == PROTO_JOB_COMMITTED;
    bool is_new = event->again || event->attempt > job->attempt;
    bool is_again = job->state == PROTO_JOB_REVERT_FAILED && is_new;

    if ((agent_job_is_final(job) && !is_late && !is_again) || job->revert_wanted ||
        job->state == PROTO_JOB_OFFERED || job->state == PROTO_JOB_REVERTING)
        return;
    if (is_late && bl_mono_reached(event->now, job->way_back_end)) {
        agent_job_note(job, "way_back_expired", "the way back is no longer kept", effects);
        return;
    }

    if (is_again)
        forget_failure(job);
    job->revert_wanted = true;
    if (event->attempt > job->attempt)
        job->attempt = event->attempt;
    job->isolate_again = is_late || (is_again && job->changed);
    agent_job_set_cause(job, event->code != NULL ? event->code : "revert", event->reason);
    if (job->step_running)
        agent_job_note(job, "revert_wanted", "waits for the end of the running step", effects);
    agent_job_go_on(job, event->now, effects);
}

static void on_link_up(struct agent_job *job, struct agent_job_effects *effects)
{
    if (job->state != PROTO_JOB_PROBATION || job->link_new)
        return;

    job->link_new = true;
    agent_job_note(job, "link_new", "a new connection to the controller stands", effects);
}

static void on_witnesses(struct agent_job *job, const struct agent_job_event *event,
                         struct agent_job_effects *effects)
{
    bool is_cut_off = event->witnesses == AGENT_JOB_WITNESSES_NONE_ANSWERS;

    if (!job->asking)
        return;
    job->asking = false;
    if (ask_every_ms(job) < ANSWER_WITHIN_MS)
        job->ask_at = bl_mono_after(event->now, ask_every_ms(job));
    if (job->state != PROTO_JOB_PROBATION || job->commit_seen || job->held || job->failed ||
        event->witnesses == AGENT_JOB_WITNESSES_UNKNOWN)
        return; /* nothing learnt: the next question is due at ask_at */

    job->asks_in_vain = 0;
    if (event->witnesses == AGENT_JOB_WITNESSES_CONTROLLER_MISSING) {
        job->blames = 0;
        if (!job->missing_told) {
            agent_job_note(job, "controller_missing",
                           "others answer, the controller does not: holds", effects);
        }
        job->missing_told = true;
        return;
    }

    job->blames++;
    if (job->blames < BLAMES_NEEDED) {
        if (!is_cut_off)
            (void)agent_job_emit(effects, AGENT_JOB_RECONNECT);
        return;
    }
    if (is_cut_off) {
        agent_job_fail(job, "cut_off", "no commit, and none of the host's witnesses answers");
    } else {
        agent_job_fail(job, "link_broken",
                       "the controller's port answers, but no commit came over our link");
    }
    agent_job_go_on(job, event->now, effects);
}

/* From the end of the change until nothing but giving back the silence timer is left. */
static bool is_watched(const struct agent_job *job)
{
    return job->state == PROTO_JOB_VERIFYING ||
           (job->state == PROTO_JOB_PROBATION && job->step != PROTO_STEP_DISARM);
}

/*
 * A host that serves got bad. Neither COMMIT nor the end of the watch outweighs it before DISARM
 * has begun; from then on the host is committed, and only an order takes it back. A look under way
 * is given up: its answer can't be better than what is known.
 */
static void on_found(struct agent_job *job, const struct agent_job_event *event,
                     struct agent_job_effects *effects)
{
    struct agent_job_effect *note;

    if (!is_watched(job) || job->failed)
        return;

    if ((uint32_t)event->grade > job->grade)
        job->grade = event->grade;
    note = agent_job_record(job, PROTO_MOMENT_NOTE, effects);
    note->step = PROTO_STEP_VERIFY;
    note->grade = event->grade;
    note->nonce = 0;
    agent_job_describe(note, event->code, event->reason);
    if (event->grade == PROTO_GRADE_MINOR)
        return;

    if (job->step == PROTO_STEP_VERIFY && job->step_running) {
        give_up_step(job, event->code, event->reason, effects);
    } else {
        agent_job_fail(job, event->code, event->reason);
    }
    agent_job_go_on(job, event->now, effects);
}

static void on_hold(struct agent_job *job, const struct agent_job_event *event,
                    struct agent_job_effects *effects)
{
    if (agent_job_is_final(job) || job->held || job->state == PROTO_JOB_OFFERED)
        return;

    job->held = true;
    agent_job_note(job, "held", event->reason, effects);
}

static void on_release(struct agent_job *job, const struct agent_job_event *event,
                       struct agent_job_effects *effects)
{
    if (!job->held)
        return;

    job->held = false;
    job->blames = 0;
    job->asks_in_vain = 0;
    agent_job_note(job, "released", event->reason, effects);
    look_at_the_clock(job, event->now, effects);
}

static void earlier(int64_t *wake_ms, struct bl_mono instant)
{
    if (instant.ms != 0 && (*wake_ms == 0 || instant.ms < *wake_ms))
        *wake_ms = instant.ms;
}

/* When the next TIME matters; 0: never. */
static int64_t next_wake_ms(const struct agent_job *job, struct bl_mono now)
{
    int64_t wake_ms = 0;
    bool is_stopped = job->held || job->failed;

    earlier(&wake_ms, job->retry_at);
    if (job->state == PROTO_JOB_STAGING && may_be_given_up(job->step))
        earlier(&wake_ms, job->stage_deadline);
    if (job->state == PROTO_JOB_READY)
        earlier(&wake_ms, job->ready_deadline);
    if (job->step == PROTO_STEP_VERIFY && job->step_running && !is_stopped)
        earlier(&wake_ms, job->confirm_deadline);
    if (job->state == PROTO_JOB_PROBATION && !job->commit_seen && !is_stopped)
        earlier(&wake_ms, job->ask_at);
    if (job->state == PROTO_JOB_PROBATION && job->commit_seen &&
        !bl_mono_reached(now, job->watch_end))
        earlier(&wake_ms, job->watch_end);

    return wake_ms;
}

static void dispatch(struct agent_job *job, const struct agent_job_event *event,
                     struct agent_job_effects *effects)
{
    switch (event->type) {
    case AGENT_JOB_OFFER:
        on_offer(job, event, effects);
        break;
    case AGENT_JOB_RESTART:
        on_restart(job, event, effects);
        break;
    case AGENT_JOB_STEP_ENDED:
        on_step_ended(job, event, effects);
        break;
    case AGENT_JOB_START:
        on_start(job, event, effects);
        break;
    case AGENT_JOB_COMMIT:
        on_commit(job, event, effects);
        break;
    case AGENT_JOB_CANCEL:
        on_cancel(job, event, effects);
        break;
    case AGENT_JOB_REVERT:
        on_revert(job, event, effects);
        break;
    case AGENT_JOB_LINK_UP:
        on_link_up(job, effects);
        break;
    case AGENT_JOB_WITNESSES:
        on_witnesses(job, event, effects);
        break;
    case AGENT_JOB_FOUND:
        on_found(job, event, effects);
        break;
    case AGENT_JOB_HOLD:
        on_hold(job, event, effects);
        break;
    case AGENT_JOB_RELEASE:
        on_release(job, event, effects);
        break;
    case AGENT_JOB_TIME:
        look_at_the_clock(job, event->now, effects);
        break;
    }
}

void agent_job_init(struct agent_job *job, const struct agent_job_limits *limits)
{
    *job = (struct agent_job){.state = PROTO_JOB_OFFERED, .limits = *limits};
    agent_job_check(job);
}

void agent_job_step(struct agent_job *job, const struct agent_job_event *event,
                    struct agent_job_effects *effects)
{
    int64_t wake_before_ms = next_wake_ms(job, event->now);
    bool is_wake_spent = event->type == AGENT_JOB_TIME || event->type == AGENT_JOB_RESTART;
    int64_t wake_ms;

    effects->count = 0;
    dispatch(job, event, effects);

    wake_ms = next_wake_ms(job, event->now);
    if (wake_ms != 0 && (is_wake_spent || wake_ms != wake_before_ms))
        agent_job_emit(effects, AGENT_JOB_WAKE)->wake_at = (struct bl_mono){.ms = wake_ms};
    agent_job_check(job);
}
