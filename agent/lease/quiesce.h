/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_QUIESCE_H
#define AGENT_LEASE_QUIESCE_H

#include <systemd/sd-event.h>

#include "agent/lease/lease.h"

/*
 * Pauses cron, timers and backup jobs, and gives them back. Running backups are waited for, then
 * everything named is stopped and kept from being started by a drop-in whose condition is the
 * lease itself: unlike a mask it also holds units that lie in /etc, and a package's attempt to
 * start such a unit is skipped without an error. Sockets, paths and timers that would trigger a
 * stopped service are held with it, and what would stop with it comes back with it. What did not
 * run is not started at the end; what could not be started again is never stopped.
 *
 * Both operations run on the caller's event loop and end with one call of `done`; both may be
 * repeated, and join what is already held.
 *
 * Codes: quiesce_taken (another job holds it), quiesce_protected (the host needs that unit),
 * quiesce_backup_running, quiesce_stop, quiesce_resume, quiesce_failed (disk, PID 1, ...).
 */
struct agent_quiesce_caller {
    sd_event *event;
    void *userdata;
    /* result: 0 or -errno. The operation may be freed in here. */
    void (*done)(void *userdata, int result, const struct agent_lease_outcome *outcome);
    int64_t jobs_ms; /* longest wait for units to stop or to start; 0: the default, 120 s */
};

struct agent_quiesce;

/*
 * Borrows `places` for the operation's life, and `manifest` too. `done` never comes from within
 * the call. Fails only where no loop, memory or PID 1 is to be had; nothing is done then.
 */
int agent_quiesce_take(const struct agent_lease_places *places, const char *job,
                       const struct proto_manifest *manifest,
                       const struct agent_quiesce_caller *caller, struct agent_quiesce **ret_op,
                       struct bl_error *err) BL_CHECKED;

int agent_quiesce_release(const struct agent_lease_places *places,
                          const struct agent_quiesce_caller *caller, struct agent_quiesce **ret_op,
                          struct bl_error *err) BL_CHECKED;

/*
 * At boot, before anything that it may hold is started: makes a lease of an earlier boot one of
 * this boot, for a job that goes on. Changes `record`, which then borrows `boot_id`. Does not wait.
 */
int agent_quiesce_keep(const struct agent_lease_places *places, struct agent_lease_record *record,
                       const char *boot_id, struct bl_error *err) BL_CHECKED;

/* Ends the waiting; undoes nothing. free(NULL) is fine, returns NULL. */
struct agent_quiesce *agent_quiesce_free(struct agent_quiesce *op);

#endif
