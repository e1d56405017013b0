/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_ORIGIN_H
#define CTL_DAEMON_ORIGIN_H

#include "controller/daemon/call.h"

/*
 * Where a rollout comes from: which hosts its plan meant, so that those which joined since can be
 * told, and which rollout it does again, or whose standby hosts it upgrades. For people and reports only: no host and no decision hangs
 * on it, and nobody signs it.
 */
struct ctl_origin_wish {
    const char *targets; /* an expression, or "" */
    struct ctl_run *of;  /* NULL: neither a retry nor of standby hosts */
    bool is_standby;     /* its standby hosts, now that it is complete */
};

/* Reads "targets", "retry_of" and "standby_of" of a submission; false after it has refused. */
bool ctl_origin_read(struct ctl_call *call, struct ctl_origin_wish *ret_wish);
/* Stores it for the rollout `id`; the rollout that is done again knows of it at once. */
int ctl_origin_add(struct ctl_call *call, const uint8_t id[PROTO_ROLLOUT_ID_BYTES],
                   const struct ctl_origin_wish *wish, struct bl_error *err) BL_CHECKED;

/* Adds "retry_of", "retried_by", "standby_of" and "standby_by" to a status or report. */
void ctl_origin_view(const struct ctl_run *run, json_t *view);
/* Enrolled hosts that the plan means, that joined after it was signed, and so are not in it. */
uint32_t ctl_origin_count_joined(const struct ctl_engine *engine, const struct ctl_run *run);

/* The verb "plan": the text that was stored with a rollout. */
void ctl_verb_plan(struct ctl_call *call);

#endif
