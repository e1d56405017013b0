/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/serve/serve.h"

#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/file.h"

static int serve(const struct agent_service *service, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    BL_AUTO_FREE char *data = NULL;
    size_t data_bytes;
    int r;

    r = bl_fd_read(STDIN_FILENO, service->task_bytes_max, &data, &data_bytes, err);
    if (r >= 0)
        r = proto_decode(service->schema, data, data_bytes, &arena, service->task, err);
    if (r < 0)
        return bl_wrap(err, "task");
    r = service->answer(service->task, &buffer, err);
    if (r < 0)
        return r;

    return bl_fd_write(STDOUT_FILENO, buffer.data, buffer.size_bytes, err);
}

int agent_serve(const struct agent_service *service)
{
    struct bl_error err = {0};

    if (serve(service, &err) < 0) {
        (void)fprintf(stderr, SD_ERR "%s: %s\n", service->name, err.text);
        return 1;
    }

    return 0;
}
