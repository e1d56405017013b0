/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/tend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "agent/root/prune.h"
#include "agent/txn/task.h"
#include "common/file.h"
#include "common/hex.h"
#include "common/text.h"

struct agent_tend {
    struct agent_host *host;
    const struct agent_jobs *jobs;
    struct agent_units_call *call;       /* one job's are being looked at */
    char name[AGENT_JOB_ID_TEXT_BYTES];  /* of that job; the round goes on behind it */
    struct bl_mono begun;                /* the last round */
    struct agent_way_backs round, found; /* of this round so far; of the last whole one */
    sd_event_source *timer;
};

static bool needs_tending(const void *userdata, int jobs_fd, const char *job)
{
    char path[AGENT_JOB_ID_TEXT_BYTES + sizeof("/" AGENT_TXN_TENDED)];

    return bl_text_format(path, sizeof(path), "%s/%s", job, AGENT_TXN_TENDED) >= 0 &&
           faccessat(jobs_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void look_at_next(struct agent_tend *tend);

static void tell_unknown(struct agent_tend *tend, const struct bl_error *err)
{
    sd_journal_print(LOG_WARNING, "How full the snapshots of job %s are: %s", tend->name,
                     err->text);
    tend->round.known = false;
}

static int rollout_of(const struct agent_tend *tend, uint8_t ret_id[PROTO_ROLLOUT_ID_BYTES],
                      struct bl_error *err)
{
    uint8_t job_id[AGENT_JOB_ID_BYTES];
    PROTO_AUTO_ARENA arena = {0};
    struct agent_journal_job saved = {0};
    int r = bl_hex_decode(tend->name, job_id, sizeof(job_id), err);

    if (r >= 0)
        r = agent_journal_load_job(tend->host->journal, job_id, &arena, &saved, err);
    if (r == 0)
        return bl_fail(err, -ENOENT, "the journal does not have this job");
    if (r > 0)
        memcpy(ret_id, saved.rollout_id, sizeof(saved.rollout_id));

    return r;
}

/* What it means for the way back; `result` is of the job that was looked at. */
static int judge(struct agent_tend *tend, const struct agent_txn_result *result,
                 struct bl_error *err)
{
    struct agent_way_back is;
    int r;

    for (uint32_t i = 0; i < result->notes_count; i++)
        sd_journal_print(LOG_NOTICE, "Job %s: %s", tend->name, result->notes[i].text);
    for (uint32_t i = 0; i < result->findings_count; i++)
        sd_journal_print(LOG_WARNING, "Job %s: %s: %s -> %s", tend->name, result->findings[i].code,
                         result->findings[i].reason, result->findings[i].remedy);
    if (!agent_way_back_judge(result, &is))
        return 0;
    r = rollout_of(tend, is.rollout_id, err);
    if (r >= 0)
        agent_way_backs_add(&tend->round, &is);

    return r;
}

static void on_ended(void *userdata, const struct agent_units_answer *answer)
{
    struct agent_tend *tend = userdata;
    BL_AUTO_FD int dir_fd = -1;
    PROTO_AUTO_ARENA arena = {0};
    struct agent_txn_result result = {0};
    struct bl_error err = {0};
    int r = agent_txn_job_open(tend->host->state_dir, tend->name, &dir_fd, &err);

    tend->call = NULL;
    if (r >= 0)
        r = agent_txn_result_load(dir_fd, AGENT_TXN_TEND, &arena, &result, &err);
    if (r >= 0)
        r = judge(tend, &result, &err);
    /* What it found holds; that it found no more says nothing. */
    if (r >= 0 && result.result != PROTO_RESULT_OK)
        r = bl_fail(&err, -EIO, "%s", result.reason);
    if (r < 0)
        tell_unknown(tend, &err);
    look_at_next(tend);
}

static int begin(struct agent_tend *tend, struct bl_error *err)
{
    const struct agent_txn_task task = {.format = AGENT_TXN_FORMAT, .phase = AGENT_TXN_TEND};
    BL_AUTO_FD int dir_fd = -1;
    char unit[AGENT_TXN_UNIT_BYTES];
    int r = agent_txn_job_open(tend->host->state_dir, tend->name, &dir_fd, err);

    if (r < 0 || (r = agent_txn_phase_clear(dir_fd, AGENT_TXN_TEND, err)) < 0 ||
        (r = agent_txn_task_save(dir_fd, &task, err)) < 0)
        return r;
    agent_txn_unit_name(tend->name, AGENT_TXN_TEND, unit);
    r = agent_units_run(tend->host->units, unit, on_ended, tend, &tend->call);

    return r < 0 ? bl_fail(err, r, "start '%s': %s", unit, strerror(-r)) : 0;
}

/* One job's directory that is damaged keeps nobody from looking at the others. */
static void look_at_next(struct agent_tend *tend)
{
    static const struct agent_prune_choice choice = {.is_wanted = needs_tending};

    while (agent_prune_find_next(tend->host->state_dir, tend->name, &choice, tend->name)) {
        struct bl_error err = {0};

        if (begin(tend, &err) >= 0)
            return;
        tell_unknown(tend, &err);
    }
    tend->found = tend->round;
}

const struct agent_way_backs *agent_tend_found(const struct agent_tend *tend)
{
    return &tend->found;
}

bool agent_tend_is_due(struct bl_mono last, struct bl_mono now, bool is_changing)
{
    return bl_mono_reached(
        now, bl_mono_after(last, is_changing ? AGENT_TEND_CHANGING_MS : AGENT_TEND_EVERY_MS));
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_tend *tend = userdata;
    struct bl_mono now = bl_mono_now();

    if (tend->call == NULL &&
        agent_tend_is_due(tend->begun, now, agent_jobs_is_changing(tend->jobs))) {
        tend->begun = now;
        tend->name[0] = '\0';
        tend->round = (struct agent_way_backs){.known = true};
        look_at_next(tend);
    }
    if (sd_event_source_set_time_relative(source, AGENT_TEND_CHANGING_MS * UINT64_C(1000)) < 0 ||
        sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) < 0)
        sd_journal_print(LOG_WARNING, "Nobody looks how full snapshots are: no timer.");

    return 0;
}

int agent_tend_new(struct agent_host *host, const struct agent_jobs *jobs,
                   struct agent_tend **ret_tend, struct bl_error *err)
{
    struct agent_tend *tend = calloc(1, sizeof(*tend));
    int r;

    if (tend == NULL)
        return bl_fail(err, -ENOMEM, "no memory for snapshots");
    tend->host = host;
    tend->jobs = jobs;
    r = sd_event_add_time_relative(host->loop, &tend->timer, CLOCK_BOOTTIME,
                                   AGENT_TEND_CHANGING_MS * UINT64_C(1000), 0, on_time, tend);
    if (r < 0) {
        (void)agent_tend_free(tend);
        return bl_fail(err, r, "make a timer: %s", strerror(-r));
    }

    *ret_tend = tend;
    return 0;
}

struct agent_tend *agent_tend_free(struct agent_tend *tend)
{
    if (tend == NULL)
        return NULL;
    tend->call = agent_units_drop(tend->call);
    sd_event_source_disable_unref(tend->timer);
    free(tend);
    return NULL;
}
