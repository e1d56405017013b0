/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/probe.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/root/ask.h"

struct agent_probe_ask {
    struct agent_probe_caller caller;
    struct agent_ask *ask;
};

static int decode(const void *data, size_t bytes, struct proto_arena *arena,
                  struct agent_probe_result *ret_result, struct bl_error *err)
{
    int r = proto_decode(&agent_probe_result_schema, data, bytes, arena, ret_result, err);

    if (r < 0)
        return r;
    if (ret_result->format != AGENT_PROBE_FORMAT)
        return bl_fail(err, -EPROTO, "format %llu", (unsigned long long)ret_result->format);

    return 0;
}

static void on_answer(void *userdata, const void *data, size_t data_bytes, const char *why)
{
    struct agent_probe_ask *probe = userdata;
    PROTO_AUTO_ARENA arena = {0};
    struct agent_probe_result result;
    struct bl_error err = {0};

    if (data == NULL) {
        probe->caller.done(probe->caller.userdata, NULL, why);
    } else if (decode(data, data_bytes, &arena, &result, &err) < 0) {
        probe->caller.done(probe->caller.userdata, NULL, err.text);
    } else {
        probe->caller.done(probe->caller.userdata, &result, "");
    }
}

int agent_probe_start(struct agent_host *host, const struct agent_probe_task *task,
                      const struct agent_probe_caller *caller, struct agent_probe_ask **ret_ask,
                      struct bl_error *err)
{
    struct agent_probe_ask *probe = calloc(1, sizeof(*probe));
    const struct agent_ask_task question = {.folder = "probe",
                                            .schema = &agent_probe_task_schema,
                                            .record = task,
                                            .answer_bytes_max = AGENT_PROBE_RESULT_BYTES_MAX};
    const struct agent_ask_caller asker = {probe, on_answer};
    int r;

    if (probe == NULL)
        return bl_fail(err, -ENOMEM, "no memory for a look at the network");
    probe->caller = *caller;
    r = agent_ask_start(host, &question, &asker, &probe->ask, err);
    if (r < 0) {
        free(probe);
        return r;
    }

    *ret_ask = probe;
    return 0;
}

struct agent_probe_ask *agent_probe_free(struct agent_probe_ask *ask)
{
    if (ask == NULL)
        return NULL;
    (void)agent_ask_free(ask->ask);
    free(ask);
    return NULL;
}
