/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_RELEASE_H
#define AGENT_LEASE_RELEASE_H

#include "agent/lease/lease.h"

/*
 * What belay-lease and belay-silence do: give back with neither agent nor journal. They wait for
 * the end, so this is not for the agent's own loop.
 */
int agent_release_lease(const struct agent_lease_places *places, const char *name,
                        struct agent_lease_outcome *ret_outcome, struct bl_error *err) BL_CHECKED;

/* All of them; one that fails does not save the others. The first failure is returned. */
int agent_release_all(const struct agent_lease_places *places, struct bl_error *err) BL_CHECKED;

/*
 * At boot, before cron and sshd start: what was taken in an earlier boot or is over goes, what is
 * left keeps its timer, and an armed silence is armed again. Failures are told and passed over.
 */
int agent_release_at_boot(const struct agent_lease_places *places, struct bl_error *err) BL_CHECKED;

#endif
