/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/hook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/root/errand.h"
#include "common/hex.h"

struct agent_hook {
    struct agent_hook_caller caller;
    struct agent_errand_ask *ask;
};

/* An exit status without a word that it stands for, or no exit at all. */
static void describe_broken(const struct agent_errand_result *result, char *text, size_t text_bytes)
{
    const char *colon = result->line[0] != '\0' ? ": " : "";

    switch ((enum agent_errand_end)result->end) {
    case AGENT_ERRAND_EXITED:
        (void)snprintf(text, text_bytes, "exit status %u%s%s", (unsigned)result->status, colon,
                       result->line);
        break;
    case AGENT_ERRAND_KILLED:
        (void)snprintf(text, text_bytes, "ended by signal %u%s%s", (unsigned)result->status, colon,
                       result->line);
        break;
    case AGENT_ERRAND_TIMED_OUT:
        (void)snprintf(text, text_bytes, "ran longer than %d s%s%s", AGENT_HOOK_TIMEOUT_MS / 1000,
                       colon, result->line);
        break;
    case AGENT_ERRAND_REFUSED:
        (void)snprintf(text, text_bytes, "not run%s%s", colon, result->line);
        break;
    }
}

struct agent_hook_answer agent_hook_read(const struct agent_errand_result *result, char *text,
                                         size_t text_bytes)
{
    struct agent_hook_answer answer = {
        .end = AGENT_HOOK_IS_BROKEN, .line = text, .output = result->output};

    (void)snprintf(text, text_bytes, "%s", result->line);
    if (result->end == AGENT_ERRAND_EXITED && result->status == 0) {
        answer.end = AGENT_HOOK_SAYS_GO;
    } else if (result->end == AGENT_ERRAND_EXITED && result->status == 1) {
        answer.end = AGENT_HOOK_SAYS_STOP;
    } else if (result->end == AGENT_ERRAND_EXITED && result->status == AGENT_HOOK_LATER) {
        answer.end = AGENT_HOOK_SAYS_LATER;
    } else {
        (void)snprintf(text, text_bytes, "no answer of a hook");
        describe_broken(result, text, text_bytes);
    }

    return answer;
}

static void on_errand(void *userdata, const struct agent_errand_result *result, const char *why)
{
    struct agent_hook *hook = userdata;
    struct agent_hook_answer answer = {.end = AGENT_HOOK_IS_BROKEN, .line = why, .output = ""};
    char text[AGENT_ERRAND_LINE_BYTES_MAX + 64];

    if (result != NULL)
        answer = agent_hook_read(result, text, sizeof(text));
    hook->caller.done(hook->caller.userdata, &answer);
}

int agent_hook_start(struct agent_host *host, const struct agent_work *work, const char *name,
                     const char *stage, const struct agent_hook_caller *caller,
                     struct agent_hook **ret_hook, struct bl_error *err)
{
    struct agent_hook *hook = calloc(1, sizeof(*hook));
    const struct agent_errand_caller asker = {hook, on_errand};
    char rollout[2 * PROTO_ROLLOUT_ID_BYTES + 1];
    const struct agent_errand_task task = {.format = AGENT_ERRAND_FORMAT,
                                           .what = AGENT_ERRAND_HOOK,
                                           .hook = name,
                                           .rollout = rollout,
                                           .plan = work->manifest.plan,
                                           .stage = stage,
                                           .timeout_ms = AGENT_HOOK_TIMEOUT_MS};
    int r;

    if (hook == NULL)
        return bl_fail(err, -ENOMEM, "no memory for a hook");
    hook->caller = *caller;
    bl_hex_encode(work->rollout_id, sizeof(work->rollout_id), rollout);
    r = agent_errand_start(host, &task, &asker, &hook->ask, err);
    if (r < 0) {
        free(hook);
        return bl_wrap(err, "hook '%s'", name);
    }

    *ret_hook = hook;
    return 0;
}

struct agent_hook *agent_hook_free(struct agent_hook *hook)
{
    if (hook == NULL)
        return NULL;
    (void)agent_errand_free(hook->ask);
    free(hook);
    return NULL;
}
