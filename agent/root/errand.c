/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/errand.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/root/ask.h"

struct agent_errand_ask {
    struct agent_errand_caller caller;
    struct agent_ask *ask;
};

static int decode(const void *data, size_t bytes, struct proto_arena *arena,
                  struct agent_errand_result *ret_result, struct bl_error *err)
{
    int r = proto_decode(&agent_errand_result_schema, data, bytes, arena, ret_result, err);

    if (r < 0)
        return r;
    if (ret_result->format != AGENT_ERRAND_FORMAT)
        return bl_fail(err, -EPROTO, "format %llu", (unsigned long long)ret_result->format);

    return 0;
}

static void on_answer(void *userdata, const void *data, size_t data_bytes, const char *why)
{
    struct agent_errand_ask *errand = userdata;
    PROTO_AUTO_ARENA arena = {0};
    struct agent_errand_result result;
    struct bl_error err = {0};

    if (data == NULL) {
        errand->caller.done(errand->caller.userdata, NULL, why);
    } else if (decode(data, data_bytes, &arena, &result, &err) < 0) {
        errand->caller.done(errand->caller.userdata, NULL, err.text);
    } else {
        errand->caller.done(errand->caller.userdata, &result, "");
    }
}

int agent_errand_start(struct agent_host *host, const struct agent_errand_task *task,
                       const struct agent_errand_caller *caller, struct agent_errand_ask **ret_ask,
                       struct bl_error *err)
{
    struct agent_errand_ask *errand = calloc(1, sizeof(*errand));
    const struct agent_ask_task question = {.folder = "errand",
                                            .schema = &agent_errand_task_schema,
                                            .record = task,
                                            .answer_bytes_max = AGENT_ERRAND_RESULT_BYTES_MAX};
    const struct agent_ask_caller asker = {errand, on_answer};
    int r;

    if (errand == NULL)
        return bl_fail(err, -ENOMEM, "no memory for an errand");
    errand->caller = *caller;
    r = agent_ask_start(host, &question, &asker, &errand->ask, err);
    if (r < 0) {
        free(errand);
        return r;
    }

    *ret_ask = errand;
    return 0;
}

struct agent_errand_ask *agent_errand_free(struct agent_errand_ask *ask)
{
    if (ask == NULL)
        return NULL;
    (void)agent_ask_free(ask->ask);
    free(ask);
    return NULL;
}
