/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent/probe/look.h"
#include "common/file.h"

/* belay-probe: the task on standard input, the answer on standard output, and no privileges. */
static int run(struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    BL_AUTO_FREE char *data = NULL;
    struct agent_probe_task task;
    size_t data_bytes;
    int r;

    r = bl_fd_read(STDIN_FILENO, AGENT_PROBE_TASK_BYTES_MAX, &data, &data_bytes, err);
    if (r >= 0)
        r = proto_decode(&agent_probe_task_schema, data, data_bytes, &arena, &task, err);
    if (r < 0)
        return bl_wrap(err, "task");
    r = agent_look(&task, &buffer, err);
    if (r < 0)
        return r;

    return bl_fd_write(STDOUT_FILENO, buffer.data, buffer.size_bytes, err);
}

int main(void)
{
    struct bl_error err = {0};

    if (run(&err) < 0) {
        (void)fprintf(stderr, SD_ERR "belay-probe: %s\n", err.text);
        return 1;
    }

    return 0;
}
