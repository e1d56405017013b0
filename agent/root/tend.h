/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_TEND_H
#define AGENT_ROOT_TEND_H

#include "agent/root/host.h"
#include "agent/root/job.h"
#include "agent/root/way_backs.h"

/*
 * Has belay-txn look after snapshots that can run full, as long as there are any: this process has
 * no right to. What they hold is lost once they are full, and with it the way back, so they are
 * looked at each AGENT_TEND_EVERY_MS, and while a package run fills them each AGENT_TEND_CHANGING_MS.
 * What is found wrong goes to the journal, and to the controller with the figures.
 */
enum {
    AGENT_TEND_EVERY_MS = 20 * 1000,
    AGENT_TEND_CHANGING_MS = 2 * 1000,
};

struct agent_tend;

/* Borrows both. */
int agent_tend_new(struct agent_host *host, const struct agent_jobs *jobs,
                   struct agent_tend **ret_tend, struct bl_error *err) BL_CHECKED;
struct agent_tend *agent_tend_free(struct agent_tend *tend);

/* What the last whole round found; stays valid as long as `tend`, and changes with each round. */
const struct agent_way_backs *agent_tend_found(const struct agent_tend *tend);

/* Is it time for another round, when the last one began at `last`? */
bool agent_tend_is_due(struct bl_mono last, struct bl_mono now, bool is_changing);

#endif
