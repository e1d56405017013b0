/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_QUIESCE_PLAN_H
#define AGENT_LEASE_QUIESCE_PLAN_H

#include <stdbool.h>

#include "agent/lease/lease.h"

/* Which units a pause is about, and the texts around it. No I/O. */

enum agent_quiesce_kind { /* in the order in which they are stopped: what starts others first */
    AGENT_QUIESCE_TIMER = 1,
    AGENT_QUIESCE_PATH,
    AGENT_QUIESCE_SOCKET,
    AGENT_QUIESCE_SERVICE,
    AGENT_QUIESCE_OTHER, /* never held */
};
enum agent_quiesce_kind agent_quiesce_kind(const char *unit);

/* Units that the host or belay itself lives by: never held, whatever a glob says. */
bool agent_quiesce_is_protected(const char *unit);

/* Whether a pattern has wildcards; one without names exactly one unit. */
bool agent_quiesce_is_glob(const char *pattern);

/* Named or matched by the manifest, and of a kind that may be held, and not protected. */
bool agent_quiesce_wants(const struct proto_manifest *manifest, const char *unit);

/* A service that has to be waited for while it runs. */
bool agent_quiesce_is_backup(const struct proto_manifest *manifest, const char *unit);

/*
 * Whether a command line is a backup's: one of its words, or the last part of the word's path with
 * or without a suffix, matches what backups are called.
 */
bool agent_quiesce_is_backup_command(const struct proto_manifest *manifest, const char *command);

/* The drop-in that keeps a unit from being started while the lease's record is there. */
int agent_quiesce_drop_in(const struct agent_lease_places *places, char *ret_text,
                          size_t text_bytes, struct bl_error *err) BL_CHECKED;

/*
 * What giving back means for one unit: to be started only if it ran, in the boot in which it was
 * stopped. A later boot has started what it starts already.
 */
bool agent_quiesce_starts(const struct agent_lease_record *record,
                          const struct agent_lease_unit *unit, const char *boot_id);

/*
 * The sentence for the report: what was given back, and the first run of each timer that was
 * missed, or is late where the timer makes up for it. For cron see cron_missed.h.
 */
void agent_quiesce_tell_given(const struct agent_lease_record *record, struct bl_wall now,
                              char *ret_text, size_t text_bytes);

#endif
