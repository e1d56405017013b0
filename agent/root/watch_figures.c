/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/watch_figures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/root/figures.h"
#include "agent/root/ops/baseline.h"
#include "agent/root/ops/findings.h"

enum {
    EVERY_MS_MIN = 1000,
    SAMPLES_A_TIME = 5, /* so many at least in the shortest `for` */
    GAP_SLACK_MS = 1000,
    TEXT_BYTES = 256,
};

struct agent_watch_figures {
    struct agent_host *host;
    const struct agent_work *work;
    const struct agent_watch_handler *handler;
    struct agent_figures_handler figures_handler;
    struct agent_figures *figures;
    sd_event_source *taken_up;
    struct agent_figure_limit limits[PROTO_FIGURE_RULES_MAX];
    struct agent_figure_watch watches[PROTO_FIGURE_RULES_MAX];
};

/* ---- limits and words -------------------------------------------------------------------- */

void agent_watch_figures_limit(const struct proto_figure_rule *rule, const uint64_t *before,
                               struct agent_figure_limit *ret_limit)
{
    *ret_limit = (struct agent_figure_limit){.is_floor = rule->bad == PROTO_BAD_ROOM,
                                             .limit = rule->limit,
                                             .for_ms = (int64_t)rule->for_ms};
    ret_limit->is_known = proto_figure_rule_limit(rule, before, &ret_limit->limit);
}

int64_t agent_watch_figures_every_ms(const struct proto_figure_rule *rules, uint32_t count)
{
    int64_t every_ms = AGENT_FIGURES_EVERY_MS;

    for (uint32_t i = 0; i < count; i++) {
        int64_t wanted_ms = (int64_t)rules[i].for_ms / SAMPLES_A_TIME;

        every_ms = wanted_ms < every_ms ? wanted_ms : every_ms;
    }

    return every_ms > EVERY_MS_MIN ? every_ms : EVERY_MS_MIN;
}

static void put_value(const struct proto_figure_rule *rule, uint64_t value, char *ret_text,
                      size_t text_bytes)
{
    if (rule->bad == PROTO_BAD_ROOM)
        (void)snprintf(ret_text, text_bytes, "%lluMiB", (unsigned long long)value);
    else
        proto_figure_to_text(rule->figure, value, ret_text, text_bytes);
}

void agent_watch_figures_describe(const struct proto_figure_rule *rule,
                                  const struct agent_figure_limit *limit,
                                  const struct agent_figure_watch *watch, char *ret_text,
                                  size_t text_bytes)
{
    char limit_text[32], worst_text[32];
    long long seconds = watch->bad_ms / 1000;

    put_value(rule, limit->limit, limit_text, sizeof(limit_text));
    put_value(rule, watch->worst, worst_text, sizeof(worst_text));
    (void)snprintf(
        ret_text, text_bytes, "%s%s%s was %s %s%s for %lldm%llds without a good sample, %s to %s",
        proto_figure_name(rule->figure), rule->mount != 0 ? " of " : "",
        rule->mount != 0 ? proto_mount_path(rule->mount) : "", limit->is_floor ? "below" : "above",
        limit_text, rule->bad == PROTO_BAD_TIMES ? " (from what it was before the change)" : "",
        seconds / 60, seconds % 60, limit->is_floor ? "down" : "up", worst_text);
}

/* ---- samples ----------------------------------------------------------------------------- */

static bool value_of(const struct proto_figure_rule *rule,
                     const struct agent_figures_values *values, uint64_t *ret_value)
{
    uint64_t share, free_mib;

    if (rule->bad != PROTO_BAD_ROOM && rule->mount == 0)
        return agent_figures_get(values, (enum proto_figure)rule->figure, ret_value);
    if (!agent_figures_room((enum proto_mount)rule->mount, &share, &free_mib))
        return false;
    *ret_value = rule->bad == PROTO_BAD_ROOM ? free_mib : share;

    return true;
}

static void find(struct agent_watch_figures *figures, uint32_t index,
                 enum agent_figure_verdict verdict, struct agent_findings *findings)
{
    const struct proto_figure_rule *rule = &figures->work->manifest.verify_figures[index];
    const struct agent_figure_limit *limit = &figures->limits[index];
    char text[TEXT_BYTES];

    if (verdict == AGENT_FIGURE_BAD) {
        agent_watch_figures_describe(rule, limit, &figures->watches[index], text, sizeof(text));
        agent_findings_found(findings, "figure_bad", "%s", text);
    }
    if (verdict == AGENT_FIGURE_UNKNOWN) {
        agent_findings_found(
            findings, "figure_unknown", "%s was not known for %llus: %s",
            proto_figure_name(rule->figure), (unsigned long long)rule->for_ms / 1000,
            limit->is_known ? "this host did not tell it" : "nor what it was before the change");
    }
}

