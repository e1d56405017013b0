/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the agent looks at its host: the probe, the look of VERIFY and PROVE, baseline and precheck,
 * queries, facts and the trust file, as the simulator has them. What they say is what is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/root/facts.h"
#include "agent/root/kernel_log.h"
#include "agent/root/ops/look.h"
#include "agent/root/probe.h"
#include "agent/root/query.h"
#include "agent/root/trust.h"
#include "common/text.h"
#include "tests/sim/world/controller.h"
#include "tests/sim/world/hosts.h"
#include "tests/sim/world/net.h"
#include "tests/sim/world/people.h"

enum {
    PROBE_MS_MIN = 100,
    PROBE_MS_MAX = 5000,
    LOOK_MS_MIN = 300,
    LOOK_MS_MAX = 30 * 1000,
    LOOK_DEADLINE_MS = 10 * 60 * 1000,
    BASELINE_MS_MAX = 10 * 1000,
    CLOCK_OFFSET_MS_MAX = 10 * 60 * 1000, /* as in the real precheck */
    MINOR_PERCENT = 5,
};

static void set_timer(sd_event *loop, sd_event_source **source, int64_t after_ms,
                      sd_event_time_handler_t handler, void *userdata)
{
    (void)sd_event_add_time_relative(loop, source, CLOCK_BOOTTIME, (uint64_t)after_ms * 1000, 0,
                                     handler, userdata);
}

/* ---- the probe: witnesses only, since whoever looks at ports is replaced ---- */

struct agent_probe_ask {
    struct sim_host *host;
    struct agent_probe_caller caller;
    sd_event_source *timer;
    bool fails;
};

static int on_probed(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_probe_ask *ask = userdata;
    struct sim_host *h = ask->host;
    bool is_cut_off = h->disk.installed.cuts_off;
    bool controller = !is_cut_off && sim_net_controller_answers(h->index);
    bool others = !is_cut_off && sim_net_others_answer(h->index);
    struct agent_probe_reply replies[] = {
        {"gateway", AGENT_PROBE_GATEWAY, others ? AGENT_PROBE_REFUSED : AGENT_PROBE_SILENT},
        {"controller", AGENT_PROBE_CONTROLLER,
         controller ? AGENT_PROBE_ANSWERED : (others ? AGENT_PROBE_REFUSED : AGENT_PROBE_SILENT)},
    };
    const struct agent_probe_result result = {
        .format = AGENT_PROBE_FORMAT, .replies = replies, .replies_count = 2};

    h->was_controller_missing = others && !controller;
    sim_tell(h->index, "the network is looked at: controller %s, others %s%s",
             controller ? "answers" : "is silent", others ? "answer" : "are silent",
             ask->fails ? "; but the probe fails" : "");
    ask->caller.done(ask->caller.userdata, ask->fails ? NULL : &result,
                     ask->fails ? "the probe died" : "");
    return 0;
}

int agent_probe_start(struct agent_host *host, const struct agent_probe_task *task,
                      const struct agent_probe_caller *caller, struct agent_probe_ask **ret_ask,
                      struct bl_error *err)
{
    struct sim_host *h = sim_here();
    struct agent_probe_ask *ask = calloc(1, sizeof(*ask));
    int64_t after_ms = sim_draw_between(SIM_DRAW_UNIT, h->index, PROBE_MS_MIN, PROBE_MS_MAX);

    if (ask == NULL)
        sim_broken("no memory for a probe");
    ask->host = h;
    ask->caller = *caller;
    ask->fails = sim_fault(SIM_FAULT_PROBE_FAILS, h->index);
    if (sim_fault(SIM_FAULT_CHILD_HANGS, h->index)) {
        after_ms = AGENT_PROBE_TIMEOUT_MS_MAX;
        ask->fails = true;
    }
    set_timer(host->loop, &ask->timer, after_ms, on_probed, ask);

    *ret_ask = ask;
    return 0;
}

struct agent_probe_ask *agent_probe_free(struct agent_probe_ask *ask)
{
    if (ask == NULL)
        return NULL;
    sd_event_source_disable_unref(ask->timer);
    free(ask);

    return NULL;
}

/* ---- the look of VERIFY and PROVE ---- */

enum sim_draw sim_look_draw(struct sim_host *h)
{
    const struct agent_work *work = agent_jobs_work(h->agent.jobs);

