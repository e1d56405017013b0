/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_SILENCE_H
#define AGENT_LEASE_SILENCE_H

#include "agent/lease/lease.h"

/*
 * The way back when the agent is dead. Armed before a change: when the time is up, PID 1 runs
 * belay-silence, which makes sure that the agent runs, since it owns the decision; if the agent
 * can't be brought up it starts belay-txn@JOB-restore.service itself and gives all leases back.
 * It looks again each minute until disarmed. The caller has /var/lib/belay/jobs/JOB/restore.task
 * ready before it arms.
 *
 * Both are synchronous, quick, and may be repeated; arming again sets the time anew.
 */
int agent_silence_arm(const struct agent_lease_places *places, const char *job, int64_t after_ms,
                      struct bl_error *err) BL_CHECKED;
int agent_silence_disarm(const struct agent_lease_places *places, struct bl_error *err) BL_CHECKED;

/* Whether the way back of this very job is armed: then the job goes on. */
bool agent_silence_is_of(const struct agent_lease_places *places, const char *job);

/*
 * Whether belay-silence has begun the way back of this very job, for want of an agent: whoever comes
 * up afterwards, or looks again at a step's end, goes back too.
 */
bool agent_silence_goes_back(const struct agent_lease_places *places, const char *job);

/* At boot: sets the timer again from the record; nothing when none is armed. */
int agent_silence_rearm(const struct agent_lease_places *places, struct bl_error *err) BL_CHECKED;

/* The time is up: what belay-silence does. Waits as long as the way back takes. */
int agent_silence_end(const struct agent_lease_places *places, struct bl_error *err) BL_CHECKED;

#endif
