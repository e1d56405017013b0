/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may follow what, which steps belong to which state, and what must hold of a job at rest.
 * job.c decides when; nothing in here decides anything.
 */
#include "agent/core/job_table.h"

#include <stddef.h>
#include <string.h>

#include "agent/core/job.h"
#include "common/check.h"

#define TO(name)   BL_SM_BIT(PROTO_JOB_##name)
#define STEP(name) BL_SM_BIT(PROTO_STEP_##name)

/* The names are those of proto/words.h. */
const struct bl_sm_row agent_job_rows[AGENT_JOB_ROW_COUNT] = {
    [PROTO_JOB_OFFERED] = {.next = TO(ACCEPTED) | TO(REFUSED)},
    [PROTO_JOB_REFUSED] = {.final = true},
    [PROTO_JOB_ACCEPTED] = {.next = TO(STAGING)},
    [PROTO_JOB_STAGING] = {.next = TO(READY) | TO(BLOCKED) | TO(CANCELLED)},
    [PROTO_JOB_BLOCKED] = {.final = true},
    [PROTO_JOB_READY] = {.next = TO(ISOLATING) | TO(CANCELLED)},
    [PROTO_JOB_CANCELLED] = {.final = true},
    [PROTO_JOB_ISOLATING] = {.next = TO(CHANGING) | TO(REVERTING)},
    [PROTO_JOB_CHANGING] = {.next = TO(VERIFYING) | TO(REVERTING)},
    /* Planned reboots have no step yet: nothing leads here. */
    [PROTO_JOB_REBOOTING] = {.next = TO(VERIFYING) | TO(REVERTING)},
    [PROTO_JOB_VERIFYING] = {.next = TO(VERIFYING) | TO(PROBATION) | TO(REVERTING)},
    [PROTO_JOB_PROBATION] = {.next = TO(VERIFYING) | TO(COMMITTED) | TO(REVERTING)},
    [PROTO_JOB_COMMITTED] = {.next = TO(REVERTING), .final = true},
    [PROTO_JOB_REVERTING] = {.next = TO(REVERTED) | TO(REVERT_FAILED) | TO(CANCELLED)},
    [PROTO_JOB_REVERTED] = {.final = true},
    /* Once a person has removed what was in its way, it can be gone once more. */
    [PROTO_JOB_REVERT_FAILED] = {.next = TO(REVERTING), .final = true},
};

/* Within a state they run in the order of enum proto_step; job.c leaves out what is not needed. */
static const uint32_t steps_of[AGENT_JOB_ROW_COUNT] = {
    [PROTO_JOB_STAGING] = STEP(REPAIR) | STEP(STAGE) | STEP(BASELINE) | STEP(PRECHECK),
    [PROTO_JOB_ISOLATING] = STEP(QUIESCE) | STEP(SSH_LOCK),
    /* The first two only after a reboot before the change began. */
    [PROTO_JOB_CHANGING] = STEP(QUIESCE) | STEP(SSH_LOCK) | STEP(ARM) | STEP(UPGRADE),
    [PROTO_JOB_VERIFYING] = STEP(VERIFY) | STEP(SSH_UNLOCK) | STEP(RESUME),
    [PROTO_JOB_PROBATION] = STEP(VERIFY) | STEP(DISARM),
    [PROTO_JOB_REVERTING] = STEP(QUIESCE) | STEP(SSH_LOCK) | STEP(RESTORE) | STEP(PROVE) |
                            STEP(SSH_UNLOCK) | STEP(RESUME) | STEP(DISARM),
};

/* The states in which the package run may already have begun, and those in which it must have. */
static const uint32_t may_be_changed = TO(CHANGING) | TO(VERIFYING) | TO(PROBATION) |
                                       TO(COMMITTED) | TO(REVERTING) | TO(REVERTED) |
                                       TO(REVERT_FAILED);
static const uint32_t must_be_changed = TO(VERIFYING) | TO(PROBATION) | TO(COMMITTED);

/* The states in which something switched off may not have been given back. */
static const uint32_t may_hold_leases =
    TO(ISOLATING) | TO(CHANGING) | TO(VERIFYING) | TO(REVERTING) | TO(REVERT_FAILED);

/* The states that always wait for a step, or for the moment to run it again. */
static const uint32_t always_busy =
    TO(STAGING) | TO(ISOLATING) | TO(CHANGING) | TO(VERIFYING) | TO(REVERTING);

static const uint32_t has_cause =
    TO(BLOCKED) | TO(CANCELLED) | TO(REVERTING) | TO(REVERTED) | TO(REVERT_FAILED);