    return work != NULL && work->job.state == PROTO_JOB_PROBATION ? SIM_DRAW_LATER : SIM_DRAW_UNIT;
}

struct agent_look {
    struct sim_host *host;
    const struct agent_work *work;
    struct agent_look_task task;
    struct agent_look_caller caller;
    sd_event_source *timer;
    bool fails;
};

static void compare(const struct agent_look *look, struct agent_findings *findings)
{
    struct sim_host *h = look->host;
    const struct sim_installed *now = &h->disk.installed;
    enum sim_packages packages = sim_host_packages(h, look->work->rollout_id);
    enum sim_packages wanted = look->task.restored ? SIM_PACKAGES_OLD : SIM_PACKAGES_NEW;

    if (packages != wanted) {
        agent_findings_add(findings, PROTO_GRADE_SEVERE,
                           look->task.restored ? "not_restored" : "pin_differs",
                           "the packages are not as they should be");
    }
    if (now->is_broken) {
        agent_findings_found(findings, "unit_stopped", "a service that ran does not");
    }
    if (findings->count == 0 && sim_draw_percent(sim_look_draw(h), h->index, MINOR_PERCENT))
        agent_findings_found(findings, "file_changed", "a file has changed");
}

static bool is_close(const struct agent_look *look)
{
    const struct proto_manifest *manifest = &look->work->manifest;
    bool is_found = false;

    for (uint32_t i = 0; i < manifest->verify_units_count; i++)
        is_found = is_found || strcmp(manifest->verify_units[i].text, SIM_SAMPLE_UNIT) == 0;

    return is_found;
}

static int on_looked(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_look *look = userdata;
    struct agent_findings findings = {.manifest = &look->work->manifest};

    if (!look->fails)
        compare(look, &findings);
    if (!look->fails && !look->task.restored && !sim_current->is_dead) {
        sim_law_looked(look->host->index, look->work->rollout_id);
        sim_law_looked_closely(look->host->index, look->work->rollout_id, is_close(look));
    }
    look->caller.done(look->caller.userdata, &findings,
                      look->fails ? "the packages could not be looked at" : "");
    return 0;
}

int agent_look_start(struct agent_host *host, const struct agent_work *work,
                     const struct agent_look_task *task, const struct agent_look_caller *caller,
                     struct agent_look **ret_look, struct bl_error *err)
{
    struct sim_host *h = sim_here();
    struct agent_look *look = calloc(1, sizeof(*look));
    int64_t after_ms = sim_draw_log(sim_look_draw(h), h->index, LOOK_MS_MIN, LOOK_MS_MAX);

    if (look == NULL)
        sim_broken("no memory for a look");
    look->host = h;
    look->work = work;
    look->task = *task;
    look->caller = *caller;
    look->fails = sim_fault(SIM_FAULT_CHILD_DIES, h->index);
    if (sim_fault(SIM_FAULT_CHILD_HANGS, h->index)) {
        after_ms = LOOK_DEADLINE_MS;
        look->fails = true;
    }
    set_timer(host->loop, &look->timer, after_ms, on_looked, look);

    *ret_look = look;
    return 0;
}

struct agent_look *agent_look_free(struct agent_look *look)
{
    if (look == NULL)
        return NULL;
    sd_event_source_disable_unref(look->timer);
    free(look);

    return NULL;
}

/* No kernel of this world has anything to say. */
int agent_kernel_log_read(const struct agent_kernel_log_task *task,
                          struct agent_kernel_log *ret_log, struct bl_error *err)
{
    *ret_log = (struct agent_kernel_log){0};

    return 0;
}

/* ---- BASELINE ---- */

struct baseline_state {
    sd_event_source *timer;
};

static int on_baseline(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_op_run *run = userdata;
    struct sim_host *h = sim_here();
    struct sim_job_dir *dir = sim_dir_find(h, run->work->id_text);

    if (sim_fault(SIM_FAULT_PROBE_FAILS, h->index)) {
        agent_op_fail(run, "ports_unknown", "the probe died");
    } else if (dir == NULL || sim_fault(SIM_FAULT_DISK_FULL, h->index)) {
        agent_op_fail(run, "baseline_not_saved", "no space left on device");
    } else {
        if (sim_process_may_act())
            dir->has_baseline = true;
        agent_op_succeed(run, "all units active");
    }
    return 0;
}

