/* SPDX-License-Identifier: Apache-2.0 */
/* How long the steps of former jobs took: what a preview can say about the next one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "controller/daemon/verbs.h"

enum {
    ROLLOUTS_DEFAULT = 20,
    ROLLOUTS_MAX = 1000,
    SAMPLES_MAX = 4096, /* of one kind, and jobs that are read: more tell nothing new */
    BOOT_BYTES = 64,
};

/* A step of a job that took longer says only that the host's clock is broken. */
#define STEP_MS_MAX ((uint64_t)PROTO_DURATION_MS_MAX)

struct samples {
    int64_t *list;
    uint32_t count;
};

/* One job of one host, while its reports are read in their order. */
struct job {
    uint8_t host_id[PROTO_HOST_ID_BYTES];
    struct {
        bool is_open;
        uint64_t mono_ms;
        char boot_id[BOOT_BYTES];
    } begin[PROTO_STEP_LAST + 1];
    int64_t stage_ms, change_ms; /* sums of its good steps */
    bool is_staged, is_committed;
};

struct durations {
    struct samples steps[PROTO_STEP_LAST + 1], stage, change;
    struct job job;
    bool has_job;
    uint32_t jobs_count;
    struct ctl_store *store;
};

static void release(struct durations *durations)
{
    for (uint32_t i = 0; i <= PROTO_STEP_LAST; i++)
        free(durations->steps[i].list);
    free(durations->stage.list);
    free(durations->change.list);
}

static int add(struct samples *samples, int64_t ms, struct bl_error *err)
{
    if (samples->list == NULL)
        samples->list = calloc(SAMPLES_MAX, sizeof(*samples->list));
    if (samples->list == NULL)
        return bl_fail(err, -ENOMEM, "durations: no memory");
    if (samples->count < SAMPLES_MAX)
        samples->list[samples->count++] = ms;

    return 0;
}

static int end_job(struct durations *durations, struct bl_error *err)
{
    const struct job *job = &durations->job;
    int r = 0;

    if (durations->has_job && job->is_staged)
        r = add(&durations->stage, job->stage_ms, err);
    if (r >= 0 && durations->has_job && job->is_committed)
        r = add(&durations->change, job->change_ms, err);
    durations->has_job = false;

    return r;
}

/* Only what went well, and within one boot of the host: nothing else tells how long it takes. */
static int end_step(struct durations *durations, const struct proto_report *report,
                    struct bl_error *err)
{
    struct job *job = &durations->job;
    bool is_staging = report->step <= PROTO_STEP_PRECHECK;
    int64_t ms;

    if (!job->begin[report->step].is_open)
        return 0;
    job->begin[report->step].is_open = false;
    if (report->result != PROTO_RESULT_OK ||
        strcmp(job->begin[report->step].boot_id, report->boot_id) != 0 ||
        report->mono_ms < job->begin[report->step].mono_ms ||
        report->mono_ms - job->begin[report->step].mono_ms > STEP_MS_MAX)
        return 0;
    ms = (int64_t)(report->mono_ms - job->begin[report->step].mono_ms);
    *(is_staging ? &job->stage_ms : &job->change_ms) += ms;
    job->is_staged = job->is_staged || report->step == PROTO_STEP_PRECHECK;
    job->is_committed = job->is_committed || report->step == PROTO_STEP_DISARM;
    if (report->step == PROTO_STEP_RESTORE || report->step == PROTO_STEP_PROVE)
        job->is_committed = false;

    return add(&durations->steps[report->step], ms, err);
}

/* -ECANCELED, which is no failure: enough was read. */
static int take_report(void *userdata, const struct ctl_store_report *stored, struct bl_error *err)
{
    struct durations *durations = userdata;
    const struct proto_report *report = &stored->report;
    struct job *job = &durations->job;
    int r;

    if (!durations->has_job || memcmp(job->host_id, stored->host_id, sizeof(job->host_id)) != 0) {
        r = end_job(durations, err);
        if (r < 0)
            return r;
        if (durations->jobs_count++ == SAMPLES_MAX)
            return -ECANCELED;
        *job = (struct job){0};
        memcpy(job->host_id, stored->host_id, sizeof(job->host_id));
        durations->has_job = true;
    }
    if (report->step == 0 || report->step > PROTO_STEP_LAST)
        return 0;
    if (report->moment == PROTO_MOMENT_BEGIN && !job->begin[report->step].is_open) {
        job->begin[report->step].is_open = true;
        job->begin[report->step].mono_ms = report->mono_ms;
        bl_text_copy(job->begin[report->step].boot_id, BOOT_BYTES, report->boot_id);
    }

    return report->moment == PROTO_MOMENT_END ? end_step(durations, report, err) : 0;
}

static int take_rollout(void *userdata, const struct ctl_store_rollout *row, struct bl_error *err)
{
    struct durations *durations = userdata;
    int r = ctl_store_each_report(durations->store, row->id, take_report, durations, err);

    return r < 0 ? r : end_job(durations, err);
}

static int by_size(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

/* The smallest value that `percent` of all do not exceed; the samples are sorted. */
static int64_t percentile(const struct samples *samples, uint32_t percent)
{
    return samples->list[(samples->count * percent + 99) / 100 - 1];
}

static json_t *view_samples(struct samples *samples)
{
    if (samples->count == 0)
        return json_null();
    qsort(samples->list, samples->count, sizeof(*samples->list), by_size);

    return json_pack("{s:i, s:I, s:I}", "count", (int)samples->count, "median_ms",
                     (json_int_t)percentile(samples, 50), "p90_ms",
                     (json_int_t)percentile(samples, 90));
}

void ctl_verb_durations(struct ctl_call *call)
{
    BL_CLEANUP(release) struct durations durations = {.store = call->engine->store};
    json_t *steps = json_object();
    struct bl_error err = {0};
    int64_t limit;
    int r;

    if (!ctl_call_int(call, "limit", ROLLOUTS_DEFAULT, ROLLOUTS_MAX, &limit)) {
        json_decref(steps);
        return;
    }
    r = ctl_store_each_rollout(call->engine->store, (uint32_t)limit, take_rollout, &durations,
                               &err);
    if (r < 0 && r != -ECANCELED) {
        json_decref(steps);
        ctl_reply_failure(call, &err);
        return;
    }
    for (uint32_t step = 1; step <= PROTO_STEP_LAST; step++)
        (void)json_object_set_new(steps, proto_step_name(step),
                                  view_samples(&durations.steps[step]));
    ctl_reply(call,
              json_pack("{s:o, s:o, s:o}", "steps", steps, "stage", view_samples(&durations.stage),
                        "change", view_samples(&durations.change)));
}
