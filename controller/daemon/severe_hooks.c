/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/severe_hooks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/text.h"
#include "controller/daemon/log.h"
#include "controller/daemon/standby.h"
#include "controller/daemon/view.h"
#include "controller/daemon/view_people.h"
#include "controller/outside/json.h"

enum {
    PAGE_LIMIT_MS = 60 * 1000,
    LIMIT_MS = 5 * 60 * 1000,
    COMMAND_BYTES = 128,
};

struct one {
    struct ctl_severe_hooks *all;
    enum ctl_hook_kind kind;
    uint64_t ordered; /* the number of a call that is not started yet; 0 = none */
    uint64_t call;    /* that runs */
    struct ctl_hook_run *program;
};

struct ctl_severe_hooks {
    struct ctl_engine *engine;
    struct ctl_run *run;
    struct one list[CTL_HOOK_COUNT];
};

void ctl_severe_hooks_limits(int64_t ret_limits_ms[CTL_HOOK_COUNT])
{
    ret_limits_ms[CTL_HOOK_PAGE] = PAGE_LIMIT_MS;
    ret_limits_ms[CTL_HOOK_TRAFFIC] = ret_limits_ms[CTL_HOOK_VENDOR] = LIMIT_MS;
}

const char *ctl_severe_hook_program(const struct proto_policy *policy, enum ctl_hook_kind kind)
{
    const char *const programs[CTL_HOOK_COUNT] = {[CTL_HOOK_PAGE] = policy->page,
                                                  [CTL_HOOK_TRAFFIC] = policy->traffic,
                                                  [CTL_HOOK_VENDOR] = policy->vendor};

    return programs[kind] != NULL ? programs[kind] : "";
}

struct ctl_severe_hooks *ctl_severe_hooks_free(struct ctl_severe_hooks *hooks)
{
    for (uint32_t i = 0; hooks != NULL && i < CTL_HOOK_COUNT; i++)
        (void)ctl_hook_free(hooks->list[i].program);
    free(hooks);

    return NULL;
}

/* ---- what they are told ---- */

static void add_names(const struct ctl_run *run, json_t *facts)
{
    json_t *changed = json_array(), *unchanged = json_array(), *failed = json_array();

    for (uint32_t i = 0; i < run->rollout.host_count; i++) {
        const struct ctl_rollout_host *host = &run->hosts[i];
        const char *name = run->members[i].host->name;

        (void)json_array_append_new(host->touched ? changed : unchanged, json_string(name));
        if (host->failed)
            (void)json_array_append_new(failed, json_string(name));
    }
    (void)json_object_set_new(facts, "changed", changed);
    (void)json_object_set_new(facts, "unchanged", unchanged);
    (void)json_object_set_new(facts, "failed", failed);
}

/* Where the traffic can go, and where it can't: all of them, each with what is known of it. */
static void add_standby(const struct ctl_run *run, json_t *facts)
{
    json_t *view = ctl_standby_view(run), *hosts = json_object_get(view, "hosts");

    (void)json_object_set_new(facts, "standby", hosts != NULL ? json_incref(hosts) : json_array());
    json_decref(view);
}

static json_t *make_facts(const struct one *one)
{
    const struct ctl_run *run = one->all->run;
    const struct ctl_rollout *rollout = &run->rollout;
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)], answer[COMMAND_BYTES];
    json_t *facts;

    bl_hex_encode(run->id, sizeof(run->id), id);
    (void)snprintf(answer, sizeof(answer), "belay approve --rollback %s", id);
    facts = json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:o}", "hook",
                      ctl_hook_name(one->kind), "call", (json_int_t)one->call, "rollout", id,
                      "plan", run->plan_name, "state", ctl_rollout_state_name(rollout->state),
                      "code", rollout->code, "reason", rollout->reason, "next",
                      rollout->alarm.is_open ? answer : "", "wave", rollout->wave + 1,
                      "waves_count", rollout->wave_count, "hosts_count", rollout->host_count,
                      "alarm", ctl_view_alarm(run));
    if (facts != NULL) {
        add_names(run, facts);
        add_standby(run, facts);
    }

    return facts;
}

/* ---- running them ---- */

static void tell_end(struct one *one, enum ctl_hook_outcome outcome, int status, const char *text)
{
    struct ctl_engine *engine = one->all->engine;
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)], detail[CTL_HOOK_TEXT_BYTES_MAX + 256];
    char said[CTL_HOOK_TEXT_BYTES_MAX + 1];
    struct ctl_run *run = one->all->run;
    struct bl_error err = {0};
    int r;

    bl_text_copy(said, sizeof(said), text);
    bl_hex_encode(run->id, sizeof(run->id), id);
    (void)snprintf(detail, sizeof(detail), "%s, %.128s, call %" PRIu64 ": %s",
                   ctl_hook_name(one->kind), ctl_severe_hook_program(&run->policy, one->kind),
                   one->call, said);
    ctl_log(outcome == CTL_HOOK_GOOD ? CTL_LOG_NOTICE : CTL_LOG_WARNING, "rollout %s: hook %s", id,
            detail);
    if (!ctl_engine_begin(engine))
        return;
    r = ctl_engine_step(engine, run,
                        (struct ctl_rollout_event){.type = CTL_ROLLOUT_HOOK_ENDED,
                                                   .host = CTL_ROLLOUT_ALL,
                                                   .number = (uint32_t)one->kind,
                                                   .nonce = one->call,
                                                   .verdict = outcome,
                                                   .grade = (uint32_t)status,
                                                   .text = said},
                        &err);
    if (r >= 0)
        r = ctl_engine_audit(engine, -1, "hook", id, detail, &err);
    if (r < 0)
        ctl_engine_fail(engine, &err);
    else
        (void)ctl_engine_end(engine); /* the run may be gone now */
}

