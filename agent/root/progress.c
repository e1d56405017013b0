/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/txn/progress.h"

enum {
    LOOK_MS = 1000
};

struct agent_progress {
    agent_progress_send send;
    void *userdata;
    const struct agent_jobs *jobs;
    sd_event_source *timer;
    struct proto_buffer sent; /* what was told last, encoded: the same is not told twice */
};

/* The phase of the package run that is under way, 0 for none. */
static uint32_t running_phase(const struct agent_work *work)
{
    return work != NULL && work->job.step_running ? agent_txn_progress_phase(work->job.step) : 0;
}

bool agent_progress_read(const struct agent_work *work, struct proto_arena *arena,
                         struct proto_progress *ret_progress)
{
    uint32_t phase = running_phase(work);

    if (phase == 0 || !agent_txn_progress_load(work->dir_fd, phase, arena, ret_progress))
        return false;
    memcpy(ret_progress->rollout_id, work->rollout_id, sizeof(ret_progress->rollout_id));

    return ret_progress->step == work->job.step;
}

static bool is_news(const struct agent_progress *progress, const struct proto_buffer *bytes)
{
    return bytes->size_bytes != progress->sent.size_bytes ||
           memcmp(bytes->data, progress->sent.data, bytes->size_bytes) != 0;
}

static void look(struct agent_progress *progress)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER bytes = {0};
    struct proto_progress now;
    struct bl_error unused = {0};

    if (!agent_progress_read(agent_jobs_work(progress->jobs), &arena, &now) ||
        proto_encode(proto_message_schema(PROTO_PROGRESS), &now, &bytes, &unused) < 0 ||
        !is_news(progress, &bytes) || progress->send(progress->userdata, &now) < 0)
        return;
    proto_buffer_release(&progress->sent);
    progress->sent = bytes;
    bytes = (struct proto_buffer){0};
}

static void arm(struct agent_progress *progress)
{
    uint64_t at_us = (uint64_t)bl_mono_after(bl_mono_now(), LOOK_MS).ms * 1000;
    int r = sd_event_source_set_time(progress->timer, at_us);

    if (r >= 0)
        r = sd_event_source_set_enabled(progress->timer, SD_EVENT_ONESHOT);
    BL_ASSERT(r >= 0); /* fails only for a wrong source */
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_progress *progress = userdata;

    if (running_phase(agent_jobs_work(progress->jobs)) == 0)
        return 0;
    look(progress);
    arm(progress);

    return 0;
}

void agent_progress_follow(struct agent_progress *progress, const struct agent_jobs *jobs)
{
    int enabled = SD_EVENT_OFF;

    progress->jobs = jobs;
    (void)sd_event_source_get_enabled(progress->timer, &enabled);
    if (running_phase(agent_jobs_work(jobs)) != 0 && enabled == SD_EVENT_OFF)
        arm(progress);
}

void agent_progress_forget(struct agent_progress *progress)
{
    proto_buffer_release(&progress->sent);
}

int agent_progress_new(struct agent_host *host, agent_progress_send send, void *userdata,
                       struct agent_progress **ret_progress, struct bl_error *err)
{
    struct agent_progress *progress = calloc(1, sizeof(*progress));
    int r;

    if (progress == NULL)
        return bl_fail(err, -ENOMEM, "no memory for a look at package runs");
    *progress = (struct agent_progress){.send = send, .userdata = userdata};
    r = sd_event_add_time(host->loop, &progress->timer, CLOCK_BOOTTIME, 0, 0, on_time, progress);
    if (r >= 0)
        r = sd_event_source_set_enabled(progress->timer, SD_EVENT_OFF);
    if (r < 0) {
        (void)agent_progress_free(progress);
        return bl_fail(err, r, "make a timer: %s", strerror(-r));
    }
    *ret_progress = progress;

    return 0;
}

struct agent_progress *agent_progress_free(struct agent_progress *progress)
{
    if (progress == NULL)
        return NULL;
    sd_event_source_disable_unref(progress->timer);
    proto_buffer_release(&progress->sent);
    free(progress);

    return NULL;
}