static int start_baseline(struct agent_op_run *run, struct bl_error *err)
{
    struct baseline_state *state = run->state;

    set_timer(run->host->loop, &state->timer,
              sim_draw_log(SIM_DRAW_UNIT, sim_here()->index, PROBE_MS_MIN, BASELINE_MS_MAX),
              on_baseline, run);
    return 0;
}

static void stop_baseline(struct agent_op_run *run)
{
    struct baseline_state *state = run->state;

    sd_event_source_disable_unref(state->timer);
}

const struct agent_op agent_op_baseline = {PROTO_STEP_BASELINE, sizeof(struct baseline_state),
                                           start_baseline, stop_baseline};

/* ---- PRECHECK ---- */

static int start_precheck(struct agent_op_run *run, struct bl_error *err)
{
    struct sim_host *h = sim_here();
    const struct sim_job_dir *dir = sim_dir_find(h, run->work->id_text);
    const struct agent_host *host = run->host;

    if (dir == NULL || !dir->has_baseline || !dir->phases[AGENT_TXN_STAGE].has_result)
        return bl_fail(err, -EUCLEAN, "there is no baseline");
    if (!dir->says_way_back) {
        agent_op_fail(run, "no_way_back", "the way back is not complete");
    } else if (h->disk.installed.is_broken) {
        agent_op_fail(run, "unit_not_healthy", "a unit of the plan is failed already");
    } else if (host->clock_known && (host->clock_offset_ms > CLOCK_OFFSET_MS_MAX ||
                                     host->clock_offset_ms < -CLOCK_OFFSET_MS_MAX)) {
        agent_op_fail(run, "clock_wrong", "this host's clock is wrong");
    } else {
        agent_op_succeed(run, "nothing speaks against it");
    }
    return 0;
}

const struct agent_op agent_op_precheck = {PROTO_STEP_PRECHECK, 0, start_precheck, NULL};

/* ---- queries: answered at once, since nobody plans by them in here ---- */

struct agent_query {
    agent_query_done_fn done;
    void *userdata;
};

int agent_query_new(struct agent_host *host, agent_query_done_fn done, void *userdata,
                    struct agent_query **ret_query, struct bl_error *err)
{
    struct agent_query *query = calloc(1, sizeof(*query));

    if (query == NULL)
        sim_broken("no memory for queries");
    query->done = done;
    query->userdata = userdata;

    *ret_query = query;
    return 0;
}

struct agent_query *agent_query_free(struct agent_query *query)
{
    free(query);
    return NULL;
}

void agent_query_take(struct agent_query *query, const struct proto_query *question, bool busy)
{
    const struct proto_query_result result = {.query_id = question->query_id,
                                              .result =
                                                  busy ? PROTO_RESULT_FAILED : PROTO_RESULT_OK,
                                              .code = busy ? "busy" : "",
                                              .reason = ""};

    query->done(query->userdata, &result);
}

/* ---- facts and trust ---- */

void agent_facts_read(struct agent_facts *ret_facts)
{
    *ret_facts = (struct agent_facts){.package_manager = PROTO_APT};
    bl_text_copy(ret_facts->host_name, sizeof(ret_facts->host_name), "host");
    bl_text_copy(ret_facts->os_id, sizeof(ret_facts->os_id), "debian");
    bl_text_copy(ret_facts->os_version, sizeof(ret_facts->os_version), "12");
    bl_text_copy(ret_facts->kernel, sizeof(ret_facts->kernel), "6.1.0");
    bl_text_copy(ret_facts->arch, sizeof(ret_facts->arch), "x86_64");
}

int agent_trust_load(const char *config_dir, const char *state_dir, struct proto_arena *arena,
                     struct proto_trust *ret_trust, struct bl_error *err)
{
    *ret_trust = *sim_here()->trust;

    return 0;
}

int agent_trust_take(const char *config_dir, const char *state_dir, const void *data,
                     size_t size_bytes, uint64_t *ret_version, struct bl_error *err)
{
    struct sim_host *h = sim_here();
    PROTO_AUTO_ARENA arena = {0};
    struct proto_trust next;
    int r = proto_trust_follow(h->trust, data, size_bytes, &arena, &next, err);

    if (r < 0)
        return r;
    if (next.version != sim_keys_trust()->version)
        sim_broken("host %u: got trust file %llu", h->index, (unsigned long long)next.version);
    *ret_version = next.version;
    sim_people_trust_came(NULL, h->index);

    return 0;
}
