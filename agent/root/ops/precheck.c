/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/precheck.h"

#include <stdio.h>
#include <systemd/sd-journal.h>

#include "agent/root/containers.h"
#include "agent/root/errand.h"
#include "agent/root/hook.h"
#include "agent/root/ops/room.h"
#include "agent/root/ops/versions.h"

/*
 * PRECHECK: is there a reason not to begin? It looks at everything before it ends, so that people
 * learn of all reasons at once: first what is known already, then the disks and tools, then
 * containers, then the hooks one by one. It only looks, and blocks the job while nothing was touched.
 */
enum {
    TOOL_TIMEOUT_MS = 20 * 1000,
    HOOK_AGAIN_MS = 10 * 1000,
    HOOK_MARGIN_MS = 5 * 1000, /* between our own end and that of the whole staging */
};

struct precheck_state {
    struct agent_errand_ask *host;
    struct agent_containers_ask *containers;
    struct agent_hook *hook;
    sd_event_source *again;
    uint32_t hooks_done;
    int64_t growth_bytes;
    uint64_t download_bytes;
    struct agent_findings inhibitors, warnings;
};

static void end(struct agent_op_run *run)
{
    struct precheck_state *state = run->state;

    /* What stands in the way is recorded first: there is room for only so many. */
    agent_op_note(run, &state->inhibitors);
    agent_op_note(run, &state->warnings);
    if (state->inhibitors.count > 0) {
        agent_op_end(run, PROTO_RESULT_FAILED, 0, state->inhibitors.code, state->inhibitors.text);
    } else if (state->warnings.count > 0) {
        agent_op_succeed(run, "nothing stands in the way; %u warning(s): %s", state->warnings.count,
                         state->warnings.text);
    } else {
        agent_op_succeed(run, "nothing speaks against it");
    }
}

static void inhibit(struct agent_op_run *run, const char *code, const char *what, const char *why,
                    const char *remedy)
{
    struct precheck_state *state = run->state;

    agent_findings_add(&state->inhibitors, PROTO_GRADE_FUNCTIONAL, code, "%s: %s -> %s", what, why,
                       remedy);
}

/* ---- hooks ------------------------------------------------------------------------------- */

static void ask_next_hook(struct agent_op_run *run);

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
    ask_next_hook(userdata);
    return 0;
}

/* True: the same hook is asked again. Not when the job is blocked anyway, or there is no time. */
static bool wait_for_hook(struct agent_op_run *run)
{
    int64_t left_ms = run->work->job.stage_deadline.ms - bl_mono_now().ms;
    struct precheck_state *state = run->state;

    if (state->inhibitors.count > 0 || left_ms < HOOK_AGAIN_MS + HOOK_MARGIN_MS)
        return false;
    state->again = sd_event_source_disable_unref(state->again);

    return sd_event_add_time_relative(run->host->loop, &state->again, CLOCK_BOOTTIME,
                                      (uint64_t)HOOK_AGAIN_MS * 1000, 0, on_again, run) >= 0;
}

static void on_hook(void *userdata, const struct agent_hook_answer *answer)
{
    struct agent_op_run *run = userdata;
    struct precheck_state *state = run->state;
    const char *name = run->work->manifest.precheck_hooks[state->hooks_done].text;
    const char *line = answer->line[0] != '\0' ? answer->line : "it gave no reason";
    char what[96];

    (void)snprintf(what, sizeof(what), "hook %.64s", name);
    sd_journal_print(LOG_INFO, "Hook %s printed: %s", name, answer->output);
    switch (answer->end) {
    case AGENT_HOOK_SAYS_GO:
        break;
    case AGENT_HOOK_SAYS_STOP:
        inhibit(run, "hook_stop", what, line, "what it asks for; it is in /etc/belay/hooks.d");
        break;
    case AGENT_HOOK_SAYS_LATER:
        if (wait_for_hook(run)) {
            sd_journal_print(LOG_NOTICE, "Hook %s asks to wait: %s", name, line);
            state->hook = agent_hook_free(state->hook);
            return;
        }
        inhibit(run, "hook_later", what, line,
                "wait until it says go, or give it more time with stage_within");
        break;
    case AGENT_HOOK_IS_BROKEN:
        inhibit(run, "hook_broken", what, line,
                "repair it: a file of root in /etc/belay/hooks.d that nobody else can change");
        break;
    }
    state->hook = agent_hook_free(state->hook);
    state->hooks_done++;
    ask_next_hook(run);
}

