/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_LEASE_H
#define AGENT_LEASE_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/clock.h"
#include "common/error.h"
#include "proto/manifest.h"

/*
 * A lease is something that was switched off for a job: SSH for all but the kept, services and
 * timers. Its record is durable before anything is switched off, and goes when all was given back.
 * Whoever holds the record can give back: the agent at the end of the job, belay-lease by its
 * timer or at boot when there is no agent any more. Nothing here needs journal, link or controller.
 */
#define AGENT_LEASE_SSH_LOCK "ssh_lock"
#define AGENT_LEASE_QUIESCE  "quiesce"

enum {
    AGENT_LEASE_FORMAT = 1,
    AGENT_LEASE_KINDS = 2, /* ssh_lock, quiesce */
    AGENT_LEASE_JOB_BYTES = 33,
    AGENT_LEASE_UNITS_MAX = 512,
    AGENT_LEASE_UNIT_BYTES_MAX = 255,
    AGENT_LEASE_RECORD_BYTES_MAX = 192 * 1024,
    AGENT_LEASE_CODE_BYTES = 49,
    AGENT_LEASE_REASON_BYTES = 513,
    AGENT_LEASE_RETRY_MS = 60 * 1000, /* a give-back that failed is tried again so often */
};

/* Where things lie; for tests other places than agent_lease_places_default. */
struct agent_lease_places {
    const char *lease_dir;    /* no blank, no '%': the path becomes part of a unit's condition */
    const char *unit_dir;     /* where units are held by drop-ins, gone at a reboot */
    const char *manager;      /* address of PID 1's own socket: works without dbus-daemon */
    const char *sshd_program; /* absolute */
    const char *sshd_config;
    const char *sshd_lock_dir; /* the directory that sshd_config includes */
};
extern const struct agent_lease_places agent_lease_places_default;

struct agent_lease_unit {
    const char *name;
    bool was_active;     /* given back running; otherwise only allowed to run again */
    int64_t next_run_ms; /* timers: wall clock of the run that comes next; 0: none known */
    bool catches_up;     /* timers: a run that was missed is made up for when it is given back */
    bool runs_unknown;   /* timers: what it starts ran when it was paused, so none was known */
};

struct agent_lease_record {
    uint64_t format;
    const char *job;                /* 32 hex digits */
    int64_t taken_ms, until_ms;     /* wall clock */
    const char *boot_id;            /* of the boot in which it was taken */
    uint64_t until_mono_ms;         /* CLOCK_BOOTTIME of that boot */
    struct agent_lease_unit *units; /* quiesce: as they were stopped; ssh_lock: sshd's own */
    uint32_t units_count;
};

extern const struct proto_schema agent_lease_record_schema;

/* How taking or giving back went; always filled, for the report. */
struct agent_lease_outcome {
    char code[AGENT_LEASE_CODE_BYTES];     /* stable name of why it failed; "" when it did not */
    char reason[AGENT_LEASE_REASON_BYTES]; /* a sentence: what was done, or why not */
};

/* True for the names of leases that exist; belay-lease takes no others. */
bool agent_lease_is_name(const char *name);

/*
 * Reads what a lease holds; texts and list are in `arena`. 1: held; 0: not. -EUCLEAN when the
 * record cannot be read: then it must be given back as far as that goes without it.
 */
int agent_lease_load(const struct agent_lease_places *places, const char *name,
                     struct proto_arena *arena, struct agent_lease_record *ret_record,
                     struct bl_error *err) BL_CHECKED;

struct agent_lease_info {
    const char *name; /* static */
    char job[AGENT_LEASE_JOB_BYTES];
    struct bl_wall taken, until;
};

/* What is held right now, for `belay-rescue status`. An unreadable record is listed with job "". */
int agent_lease_list(const struct agent_lease_places *places,
                     struct agent_lease_info ret_infos[AGENT_LEASE_KINDS], size_t *ret_count,
                     struct bl_error *err) BL_CHECKED;

#endif
