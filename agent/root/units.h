/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_UNITS_H
#define AGENT_ROOT_UNITS_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * What this process asks of PID 1, without ever waiting for it. The connection goes to systemd's
 * own socket: it needs no message bus, which is a package like any other and may be missing or in
 * the middle of an upgrade. It is opened by the first call and closed after the last, so that an
 * idle host is not woken by every unit that changes.
 *
 * systemd drops its connections when it re-executes itself, as its own upgrade makes it do. Calls
 * that only read are then asked again by themselves; one that waits for a unit ends with
 * AGENT_UNITS_LOST, since only its caller knows how to tell "ended meanwhile" from "never began".
 */
enum agent_unit_state { /* on disk in baselines: never renumbered */
    AGENT_UNIT_INACTIVE = 1,
    AGENT_UNIT_ACTIVE,
    AGENT_UNIT_FAILED,
    AGENT_UNIT_ACTIVATING,
    AGENT_UNIT_DEACTIVATING,
    AGENT_UNIT_STATE_LAST = AGENT_UNIT_DEACTIVATING,
};

/* "active", "failed", ...; "?" when out of range. */
const char *agent_unit_state_name(uint32_t state);

struct agent_unit {
    const char *name;
    uint32_t state;    /* enum agent_unit_state */
    uint64_t main_pid; /* services; 0 = none */
    uint64_t restarts; /* services: how often systemd restarted it by itself */
    bool enabled;      /* services: meant to run from boot on, not only on demand */
};

struct agent_units_list { /* sorted by name; services, sockets, mounts, timers, paths, swaps */
    struct agent_unit *items;
    uint32_t count;
};

/* NULL when this unit is not loaded or inactive. */
const struct agent_unit *agent_units_find(const struct agent_units_list *list, const char *name);

enum agent_units_end {
    AGENT_UNITS_OK = 1, /* the call's answer is there; for a run: the unit did its work */
    AGENT_UNITS_FAILED, /* `why` tells */
    AGENT_UNITS_LOST,   /* only for a run: see above */
};

struct agent_units_answer {
    enum agent_units_end end;
    const char *why;
    enum agent_unit_state state;         /* agent_units_state */
    const struct agent_units_list *list; /* agent_units_list; borrowed for the call */
};

typedef void (*agent_units_done_fn)(void *userdata, const struct agent_units_answer *answer);
/* A unit changed to FAILED while somebody watches. */
typedef void (*agent_units_failed_fn)(void *userdata, const char *name);

struct agent_units;
struct agent_units_call;

/* `address` is that of PID 1's own socket; it is borrowed. */
int agent_units_new(sd_event *loop, const char *address, struct agent_units **ret_units,
                    struct bl_error *err) BL_CHECKED;
struct agent_units *agent_units_free(struct agent_units *units);

/*
 * All of these return at once; `done` is called exactly once later, never from inside the call,
 * unless the call is dropped first. The call is gone when `done` is called.
 */
int agent_units_state(struct agent_units *units, const char *name, agent_units_done_fn done,
                      void *userdata, struct agent_units_call **ret_call) BL_CHECKED;
/* Starts the unit, or joins it when it runs already, and waits until it has ended. */
int agent_units_run(struct agent_units *units, const char *name, agent_units_done_fn done,
                    void *userdata, struct agent_units_call **ret_call) BL_CHECKED;
/* Everything that is loaded and not inactive. */
int agent_units_list(struct agent_units *units, agent_units_done_fn done, void *userdata,
                     struct agent_units_call **ret_call) BL_CHECKED;
/* Tells each unit that fails until it is dropped. */
int agent_units_watch(struct agent_units *units, agent_units_failed_fn failed, void *userdata,
                      struct agent_units_call **ret_call) BL_CHECKED;

/* Forgets a call without calling back. What was asked of systemd goes on. Returns NULL. */
struct agent_units_call *agent_units_drop(struct agent_units_call *call);

#endif
