/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_ERRAND_H
#define AGENT_ROOT_ERRAND_H

#include "agent/errand/errand.h"
#include "agent/root/host.h"

/*
 * Asks belay-errand, which has no sandbox, by files and a unit (see agent/errand/errand.h). hook.h
 * and containers.h are what the operations use.
 */

/* `result` is lent for the call, NULL when there is no answer: then `why` tells. */
struct agent_errand_caller {
    void *userdata;
    void (*done)(void *userdata, const struct agent_errand_result *result, const char *why);
};

struct agent_errand_ask;

/* Borrows `host` until it is freed. `done` never comes from inside the call. */
int agent_errand_start(struct agent_host *host, const struct agent_errand_task *task,
                       const struct agent_errand_caller *caller, struct agent_errand_ask **ret_ask,
                       struct bl_error *err) BL_CHECKED;

/*
 * Stops waiting; what was started goes on to its own end or its time limit. free(NULL) is fine,
 * returns NULL.
 */
struct agent_errand_ask *agent_errand_free(struct agent_errand_ask *ask);

#endif