static void ask_next_hook(struct agent_op_run *run)
{
    const struct proto_manifest *manifest = &run->work->manifest;
    const struct agent_hook_caller caller = {run, on_hook};
    struct precheck_state *state = run->state;
    struct bl_error err = {0};

    if (state->hooks_done == manifest->precheck_hooks_count) {
        end(run);
        return;
    }
    if (agent_hook_start(run->host, run->work, manifest->precheck_hooks[state->hooks_done].text,
                         "precheck", &caller, &state->hook, &err) < 0) {
        inhibit(run, "hook_broken", "hooks", err.text, "look at the host's journal");
        end(run);
    }
}

/* ---- containers -------------------------------------------------------------------------- */

static void on_containers(void *userdata, const struct agent_containers *containers,
                          const char *why)
{
    struct agent_op_run *run = userdata;
    struct precheck_state *state = run->state;

    if (containers == NULL) {
        inhibit(run, "containers_unknown", "the container engines could not be asked", why,
                "look at the host's journal");
    } else {
        agent_precheck_containers(&run->work->manifest, containers, &state->inhibitors);
    }
    ask_next_hook(run);
}

static void ask_containers(struct agent_op_run *run)
{
    const struct agent_containers_caller caller = {run, on_containers};
    struct precheck_state *state = run->state;
    struct bl_error err = {0};

    if (run->work->manifest.precheck_containers_count == 0) {
        ask_next_hook(run);
    } else if (agent_containers_list(run->host, &caller, &state->containers, &err) < 0) {
        on_containers(run, NULL, err.text);
    }
}

/* ---- disks and tools --------------------------------------------------------------------- */

static void on_host(void *userdata, const struct agent_errand_result *result, const char *why)
{
    struct agent_op_run *run = userdata;
    struct precheck_state *state = run->state;
    bool kernel = agent_order_risk(&run->work->manifest) == PROTO_RISK_HIGH;

    if (result == NULL) {
        inhibit(run, "host_unknown", "disks and tools could not be looked at", why,
                "look at the host's journal");
    } else {
        const struct agent_room_need need = {.growth_bytes = state->growth_bytes,
                                             .download_bytes = state->download_bytes,
                                             .boot_image_bytes =
                                                 kernel ? result->boot_image_bytes : 0,
                                             .state_dir = run->host->state_dir};

        agent_room_judge(result->disks, result->disks_count, &need, &state->inhibitors);
        agent_versions_judge(result->tools, result->tools_count, &state->inhibitors,
                             &state->warnings);
    }
    ask_containers(run);
}

static int start(struct agent_op_run *run, struct bl_error *err)
{
    const struct agent_errand_task task = {.format = AGENT_ERRAND_FORMAT,
                                           .what = AGENT_ERRAND_HOST,
                                           .state_dir = run->host->state_dir,
                                           .timeout_ms = TOOL_TIMEOUT_MS};
    const struct agent_errand_caller caller = {run, on_host};
    struct precheck_state *state = run->state;
    PROTO_AUTO_ARENA arena = {0};
    struct agent_precheck_known known = {.manifest = &run->work->manifest, .host = run->host};
    struct agent_baseline baseline;
    struct agent_txn_result stage;
    int r;

    r = agent_txn_result_load(run->work->dir_fd, AGENT_TXN_STAGE, &arena, &stage, err);
    if (r >= 0)
        r = agent_baseline_load(run->work->dir_fd, &arena, &baseline, err);
    if (r < 0)
        return r;
    known.stage = &stage;
    known.baseline = &baseline;
    state->growth_bytes = stage.installed_bytes;
    state->download_bytes = stage.download_bytes;
    agent_precheck_known(&known, &state->inhibitors, &state->warnings);

    return agent_errand_start(run->host, &task, &caller, &state->host, err);
}

static void stop(struct agent_op_run *run)
{
    struct precheck_state *state = run->state;

    state->host = agent_errand_free(state->host);
    state->containers = agent_containers_free(state->containers);
    state->hook = agent_hook_free(state->hook);
    sd_event_source_disable_unref(state->again);
}

const struct agent_op agent_op_precheck = {PROTO_STEP_PRECHECK, sizeof(struct precheck_state),
                                           start, stop};
