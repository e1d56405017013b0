/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_JOB_WORLD_H
#define TESTS_SIM_JOB_WORLD_H

#include "agent/core/job.h"
#include "tests/sim/sim.h"

/* What is true around one job of job_sim: host, controller, network and people. */

enum {
    PENDING_MAX = 64,
    CHAOS_EVENTS = 80,  /* after so many events nothing new goes wrong */
    EVENTS_MAX = 20000, /* a job that has not ended by then never will */
    TIME_LIMIT_MS = 100000000,
};

enum packages {
    OLD,
    MIXED,
    NEW
};

struct pending {
    int64_t at_ms; /* of the world, not of a boot */
    struct agent_job_event event;
};

struct world {
    struct sim_chance chance;
    int64_t now_ms, boot_ms; /* the world's time, and when this boot began in it */
    int64_t wake_ms;
    int64_t disk_boot_ms;     /* the boot in which the job was recorded */
    int64_t unit_end_ms;      /* of the unit that runs */
    int64_t controller_up_ms; /* away until then */
    int64_t probation_ms;     /* since when, in this boot */
    uint64_t nonce_known;     /* to the controller */
    struct agent_job live, disk;
    struct pending pending[PENDING_MAX];
    uint32_t pending_count, events, release_failures;

    /* The host. */
    enum packages packages;
    uint32_t unit; /* enum proto_step of the unit that runs; 0 = none */
    enum proto_result unit_result;
    enum proto_grade unit_grade;
    bool quiesced, ssh_locked, armed; /* true as soon as a step may have taken it */
    bool is_staged, upgrade_started, upgrade_ended, restored, proven, undo_step_failed;
    bool verified;    /* in this boot */
    bool looked_last; /* and once more at the end of the watch */

    /* Fates. */
    bool is_healthy, is_cut_off, is_link_broken, has_broken_release, has_broken_probe;
    bool gets_bad; /* while it serves; who watches it finds that until it is heard */
    bool is_found; /* heard, and the agent came to rest after it: binding */

    /* The controller and people. */
    bool is_calm;
    bool is_offered; /* the disk has a job */
    bool start_owed, revert_sent;
    bool is_try_due;               /* somebody wants a way back that failed once more */
    bool revert_told, cancel_told; /* and the agent came to rest after it: binding */
    bool link_proven;              /* a connection was made in this boot, after the change */
    bool commit_delivered, is_committed, is_ended;
};

#endif
