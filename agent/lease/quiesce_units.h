/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_QUIESCE_UNITS_H
#define AGENT_LEASE_QUIESCE_UNITS_H

#include <systemd/sd-bus.h>

#include "agent/lease/lease.h"

/* Which of the host's units a pause holds. */

enum {
    AGENT_QUIESCE_LEFT_BYTES = 256,
};

struct agent_quiesce_unit {
    char name[AGENT_LEASE_UNIT_BYTES_MAX + 1];
    bool was_active;
    int64_t next_run_ms;
    bool catches_up, runs_unknown;
    /* While a job of PID 1 is under way for it: */
    char job[64];
    bool pending, failed;
    bool late; /* the job did not end in time, and may still be under way */
};

struct agent_quiesce_list {
    struct agent_quiesce_unit units[AGENT_LEASE_UNITS_MAX];
    uint32_t count;
    char left[AGENT_QUIESCE_LEFT_BYTES]; /* what matches and runs on, and why; "" when nothing */
};

/*
 * Finds all units that the manifest wants paused and that exist here, loaded or not, with what
 * triggers them and what would stop with them, in the order in which to stop them. What runs and
 * could not be started again (transient, masked) is left alone and told in ret_list->left.
 * -EPROTO for one that must not be paused, -EMSGSIZE for too many.
 */
int agent_quiesce_collect(sd_bus *bus, const struct proto_manifest *manifest,
                          struct agent_quiesce_list *ret_list, struct bl_error *err) BL_CHECKED;

/* When the timers of the list run next, as it is now: they may have run since they were collected. */
void agent_quiesce_look_at_timers(sd_bus *bus, struct agent_quiesce_list *list);

/* Calls `visit` for each loaded unit, with its ActiveState, until that returns below 0. */
int agent_quiesce_visit_units(sd_bus *bus,
                              int (*visit)(void *userdata, const char *name, const char *active,
                                           struct bl_error *err),
                              void *userdata, struct bl_error *err) BL_CHECKED;

#endif
