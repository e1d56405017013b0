/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a job moves: there is one way forward and one way back, both taken only while no step runs,
 * since a package run is never broken off. What each event means is in job.c.
 */
#include "agent/core/job_move.h"

#include <stddef.h>

#include "agent/core/job_table.h"
#include "common/check.h"
#include "common/text.h"

struct agent_job_effect *agent_job_emit(struct agent_job_effects *effects,
                                        enum agent_job_effect_type type)
{
    struct agent_job_effect *effect;

    BL_ASSERT(effects->count < AGENT_JOB_EFFECTS_MAX);

    effect = &effects->list[effects->count++];
    *effect = (struct agent_job_effect){.type = type};

    return effect;
}

bool agent_job_asks_commit(const struct agent_job *job)
{
    return job->state == PROTO_JOB_PROBATION && job->link_new && !job->failed;
}

struct agent_job_effect *agent_job_record(const struct agent_job *job, enum proto_moment moment,
                                          struct agent_job_effects *effects)
{
    struct agent_job_effect *effect = agent_job_emit(effects, AGENT_JOB_RECORD);

    effect->moment = moment;
    effect->state = (enum proto_job_state)job->state;
    effect->grade = (enum proto_grade)job->grade;
    if (moment != PROTO_MOMENT_STATE)
        effect->step = (enum proto_step)job->step;
    if (agent_job_asks_commit(job))
        effect->nonce = job->nonce;

    return effect;
}

void agent_job_describe(struct agent_job_effect *effect, const char *code, const char *reason)
{
    bl_text_copy(effect->code, sizeof(effect->code), code != NULL ? code : "");
    bl_text_copy(effect->reason, sizeof(effect->reason), reason != NULL ? reason : "");
}

void agent_job_note(const struct agent_job *job, const char *code, const char *reason,
                    struct agent_job_effects *effects)
{
    agent_job_describe(agent_job_record(job, PROTO_MOMENT_STATE, effects), code, reason);
}

void agent_job_set_cause(struct agent_job *job, const char *code, const char *reason)
{
    if (job->code[0] != '\0')
        return;

    bl_text_copy(job->code, sizeof(job->code),
                 code != NULL && code[0] != '\0' ? code : "no_cause_given");
    bl_text_copy(job->reason, sizeof(job->reason), reason != NULL ? reason : "");
}

void agent_job_fail(struct agent_job *job, const char *code, const char *reason)
{
    job->failed = true;
    agent_job_set_cause(job, code, reason);
}

bool agent_job_is_final(const struct agent_job *job)
{
    return agent_job_rows[job->state].final;
}

static bool is_needed(const struct agent_job *job, enum proto_step step)
{
    bool isolate = job->state == PROTO_JOB_ISOLATING || job->isolate_again;

    switch (step) {
    case PROTO_STEP_REPAIR:
        return job->limits.repair;
    case PROTO_STEP_QUIESCE:
        return job->limits.quiesce && isolate;
    case PROTO_STEP_SSH_LOCK:
        return job->limits.ssh_lock && isolate;
    case PROTO_STEP_RESTORE:
    case PROTO_STEP_PROVE:
        return job->changed;
    case PROTO_STEP_SSH_UNLOCK:
        return job->ssh_locked;
    case PROTO_STEP_RESUME:
        return job->quiesced;
    case PROTO_STEP_DISARM:
        return job->armed;
    case PROTO_STEP_STAGE:
    case PROTO_STEP_BASELINE:
    case PROTO_STEP_PRECHECK:
    case PROTO_STEP_ARM:
    case PROTO_STEP_UPGRADE:
    case PROTO_STEP_VERIFY:
        return true;
    }

    return false;
}

static uint32_t next_step(const struct agent_job *job)
{
    uint32_t steps = agent_job_steps_of((enum proto_job_state)job->state);

    for (uint32_t step = job->step + 1; step <= PROTO_STEP_LAST; step++) {
        if ((steps & BL_SM_BIT(step)) != 0 && is_needed(job, (enum proto_step)step))
            return step;
    }

    return 0;
}

void agent_job_run_step(struct agent_job *job, struct agent_job_effects *effects)
{
    job->step_running = true;
    job->retry_at = (struct bl_mono){0};
    (void)agent_job_record(job, PROTO_MOMENT_BEGIN, effects);
    agent_job_emit(effects, AGENT_JOB_RUN)->step = (enum proto_step)job->step;
}

void agent_job_begin_step(struct agent_job *job, uint32_t step, struct agent_job_effects *effects)
{
    if (step != job->step)
        job->tries = 0;
    job->tries++;
    job->step = step;
    if (step == PROTO_STEP_QUIESCE)
        job->quiesced = true;
    if (step == PROTO_STEP_SSH_LOCK)
        job->ssh_locked = true;
    if (step == PROTO_STEP_ARM) {
        job->armed = true;
        job->isolate_again = false; /* done; the way back takes nothing more */
    }
    if (step == PROTO_STEP_UPGRADE)
        job->changed = true;

    agent_job_run_step(job, effects);
}

