/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_TEND_H
#define AGENT_ROOT_TEND_H

#include "agent/root/host.h"

/*
 * Has belay-txn look after snapshots that can run full, as long as there are any: this process has
 * no right to. What they hold is lost once they are full, and with it the way back, so they are
 * looked at each AGENT_TEND_EVERY_MS, and what is found wrong goes to the journal.
 */
enum {
    AGENT_TEND_EVERY_MS = 20 * 1000,
};

struct agent_tend;

/* Borrows the host. */
int agent_tend_new(struct agent_host *host, struct agent_tend **ret_tend, struct bl_error *err)
    BL_CHECKED;
struct agent_tend *agent_tend_free(struct agent_tend *tend);

#endif