static bool is_in(const struct agent_job *job, uint32_t states)
{
    return (states & BL_SM_BIT(job->state)) != 0;
}

static bool is_terminated(const char *text, size_t size_bytes)
{
    return memchr(text, '\0', size_bytes) != NULL;
}

static bool has_sound_fields(const struct agent_job *job)
{
    const struct agent_job_limits *limits = &job->limits;

    return job->state >= PROTO_JOB_OFFERED && job->state <= PROTO_JOB_STATE_LAST &&
           job->state != PROTO_JOB_REBOOTING && job->step <= PROTO_STEP_LAST &&
           job->grade <= PROTO_GRADE_SEVERE && limits->stage_ms > 0 && limits->ready_ms >= 0 &&
           limits->confirm_within_ms > 0 && limits->watch_ms > 0 && limits->keep_way_back_ms > 0 &&
           is_terminated(job->code, sizeof(job->code)) &&
           is_terminated(job->reason, sizeof(job->reason)) &&
           (job->nonce != 0 || is_in(job, TO(OFFERED) | TO(REFUSED)));
}

static bool has_sound_step(const struct agent_job *job)
{
    bool waits_for_retry = job->retry_at.ms != 0;
    bool waits_for_release = job->held && job->failed;

    if (job->step != 0 && (steps_of[job->state] & BL_SM_BIT(job->step)) == 0)
        return false;
    if ((job->step_running || waits_for_retry) && (job->step == 0 || job->tries == 0))
        return false;
    if (job->step_running && waits_for_retry)
        return false;
    if (is_in(job, always_busy) && !job->step_running && !waits_for_retry && !waits_for_release)
        return false;
    if (job->state == PROTO_JOB_CHANGING && job->step == PROTO_STEP_UPGRADE)
        return job->changed && job->armed;

    return true;
}

static bool has_sound_leases(const struct agent_job *job)
{
    bool holds_a_lease = job->quiesced || job->ssh_locked;

    if (holds_a_lease && !is_in(job, may_hold_leases))
        return false;
    if (job->armed && !is_in(job, may_hold_leases | TO(PROBATION)))
        return false;
    if (job->changed && !is_in(job, may_be_changed))
        return false;
    if (!job->changed && is_in(job, must_be_changed))
        return false;

    return true;
}

static bool has_sound_deadlines(const struct agent_job *job)
{
    switch ((enum proto_job_state)job->state) {
    case PROTO_JOB_STAGING:
        return job->stage_deadline.ms != 0;
    case PROTO_JOB_VERIFYING:
        return job->confirm_deadline.ms != 0;
    case PROTO_JOB_PROBATION:
        return job->watch_end.ms != 0 && job->ask_at.ms != 0 &&
               (job->link_new || !job->commit_seen);
    case PROTO_JOB_COMMITTED:
        return job->way_back_end.ms != 0;
    case PROTO_JOB_OFFERED:
    case PROTO_JOB_REFUSED:
    case PROTO_JOB_ACCEPTED:
    case PROTO_JOB_BLOCKED:
    case PROTO_JOB_READY:
    case PROTO_JOB_CANCELLED:
    case PROTO_JOB_ISOLATING:
    case PROTO_JOB_CHANGING:
    case PROTO_JOB_REBOOTING:
    case PROTO_JOB_REVERTING:
    case PROTO_JOB_REVERTED:
    case PROTO_JOB_REVERT_FAILED:
        return true;
    }

    return false;
}

bool agent_job_is_sound(const struct agent_job *job)
{
    return has_sound_fields(job) && has_sound_step(job) && has_sound_leases(job) &&
           has_sound_deadlines(job) && (job->code[0] != '\0' || !is_in(job, has_cause));
}

void agent_job_check(const struct agent_job *job)
{
    BL_ASSERT(has_sound_fields(job));
    BL_ASSERT(has_sound_step(job));
    BL_ASSERT(has_sound_leases(job));
    BL_ASSERT(has_sound_deadlines(job));
    BL_ASSERT(job->code[0] != '\0' || !is_in(job, has_cause));
}

bool agent_job_is_open(const struct agent_job *job)
{
    return !agent_job_rows[job->state].final || job->quiesced || job->ssh_locked || job->armed;
}

bool agent_job_may_follow(enum proto_job_state from, enum proto_job_state to)
{
    return bl_sm_allows(agent_job_rows, AGENT_JOB_ROW_COUNT, from, to);
}

uint32_t agent_job_steps_of(enum proto_job_state state)
{
    BL_ASSERT(state >= PROTO_JOB_OFFERED && state <= PROTO_JOB_STATE_LAST);

    return steps_of[state];
}