static void on_end(void *userdata, const struct ctl_hook_end *end)
{
    struct one *one = userdata;
    enum ctl_hook_outcome outcome = CTL_HOOK_TIMED_OUT;
    char text[CTL_HOOK_LINE_BYTES_MAX + 64];

    one->program = NULL;
    if (end->result == CTL_CHILD_EXITED)
        outcome = end->status == 0 ? CTL_HOOK_GOOD : CTL_HOOK_FAILED;
    else if (end->result == CTL_CHILD_KILLED)
        outcome = CTL_HOOK_KILLED;
    ctl_hook_describe(end, text, sizeof(text));
    tell_end(one, outcome, end->status, text);
}

static void start(struct one *one)
{
    struct ctl_engine *engine = one->all->engine;
    CTL_AUTO_JSON *facts = NULL;
    struct bl_error err = {0};
    int r;

    one->call = one->ordered;
    one->ordered = 0;
    facts = make_facts(one);
    r = facts == NULL
            ? bl_fail(&err, -ENOMEM, "facts: no memory")
            : ctl_hook_start(engine->event, engine->hook_places,
                             &(struct ctl_hook){
                                 .name = ctl_severe_hook_program(&one->all->run->policy, one->kind),
                                 .purpose = ctl_hook_name(one->kind),
                                 .facts = facts,
                                 .limit_ms = engine->hook_limits_ms[one->kind]},
                             on_end, one, &one->program, &err);
    if (r < 0)
        tell_end(one, CTL_HOOK_NOT_STARTED, 0, err.text);
}

static struct one *find_ordered(struct ctl_engine *engine)
{
    for (uint32_t i = 0; i < engine->run_count; i++) {
        struct ctl_severe_hooks *hooks = engine->runs[i]->severe_hooks;

        for (uint32_t kind = 0; hooks != NULL && kind < CTL_HOOK_COUNT; kind++) {
            if (hooks->list[kind].ordered != 0 &&
                (kind != CTL_HOOK_TRAFFIC || !ctl_standby_is_settling(engine->runs[i])))
                return &hooks->list[kind];
        }
    }

    return NULL;
}

/* Behind the turn that ordered them. One that can't be started ends at once, and may end a run. */
static int on_due(sd_event_source *source, void *userdata)
{
    struct ctl_engine *engine = userdata;
    struct one *one;

    while (!engine->failed && (one = find_ordered(engine)) != NULL)
        start(one);

    return 0;
}

void ctl_severe_hooks_tick(struct ctl_engine *engine)
{
    if (engine->hooks_due != NULL && find_ordered(engine) != NULL)
        (void)sd_event_source_set_enabled(engine->hooks_due, SD_EVENT_ONESHOT);
}

int ctl_severe_hooks_order(struct ctl_engine *engine, struct ctl_run *run,
                           const struct ctl_rollout_effect *effect, struct bl_error *err)
{
    struct ctl_severe_hooks *hooks = run->severe_hooks;
    int r = 0;

    if (hooks == NULL) {
        hooks = calloc(1, sizeof(*hooks));
        if (hooks == NULL)
            return bl_fail(err, -ENOMEM, "hooks: no memory");
        hooks->engine = engine;
        hooks->run = run;
        for (uint32_t kind = 0; kind < CTL_HOOK_COUNT; kind++)
            hooks->list[kind] = (struct one){.all = hooks, .kind = (enum ctl_hook_kind)kind};
        run->severe_hooks = hooks;
    }
    hooks->list[effect->attempt].ordered = effect->nonce;
    if (engine->hooks_due == NULL)
        r = sd_event_add_defer(engine->event, &engine->hooks_due, on_due, engine);
    if (r >= 0)
        r = sd_event_source_set_enabled(engine->hooks_due, SD_EVENT_ONESHOT);

    return r < 0 ? bl_fail(err, r, "hooks: %s", strerror(-r)) : 0;
}

/* ---- for people ---- */

json_t *ctl_severe_hooks_view(const struct ctl_run *run)
{
    json_t *list = json_array();

    for (uint32_t kind = 0; kind < CTL_HOOK_COUNT; kind++) {
        const char *program = ctl_severe_hook_program(&run->policy, (enum ctl_hook_kind)kind);
        const struct ctl_rollout_hook *hook = &run->rollout.called[kind];

        if (program[0] == '\0')
            continue;
        (void)json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:i, s:b, s:s, s:i, s:s, s:o, s:o}", "name", ctl_hook_name(kind),
                      "program", program, "calls", hook->calls, "running", hook->runs, "outcome",
                      hook->outcome != 0 ? ctl_hook_outcome_name(hook->outcome) : "", "status",
                      hook->status, "text", hook->text, "called", ctl_view_wall(hook->called),
                      "ended", ctl_view_wall(hook->ended)));
    }

    return list;
}