void agent_job_enter(struct agent_job *job, enum proto_job_state to, struct bl_mono now,
                     struct agent_job_effects *effects)
{
    bl_sm_move(agent_job_rows, AGENT_JOB_ROW_COUNT, &job->state, to);
    job->step = 0;
    job->tries = 0;
    job->step_running = false;
    job->retry_at = (struct bl_mono){0};
    if (to == PROTO_JOB_STAGING)
        job->stage_deadline = bl_mono_after(now, job->limits.stage_ms);
    if (to == PROTO_JOB_READY && job->limits.ready_ms > 0)
        job->ready_deadline = bl_mono_after(now, job->limits.ready_ms);
    if (to == PROTO_JOB_VERIFYING)
        job->confirm_deadline = bl_mono_after(now, job->limits.confirm_within_ms);
    if (to == PROTO_JOB_PROBATION) {
        job->watch_end = bl_mono_after(now, job->limits.watch_ms);
        job->ask_at = job->confirm_deadline;
        job->asks_in_vain = 0;
        job->blames = 0;
    }
    if (to == PROTO_JOB_REVERTING)
        job->way_backs++;
    if (to == PROTO_JOB_REVERT_FAILED)
        job->revert_wanted = false; /* it was done; the next wish is a new one */
    if (to == PROTO_JOB_COMMITTED)
        job->way_back_end = bl_mono_after(now, job->limits.keep_way_back_ms);

    agent_job_describe(agent_job_record(job, PROTO_MOMENT_STATE, effects), job->code, job->reason);
    if (to == PROTO_JOB_PROBATION)
        (void)agent_job_emit(effects, AGENT_JOB_RECONNECT);
}

static enum proto_job_state end_of_way_back(const struct agent_job *job)
{
    if (job->undo_failed)
        return PROTO_JOB_REVERT_FAILED;
    if (job->cancel_wanted && !job->changed && !job->failed)
        return PROTO_JOB_CANCELLED;

    return PROTO_JOB_REVERTED;
}

/* Where a state leads whose steps are all done. */
static enum proto_job_state following_state(const struct agent_job *job)
{
    switch ((enum proto_job_state)job->state) {
    case PROTO_JOB_ACCEPTED:
        return PROTO_JOB_STAGING;
    case PROTO_JOB_STAGING:
        return PROTO_JOB_READY;
    case PROTO_JOB_READY:
        return PROTO_JOB_ISOLATING;
    case PROTO_JOB_ISOLATING:
        return PROTO_JOB_CHANGING;
    case PROTO_JOB_CHANGING:
    case PROTO_JOB_REBOOTING:
        return PROTO_JOB_VERIFYING;
    case PROTO_JOB_VERIFYING:
        return PROTO_JOB_PROBATION;
    case PROTO_JOB_PROBATION:
        return PROTO_JOB_COMMITTED;
    case PROTO_JOB_REVERTING:
        return end_of_way_back(job);
    case PROTO_JOB_OFFERED:
    case PROTO_JOB_REFUSED:
    case PROTO_JOB_BLOCKED:
    case PROTO_JOB_CANCELLED:
    case PROTO_JOB_COMMITTED:
    case PROTO_JOB_REVERTED:
    case PROTO_JOB_REVERT_FAILED:
        break;
    }

    BL_ASSERT(false); /* is_waiting keeps go_on away from them */
    return PROTO_JOB_REVERT_FAILED;
}

static bool is_waiting(const struct agent_job *job, struct bl_mono now)
{
    if (agent_job_is_final(job) || job->state == PROTO_JOB_OFFERED)
        return true;
    if (job->step_running || job->retry_at.ms != 0)
        return true;
    if (job->held && job->failed && job->state != PROTO_JOB_REVERTING)
        return true;
    if (job->state == PROTO_JOB_READY)
        return !job->start_wanted;
    if (job->state == PROTO_JOB_PROBATION)
        return !job->commit_seen || !bl_mono_reached(now, job->watch_end);

    return false;
}

/* The ends from which a way back may still begin: the host serves, so it is taken out first. */
static bool is_resumable(const struct agent_job *job)
{
    return job->state == PROTO_JOB_COMMITTED || job->state == PROTO_JOB_REVERT_FAILED;
}

bool agent_job_must_turn_back(const struct agent_job *job)
{
    if (job->step_running || job->state == PROTO_JOB_REVERTING || job->state == PROTO_JOB_OFFERED)
        return false;
    if (agent_job_is_final(job))
        return job->revert_wanted && is_resumable(job);
    /* Before anything was touched there is nothing that a person could want to hold. */
    if (job->failed) {
        return !job->held || job->state == PROTO_JOB_STAGING || job->revert_wanted ||
               job->cancel_wanted;
    }

    return job->revert_wanted || job->cancel_wanted;
}

static void turn_back(struct agent_job *job, struct bl_mono now, struct agent_job_effects *effects)
{
    bool is_untouched = job->state == PROTO_JOB_STAGING || job->state == PROTO_JOB_READY;

    /* Nothing more is taken from a host on which nothing was changed. */
    if (!is_resumable(job))
        job->isolate_again = false;
    if (!is_untouched) {
        agent_job_enter(job, PROTO_JOB_REVERTING, now, effects);
    } else if (job->failed && !job->cancel_wanted && !job->revert_wanted) {
        agent_job_enter(job, PROTO_JOB_BLOCKED, now, effects);
    } else {
        agent_job_enter(job, PROTO_JOB_CANCELLED, now, effects);
    }
}

void agent_job_go_on(struct agent_job *job, struct bl_mono now, struct agent_job_effects *effects)
{
    if (agent_job_must_turn_back(job))
        turn_back(job, now, effects);

    while (!is_waiting(job, now)) {
        uint32_t step = next_step(job);

        if (step != 0) {
            if (job->state == PROTO_JOB_PROBATION && step == PROTO_STEP_VERIFY)
                job->confirm_deadline = bl_mono_after(now, job->limits.confirm_within_ms);
            agent_job_begin_step(job, step, effects);
            return;
        }
        agent_job_enter(job, following_state(job), now, effects);
    }
}
