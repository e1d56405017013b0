/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/errand/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "agent/errand/parts.h"
#include "common/file.h"

const struct agent_errand_places agent_errand_places_default = {
    .root_fd = -1,
    .root = "",
    .hooks = AGENT_ERRAND_HOOKS,
    .owner = 0,
    .docker = "/usr/bin/docker",
    .podman = "/usr/bin/podman",
    .systemd_run = "/usr/bin/systemd-run",
};

static int encode(const struct agent_errand_result *result, struct proto_buffer *buffer,
                  struct bl_error *err)
{
    return proto_encode(&agent_errand_result_schema, result, buffer, err);
}

int agent_errand_run(const struct agent_errand_task *task, const struct agent_errand_places *places,
                     struct proto_buffer *buffer, struct bl_error *err)
{
    struct agent_errand_result result = {.format = AGENT_ERRAND_FORMAT};
    struct agent_errand_told told = {0};
    struct agent_errand_seen seen = {0};
    BL_AUTO_FREE struct agent_errand_listed *listed = calloc(1, sizeof(*listed));
    int r;

    if (listed == NULL)
        return bl_fail(err, -ENOMEM, "no memory for an errand");
    if (task->format != AGENT_ERRAND_FORMAT)
        return bl_fail(err, -EPROTO, "format %llu", (unsigned long long)task->format);
    if (task->what == AGENT_ERRAND_HOOK) {
        agent_errand_do_hook(task, places, &result, &told);
    } else if (task->what == AGENT_ERRAND_HOST) {
        agent_errand_do_host(task, &result, &seen);
    } else if (task->what == AGENT_ERRAND_REVIVE) {
        agent_errand_do_revive(task, places, &result, listed);
    } else {
        agent_errand_do_containers(task, places, &result, listed);
    }
    r = encode(&result, buffer, err);
    agent_errand_listed_release(listed);

    return r;
}
