/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/errand/run.h"
#include "agent/serve/serve.h"
#include "common/file.h"

/* belay-errand: what has to be asked as root. */
static int answer(const void *task, struct proto_buffer *buffer, struct bl_error *err)
{
    BL_AUTO_FD int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct agent_errand_places places = agent_errand_places_default;

    if (root_fd < 0)
        return bl_fail(err, -errno, "open '/': %s", strerror(errno));
    places.root_fd = root_fd;

    return agent_errand_run(task, &places, buffer, err);
}

int main(void)
{
    struct agent_errand_task task;

    return agent_serve(&(struct agent_service){.name = "belay-errand",
                                               .schema = &agent_errand_task_schema,
                                               .task = &task,
                                               .task_bytes_max = AGENT_ERRAND_TASK_BYTES_MAX,
                                               .answer = answer});
}