/* Last of all: the watch may be freed in here. */
static void tell(struct agent_watch_figures *figures, const struct agent_findings *findings)
{
    if (findings->grade != 0)
        figures->handler->found(figures->handler->userdata, findings->grade, findings->code,
                                findings->text);
}

static void on_sampled(void *userdata, const struct agent_figures_sample *sample)
{
    struct agent_watch_figures *figures = userdata;
    const struct proto_manifest *manifest = &figures->work->manifest;
    const struct agent_watch_figures_record record = {.job = figures->work->id_text,
                                                      .watches = figures->watches,
                                                      .watches_count =
                                                          manifest->verify_figures_count};
    struct agent_findings findings = {.manifest = manifest};

    for (uint32_t i = 0; i < manifest->verify_figures_count; i++) {
        uint64_t value;
        bool is_known = value_of(&manifest->verify_figures[i], &sample->now, &value);

        find(figures, i,
             agent_figure_take(&figures->watches[i], &figures->limits[i], sample->taken,
                               is_known ? &value : NULL),
             &findings);
    }
    agent_watch_figures_save(figures->host->run_dir, &record);
    tell(figures, &findings);
}

/* The agent before had counted to the end, and may have died before anybody knew. */
static int on_taken_up(sd_event_source *source, void *userdata)
{
    struct agent_watch_figures *figures = userdata;
    const struct proto_manifest *manifest = &figures->work->manifest;
    struct agent_findings findings = {.manifest = manifest};

    for (uint32_t i = 0; i < manifest->verify_figures_count; i++) {
        if (agent_figure_is_bad(&figures->watches[i], &figures->limits[i]))
            find(figures, i, AGENT_FIGURE_BAD, &findings);
    }
    tell(figures, &findings);

    return 0;
}

/* ---- life -------------------------------------------------------------------------------- */

static const uint64_t *before_of(const struct agent_baseline *baseline, uint32_t rule)
{
    for (uint32_t i = 0; i < baseline->figures_count; i++) {
        if (baseline->figures[i].rule == rule)
            return &baseline->figures[i].value;
    }

    return NULL;
}

static int set_limits(struct agent_watch_figures *figures, int64_t every_ms, struct bl_error *err)
{
    const struct proto_manifest *manifest = &figures->work->manifest;
    PROTO_AUTO_ARENA arena = {0};
    struct agent_baseline baseline;
    int r = agent_baseline_load(figures->work->dir_fd, &arena, &baseline, err);

    for (uint32_t i = 0; r >= 0 && i < manifest->verify_figures_count; i++) {
        agent_watch_figures_limit(&manifest->verify_figures[i], before_of(&baseline, i),
                                  &figures->limits[i]);
        figures->limits[i].gap_ms = 2 * every_ms + GAP_SLACK_MS;
    }

    return r;
}

int agent_watch_figures_start(struct agent_host *host, const struct agent_work *work,
                              const struct agent_watch_handler *handler,
                              struct agent_watch_figures **ret_figures, struct bl_error *err)
{
    const struct proto_manifest *manifest = &work->manifest;
    int64_t every_ms =
        agent_watch_figures_every_ms(manifest->verify_figures, manifest->verify_figures_count);
    struct agent_watch_figures *figures;
    int r;

    *ret_figures = NULL;
    if (manifest->verify_figures_count == 0)
        return 0;
    figures = calloc(1, sizeof(*figures));
    if (figures == NULL)
        return bl_fail(err, -ENOMEM, "no memory to watch figures");
    figures->host = host;
    figures->work = work;
    figures->handler = handler;
    figures->figures_handler = (struct agent_figures_handler){figures, on_sampled};
    r = set_limits(figures, every_ms, err);
    if (r >= 0)
        r = agent_figures_new(host->loop, every_ms, &figures->figures_handler, &figures->figures,
                              err);
    if (r >= 0 && agent_watch_figures_load(host->run_dir, work->id_text, bl_mono_now(),
                                           figures->watches, manifest->verify_figures_count)) {
        r = sd_event_add_defer(host->loop, &figures->taken_up, on_taken_up, figures);
        if (r < 0)
            r = bl_fail(err, r, "take up the watch of figures: %s", strerror(-r));
    }
    if (r < 0) {
        (void)agent_watch_figures_free(figures);
        return r;
    }

    *ret_figures = figures;
    return 0;
}

struct agent_watch_figures *agent_watch_figures_free(struct agent_watch_figures *figures)
{
    if (figures == NULL)
        return NULL;
    figures->figures = agent_figures_free(figures->figures);
    sd_event_source_disable_unref(figures->taken_up);
    free(figures);
    return NULL;
}
