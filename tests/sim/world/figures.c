/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The figures of a simulated host: agent/root/figures.c and watch_figures_record.c. Each sample is
 * also counted by books of the world's own, which no restart of the agent touches.
 */
#include "agent/root/figures.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/root/watch_figures.h"
#include "common/text.h"
#include "tests/sim/world/hosts.h"

enum {
    FIRST_MS = 2000,
    GOOD_CPU = 300,
    BAD_CPU = 950,
    UNKNOWN_PERCENT = 10,
    BAD_MS_MIN = 10 * 1000,
    BAD_MS_MAX = 3600 * 1000,
};

struct agent_figures {
    struct sim_host *host;
    const struct agent_figures_handler *handler;
    sd_event_source *timer;
    int64_t every_ms;
};

/* ---- what truly was ---- */

static bool is_bad(const struct sim_host *h)
{
    return sim_now_ms() >= h->figure.bad_from_ms && sim_now_ms() < h->figure.bad_until_ms;
}

/* Time is bad between neighbouring samples that both are; two periods and a second part no neighbours. */
static void count(struct sim_host *h, const char *job, int64_t every_ms, bool is_known)
{
    struct sim_figure *figure = &h->figure;
    int64_t since_ms = sim_now_ms() - figure->seen_ms;

    if (strcmp(figure->job, job) != 0) {
        figure->bad_ms = figure->worst_ms = 0;
        figure->was_bad = false;
        bl_text_copy(figure->job, sizeof(figure->job), job);
    }
    if (is_known && !is_bad(h))
        figure->bad_ms = 0;
    if (is_known && is_bad(h) && figure->was_bad && since_ms <= 2 * every_ms + 1000)
        figure->bad_ms += since_ms;
    if (figure->bad_ms > figure->worst_ms)
        figure->worst_ms = figure->bad_ms;
    figure->was_bad = is_known && is_bad(h);
    figure->seen_ms = sim_now_ms();
}

void sim_figure_forget(struct sim_host *h)
{
    struct sim_figure left = {.worst_ms = h->figure.worst_ms};

    memcpy(left.job, h->figure.job, sizeof(left.job));
    h->figure = left;
}

void sim_figure_gets_bad(struct sim_host *h, int64_t watch_ms)
{
    h->figure.bad_from_ms = sim_now_ms() + sim_draw_between(SIM_DRAW_LATER, h->index, 0, watch_ms);
    h->figure.bad_until_ms =
        h->figure.bad_from_ms + sim_draw_log(SIM_DRAW_LATER, h->index, BAD_MS_MIN, BAD_MS_MAX);
}

/* ---- agent/root/figures.c ---- */

static int on_sample(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_figures *figures = userdata;
    struct sim_host *h = figures->host;
    struct agent_figures_sample sample = {.taken = bl_mono_now(), .wall = bl_wall_now()};
    const struct agent_work *work = agent_jobs_work(h->agent.jobs);
    bool is_known = !sim_draw_percent(SIM_DRAW_LATER, h->index, is_bad(h) ? UNKNOWN_PERCENT : 0);

    (void)sd_event_source_set_time_relative(figures->timer, (uint64_t)figures->every_ms * 1000);
    (void)sd_event_source_set_enabled(figures->timer, SD_EVENT_ONESHOT);
    if (is_known)
        agent_figures_set(&sample.now, PROTO_FIGURE_CPU, is_bad(h) ? BAD_CPU : GOOD_CPU);
    if (work != NULL && sim_process_may_act())
        count(h, work->id_text, figures->every_ms, is_known);
    figures->handler->sampled(figures->handler->userdata, &sample);

    return 0;
}

int agent_figures_new(sd_event *loop, int64_t every_ms, const struct agent_figures_handler *handler,
                      struct agent_figures **ret_figures, struct bl_error *err)
{
    struct agent_figures *figures = calloc(1, sizeof(*figures));

    if (figures == NULL)
        sim_broken("no memory for figures");
    figures->host = sim_here();
    figures->handler = handler;
    figures->every_ms = every_ms;
    (void)sd_event_add_time_relative(loop, &figures->timer, CLOCK_BOOTTIME,
                                     (uint64_t)FIRST_MS * 1000, 0, on_sample, figures);

    *ret_figures = figures;
    return 0;
}

struct agent_figures *agent_figures_free(struct agent_figures *figures)
{
    if (figures == NULL)
        return NULL;
    sd_event_source_disable_unref(figures->timer);
    free(figures);

    return NULL;
}

bool agent_figures_room(enum proto_mount mount, uint64_t *ret_share, uint64_t *ret_free_mib)
{
    return false;
}

/* ---- agent/root/watch_figures_record.c: /run, gone with the power ---- */

void agent_watch_figures_save(const char *run_dir, const struct agent_watch_figures_record *record)
{
    struct sim_figure *figure = &sim_here()->figure;

    if (!sim_process_may_act() || record->watches_count > SIM_FIGURE_RULES_MAX)
        return;
    figure->saved_count = record->watches_count;
    bl_text_copy(figure->saved_job, sizeof(figure->saved_job), record->job);
    for (uint32_t i = 0; i < record->watches_count; i++) {
        figure->saved[i] = record->watches[i];
        figure->saved[i].is_bad_told = figure->saved[i].is_unknown_told = false;
    }
}

/* A sample in whose midst the agent died was never one: what its record says is what was seen. */
static void see_as_saved(struct sim_figure *figure, const struct agent_figure_watch *saved,
                         struct bl_mono now)
{
    if (!saved->was_bad || figure->was_bad)
        return;
    figure->was_bad = true;
    figure->seen_ms = sim_now_ms() - (now.ms - saved->seen.ms);
}

bool agent_watch_figures_load(const char *run_dir, const char *job, struct bl_mono now,
                              struct agent_figure_watch *watches, uint32_t count)
{
    struct sim_figure *figure = &sim_here()->figure;

    if (strcmp(figure->saved_job, job) != 0 || figure->saved_count != count)
        return false;
    memcpy(watches, figure->saved, count * sizeof(*watches));
    for (uint32_t i = 0; i < count && strcmp(figure->job, job) == 0; i++)
        see_as_saved(figure, &watches[i], now);

    return true;
}
