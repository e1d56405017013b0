/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/witnesses.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    TIMEOUT_MS = 5000,
};

struct agent_witnesses {
    struct agent_probe_ask *ask;
    void (*done)(void *userdata, enum agent_job_witnesses answer);
    void *userdata;
};

/*
 * A refusal is an answer of the network, so it speaks for a gateway or a witness; but a controller
 * whose port refuses is a controller that is missing.
 */
enum agent_job_witnesses agent_witnesses_judge(const struct agent_probe_result *result)
{
    bool anybody = false;

    if (result->replies_count == 0)
        return AGENT_JOB_WITNESSES_UNKNOWN;
    for (uint32_t i = 0; i < result->replies_count; i++) {
        const struct agent_probe_reply *reply = &result->replies[i];

        if (reply->role == AGENT_PROBE_CONTROLLER && reply->answer == AGENT_PROBE_ANSWERED)
            return AGENT_JOB_WITNESSES_CONTROLLER_ANSWERS;
        if (reply->answer != AGENT_PROBE_SILENT)
            anybody = true;
    }

    return anybody ? AGENT_JOB_WITNESSES_CONTROLLER_MISSING : AGENT_JOB_WITNESSES_NONE_ANSWERS;
}

static void on_answer(void *userdata, const struct agent_probe_result *result, const char *why)
{
    struct agent_witnesses *witnesses = userdata;

    witnesses->done(witnesses->userdata,
                    result != NULL ? agent_witnesses_judge(result) : AGENT_JOB_WITNESSES_UNKNOWN);
}

/*
 * What cannot be asked is left out. To fail because of it would be counted against the change, and
 * take back a host whose controller has merely too long a name.
 */
static void add(struct agent_probe_task *task, const char *endpoint, uint32_t role)
{
    size_t bytes = strlen(endpoint);

    if (bytes == 0 || bytes > AGENT_PROBE_ENDPOINT_BYTES_MAX ||
        task->endpoints_count == AGENT_PROBE_ENDPOINTS_MAX)
        return;
    task->endpoints[task->endpoints_count++] = (struct agent_probe_endpoint){endpoint, role};
}

int agent_witnesses_ask(struct agent_host *host, const struct proto_manifest *manifest,
                        void (*done)(void *userdata, enum agent_job_witnesses answer),
                        void *userdata, struct agent_witnesses **witnesses, struct bl_error *err)
{
    struct agent_probe_endpoint endpoints[AGENT_PROBE_ENDPOINTS_MAX];
    struct agent_probe_task task = {.format = AGENT_PROBE_FORMAT,
                                    .what = AGENT_PROBE_WITNESSES,
                                    .endpoints = endpoints,
                                    .timeout_ms = TIMEOUT_MS};
    struct agent_probe_caller caller = {.done = on_answer};
    struct agent_witnesses *asked;
    int r;

    if (*witnesses != NULL)
        return 0;
    asked = calloc(1, sizeof(*asked));
    if (asked == NULL)
        return bl_fail(err, -ENOMEM, "no memory for a look at the network");
    asked->done = done;
    asked->userdata = userdata;
    caller.userdata = asked;
    add(&task, host->controller, AGENT_PROBE_CONTROLLER);
    for (uint32_t i = 0; i < manifest->witnesses_count; i++)
        add(&task, manifest->witnesses[i].text, AGENT_PROBE_WITNESS);

    r = agent_probe_start(host, &task, &caller, &asked->ask, err);
    if (r < 0) {
        free(asked);
        return r;
    }

    *witnesses = asked;
    return 0;
}

struct agent_witnesses *agent_witnesses_free(struct agent_witnesses *witnesses)
{
    if (witnesses == NULL)
        return NULL;
    witnesses->ask = agent_probe_free(witnesses->ask);
    free(witnesses);
    return NULL;
}
