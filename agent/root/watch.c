/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "agent/root/kernel_log.h"
#include "agent/root/ops/baseline.h"
#include "agent/root/ops/compare.h"
#include "agent/root/watch_figures.h"

enum {
    LOOK_EVERY_MS = 10 * 1000,
    ACCURACY_MS = 500,    /* wakes up with others */
    KERNEL_LOG_EVERY = 3, /* looks: it is read from the baseline on, in files that may be large */
    HURRY_MS = 200,       /* a unit failed: what failed with it is told together */
};

struct agent_watch {
    struct agent_host *host;
    const struct agent_watch_handler *handler;
    const struct agent_work *work; /* NULL: watches nothing */
    sd_event_source *timer;
    struct agent_watch_figures *figures; /* from the end of the change on */
    const struct agent_work *figures_work;
    struct agent_units_call *failures, *call;
    struct proto_arena arena;
    struct agent_baseline baseline;
    struct agent_watch_doubts doubts;
    unsigned looks;
};

static void stop(struct agent_watch *watch)
{
    watch->work = NULL;
    watch->failures = agent_units_drop(watch->failures);
    watch->call = agent_units_drop(watch->call);
    proto_arena_release(&watch->arena);
    (void)sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF);
}

static void look_after(struct agent_watch *watch, int64_t after_ms)
{
    int r = sd_event_source_set_time_relative(watch->timer, (uint64_t)after_ms * 1000);

    if (r >= 0)
        r = sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
    if (r < 0)
        sd_journal_print(LOG_WARNING, "The host is not watched: %s", strerror(-r));
}

/* Whoever does not answer is asked again; what is minor is left to the last look. */
static void tell(struct agent_watch *watch, const struct agent_findings *findings)
{
    if (findings->grade > PROTO_GRADE_MINOR)
        watch->handler->found(watch->handler->userdata, findings->grade, findings->code,
                              findings->text);
}

static void look_at_kernel_log(struct agent_watch *watch, struct agent_findings *findings)
{
    const struct agent_kernel_log_task task =
        agent_compare_kernel_log_task(&watch->baseline, &watch->work->manifest);
    struct agent_kernel_log log;
    struct bl_error err = {0};

    if (watch->looks++ % KERNEL_LOG_EVERY != 0)
        return;
    if (agent_kernel_log_read(&task, &log, &err) >= 0)
        agent_compare_kernel_log(&log, findings);
}

static void on_units(void *userdata, const struct agent_units_answer *answer)
{
    struct agent_watch *watch = userdata;
    struct agent_findings findings = {.manifest = &watch->work->manifest};

    watch->call = NULL;
    look_after(watch, LOOK_EVERY_MS);
    if (answer->end == AGENT_UNITS_OK)
        agent_compare_watched(&watch->baseline, &watch->work->manifest, answer->list,
                              &watch->doubts, &findings);
    look_at_kernel_log(watch, &findings);
    tell(watch, &findings);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_watch *watch = userdata;
    int r;

    if (watch->call != NULL)
        return 0; /* it goes on with the answer */
    r = agent_units_list(watch->host->units, on_units, watch, &watch->call);
    if (r < 0)
        look_after(watch, LOOK_EVERY_MS);

    return 0;
}

/* Whether it concerns us is told by the sight of all. */
static void on_failed(void *userdata, const char *name)
{
    struct agent_watch *watch = userdata;

    if (watch->call == NULL)
        look_after(watch, HURRY_MS);
}

static void begin(struct agent_watch *watch, const struct agent_work *work)
{
    struct bl_error err = {0};
    int r;

    r = agent_baseline_load(work->dir_fd, &watch->arena, &watch->baseline, &err);
    if (r >= 0) {
        r = agent_units_watch(watch->host->units, on_failed, watch, &watch->failures);
        if (r < 0)
            r = bl_fail(&err, r, "ask systemd: %s", strerror(-r));
    }
    if (r < 0) {
        sd_journal_print(LOG_WARNING, "The host is not watched: %s", err.text);
        proto_arena_release(&watch->arena);
        return;
    }
    watch->work = work;
    watch->looks = 0;
    memset(&watch->doubts, 0, sizeof(watch->doubts));
    look_after(watch, LOOK_EVERY_MS);
}

static bool is_wanted(const struct agent_work *work)
{
    const struct agent_job *job = work != NULL ? &work->job : NULL;

    return job != NULL && job->state == PROTO_JOB_PROBATION && job->step != PROTO_STEP_DISARM &&
           !job->failed;
}

/* Also while it is verified: what the change made bad is bad from then on. */
static bool are_figures_wanted(const struct agent_work *work)
{
    return is_wanted(work) ||
           (work != NULL && work->job.state == PROTO_JOB_VERIFYING && !work->job.failed);
}

static void follow_figures(struct agent_watch *watch, const struct agent_work *work)
{
    bool wanted = are_figures_wanted(work);
    struct bl_error err = {0};

    if (watch->figures_work != NULL && (!wanted || watch->figures_work != work)) {
        watch->figures = agent_watch_figures_free(watch->figures);
        watch->figures_work = NULL;
    }
    if (!wanted || watch->figures_work != NULL)
        return;
    if (agent_watch_figures_start(watch->host, work, watch->handler, &watch->figures, &err) < 0)
        sd_journal_print(LOG_WARNING, "Figures are not watched: %s", err.text);
    else
        watch->figures_work = work;
}

void agent_watch_follow(struct agent_watch *watch, const struct agent_work *work)
{
    bool wanted = is_wanted(work);

    if (watch->work != NULL && (!wanted || watch->work != work))
        stop(watch);
    if (wanted && watch->work == NULL)
        begin(watch, work);
    follow_figures(watch, work);
}

int agent_watch_new(struct agent_host *host, const struct agent_watch_handler *handler,
                    struct agent_watch **ret_watch, struct bl_error *err)
{
    struct agent_watch *watch = calloc(1, sizeof(*watch));
    int r;

    if (watch == NULL)
        return bl_fail(err, -ENOMEM, "no memory for a watch");
    watch->host = host;
    watch->handler = handler;
    r = sd_event_add_time(host->loop, &watch->timer, CLOCK_BOOTTIME, 0,
                          (uint64_t)ACCURACY_MS * 1000, on_time, watch);
    if (r >= 0)
        r = sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF);
    if (r < 0) {
        (void)agent_watch_free(watch);
        return bl_fail(err, r, "a timer for a watch: %s", strerror(-r));
    }

    *ret_watch = watch;
    return 0;
}

struct agent_watch *agent_watch_free(struct agent_watch *watch)
{
    if (watch == NULL)
        return NULL;
    if (watch->timer != NULL)
        stop(watch);
    watch->figures = agent_watch_figures_free(watch->figures);
    sd_event_source_disable_unref(watch->timer);
    free(watch);
    return NULL;
}
