/* SPDX-License-Identifier: Apache-2.0 */
/* belay-gate: asks what the gate of a plan wants to know, once, for belayd. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "controller/gate/ask.h"
#include "controller/gate/confine.h"
#include "controller/outside/json.h"

static int answer(struct bl_error *err)
{
    CTL_AUTO_JSON *task = NULL, *answers = NULL;
    BL_AUTO_FREE char *text = NULL, *out = NULL;
    size_t text_bytes;
    int r = ctl_gate_confine(err);

    if (r < 0)
        return r;
    r = bl_fd_read(STDIN_FILENO, CTL_GATE_TASK_BYTES_MAX, &text, &text_bytes, err);
    if (r < 0)
        return bl_wrap(err, "task");
    task = json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES, NULL);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return bl_fail(err, -EIO, "libcurl cannot be used");
    answers = ctl_gate_ask(task);
    out = answers == NULL ? NULL : json_dumps(answers, JSON_COMPACT);
    if (out == NULL)
        return bl_fail(err, -EPROTO, "that is no task");

    return bl_fd_write(STDOUT_FILENO, out, strlen(out), err);
}

int main(int argc, char **argv)
{
    struct bl_error err = {0};

    if (argc > 1) {
        (void)fprintf(stderr, "belay-gate is started by belayd and takes no arguments\n");
        return 2;
    }
    if (answer(&err) < 0) {
        (void)fprintf(stderr, "belay-gate: %s\n", err.text);
        return 1;
    }

    return 0;
}
