/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_CONTAINERS_H
#define AGENT_ROOT_CONTAINERS_H

#include "agent/errand/errand.h"
#include "agent/root/host.h"

/*
 * Asks the container engines of this host (docker, podman: what root's engine knows, not those of
 * other users) which containers there are, whether they run and whether they are healthy. A host
 * without an engine has no containers; an engine that is installed and does not answer is named as
 * such, since then nobody knows.
 */
struct agent_containers {
    const struct agent_errand_container *items;
    uint32_t count;
    const struct agent_errand_silent *silent;
    uint32_t silent_count;
};

/* NULL when there is no such container; `engine` 0: of any. */
const struct agent_errand_container *
agent_containers_find(const struct agent_containers *containers, uint32_t engine, const char *name);

/* Runs, and is healthy where it has a health check. */
bool agent_containers_is_good(const struct agent_errand_container *container);

/* `containers` is lent for the call, NULL when nobody could be asked: then `why` tells. */
struct agent_containers_caller {
    void *userdata;
    void (*done)(void *userdata, const struct agent_containers *containers, const char *why);
};

struct agent_containers_ask;

/* Borrows `host` until it is freed. `done` never comes from inside the call. */
int agent_containers_list(struct agent_host *host, const struct agent_containers_caller *caller,
                          struct agent_containers_ask **ret_ask, struct bl_error *err) BL_CHECKED;

/*
 * Starts the containers of `before` that ran and do not now, one after the other. The caller is then
 * told what was there beforehand; whether they run now is for the next look to tell.
 */
int agent_containers_revive(struct agent_host *host, struct agent_errand_container *before,
                            uint32_t count, const struct agent_containers_caller *caller,
                            struct agent_containers_ask **ret_ask, struct bl_error *err) BL_CHECKED;

/* Stops waiting. NULL is fine, returns NULL. */
struct agent_containers_ask *agent_containers_free(struct agent_containers_ask *ask);

#endif
