/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent asks of PID 1: agent/root/units.c of the simulator. Answers come out of the agent's
 * own loop after a moment, or in the very tick of its next deadline.
 */
#include "agent/root/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/text.h"
#include "tests/sim/world/hosts.h"

enum {
    ANSWER_MS_MAX = 20,
    TICK_AHEAD_MS_MAX = 10 * 60 * 1000,
    LOST_PERCENT = 2, /* systemd re-executes itself while a run is waited for */
    UNITS_SHOWN_MAX = PROTO_UNITS_MAX,
};

enum call_kind {
    CALL_STATE = 1,
    CALL_RUN,
    CALL_LIST,
    CALL_WATCH,
};

struct agent_units {
    struct sim_host *host;
    sd_event *loop;
    struct agent_units_call *calls;
};

struct agent_units_call {
    struct agent_units *units;
    struct agent_units_call *next, *former;
    enum call_kind kind;
    char id[SIM_JOB_ID_BYTES];
    uint32_t phase;
    agent_units_done_fn done;
    void *userdata;
    sd_event_source *source; /* brings the answer */
    struct agent_units_answer answer;
};

const char *agent_unit_state_name(uint32_t state)
{
    static const char *const names[] = {"?",      "inactive",   "active",
                                        "failed", "activating", "deactivating"};

    return state <= AGENT_UNIT_STATE_LAST ? names[state] : "?";
}

const struct agent_unit *agent_units_find(const struct agent_units_list *list, const char *name)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    }

    return NULL;
}

int agent_units_new(sd_event *loop, const char *address, struct agent_units **ret_units,
                    struct bl_error *err)
{
    struct agent_units *units = calloc(1, sizeof(*units));

    if (units == NULL)
        sim_broken("no memory for units");
    units->host = sim_here();
    units->loop = loop;
    units->host->calls = units;

    *ret_units = units;
    return 0;
}

struct agent_units *agent_units_free(struct agent_units *units)
{
    if (units == NULL)
        return NULL;
    while (units->calls != NULL)
        (void)agent_units_drop(units->calls);
    units->host->calls = NULL;
    free(units);

    return NULL;
}

struct agent_units_call *agent_units_drop(struct agent_units_call *call)
{
    if (call == NULL)
        return NULL;
    if (call->former != NULL)
        call->former->next = call->next;
    else
        call->units->calls = call->next;
    if (call->next != NULL)
        call->next->former = call->former;
    sd_event_source_disable_unref(call->source);
    free(call);

    return NULL;
}

/* ---- answers ---- */

static void list_units(struct sim_host *h, struct agent_unit *items,
                       struct agent_units_list *ret_list)
{
    const struct agent_work *work = agent_jobs_work(h->agent.jobs);
    bool is_up = sim_host_truth(h->index)->is_service_running;
    uint32_t count = work != NULL ? work->manifest.verify_units_count : 0;

    for (uint32_t i = 0; i < count && i < UNITS_SHOWN_MAX; i++) {
        items[i] = (struct agent_unit){.name = work->manifest.verify_units[i].text,
                                       .state = is_up ? AGENT_UNIT_ACTIVE : AGENT_UNIT_FAILED,
                                       .main_pid = 100,
                                       .enabled = true};
    }
    *ret_list = (struct agent_units_list){items, count < UNITS_SHOWN_MAX ? count : UNITS_SHOWN_MAX};
}

static int on_answer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_units_call *call = userdata;
    struct sim_host *h = call->units->host;
    struct agent_unit items[UNITS_SHOWN_MAX];
    struct agent_units_answer answer = call->answer;
    agent_units_done_fn done = call->done;
    void *caller = call->userdata;
    struct agent_units_list list;
    const struct sim_unit *unit;

    if (call->kind == CALL_LIST) {
        list_units(h, items, &list);
        answer.list = &list;
    } else if (call->kind == CALL_STATE) {
        unit = sim_unit_find(h, call->id, call->phase);
        answer.state = unit != NULL ? AGENT_UNIT_ACTIVATING : AGENT_UNIT_INACTIVE;
    }
    (void)agent_units_drop(call);
    done(caller, &answer);
    return 0;
}

