/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_MANAGER_H
#define AGENT_LEASE_MANAGER_H

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "agent/lease/lease.h"
#include "agent/lease/ssh_listen.h"

/*
 * PID 1, asked over its own socket: no dbus-daemon in between, which an upgrade may be restarting.
 * All calls wait for the answer, which takes milliseconds; jobs are waited for by who wants to.
 */
#define AGENT_MANAGER_NAME      "org.freedesktop.systemd1"
#define AGENT_MANAGER_PATH      "/org/freedesktop/systemd1"
#define AGENT_MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"

void agent_manager_close(sd_bus **bus);
#define AGENT_AUTO_MANAGER BL_CLEANUP(agent_manager_close)

int agent_manager_open(const struct agent_lease_places *places, sd_bus **ret_bus,
                       struct bl_error *err) BL_CHECKED;

struct agent_manager_unit {
    char id[AGENT_LEASE_UNIT_BYTES_MAX + 1]; /* the name behind an alias */
    bool loaded;                             /* false: there is no such unit on this host */
    bool startable;                          /* false: masked, or its file is broken */
    bool active; /* active, reloading or activating: it runs or is about to */
    bool ended;  /* inactive or failed: nothing of it runs */
};
int agent_manager_look(sd_bus *bus, const char *unit, struct agent_manager_unit *ret_unit,
                       struct bl_error *err) BL_CHECKED;

/* A text property of a service, "KillMode" for one. */
int agent_manager_service_text(sd_bus *bus, const char *unit, const char *property, char *ret_text,
                               size_t text_bytes, struct bl_error *err) BL_CHECKED;

/* Adds the addresses of TCP on which a socket unit listens. */
int agent_manager_socket_addresses(sd_bus *bus, const char *unit, struct agent_ssh_listen *listen,
                                   struct bl_error *err) BL_CHECKED;

/*
 * Queues a job: method "StartUnit", "StopUnit", "RestartUnit" or "ReloadUnit". The path of the job, for JobRemoved.
 */
int agent_manager_queue(sd_bus *bus, const char *method, const char *unit, char ret_job[static 64],
                        struct bl_error *err) BL_CHECKED;

/*
 * The same, and waits for the job's end, `timeout_ms` at most (below 0: none). -EPROTO when the job
 * failed. Not for a bus that is attached to an event loop.
 */
int agent_manager_run(sd_bus *bus, const char *method, const char *unit, int64_t timeout_ms,
                      struct bl_error *err) BL_CHECKED;

/* Forgets that `unit` failed, and how often it was started. */
int agent_manager_reset(sd_bus *bus, const char *unit, struct bl_error *err) BL_CHECKED;

/* Makes PID 1 read the unit files again. */
int agent_manager_reread(sd_bus *bus, struct bl_error *err) BL_CHECKED;

/*
 * A timer of PID 1's own: `timer` ("belay-lease@quiesce.timer") starts the service of the same name
 * after `after_ms`, and again AGENT_LEASE_RETRY_MS after each end of that service until disarmed.
 * Arming anew replaces; disarming what is not there is fine.
 */
int agent_manager_arm(sd_bus *bus, const char *timer, int64_t after_ms, struct bl_error *err)
    BL_CHECKED;
int agent_manager_disarm(sd_bus *bus, const char *timer, struct bl_error *err) BL_CHECKED;

#endif
