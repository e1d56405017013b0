/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_QUIESCE_HOLD_H
#define AGENT_LEASE_QUIESCE_HOLD_H

#include "agent/lease/quiesce_units.h"

/* The drop-ins that keep paused units from being started. PID 1 has to read its files again after. */

int agent_quiesce_hold(const struct agent_lease_places *places,
                       const struct agent_quiesce_list *list, struct bl_error *err) BL_CHECKED;

/*
 * Removes every drop-in of ours, record or not. Returns how many there were. One that can't be
 * removed does not keep the others; the first failure is returned then.
 */
int agent_quiesce_unhold(const struct agent_lease_places *places, struct bl_error *err) BL_CHECKED;

#endif
