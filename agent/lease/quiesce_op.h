/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_QUIESCE_OP_H
#define AGENT_LEASE_QUIESCE_OP_H

#include <systemd/sd-bus.h>

#include "agent/lease/quiesce.h"
#include "agent/lease/quiesce_units.h"

/*
 * The machine that both ways share: quiesce.c turns it, quiesce_take.c and quiesce_give.c say what
 * happens. For these three files only.
 *
 * Taking: wait for backups, record, hold, stop, and look for backups once more, since one may have
 * begun in between. Giving back: unhold, start, forget.
 */
#define AGENT_QUIESCE_TIMER_UNIT "belay-lease@" AGENT_LEASE_QUIESCE ".timer"

enum agent_quiesce_phase {
    AGENT_QUIESCE_BEGIN = 1,
    AGENT_QUIESCE_BACKUPS, /* wait until no backup runs */
    AGENT_QUIESCE_JOBS,    /* wait for PID 1's jobs to stop or to start units */
    AGENT_QUIESCE_END,     /* the outcome is known */
};

struct agent_quiesce {
    const struct agent_lease_places *places;
    const struct proto_manifest *manifest; /* NULL: giving back */
    char job[AGENT_LEASE_JOB_BYTES];
    struct agent_quiesce_caller caller;
    sd_bus *bus; /* to PID 1, attached to the caller's loop */
    sd_bus_slot *job_removed, *unit_changed;
    sd_event_source *again, *timer;
    sd_event_source *recheck; /* BACKUPS: of processes PID 1 says nothing when they end */
    enum agent_quiesce_phase phase;
    bool collected; /* the list is as the host is now */
    bool held;      /* the record is there, the units are held */
    bool too_late;  /* the time to wait for backups is over */
    struct agent_quiesce_list list;
    struct proto_arena arena; /* of `record` */
    struct agent_lease_record record;
    struct bl_error unhold_failure; /* giving back: code 0 when every drop-in is gone */
    int result;
    struct agent_lease_outcome outcome;
};

/* quiesce_take.c: what the loop calls in each phase of taking. */
void agent_quiesce_begin_taking(struct agent_quiesce *op);
void agent_quiesce_look_for_backups(struct agent_quiesce *op);
void agent_quiesce_check_stopped(struct agent_quiesce *op);

/* quiesce_give.c: the same for giving back. */
void agent_quiesce_begin_giving(struct agent_quiesce *op);
void agent_quiesce_check_started(struct agent_quiesce *op);

/* quiesce.c: `done` comes with the next turn of the loop, never from inside one of our own calls. */
void agent_quiesce_fail(struct agent_quiesce *op, const char *code, const struct bl_error *err);
void agent_quiesce_succeed(struct agent_quiesce *op, const char *reason);

/* Sets the timer of the phase; the phase is then looked at again when it ends. */
void agent_quiesce_wait(struct agent_quiesce *op, int64_t after_ms);
void agent_quiesce_wait_for_jobs(struct agent_quiesce *op);

/* Queues a job of PID 1 for a unit of the list. */
int agent_quiesce_queue(struct agent_quiesce *op, const char *method,
                        struct agent_quiesce_unit *unit, struct bl_error *err) BL_CHECKED;

/* The list as an earlier call recorded it. */
void agent_quiesce_list_from_record(struct agent_quiesce *op);

/* The lease's own timer of PID 1; below 0 takes it away. */
int agent_quiesce_set_lease_timer(const struct agent_lease_places *places, int64_t after_ms,
                                  struct bl_error *err) BL_CHECKED;

#endif
