/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_PROBE_H
#define AGENT_ROOT_PROBE_H

#include "agent/probe/probe.h"
#include "agent/root/host.h"

/*
 * Asks belay-probe, which sees the network, by files and a unit (see agent/probe/probe.h). Its
 * answer is data: it was decoded with all limits and decides nothing by itself.
 */

/* `result` is lent for the call, NULL when there is no answer: then `why` tells. */
struct agent_probe_caller {
    void *userdata;
    void (*done)(void *userdata, const struct agent_probe_result *result, const char *why);
};

struct agent_probe_ask;

/* Borrows `host` until the question is freed. `done` never comes from inside the call. */
int agent_probe_start(struct agent_host *host, const struct agent_probe_task *task,
                      const struct agent_probe_caller *caller, struct agent_probe_ask **ret_ask,
                      struct bl_error *err) BL_CHECKED;

/* Stops waiting and removes the files. free(NULL) is fine, returns NULL. */
struct agent_probe_ask *agent_probe_free(struct agent_probe_ask *ask);

#endif
