/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One life of belay-agent after another, as agent/root/main.c puts the parts together and its unit
 * keeps it running (Restart=always, RestartSec=1s, no limit of starts).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "agent/lease/ssh_lock.h"
#include "tests/sim/world/hosts.h"

#define HOUR_MS (INT64_C(3600) * 1000)

enum {
    RESTART_MS = 1000,
    EXEC_MS_MIN = 20,
    EXEC_MS_MAX = 400,
    /*
     * A start that fails for good is repeated each second for as long as the world lasts: from the
     * tenth on only now and then, since nothing else has changed meanwhile.
     */
    FAILED_STARTS_MAX = 10,
    FAILED_RESTART_MS = 60 * 1000,
    PERSON_MS_MIN = 60 * 1000,
    UPGRADE_RESTART_PERCENT = 30,
};

/* ---- the marks that the package's own scripts look at ---- */

static void mark_job(struct sim_host *h)
{
    bool is_open = agent_jobs_is_open(h->agent.jobs);

    if (!sim_process_may_act())
        return;
    h->has_job_mark = is_open;
    if (is_open || !h->is_restart_wanted)
        return;
    h->is_restart_wanted = false;
    sim_tell(h->index, "the agent was upgraded while a job was open: it restarts now");
    (void)sd_event_exit(h->agent.host.loop, 0);
}

static void on_reported(void *userdata)
{
    struct sim_host *h = userdata;

    mark_job(h);
    agent_talk_flush(h->agent.talk);
}

static void on_reconnect(void *userdata)
{
    struct sim_host *h = userdata;

    agent_talk_reconnect(h->agent.talk);
}

static void on_closed(void *userdata)
{
    mark_job(userdata);
}

/* ---- start, in the order of main.c ---- */

static int note_start(struct sim_host *h, struct bl_error *err)
{
    const struct agent_journal_row row = {.wall_ms = bl_wall_now().ms,
                                          .mono_ms = bl_mono_now().ms,
                                          .boot_id = h->machine->boot_id,
                                          .what = "start",
                                          .reason = "belay-agent " BELAY_VERSION};

    return agent_journal_note(h->agent.host.journal, &row, err);
}

static int prepare(struct sim_host *h, struct bl_error *err)
{
    static const struct agent_wire_config wire;
    struct sim_agent *agent = &h->agent;
    char path[64];
    int r;

    (void)snprintf(path, sizeof(path), "%s/journal.db", agent->state_dir);
    r = agent_journal_open(path, &agent->host.journal, err);
    if (r >= 0)
        r = note_start(h, err);
    if (r >= 0)
        r = agent_units_new(agent->host.loop, "", &agent->host.units, err);
    if (r >= 0)
        r = agent_talk_new(&agent->host, &wire, &agent->talk, err);
    if (r < 0)
        return r;
    agent->handler = (struct agent_jobs_handler){
        .userdata = h, .reported = on_reported, .reconnect = on_reconnect, .closed = on_closed};
    r = agent_jobs_new(&agent->host, &agent->handler, &agent->jobs, err);
    if (r < 0)
        return r;
    agent_talk_set_jobs(agent->talk, agent->jobs);
    r = agent_jobs_resume(agent->jobs, err);
    if (r >= 0)
        mark_job(h);

    return r;
}

static void fill_host(struct sim_host *h)
{
    struct agent_host *host = &h->agent.host;

    (void)snprintf(h->agent.state_dir, sizeof(h->agent.state_dir), "/sim/%u", h->index);
    *host = (struct agent_host){.loop = h->agent.process.loop,
                                .places = &agent_lease_places_default,
                                .state_dir = h->agent.state_dir,
                                .run_dir = h->agent.state_dir,
                                .config_dir = h->agent.state_dir};
    memcpy(host->id, h->id, sizeof(host->id));
    (void)snprintf(host->boot_id, sizeof(host->boot_id), "%s", h->machine->boot_id);
    (void)snprintf(host->controller, sizeof(host->controller), "controller:7311");
}

/* ---- end ---- */

static void tell_courier(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;

    if (h->agent.wire == NULL)
        sim_courier_agent_gone(h);
}

static void reap(void *userdata)
{
    struct sim_host *h = userdata;
    struct sim_agent *agent = &h->agent;

    sim_law_agent_gone(h->index);
    agent->jobs = agent_jobs_free(agent->jobs);
    agent->talk = agent_talk_free(agent->talk);
    agent->host.units = agent_units_free(agent->host.units);
    agent->host.journal = agent_journal_free(agent->host.journal);
    sim_process_end(&agent->process);
    if (!agent->is_ready)
        agent->failed_starts++;
    agent->is_running = agent->is_ready = false;
    (void)sim_after(0, tell_courier, h, h->index);
    if (!h->machine->is_up || h->is_stopping)
        return;
    sim_tell(h->index, "the agent has ended");
    sim_agent_start_after(h, agent->failed_starts > FAILED_STARTS_MAX ? FAILED_RESTART_MS
                                                                      : RESTART_MS);
}

bool sim_agent_raise(struct sim_host *h)
{
    struct sim_agent *agent = &h->agent;
    struct bl_error err = {0};

    if (agent->is_running || !h->machine->is_up || h->is_stopping)
        return agent->is_ready;
    sim_cancel(&agent->restart);
    sim_process_begin(&agent->process, h->index, SIM_FAULT_AGENT_KILLED, reap, h);
    agent->is_running = true;
    fill_host(h);
    sim_process_enter(&agent->process);
    if (prepare(h, &err) < 0) {
        sim_tell(h->index, "the agent does not start: %s", err.text);
        (void)sd_event_exit(agent->host.loop, 1);
    } else {
        agent->is_ready = true;
        agent->failed_starts = 0;
    }
    sim_process_leave(&agent->process);

    return agent->is_ready;
}

