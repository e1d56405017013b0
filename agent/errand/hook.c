/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/errand/parts.h"
#include "agent/errand/run.h"
#include "common/program.h"
#include "common/spawn.h"
#include "common/text.h"

enum {
    CAPTURE_BYTES = 64 * 1024,
    PATH_BYTES = 512,
    VALUE_BYTES = 256,
};

/* ---- what it printed --------------------------------------------------------------------- */

static void keep_output(const struct bl_child *child, struct agent_errand_told *told)
{
    const char *line = "";
    size_t line_bytes = 0;

    if (child->output == NULL)
        return;
    bl_program_last_line(child->output, child->output_bytes, &line, &line_bytes);
    bl_text_escape(told->line, sizeof(told->line), line, line_bytes);
    bl_text_escape(told->output, sizeof(told->output), child->output, child->output_bytes);
}

/* ---- run --------------------------------------------------------------------------------- */

static int spawn_hook(const struct agent_errand_task *task, const char *path,
                      struct bl_child *child, struct bl_error *err)
{
    char rollout[VALUE_BYTES], plan[VALUE_BYTES], stage[VALUE_BYTES];
    const char *const argv[] = {path, NULL};
    const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                               "LC_ALL=C.UTF-8",
                               "HOME=/root",
                               rollout,
                               plan,
                               stage,
                               NULL};
    const struct bl_spawn spawn = {.argv = argv, .env = env, .capture_bytes = CAPTURE_BYTES};

    (void)snprintf(rollout, sizeof(rollout), "BELAY_ROLLOUT=%s", task->rollout);
    (void)snprintf(plan, sizeof(plan), "BELAY_PLAN=%s", task->plan);
    (void)snprintf(stage, sizeof(stage), "BELAY_STAGE=%s", task->stage);

    return bl_spawn_start(&spawn, child, err);
}

static void refuse(struct agent_errand_result *result, struct agent_errand_told *told,
                   const char *why)
{
    result->end = AGENT_ERRAND_REFUSED;
    bl_text_escape(told->line, sizeof(told->line), why, strlen(why));
}

void agent_errand_do_hook(const struct agent_errand_task *task,
                          const struct agent_errand_places *places,
                          struct agent_errand_result *result, struct agent_errand_told *told)
{
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    struct bl_error err = {0};
    struct bl_exit ended = {0};
    char path[PATH_BYTES];
    int r;

    result->line = told->line;
    result->output = told->output;
    r = bl_program_check(places->root_fd, places->hooks, task->hook, places->owner, &err);
    if (r >= 0)
        r = bl_text_format(path, sizeof(path), "%s/%s/%s", places->root, places->hooks, task->hook);
    if (r >= 0)
        r = spawn_hook(task, path, &child, &err);
    if (r < 0) {
        refuse(result, told, err.text);
        return;
    }
    r = bl_spawn_wait(&child, (int64_t)task->timeout_ms, &ended, &err);
    keep_output(&child, told);
    if (r < 0) {
        result->end = AGENT_ERRAND_TIMED_OUT;
    } else if (ended.status < 0) {
        result->end = AGENT_ERRAND_KILLED;
        result->status = (uint64_t)ended.by;
    } else {
        result->end = AGENT_ERRAND_EXITED;
        result->status = (uint64_t)ended.status;
    }
}
