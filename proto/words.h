/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_WORDS_H
#define PROTO_WORDS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The words of the field, once: on wire, on disk, in reports and in both decision cores. Values are
 * never renumbered or reused. No more than names in here, so that the pure cores may include it.
 */
enum {
    PROTO_ATTEMPTS_MAX = 1000000, /* of going back: orders above it are taken for doubles */
};

enum proto_risk {
    PROTO_RISK_LOW = 1,
    PROTO_RISK_MEDIUM,
    PROTO_RISK_HIGH
};
enum proto_action { /* what happens to one package */
    PROTO_ACTION_INSTALL = 1,
    PROTO_ACTION_UPGRADE,
    PROTO_ACTION_DOWNGRADE,
    PROTO_ACTION_REMOVE,
};
/* A job's states, the same words on host, wire, controller and in reports. */
enum proto_job_state {
    PROTO_JOB_OFFERED = 1,
    PROTO_JOB_REFUSED,
    PROTO_JOB_ACCEPTED,
    PROTO_JOB_STAGING,
    PROTO_JOB_BLOCKED,
    PROTO_JOB_READY,
    PROTO_JOB_CANCELLED,
    PROTO_JOB_ISOLATING,
    PROTO_JOB_CHANGING,
    PROTO_JOB_REBOOTING,
    PROTO_JOB_VERIFYING,
    PROTO_JOB_PROBATION,
    PROTO_JOB_COMMITTED,
    PROTO_JOB_REVERTING,
    PROTO_JOB_REVERTED,
    PROTO_JOB_REVERT_FAILED,
    PROTO_JOB_STATE_LAST = PROTO_JOB_REVERT_FAILED,
};

/* What is wrong with a way back that is kept; one that is whole is not spoken of. */
enum proto_way_back_state {
    PROTO_WAY_BACK_NEARLY_LOST = 1, /* its snapshot may run full, and there is no room for more */
    PROTO_WAY_BACK_LOST,            /* for good */
    PROTO_WAY_BACK_STATE_LAST = PROTO_WAY_BACK_LOST,
};

/* Steps of a job, in the order in which they run. One file each in agent/root/ops/ or a txn phase. */
enum proto_step {
    PROTO_STEP_REPAIR = 1, /* of a package database that was half done before we came */
    PROTO_STEP_STAGE,      /* resolve, fetch, way back, rehearse both directions */
    PROTO_STEP_BASELINE,   /* record what "as before" means */
    PROTO_STEP_PRECHECK,   /* findings with remedies */
    PROTO_STEP_QUIESCE,    /* cron, timers, backup jobs */
    PROTO_STEP_SSH_LOCK,
    PROTO_STEP_ARM,     /* the silence timer */
    PROTO_STEP_UPGRADE, /* the package run */
    PROTO_STEP_VERIFY,
    PROTO_STEP_RESTORE, /* the package run of the way back */
    PROTO_STEP_PROVE,   /* former state, proven */
    PROTO_STEP_SSH_UNLOCK,
    PROTO_STEP_RESUME, /* give cron, timers, backup jobs back */
    PROTO_STEP_DISARM,
    PROTO_STEP_LAST = PROTO_STEP_DISARM,
};

enum proto_grade {
    PROTO_GRADE_MINOR = 1,
    PROTO_GRADE_FUNCTIONAL,
    PROTO_GRADE_SEVERE
};
/* What a host tells of its own load. The unit of each is fixed. */
enum proto_figure {
    PROTO_FIGURE_CPU = 1,         /* busy, thousandths of all processors */
    PROTO_FIGURE_MEMORY,          /* not available, thousandths */
    PROTO_FIGURE_LOAD,            /* over one minute, thousandths of a process */
    PROTO_FIGURE_AWAIT,           /* of the slowest disk, microseconds a request */
    PROTO_FIGURE_DISK,            /* used of the fullest file system, thousandths */
    PROTO_FIGURE_PRESSURE_CPU,    /* PSI, some, over ten seconds: thousandths of the time */
    PROTO_FIGURE_PRESSURE_MEMORY, /* the same */
    PROTO_FIGURE_PRESSURE_IO,     /* the same */
    PROTO_FIGURE_LAST = PROTO_FIGURE_PRESSURE_IO,
};
enum proto_moment {
    PROTO_MOMENT_STATE = 1,
    PROTO_MOMENT_BEGIN,
    PROTO_MOMENT_END,
    PROTO_MOMENT_NOTE, /* one of the things that a step found; before its end */
    PROTO_MOMENT_LAST = PROTO_MOMENT_NOTE,
};
enum proto_result {
    PROTO_RESULT_OK = 1,
    PROTO_RESULT_FAILED,
    PROTO_RESULT_UNKNOWN
};

/* Stable lower-case names ("revert_failed", "ssh_lock", "functional"); "?" when out of range. */
const char *proto_job_state_name(uint32_t state);
const char *proto_step_name(uint32_t step);
const char *proto_grade_name(uint32_t grade);
const char *proto_way_back_state_name(uint32_t state);
const char *proto_result_name(uint32_t result);
const char *proto_risk_name(uint32_t risk);
const char *proto_action_name(uint32_t action);
const char *proto_figure_name(uint32_t figure);
bool proto_job_state_is_final(uint32_t state);

#endif
