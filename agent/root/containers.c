/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/containers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/root/errand.h"

enum {
    ENGINE_TIMEOUT_MS = 20 * 1000,
};

struct agent_containers_ask {
    struct agent_containers_caller caller;
    struct agent_errand_ask *ask;
};

const struct agent_errand_container *
agent_containers_find(const struct agent_containers *containers, uint32_t engine, const char *name)
{
    for (uint32_t i = 0; i < containers->count; i++) {
        if ((engine == 0 || containers->items[i].engine == engine) &&
            strcmp(containers->items[i].name, name) == 0)
            return &containers->items[i];
    }

    return NULL;
}

bool agent_containers_is_good(const struct agent_errand_container *container)
{
    return container->state == AGENT_ERRAND_RUNNING &&
           (container->health == AGENT_ERRAND_HEALTHY ||
            container->health == AGENT_ERRAND_HEALTH_NONE);
}

static void on_errand(void *userdata, const struct agent_errand_result *result, const char *why)
{
    struct agent_containers_ask *ask = userdata;
    struct agent_containers containers;

    if (result == NULL) {
        ask->caller.done(ask->caller.userdata, NULL, why);
        return;
    }
    containers = (struct agent_containers){.items = result->containers,
                                           .count = result->containers_count,
                                           .silent = result->silent,
                                           .silent_count = result->silent_count};
    ask->caller.done(ask->caller.userdata, &containers, "");
}

static int start(struct agent_host *host, const struct agent_errand_task *task,
                 const struct agent_containers_caller *caller,
                 struct agent_containers_ask **ret_ask, struct bl_error *err)
{
    struct agent_containers_ask *ask = calloc(1, sizeof(*ask));
    const struct agent_errand_caller asker = {ask, on_errand};
    int r;

    if (ask == NULL)
        return bl_fail(err, -ENOMEM, "no memory for a list of containers");
    ask->caller = *caller;
    r = agent_errand_start(host, task, &asker, &ask->ask, err);
    if (r < 0) {
        free(ask);
        return bl_wrap(err, "containers");
    }

    *ret_ask = ask;
    return 0;
}

int agent_containers_list(struct agent_host *host, const struct agent_containers_caller *caller,
                          struct agent_containers_ask **ret_ask, struct bl_error *err)
{
    static const struct agent_errand_task task = {.format = AGENT_ERRAND_FORMAT,
                                                  .what = AGENT_ERRAND_CONTAINERS,
                                                  .timeout_ms = ENGINE_TIMEOUT_MS};

    return start(host, &task, caller, ret_ask, err);
}

int agent_containers_revive(struct agent_host *host, struct agent_errand_container *before,
                            uint32_t count, const struct agent_containers_caller *caller,
                            struct agent_containers_ask **ret_ask, struct bl_error *err)
{
    const struct agent_errand_task task = {.format = AGENT_ERRAND_FORMAT,
                                           .what = AGENT_ERRAND_REVIVE,
                                           .containers = before,
                                           .containers_count = count,
                                           .timeout_ms = ENGINE_TIMEOUT_MS};

    return start(host, &task, caller, ret_ask, err);
}

struct agent_containers_ask *agent_containers_free(struct agent_containers_ask *ask)
{
    if (ask == NULL)
        return NULL;
    (void)agent_errand_free(ask->ask);
    free(ask);
    return NULL;
}
