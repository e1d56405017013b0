/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_QUIESCE_UNITS_H
#define AGENT_LEASE_QUIESCE_UNITS_H

#include <systemd/sd-bus.h>

#include "agent/lease/lease.h"

/* Which of the host's units a pause holds, and the drop-ins that hold them. */

struct agent_quiesce_unit {
    char name[AGENT_LEASE_UNIT_BYTES_MAX + 1];
    bool was_active;
    int64_t next_run_ms;
    /* While a job of PID 1 is under way for it: */
    char job[64];
    bool pending, failed;
};

struct agent_quiesce_list {
    struct agent_quiesce_unit units[AGENT_LEASE_UNITS_MAX];
    uint32_t count;
};

/*
 * Finds all units that the manifest wants paused and that exist here, and what triggers them, in
 * the order in which to stop them. -EPROTO for one that must not be, -EMSGSIZE for too many.
 */
int agent_quiesce_collect(sd_bus *bus, const struct proto_manifest *manifest,
                          struct agent_quiesce_list *ret_list, struct bl_error *err) BL_CHECKED;

/* The first running backup's name goes to ret_name. Returns how many there are. */
int agent_quiesce_find_backups(sd_bus *bus, const struct proto_manifest *manifest,
                               char ret_name[AGENT_LEASE_UNIT_BYTES_MAX + 1], struct bl_error *err)
    BL_CHECKED;

/* Writes the drop-ins; PID 1 has to read its files again afterwards. */
int agent_quiesce_hold(const struct agent_lease_places *places,
                       const struct agent_quiesce_list *list, struct bl_error *err) BL_CHECKED;

/*
 * Removes every drop-in of ours, record or not. Returns how many there were. One that can't be
 * removed does not keep the others; the first failure is returned then.
 */
int agent_quiesce_unhold(const struct agent_lease_places *places, struct bl_error *err) BL_CHECKED;

#endif
