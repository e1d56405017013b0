/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_FOREIGN_JOB_H
#define CTL_DAEMON_FOREIGN_JOB_H

#include "controller/daemon/engine.h"

/*
 * Jobs that hosts have from a rollout which this store does not have them in: it was begun after the
 * backup that was restored, or by another controller. Nothing here can steer such a job, so it is
 * told for people, with what its host will do by itself and what they can do there.
 */

/* At HELLO, which says the newest job of a host. */
int ctl_foreign_job_hello(struct ctl_engine *engine, struct ctl_fleet_host *host,
                          const struct proto_hello *hello, struct bl_error *err) BL_CHECKED;
/* At a report; `is_ours`: this store has the host in the rollout that it is about. */
void ctl_foreign_job_report(struct ctl_fleet_host *host, const struct proto_report *report,
                            bool is_ours);

/* A reason and the next command for people; false when there is none. */
bool ctl_foreign_job_explain(const struct ctl_fleet_host *host, char *ret_reason,
                             size_t reason_bytes, const char **ret_next);
/* {"rollout", "state"} or null. */
json_t *ctl_foreign_job_view(const struct ctl_fleet_host *host);

#endif
