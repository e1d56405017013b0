/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/errand/parts.h"
#include "agent/errand/run.h"
#include "common/spawn.h"
#include "common/text.h"

enum {
    CAPTURE_BYTES = 256 * 1024,
};

/* What both engines allow, and no more. */
static bool is_container_name(const char *name)
{
    size_t length =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

    return length > 0 && length <= AGENT_ERRAND_CONTAINER_BYTES_MAX && name[length] == '\0';
}

/* docker and podman both end the status with "(healthy)", "(unhealthy)" or "(... starting)". */
static uint32_t health_of(const char *status)
{
    if (strstr(status, "(unhealthy)") != NULL)
        return AGENT_ERRAND_UNHEALTHY;
    if (strstr(status, "(healthy)") != NULL)
        return AGENT_ERRAND_HEALTHY;

    return strstr(status, "starting)") != NULL ? AGENT_ERRAND_HEALTH_STARTING
                                               : AGENT_ERRAND_HEALTH_NONE;
}

int agent_errand_parse_container(char *line, struct agent_errand_container *ret_container)
{
    char *state = strchr(line, '\t');
    char *status = state != NULL ? strchr(state + 1, '\t') : NULL;

    if (status == NULL || strchr(status + 1, '\t') != NULL)
        return 0;
    *state++ = '\0';
    *status++ = '\0';
    if (!is_container_name(line))
        return 0;
    *ret_container = (struct agent_errand_container){
        .name = line,
        .state = strcmp(state, "running") == 0 ? AGENT_ERRAND_RUNNING : AGENT_ERRAND_NOT_RUNNING,
        .health = health_of(status)};

    return 1;
}

static void list_lines(char *printed, uint32_t engine, struct agent_errand_result *result)
{
    char *rest = NULL;

    for (char *line = strtok_r(printed, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        struct agent_errand_container container;

        if (result->containers_count == AGENT_ERRAND_CONTAINERS_MAX)
            return;
        if (agent_errand_parse_container(line, &container) == 0)
            continue;
        container.engine = engine;
        result->containers[result->containers_count++] = container;
    }
}

static void ask_engine(const struct agent_errand_task *task, const char *program, uint32_t engine,
                       struct agent_errand_result *result, struct agent_errand_listed *listed)
{
    const char *const argv[] = {
        program, "ps", "--all", "--format", "{{.Names}}\t{{.State}}\t{{.Status}}", NULL};
    static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                                      "HOME=/root", NULL};
    const struct bl_spawn spawn = {.argv = argv, .env = env, .capture_bytes = CAPTURE_BYTES};
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    struct bl_error err = {0};
    uint32_t index = engine - 1;

    if (access(program, X_OK) < 0 && errno == ENOENT)
        return; /* not installed */
    if (bl_spawn_run(&spawn, (int64_t)task->timeout_ms, &child, &err) < 0) {
        bl_text_escape(listed->why[index], sizeof(listed->why[index]), err.text, strlen(err.text));
        result->silent[result->silent_count++] =
            (struct agent_errand_silent){.engine = engine, .why = listed->why[index]};
        return;
    }
    listed->printed[index] = child.output;
    child.output = NULL;
    list_lines(listed->printed[index], engine, result);
}

void agent_errand_do_containers(const struct agent_errand_task *task,
                                const struct agent_errand_places *places,
                                struct agent_errand_result *result,
                                struct agent_errand_listed *listed)
{
    result->containers = listed->containers;
    result->silent = listed->silent;
    ask_engine(task, places->docker, AGENT_ERRAND_DOCKER, result, listed);
    ask_engine(task, places->podman, AGENT_ERRAND_PODMAN, result, listed);
}

void agent_errand_listed_release(struct agent_errand_listed *listed)
{
    for (size_t i = 0; i < AGENT_ERRAND_ENGINES_MAX; i++) {
        free(listed->printed[i]);
        listed->printed[i] = NULL;
    }
}
