/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_STORE_H
#define AGENT_LEASE_STORE_H

#include "agent/lease/lease.h"

/* The records of leases on disk: for the files of this folder only. */

/* Starts a record that ends `lease_ms` from now; borrows `job` and `boot_id`, which it fills. */
int agent_lease_fill(struct agent_lease_record *record, const char *job, int64_t lease_ms,
                     char boot_id[BL_BOOT_ID_BYTES], struct bl_error *err) BL_CHECKED;

/* What must hold of a record before it is written and after it was read. */
bool agent_lease_record_is_sound(const struct agent_lease_record *record);

/* How long it may still last, seen from the boot `boot_id`; 0 when it is over. */
int64_t agent_lease_left_ms(const struct agent_lease_record *record, const char *boot_id);

int agent_lease_save(const struct agent_lease_places *places, const char *name,
                     const struct agent_lease_record *record, struct bl_error *err) BL_CHECKED;

/* That there is none is no failure. */
int agent_lease_remove(const struct agent_lease_places *places, const char *name,
                       struct bl_error *err) BL_CHECKED;

/* Notes a failure for the report and returns `result`. */
int agent_lease_end(struct agent_lease_outcome *outcome, const char *code, int result,
                    const struct bl_error *err);

#endif
