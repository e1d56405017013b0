/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/survey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/root/ask.h"
#include "agent/root/containers.h"
#include "agent/root/probe.h"

enum {
    PROBE_TIMEOUT_MS = 10000,
};

struct agent_survey {
    struct agent_host *host;
    struct agent_survey_caller caller;
    struct agent_probe_ask *probe;
    struct agent_ask *look;
    struct agent_containers_ask *containers;
    struct agent_units_call *units;
    struct proto_arena arena;
    struct agent_baseline now;
};

static void fail(struct agent_survey *survey, const char *why)
{
    survey->caller.done(survey->caller.userdata, NULL, why);
}

/* What an answer lent becomes our own. */
static int keep(struct agent_survey *survey, struct bl_error *err)
{
    const struct agent_baseline lent = survey->now;

    return agent_baseline_copy(&lent, &survey->arena, &survey->now, err);
}

static void on_units(void *userdata, const struct agent_units_answer *answer)
{
    struct agent_survey *survey = userdata;

    survey->units = NULL;
    if (answer->end != AGENT_UNITS_OK) {
        fail(survey, answer->why);
        return;
    }
    survey->now.units = answer->list->items;
    survey->now.units_count = answer->list->count;
    survey->caller.done(survey->caller.userdata, &survey->now, "");
}

static void on_containers(void *userdata, const struct agent_containers *containers,
                          const char *why)
{
    struct agent_survey *survey = userdata;
    struct agent_baseline lent;
    struct bl_error err = {0};
    int r;

    if (containers == NULL) {
        fail(survey, why);
        return;
    }
    lent = survey->now;
    /* Lent as const, and only copied. */
    memcpy(&lent.containers, &containers->items, sizeof(lent.containers));
    lent.containers_count = containers->count;
    memcpy(&lent.silent, &containers->silent, sizeof(lent.silent));
    lent.silent_count = containers->silent_count;
    r = agent_baseline_copy(&lent, &survey->arena, &survey->now, &err);
    if (r >= 0) {
        r = agent_units_list(survey->host->units, on_units, survey, &survey->units);
        if (r < 0)
            r = bl_fail(&err, r, "ask systemd: %s", strerror(-r));
    }
    if (r < 0)
        fail(survey, err.text);
}

static int take_system(struct agent_survey *survey, const void *data, size_t data_bytes,
                       struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_system seen;
    int r;

    r = proto_decode(&agent_system_schema, data, data_bytes, &arena, &seen, err);
    if (r < 0)
        return r;
    if (seen.format != AGENT_SYSTEM_FORMAT)
        return bl_fail(err, -EPROTO, "belay-look: format %llu", (unsigned long long)seen.format);
    survey->now.mounts = seen.mounts;
    survey->now.mounts_count = seen.mounts_count;
    survey->now.modules = seen.modules;
    survey->now.modules_count = seen.modules_count;
    survey->now.stale = seen.stale;
    survey->now.stale_count = seen.stale_count;
    survey->now.selinux = seen.selinux;
    survey->now.reboot_required = seen.reboot_required;

    return keep(survey, err);
}

static void on_look(void *userdata, const void *data, size_t data_bytes, const char *why)
{
    struct agent_survey *survey = userdata;
    const struct agent_containers_caller caller = {survey, on_containers};
    struct bl_error err = {0};
    int r;

    if (data == NULL) {
        fail(survey, why);
        return;
    }
    r = take_system(survey, data, data_bytes, &err);
    if (r >= 0)
        r = agent_containers_list(survey->host, &caller, &survey->containers, &err);
    if (r < 0)
        fail(survey, err.text);
}

static int begin_look(struct agent_survey *survey, struct bl_error *err)
{
    static const struct agent_system_task task = {.format = AGENT_SYSTEM_FORMAT};
    const struct agent_ask_task question = {.folder = "look",
                                            .schema = &agent_system_task_schema,
                                            .record = &task,
                                            .answer_bytes_max = AGENT_SYSTEM_RESULT_BYTES_MAX};
    const struct agent_ask_caller caller = {survey, on_look};

    return agent_ask_start(survey->host, &question, &caller, &survey->look, err);
}

static void on_probe(void *userdata, const struct agent_probe_result *result, const char *why)
{
    struct agent_survey *survey = userdata;
    struct bl_error err = {0};
    int r;

    if (result == NULL) {
        fail(survey, why);
        return;
    }
    survey->now.listeners = result->listeners;
    survey->now.listeners_count = result->listeners_count;
    survey->now.routes = result->routes;
    survey->now.routes_count = result->routes_count;
    survey->now.resolv_conf = result->resolv_conf;
    survey->now.resolver = result->resolver;
    survey->now.names = result->names;
    survey->now.names_count = result->names_count;
    survey->now.ssh = result->ssh;
    survey->now.ssh_count = result->ssh_count;
    r = keep(survey, &err);
    if (r >= 0)
        r = begin_look(survey, &err);
    if (r < 0)
        fail(survey, err.text);
}

int agent_survey_start(struct agent_host *host, const struct agent_survey_task *task,
                       const struct agent_survey_caller *caller, struct agent_survey **ret_survey,
                       struct bl_error *err)
{
    struct proto_text ssh[AGENT_PROBE_SSH_MAX];
    const struct agent_probe_task look = {.format = AGENT_PROBE_FORMAT,
                                          .what = AGENT_PROBE_NETWORK,
                                          .timeout_ms = PROBE_TIMEOUT_MS,
                                          .names = task->manifest->verify_names,
                                          .names_count = task->manifest->verify_names_count,
                                          .ssh = ssh,
                                          .ssh_count = task->ssh_count};
    struct agent_survey *survey = calloc(1, sizeof(*survey));
    const struct agent_probe_caller probe_caller = {survey, on_probe};
    int r;

    BL_ASSERT(task->ssh_count <= AGENT_PROBE_SSH_MAX);
    if (survey == NULL)
        return bl_fail(err, -ENOMEM, "no memory for a look at the host");
    for (uint32_t i = 0; i < task->ssh_count; i++)
        ssh[i] = task->ssh[i];
    survey->host = host;
    survey->caller = *caller;
    survey->now = (struct agent_baseline){
        .format = AGENT_BASELINE_FORMAT, .wall_ms = bl_wall_now().ms, .boot_id = host->boot_id};
    r = agent_probe_start(host, &look, &probe_caller, &survey->probe, err);
    if (r < 0) {
        (void)agent_survey_free(survey);
        return r;
    }

    *ret_survey = survey;
    return 0;
}

struct agent_survey *agent_survey_free(struct agent_survey *survey)
{
    if (survey == NULL)
        return NULL;
    survey->probe = agent_probe_free(survey->probe);
    survey->look = agent_ask_free(survey->look);
    survey->containers = agent_containers_free(survey->containers);
    survey->units = agent_units_drop(survey->units);
    proto_arena_release(&survey->arena);
    free(survey);
    return NULL;
}