/* The worst moment for an answer is that of a deadline. */
static int64_t answer_ms(struct sim_host *h)
{
    int64_t next_ms;

    if (sim_fault(SIM_FAULT_SAME_TICK, h->index)) {
        next_ms = sim_process_next_timer(&h->agent.process);
        if (next_ms > sim_now_ms() && next_ms - sim_now_ms() < TICK_AHEAD_MS_MAX)
            return next_ms - sim_now_ms();
    }

    return sim_draw_between(sim_look_draw(h), h->index, 1, ANSWER_MS_MAX);
}

static void answer_later(struct agent_units_call *call)
{
    uint64_t after_us;

    if (call->source != NULL)
        return;
    after_us = (uint64_t)answer_ms(call->units->host) * 1000;
    (void)sd_event_add_time_relative(call->units->loop, &call->source, CLOCK_BOOTTIME, after_us, 0,
                                     on_answer, call);
}

void sim_units_tell_end(struct sim_host *h, const char *id, uint32_t phase, bool is_good)
{
    struct agent_units_call *call = h->calls != NULL ? h->calls->calls : NULL;

    for (; call != NULL; call = call->next) {
        if (call->kind != CALL_RUN || call->source != NULL || call->phase != phase ||
            strcmp(call->id, id) != 0)
            continue;
        call->answer.end = is_good ? AGENT_UNITS_OK : AGENT_UNITS_FAILED;
        call->answer.why = is_good ? "" : "exit-code";
        answer_later(call);
    }
}

/* ---- calls ---- */

static struct agent_units_call *add_call(struct agent_units *units, enum call_kind kind,
                                         agent_units_done_fn done, void *userdata,
                                         struct agent_units_call **ret_call)
{
    struct agent_units_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        sim_broken("no memory for a call");
    call->units = units;
    call->kind = kind;
    call->done = done;
    call->userdata = userdata;
    call->answer = (struct agent_units_answer){.end = AGENT_UNITS_OK, .why = ""};
    call->next = units->calls;
    if (units->calls != NULL)
        units->calls->former = call;
    units->calls = call;

    *ret_call = call;
    return call;
}

/* "belay-txn@JOB-PHASE.service"; the agent runs no other units in here. */
static void take_name(struct agent_units_call *call, const char *name)
{
    const char *at = strchr(name, '@');
    char instance[64];
    struct bl_error err = {0};

    bl_text_copy(instance, sizeof(instance), at != NULL ? at + 1 : name);
    if (strchr(instance, '.') != NULL)
        *strchr(instance, '.') = '\0';
    if (agent_txn_instance_parse(instance, call->id, &call->phase, &err) < 0)
        sim_broken("the agent asks for the unit %s", name);
}

int agent_units_state(struct agent_units *units, const char *name, agent_units_done_fn done,
                      void *userdata, struct agent_units_call **ret_call)
{
    struct agent_units_call *call = add_call(units, CALL_STATE, done, userdata, ret_call);

    take_name(call, name);
    answer_later(call);

    return 0;
}

int agent_units_run(struct agent_units *units, const char *name, agent_units_done_fn done,
                    void *userdata, struct agent_units_call **ret_call)
{
    struct sim_host *h = units->host;
    struct agent_units_call *call = add_call(units, CALL_RUN, done, userdata, ret_call);

    take_name(call, name);
    if (!sim_process_may_act())
        return 0;
    if (sim_unit_run(h, call->id, call->phase) == NULL) {
        call->answer = (struct agent_units_answer){.end = AGENT_UNITS_FAILED, .why = "canceled"};
        answer_later(call);
    } else if (sim_draw_percent(SIM_DRAW_UNIT, h->index, LOST_PERCENT)) {
        call->answer.end = AGENT_UNITS_LOST;
        answer_later(call);
    }

    return 0;
}

int agent_units_list(struct agent_units *units, agent_units_done_fn done, void *userdata,
                     struct agent_units_call **ret_call)
{
    answer_later(add_call(units, CALL_LIST, done, userdata, ret_call));

    return 0;
}

/* A service that is broken is so from the change on: there is nothing to be told later. */
int agent_units_watch(struct agent_units *units, agent_units_failed_fn failed, void *userdata,
                      struct agent_units_call **ret_call)
{
    (void)add_call(units, CALL_WATCH, NULL, userdata, ret_call);

    return 0;
}
