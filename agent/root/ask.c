/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"

enum {
    NAME_BYTES = 48,
};

struct agent_ask {
    struct agent_host *host;
    struct agent_ask_caller caller;
    struct agent_units_call *call;
    size_t answer_bytes_max;
    int dir_fd;
    char unit[NAME_BYTES], task[NAME_BYTES], result[NAME_BYTES];
};

/* Each question has a number of its own, also after a restart: a late answer meets no other one. */
static void name_question(struct agent_ask *ask, const char *folder)
{
    static unsigned count;
    unsigned long long number = (unsigned long long)bl_mono_now().ms * 1000 + count++ % 1000;

    (void)snprintf(ask->unit, sizeof(ask->unit), "belay-%s@%llu.service", folder, number);
    (void)snprintf(ask->task, sizeof(ask->task), "%llu.task", number);
    (void)snprintf(ask->result, sizeof(ask->result), "%llu.result", number);
}

static void on_ended(void *userdata, const struct agent_units_answer *answer)
{
    struct agent_ask *ask = userdata;
    BL_AUTO_FREE char *data = NULL;
    struct bl_error err = {0};
    size_t bytes = 0;

    ask->call = NULL;
    if (answer->end == AGENT_UNITS_FAILED) {
        ask->caller.done(ask->caller.userdata, NULL, 0, answer->why);
    } else if (bl_file_read(ask->dir_fd, ask->result, ask->answer_bytes_max, &data, &bytes, &err) <
               0) {
        ask->caller.done(ask->caller.userdata, NULL, 0, err.text);
    } else {
        ask->caller.done(ask->caller.userdata, data, bytes, "");
    }
}

static int write_task(struct agent_ask *ask, const struct agent_ask_task *task,
                      struct bl_error *err)
{
    PROTO_AUTO_BUFFER bytes = {0};
    char path[512];
    int r;

    r = snprintf(path, sizeof(path), "%s/%s", ask->host->run_dir, task->folder);
    if (r < 0 || (size_t)r >= sizeof(path))
        return bl_fail(err, -ENAMETOOLONG, "'%s': name too long", ask->host->run_dir);
    r = bl_dir_make(AT_FDCWD, path, 0700, err);
    if (r < 0)
        return r;
    ask->dir_fd = bl_dir_open(AT_FDCWD, path, err);
    if (ask->dir_fd < 0)
        return ask->dir_fd;
    r = proto_encode(task->schema, task->record, &bytes, err);
    if (r < 0)
        return r;

    return bl_file_replace(ask->dir_fd, ask->task, bytes.data, bytes.size_bytes, err);
}

int agent_ask_start(struct agent_host *host, const struct agent_ask_task *task,
                    const struct agent_ask_caller *caller, struct agent_ask **ret_ask,
                    struct bl_error *err)
{
    struct agent_ask *ask = calloc(1, sizeof(*ask));
    int r;

    if (ask == NULL)
        return bl_fail(err, -ENOMEM, "no memory for a question");
    ask->host = host;
    ask->caller = *caller;
    ask->answer_bytes_max = task->answer_bytes_max;
    ask->dir_fd = -1;
    name_question(ask, task->folder);
    r = write_task(ask, task, err);
    if (r >= 0) {
        r = agent_units_run(host->units, ask->unit, on_ended, ask, &ask->call);
        if (r < 0)
            r = bl_fail(err, r, "start '%s': %s", ask->unit, strerror(-r));
    }
    if (r < 0) {
        (void)agent_ask_free(ask);
        return bl_wrap(err, "%s", task->folder);
    }

    *ret_ask = ask;
    return 0;
}

struct agent_ask *agent_ask_free(struct agent_ask *ask)
{
    if (ask == NULL)
        return NULL;
    ask->call = agent_units_drop(ask->call);
    if (ask->dir_fd >= 0) { /* what stays behind lies in /run and harms nobody */
        (void)unlinkat(ask->dir_fd, ask->task, 0);
        (void)unlinkat(ask->dir_fd, ask->result, 0);
    }
    bl_close_fd(&ask->dir_fd);
    free(ask);
    return NULL;
}
