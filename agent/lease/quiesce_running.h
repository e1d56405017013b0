/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_QUIESCE_RUNNING_H
#define AGENT_LEASE_QUIESCE_RUNNING_H

#include "agent/lease/quiesce_units.h"

/*
 * What runs at the moment and must not be cut off: services that are backups, and backups that a
 * unit of the list has started, as cron does. These live on when cron is stopped, in its control
 * group or, where a login session is made for each job, as its descendants only.
 */
enum {
    AGENT_QUIESCE_BACKUP_BYTES = 200,
};

/* The first running backup's name goes to ret_name. Returns how many there are. */
int agent_quiesce_find_backups(sd_bus *bus, const struct proto_manifest *manifest,
                               const struct agent_quiesce_list *list,
                               char ret_name[static AGENT_QUIESCE_BACKUP_BYTES],
                               struct bl_error *err) BL_CHECKED;

/* How many processes are left in the control groups of the list's services, for the report. */
uint32_t agent_quiesce_count_left(sd_bus *bus, const struct agent_quiesce_list *list);

#endif
