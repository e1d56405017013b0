/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/baseline.h"

#include <systemd/sd-journal.h>

#include "agent/lease/sshd.h"
#include "agent/root/kernel_log.h"
#include "agent/root/ops/op.h"
#include "agent/root/ops/survey.h"

_Static_assert((int)AGENT_SSH_LISTEN_MAX <= (int)AGENT_PROBE_SSH_MAX, "each can be asked");

struct baseline_state {
    struct agent_survey *survey;
};

/* Of rules that compare with what was; memory of the caller. */
static uint32_t take_figures(const struct agent_op_run *run, struct agent_baseline_figure *figures)
{
    const struct proto_manifest *manifest = &run->work->manifest;
    uint32_t count = 0;

    for (uint32_t i = 0; run->host->figures != NULL && i < manifest->verify_figures_count; i++) {
        const struct proto_figure_rule *rule = &manifest->verify_figures[i];
        uint64_t level;

        if (rule->bad == PROTO_BAD_TIMES &&
            agent_figures_history_level(run->host->figures, (enum proto_figure)rule->figure,
                                        rule->for_ms, &level))
            figures[count++] = (struct agent_baseline_figure){.rule = i, .value = level};
    }

    return count;
}

static void on_survey(void *userdata, const struct agent_baseline *now, const char *why)
{
    struct agent_op_run *run = userdata;
    char cursor[AGENT_BASELINE_CURSOR_BYTES_MAX + 1];
    struct agent_baseline_figure figures[PROTO_FIGURE_RULES_MAX];
    struct agent_baseline baseline;
    uint32_t active = 0, failed = 0, logins = 0;
    struct bl_error err = {0};
    int r;

    if (now == NULL) {
        agent_op_fail(run, "baseline_unknown", "%s", why);
        return;
    }
    for (uint32_t i = 0; i < now->units_count; i++) {
        active += now->units[i].state == AGENT_UNIT_ACTIVE ? 1 : 0;
        failed += now->units[i].state == AGENT_UNIT_FAILED ? 1 : 0;
    }
    for (uint32_t i = 0; i < now->ssh_count; i++)
        logins += now->ssh[i].speaks ? 1 : 0;
    baseline = *now;
    baseline.cursor = cursor;
    baseline.figures = figures;
    baseline.figures_count = take_figures(run, figures);
    r = agent_kernel_log_end(cursor, sizeof(cursor), &err);
    if (r >= 0)
        r = agent_baseline_save(run->work->dir_fd, &baseline, &err);
    if (r < 0) {
        agent_op_fail(run, "baseline_not_saved", "%s", err.text);
    } else {
        agent_op_succeed(run,
                         "%u units active, %u failed, %u sockets listen, %u routes, %u mounts, "
                         "%u containers, logins at %u address(es)",
                         active, failed, now->listeners_count, now->routes_count, now->mounts_count,
                         now->containers_count, logins);
    }
}

/* A host whose sshd tells nothing has no logins that a change could break. */
static uint32_t list_ssh(const struct agent_host *host, struct agent_ssh_listen *listen,
                         struct proto_text ret_list[AGENT_PROBE_SSH_MAX])
{
    struct bl_error why = {0};
    int r = agent_sshd_is_there(host->places, &why);

    *listen = (struct agent_ssh_listen){0};
    if (r > 0)
        r = agent_sshd_addresses(host->places, listen, &why);
    if (r < 0)
        sd_journal_print(LOG_WARNING, "Logins are not looked at: %s", why.text);
    for (uint32_t i = 0; i < listen->count; i++)
        ret_list[i].text = listen->endpoints[i];

    return listen->count;
}

static int start(struct agent_op_run *run, struct bl_error *err)
{
    const struct agent_survey_caller caller = {run, on_survey};
    struct baseline_state *state = run->state;
    struct proto_text ssh[AGENT_PROBE_SSH_MAX];
    struct agent_ssh_listen listen;
    const struct agent_survey_task task = {.manifest = &run->work->manifest,
                                           .ssh = ssh,
                                           .ssh_count = list_ssh(run->host, &listen, ssh)};

    return agent_survey_start(run->host, &task, &caller, &state->survey, err);
}

static void stop(struct agent_op_run *run)
{
    struct baseline_state *state = run->state;

    state->survey = agent_survey_free(state->survey);
}

const struct agent_op agent_op_baseline = {PROTO_STEP_BASELINE, sizeof(struct baseline_state),
                                           start, stop};
