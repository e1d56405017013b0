/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent/errand/run.h"
#include "common/file.h"

/* belay-errand: the task on standard input, the answer on standard output. */
static int run(struct bl_error *err)
{
    BL_AUTO_FD int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct agent_errand_places places = agent_errand_places_default;
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    BL_AUTO_FREE char *data = NULL;
    struct agent_errand_task task;
    size_t data_bytes;
    int r;

    if (root_fd < 0)
        return bl_fail(err, -errno, "open '/': %s", strerror(errno));
    places.root_fd = root_fd;
    r = bl_fd_read(STDIN_FILENO, AGENT_ERRAND_TASK_BYTES_MAX, &data, &data_bytes, err);
    if (r >= 0)
        r = proto_decode(&agent_errand_task_schema, data, data_bytes, &arena, &task, err);
    if (r < 0)
        return bl_wrap(err, "task");
    r = agent_errand_run(&task, &places, &buffer, err);
    if (r < 0)
        return r;

    return bl_fd_write(STDOUT_FILENO, buffer.data, buffer.size_bytes, err);
}

int main(void)
{
    struct bl_error err = {0};

    if (run(&err) < 0) {
        (void)fprintf(stderr, SD_ERR "belay-errand: %s\n", err.text);
        return 1;
    }

    return 0;
}
