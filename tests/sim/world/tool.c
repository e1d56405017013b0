/* SPDX-License-Identifier: Apache-2.0 */
/*
 * belay-lease and belay-silence: short programs that wait for PID 1 in the middle of what they do.
 * Each runs on a stack of its own, so that the world can go on while it waits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <ucontext.h>

#include "agent/lease/release.h"
#include "agent/lease/silence.h"
#include "tests/sim/world/hosts.h"

enum {
    STACK_BYTES = 256 * 1024,
    EXEC_MS_MAX = 200,
};

struct sim_tool {
    struct sim_tool *next;
    struct sim_host *host;
    enum sim_tool_kind kind;
    struct sim_process process;
    ucontext_t inside, outside;
    void *stack;
    bool is_done;
    sim_ticket ticket; /* its begin, or what it waits for */
    char unit_id[SIM_JOB_ID_BYTES];
    uint32_t unit_phase; /* 0: waits for no unit */
    int answer;
};

static struct sim_tool *running; /* whose stack this is */

struct sim_tool *sim_tool_here(void)
{
    return running;
}

/* ---- the program ---- */

static int perform(struct sim_tool *tool, struct bl_error *err)
{
    const struct agent_lease_places *places = &agent_lease_places_default;
    struct agent_lease_outcome outcome;

    switch (tool->kind) {
    case SIM_TOOL_BOOT:
        return agent_release_at_boot(places, err);
    case SIM_TOOL_RELEASE_SSH:
        return agent_release_lease(places, AGENT_LEASE_SSH_LOCK, &outcome, err);
    case SIM_TOOL_RELEASE_JOBS:
        return agent_release_lease(places, AGENT_LEASE_QUIESCE, &outcome, err);
    case SIM_TOOL_SILENCE:
        return agent_silence_end(places, err);
    }

    return -EINVAL;
}

static void body(void)
{
    struct sim_tool *tool = running;
    struct bl_error err = {0};

    if (perform(tool, &err) < 0)
        sim_tell(tool->host->index, "a tool failed: %s", err.text);
    tool->is_done = true;
}

/* ---- its life ---- */

static void forget(struct sim_tool *tool)
{
    struct sim_tool **place = &tool->host->tools;

    while (*place != tool)
        place = &(*place)->next;
    *place = tool->next;
    sim_cancel(&tool->ticket);
    free(tool->stack);
    free(tool);
}

static void reap(void *userdata)
{
    struct sim_tool *tool = userdata;
    struct sim_host *h = tool->host;
    enum sim_tool_kind kind = tool->kind;

    sim_process_end(&tool->process);
    forget(tool);
    if (kind == SIM_TOOL_BOOT)
        sim_host_boot_on(h);
    else
        sim_timer_ended(h, (enum sim_lease)kind);
}

static void go_on(void *userdata, uint64_t argument)
{
    struct sim_tool *tool = userdata;

    tool->ticket = 0;
    sim_process_enter(&tool->process);
    running = tool;
    SIM_LAW(swapcontext(&tool->outside, &tool->inside) == 0, "a tool cannot go on");
    running = NULL;
    if (tool->is_done)
        tool->process.is_exiting = true;
    sim_process_leave(&tool->process);
}

static void wait_here(struct sim_tool *tool)
{
    SIM_LAW(swapcontext(&tool->inside, &tool->outside) == 0, "a tool cannot wait");
}

static void begin(void *userdata, uint64_t argument)
{
    struct sim_tool *tool = userdata;

    sim_process_begin(&tool->process, tool->host->index, SIM_FAULT_UNIT_KILLED, reap, tool);
    tool->stack = malloc(STACK_BYTES);
    SIM_LAW(tool->stack != NULL && getcontext(&tool->inside) == 0, "no memory for a tool");
    tool->inside.uc_stack.ss_sp = tool->stack;
    tool->inside.uc_stack.ss_size = STACK_BYTES;
    tool->inside.uc_link = &tool->outside;
    makecontext(&tool->inside, body, 0);
    go_on(tool, 0);
}

/* One of a kind at a time, as units are. */
void sim_tool_start(struct sim_host *h, enum sim_tool_kind kind)
{
    struct sim_tool *tool;

    for (tool = h->tools; tool != NULL; tool = tool->next) {
        if (tool->kind == kind)
            return;
    }
    tool = calloc(1, sizeof(*tool));
    SIM_LAW(tool != NULL, "no memory for a tool");
    tool->host = h;
    tool->kind = kind;
    tool->next = h->tools;
    h->tools = tool;
    tool->ticket = sim_after(sim_draw_between(SIM_DRAW_SYSTEM, h->index, 1, EXEC_MS_MAX), begin,
                             tool, h->index);
}

/* The machine is gone, and with it whatever the tool waited for. */
void sim_tools_cut(struct sim_host *h)
{
    while (h->tools != NULL) {
        struct sim_tool *tool = h->tools;

        if (tool->process.loop != NULL)
            sim_process_end(&tool->process);
        forget(tool);
    }
}

/* ---- what it waits for ---- */

void sim_tool_pass(struct sim_tool *tool, int64_t ms)
{
    tool->ticket = sim_after(ms, go_on, tool, tool->host->index);
    wait_here(tool);
}

/* PID 1 starts the agent; its job ends when the agent is ready, or has ended before it was. */
static void raise_agent(void *userdata, uint64_t argument)
{
    struct sim_tool *tool = userdata;

    tool->answer = sim_agent_raise(tool->host) ? 0 : -EPROTO;
    tool->ticket = sim_after(1, go_on, tool, tool->host->index);
}

int sim_tool_start_agent(struct sim_tool *tool, int64_t timeout_ms)
{
    tool->ticket = sim_after(sim_draw_between(SIM_DRAW_SYSTEM, tool->host->index, 1, EXEC_MS_MAX),
                             raise_agent, tool, tool->host->index);
    wait_here(tool);

    return tool->answer;
}

int sim_tool_run_unit(struct sim_tool *tool, const char *id, uint32_t phase)
{
    if (sim_unit_run(tool->host, id, phase) == NULL)
        return -EPROTO;
    memcpy(tool->unit_id, id, sizeof(tool->unit_id));
    tool->unit_phase = phase;
    wait_here(tool);

    return tool->answer;
}

void sim_tools_tell_end(struct sim_host *h, const char *id, uint32_t phase, bool is_good)
{
    for (struct sim_tool *tool = h->tools; tool != NULL; tool = tool->next) {
        if (tool->unit_phase != phase || strcmp(tool->unit_id, id) != 0)
            continue;
        tool->unit_phase = 0;
        tool->answer = is_good ? 0 : -EPROTO;
        tool->ticket = sim_after(1, go_on, tool, h->index);
    }
}

/* ---- the loop that a tool makes for itself: everything in it has happened already ---- */

int sd_event_new(sd_event **ret)
{
    *ret = sim_current->loop;

    return 0;
}

int sd_event_loop(sd_event *event)
{
    sim_current->is_exiting = false;

    return sim_current->exit_code;
}
