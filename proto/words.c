/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/words.h"

#include <stddef.h>

#include "proto/manifest.h"

/* One table a set of words, by value. A hole or a value beyond the table is "?". */
#define NAME_OF(table, value) \
    ((value) < sizeof(table) / sizeof((table)[0]) && (table)[value] != NULL ? (table)[value] : "?")

static const char *const sessions_names[] = {
    [PROTO_SESSIONS_KEEP] = "keep",
    [PROTO_SESSIONS_WARN] = "warn",
    [PROTO_SESSIONS_END] = "end",
};
static const char *const risk_names[] = {
    [PROTO_RISK_LOW] = "low",
    [PROTO_RISK_MEDIUM] = "medium",
    [PROTO_RISK_HIGH] = "high",
};

static const char *const action_names[] = {
    [PROTO_ACTION_INSTALL] = "install",
    [PROTO_ACTION_UPGRADE] = "upgrade",
    [PROTO_ACTION_DOWNGRADE] = "downgrade",
    [PROTO_ACTION_REMOVE] = "remove",
};

static const char *const job_state_names[] = {
    [PROTO_JOB_OFFERED] = "offered",     [PROTO_JOB_REFUSED] = "refused",
    [PROTO_JOB_ACCEPTED] = "accepted",   [PROTO_JOB_STAGING] = "staging",
    [PROTO_JOB_BLOCKED] = "blocked",     [PROTO_JOB_READY] = "ready",
    [PROTO_JOB_CANCELLED] = "cancelled", [PROTO_JOB_ISOLATING] = "isolating",
    [PROTO_JOB_CHANGING] = "changing",   [PROTO_JOB_REBOOTING] = "rebooting",
    [PROTO_JOB_VERIFYING] = "verifying", [PROTO_JOB_PROBATION] = "probation",
    [PROTO_JOB_COMMITTED] = "committed", [PROTO_JOB_REVERTING] = "reverting",
    [PROTO_JOB_REVERTED] = "reverted",   [PROTO_JOB_REVERT_FAILED] = "revert_failed",
};

static const char *const step_names[] = {
    [PROTO_STEP_REPAIR] = "repair",     [PROTO_STEP_STAGE] = "stage",
    [PROTO_STEP_BASELINE] = "baseline", [PROTO_STEP_PRECHECK] = "precheck",
    [PROTO_STEP_QUIESCE] = "quiesce",   [PROTO_STEP_SSH_LOCK] = "ssh_lock",
    [PROTO_STEP_ARM] = "arm",           [PROTO_STEP_UPGRADE] = "upgrade",
    [PROTO_STEP_VERIFY] = "verify",     [PROTO_STEP_RESTORE] = "restore",
    [PROTO_STEP_PROVE] = "prove",       [PROTO_STEP_SSH_UNLOCK] = "ssh_unlock",
    [PROTO_STEP_RESUME] = "resume",     [PROTO_STEP_DISARM] = "disarm",
};

static const char *const way_back_state_names[] = {
    [PROTO_WAY_BACK_NEARLY_LOST] = "nearly_lost",
    [PROTO_WAY_BACK_LOST] = "lost",
};

static const char *const grade_names[] = {
    [PROTO_GRADE_MINOR] = "minor",
    [PROTO_GRADE_FUNCTIONAL] = "functional",
    [PROTO_GRADE_SEVERE] = "severe",
};

static const char *const figure_names[] = {
    [PROTO_FIGURE_CPU] = "cpu",
    [PROTO_FIGURE_MEMORY] = "memory",
    [PROTO_FIGURE_LOAD] = "load",
    [PROTO_FIGURE_AWAIT] = "await",
    [PROTO_FIGURE_DISK] = "disk",
    [PROTO_FIGURE_PRESSURE_CPU] = "pressure_cpu",
    [PROTO_FIGURE_PRESSURE_MEMORY] = "pressure_memory",
    [PROTO_FIGURE_PRESSURE_IO] = "pressure_io",
};

static const char *const result_names[] = {
    [PROTO_RESULT_OK] = "ok",
    [PROTO_RESULT_FAILED] = "failed",
    [PROTO_RESULT_UNKNOWN] = "unknown",
};

_Static_assert(sizeof(job_state_names) / sizeof(job_state_names[0]) == PROTO_JOB_STATE_LAST + 1,
               "each state of a job has a name");
_Static_assert(sizeof(step_names) / sizeof(step_names[0]) == PROTO_STEP_LAST + 1,
               "each step of a job has a name");

const char *proto_job_state_name(uint32_t state)
{
    return NAME_OF(job_state_names, state);
}

const char *proto_step_name(uint32_t step)
{
    return NAME_OF(step_names, step);
}

const char *proto_grade_name(uint32_t grade)
{
    return NAME_OF(grade_names, grade);
}

const char *proto_way_back_state_name(uint32_t state)
{
    return NAME_OF(way_back_state_names, state);
}

const char *proto_result_name(uint32_t result)
{
    return NAME_OF(result_names, result);
}

const char *proto_risk_name(uint32_t risk)
{
    return NAME_OF(risk_names, risk);
}

const char *proto_sessions_name(uint32_t sessions)
{
    return NAME_OF(sessions_names, sessions);
}

const char *proto_action_name(uint32_t action)
{
    return NAME_OF(action_names, action);
}

bool proto_job_state_is_final(uint32_t state)
{
    static const bool final[PROTO_JOB_STATE_LAST + 1] = {
        [PROTO_JOB_REFUSED] = true,   [PROTO_JOB_BLOCKED] = true,  [PROTO_JOB_CANCELLED] = true,
        [PROTO_JOB_COMMITTED] = true, [PROTO_JOB_REVERTED] = true, [PROTO_JOB_REVERT_FAILED] = true,
    };

    return state <= PROTO_JOB_STATE_LAST && final[state];
}

const char *proto_figure_name(uint32_t figure)
{
    return NAME_OF(figure_names, figure);
}