static void on_start(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;

    h->agent.restart = 0;
    (void)sim_agent_raise(h);
}

void sim_agent_start_after(struct sim_host *h, int64_t after_ms)
{
    sim_cancel(&h->agent.restart);
    after_ms += sim_draw_between(SIM_DRAW_SYSTEM, h->index, EXEC_MS_MIN, EXEC_MS_MAX);
    h->agent.restart = sim_after(after_ms, on_start, h, h->index);
}

void sim_agent_stop(struct sim_host *h)
{
    if (h->agent.is_running)
        sim_process_kill(&h->agent.process);
    sim_cancel(&h->agent.restart);
}

void sim_agent_restart(struct sim_host *h)
{
    if (h->agent.is_running)
        sim_process_kill(&h->agent.process);
}

void sim_host_kill_agent(uint32_t host)
{
    struct sim_host *h = sim_host(host);

    if (!h->agent.is_running)
        return;
    sim_tell(host, "the agent is killed");
    sim_process_kill(&h->agent.process);
}

/* While a job is open its scripts leave the agent alone; others that restart services may not. */
void sim_host_upgrade_agent(uint32_t host)
{
    struct sim_host *h = sim_host(host);

    if (!h->agent.is_running)
        return;
    if (h->has_job_mark && !sim_draw_percent(SIM_DRAW_FAULT, host, UPGRADE_RESTART_PERCENT)) {
        h->is_restart_wanted = true;
        sim_tell(host, "the agent is upgraded; its restart waits for the job's end");
        return;
    }
    sim_tell(host, "the agent is upgraded and restarted");
    sim_process_kill(&h->agent.process);
}

/* ---- people at the host ---- */

static void on_person(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;

    h->agent.person = 0;
    if (!h->agent.is_ready || !agent_jobs_is_halted(h->agent.jobs))
        return;
    sim_tell(h->index, "a person has looked at the disk and restarts the agent");
    sim_process_kill(&h->agent.process);
}

void sim_agent_call_person(struct sim_host *h)
{
    if (h->agent.person == 0)
        h->agent.person = sim_after(
            sim_draw_log(SIM_DRAW_PERSON, h->index, PERSON_MS_MIN, 2 * HOUR_MS), on_person, h, 0);
}

static void on_release(void *userdata, uint64_t argument)
{
    struct sim_host *h = userdata;

    h->agent.release = 0;
    if (!sim_host_rescue(h->index, SIM_RESCUE_RELEASE))
        sim_agent_release_later(h);
}

/* Who holds the way back thinks of it again, once the host answers. */
void sim_agent_release_later(struct sim_host *h)
{
    if (h->agent.release == 0)
        h->agent.release = sim_after(
            sim_draw_log(SIM_DRAW_PERSON, h->index, PERSON_MS_MIN, 6 * HOUR_MS), on_release, h, 0);
}

/* As agent/root/rescue.c: a wish is told to the job, and everything is noted in the journal. */
static void do_rescue(struct sim_host *h, enum sim_rescue button)
{
    static const struct {
        enum agent_job_event_type event;
        const char *name, *code;
    } wishes[] = {
        [SIM_RESCUE_HOLD] = {AGENT_JOB_HOLD, "hold", "hold_at_host"},
        [SIM_RESCUE_RELEASE] = {AGENT_JOB_RELEASE, "release", "release_at_host"},
        [SIM_RESCUE_REVERT] = {AGENT_JOB_REVERT, "revert", "revert_at_host"},
        [SIM_RESCUE_CANCEL] = {AGENT_JOB_CANCEL, "cancel", "cancel_at_host"},
        [SIM_RESCUE_UNLOCK] = {0, "unlock", ""},
    };
    const struct agent_work *work = agent_jobs_work(h->agent.jobs);
    struct agent_journal_row row = {.wall_ms = bl_wall_now().ms,
                                    .mono_ms = bl_mono_now().ms,
                                    .boot_id = h->machine->boot_id,
                                    .what = "rescue",
                                    .who = "uid 1000, gid 1000, pid 1",
                                    .code = wishes[button].name,
                                    .reason = "done"};
    struct agent_lease_outcome outcome;
    struct bl_error err = {0};
    bool is_done;

    if (button == SIM_RESCUE_REVERT || button == SIM_RESCUE_CANCEL)
        sim_law_rescued(h->index);
    if (button == SIM_RESCUE_UNLOCK) {
        is_done = agent_ssh_lock_release(h->agent.host.places, &outcome, &err) >= 0;
    } else {
        is_done = work != NULL && !agent_jobs_is_halted(h->agent.jobs) &&
                  agent_jobs_tell(h->agent.jobs,
                                  (struct agent_job_event){.type = wishes[button].event,
                                                           .again = true,
                                                           .code = wishes[button].code,
                                                           .reason = "a person at the host"},
                                  row.who);
    }
    sim_tell(h->index, "belay-rescue %s: %s", row.code, is_done ? "done" : "refused");
    if (is_done && button == SIM_RESCUE_HOLD)
        sim_agent_release_later(h);
    if (!is_done)
        row.reason = "refused";
    if (work != NULL)
        memcpy(row.rollout_id, work->rollout_id, sizeof(row.rollout_id));
    (void)!agent_journal_note(h->agent.host.journal, &row, &err);
}

bool sim_host_rescue(uint32_t host, enum sim_rescue button)
{
    struct sim_host *h = sim_host(host);

    if (!h->agent.is_ready)
        return false;
    sim_process_enter(&h->agent.process);
    do_rescue(h, button);
    sim_process_leave(&h->agent.process);

    return true;
}
