/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent/errand/parts.h"
#include "agent/errand/run.h"
#include "common/spawn.h"
#include "common/text.h"

enum {
    CAPTURE_BYTES = 256 * 1024,
};

/* What both engines allow, and no more: it begins with no sign, so it can't be an option. */
static bool is_container_name(const char *name)
{
    size_t length =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

    return length > 0 && strchr("_.-", name[0]) == NULL &&
           length <= AGENT_ERRAND_CONTAINER_BYTES_MAX && name[length] == '\0';
}

/* docker says "running"; podman's own word for it here is "Up 5 minutes ago". */
static bool is_running(const char *state)
{
    return strcmp(state, "running") == 0 || strncmp(state, "Up ", strlen("Up ")) == 0;
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
        .state = is_running(state) ? AGENT_ERRAND_RUNNING : AGENT_ERRAND_NOT_RUNNING,
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

static const char *const engine_env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                                         "HOME=/root", NULL};

static void ask_engine(const struct agent_errand_task *task, const char *program, uint32_t engine,
                       struct agent_errand_result *result, struct agent_errand_listed *listed)
{
    const char *const argv[] = {
        program, "ps", "--all", "--format", "{{.Names}}\t{{.State}}\t{{.Status}}", NULL};
    const struct bl_spawn spawn = {.argv = argv, .env = engine_env, .capture_bytes = CAPTURE_BYTES};
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

static bool is_stopped(const struct agent_errand_result *result,
                       const struct agent_errand_container *before)
{
    for (uint32_t i = 0; i < result->containers_count; i++) {
        const struct agent_errand_container *now = &result->containers[i];

        if (now->engine == before->engine && strcmp(now->name, before->name) == 0)
            return now->state != AGENT_ERRAND_RUNNING;
    }

    return false; /* gone: nobody can start it */
}

/*
 * Whether it runs then is for others to see, who look at everything. What podman starts may stay in
 * the control group of whoever called it, and would end with this errand: it gets a unit of its own,
 * which ends without ending what it left.
 */
static void start_container(const struct agent_errand_task *task,
                            const struct agent_errand_places *places,
                            const struct agent_errand_container *container)
{
    const char *const docker[] = {places->docker, "start", container->name, NULL};
    const char *const podman[] = {places->systemd_run,
                                  "--quiet",
                                  "--wait",
                                  "--collect",
                                  "--property=Type=oneshot",
                                  "--property=KillMode=process",
                                  places->podman,
                                  "start",
                                  container->name,
                                  NULL};
    const struct bl_spawn spawn = {.argv =
                                       container->engine == AGENT_ERRAND_DOCKER ? docker : podman,
                                   .env = engine_env,
                                   .capture_bytes = CAPTURE_BYTES};
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    struct bl_error err = {0};

    if (bl_spawn_run(&spawn, (int64_t)task->timeout_ms, &child, &err) < 0) {
        (void)fprintf(stderr, SD_WARNING "container %s was not started: %s\n", container->name,
                      err.text);
    } else {
        (void)fprintf(stderr, SD_NOTICE "container %s was started again\n", container->name);
    }
}

void agent_errand_do_revive(const struct agent_errand_task *task,
                            const struct agent_errand_places *places,
                            struct agent_errand_result *result, struct agent_errand_listed *listed)
{
    agent_errand_do_containers(task, places, result, listed);
    for (uint32_t i = 0; i < task->containers_count; i++) {
        const struct agent_errand_container *before = &task->containers[i];

        if (before->state == AGENT_ERRAND_RUNNING && is_container_name(before->name) &&
            is_stopped(result, before))
            start_container(task, places, before);
    }
}

void agent_errand_listed_release(struct agent_errand_listed *listed)
{
    for (size_t i = 0; i < AGENT_ERRAND_ENGINES_MAX; i++) {
        free(listed->printed[i]);
        listed->printed[i] = NULL;
    }
}
