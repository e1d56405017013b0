/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_STANDBY_H
#define CTL_DAEMON_STANDBY_H

#include "controller/daemon/call.h"

/*
 * Hosts that a rollout keeps as they were. They are in no wave, so that nothing of the rollout can
 * reach them; here it is looked after them: every few minutes, before each wave, and when people are
 * asked about a severe failure. In memory only: after a restart they are asked anew.
 */
struct ctl_standby;

/* Begins to look after those of the rollout, if it has any. */
int ctl_standby_load(struct ctl_engine *engine, struct ctl_run *run, struct bl_error *err)
    BL_CHECKED;
/* Ends what is being asked. Takes NULL. */
struct ctl_standby *ctl_standby_free(struct ctl_standby *standby);

/* Each second: asks whoever is due, and logs who is not as it was. */
void ctl_standby_tick(struct ctl_engine *engine);

/*
 * The rollout that keeps this host as it is: one that is under way, else one that is complete and
 * whose standby hosts were not upgraded since. NULL: none.
 */
struct ctl_run *ctl_standby_find(const struct ctl_engine *engine,
                                 const uint8_t host_id[PROTO_HOST_ID_BYTES]);

/* Of a submission: no host of its own, all enrolled, none in another rollout. False after refusing. */
bool ctl_standby_check(struct ctl_call *call, const struct proto_policy *policy,
                       const struct ctl_store_rollout_host *hosts, uint32_t host_count);

/*
 * For `status`: {hosts: [{name, id, state, reason, looked}], hosts_count, ready_count, text}; null
 * without any. A new reference.
 */
json_t *ctl_standby_view(const struct ctl_run *run);
/* The same of one host: its state and a sentence. False: it is none of them. */
bool ctl_standby_explain(const struct ctl_run *run, const uint8_t host_id[PROTO_HOST_ID_BYTES],
                         const char **ret_state, char *ret_reason, size_t reason_bytes);

/*
 * belayd has just begun, and not all of them have told what they have: who relies on that waits a
 * moment, half the time of the traffic program at most.
 */
bool ctl_standby_is_settling(const struct ctl_run *run);

#endif
