/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/forget.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "agent/root/prune.h"
#include "agent/txn/task.h"
#include "common/file.h"
#include "common/hex.h"
#include "common/text.h"

struct agent_forget {
    struct agent_host *host;
    const struct agent_jobs *jobs;
    struct agent_units_call *call;      /* one is being removed */
    char name[AGENT_JOB_ID_TEXT_BYTES]; /* of that job */
    /* The last that could not be removed; the round goes on behind it. "" = all could be. */
    char failed[AGENT_JOB_ID_TEXT_BYTES];
    sd_event_source *timer;
};

bool agent_forget_is_over(const struct agent_forget_case *one)
{
    if (one->is_newest && (one->is_open || one->state == PROTO_JOB_REVERT_FAILED))
        return false;
    if (one->is_base)
        return one->way_back_end.ms != 0 && bl_mono_reached(one->now, one->way_back_end);

    return true;
}

/* ---- which jobs --------------------------------------------------------------------------- */

struct base {
    char name[AGENT_JOB_ID_TEXT_BYTES]; /* "" = the host stands on none */
    struct bl_mono way_back_end;
};

static int load_base(const struct agent_forget *forget, struct base *ret_base, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_journal_job saved;
    int r = agent_journal_load_base(forget->host->journal, &arena, &saved, err);

    *ret_base = (struct base){0};
    if (r <= 0)
        return r;
    bl_hex_encode(saved.id, sizeof(saved.id), ret_base->name);
    if (strcmp(saved.boot_id, forget->host->boot_id) == 0)
        ret_base->way_back_end = saved.job.way_back_end;

    return 0;
}

static bool is_over(const struct agent_forget *forget, const struct base *base, const char *name)
{
    const struct agent_work *newest = agent_jobs_work(forget->jobs);
    bool is_newest = newest != NULL && strcmp(newest->id_text, name) == 0;
    const struct agent_forget_case one = {
        .is_newest = is_newest,
        .is_open = is_newest && agent_jobs_is_open(forget->jobs),
        .state = is_newest ? newest->job.state : 0,
        .is_base = strcmp(base->name, name) == 0,
        .way_back_end = is_newest ? newest->job.way_back_end : base->way_back_end,
        .now = bl_mono_now(),
    };

    return agent_forget_is_over(&one);
}

struct round {
    const struct agent_forget *forget;
    struct base base;
};

static bool is_to_go(const void *userdata, int jobs_fd, const char *job)
{
    const struct round *round = userdata;

    return is_over(round->forget, &round->base, job);
}

/* ---- removing ------------------------------------------------------------------------------ */

static void leave(struct agent_forget *forget, const char *why)
{
    sd_journal_print(LOG_WARNING, "The snapshots of job %s are left: %s", forget->name, why);
    bl_text_copy(forget->failed, sizeof(forget->failed), forget->name);
}

static void look(struct agent_forget *forget);

static void on_ended(void *userdata, const struct agent_units_answer *answer)
{
    struct agent_forget *forget = userdata;
    BL_AUTO_FD int dir_fd = -1;
    PROTO_AUTO_ARENA arena = {0};
    struct agent_txn_result result = {0};
    struct bl_error err = {0};
    int r = agent_txn_job_open(forget->host->state_dir, forget->name, &dir_fd, &err);

    forget->call = NULL;
    if (r >= 0)
        r = agent_txn_result_load(dir_fd, AGENT_TXN_FORGET, &arena, &result, &err);
    if (r < 0 || result.result != PROTO_RESULT_OK)
        leave(forget, r < 0 ? err.text : result.reason);
    look(forget);
}

static int begin(struct agent_forget *forget, struct bl_error *err)
{
    const struct agent_txn_task task = {.format = AGENT_TXN_FORMAT, .phase = AGENT_TXN_FORGET};
    BL_AUTO_FD int dir_fd = -1;
    char unit[AGENT_TXN_UNIT_BYTES];
    int r = agent_txn_job_open(forget->host->state_dir, forget->name, &dir_fd, err);

    if (r < 0 || (r = agent_txn_phase_clear(dir_fd, AGENT_TXN_FORGET, err)) < 0 ||
        (r = agent_txn_task_save(dir_fd, &task, err)) < 0)
        return r;
    agent_txn_unit_name(forget->name, AGENT_TXN_FORGET, unit);
    r = agent_units_run(forget->host->units, unit, on_ended, forget, &forget->call);

    return r < 0 ? bl_fail(err, r, "start '%s': %s", unit, strerror(-r)) : 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    agent_forget_look(userdata);
    return 0;
}

struct bl_mono agent_forget_next_look(struct bl_mono way_back_end, struct bl_mono now,
                                      bool has_failed)
{
    struct bl_mono again = bl_mono_after(now, AGENT_FORGET_AGAIN_MS);
    bool is_ahead = way_back_end.ms > 0 && !bl_mono_reached(now, way_back_end);

    if (has_failed && (!is_ahead || again.ms < way_back_end.ms))
        return again;

    return is_ahead ? way_back_end : (struct bl_mono){0};
}

static void set_timer(struct agent_forget *forget, const struct base *base)
{
    struct bl_mono next =
        agent_forget_next_look(base->way_back_end, bl_mono_now(), forget->failed[0] != '\0');
    int enabled = next.ms > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF;

    if (sd_event_source_set_time(forget->timer, (uint64_t)next.ms * 1000) < 0 ||
        sd_event_source_set_enabled(forget->timer, enabled) < 0)
        sd_journal_print(LOG_WARNING, "Snapshots stay until the next job ends: no timer.");
}

static void look(struct agent_forget *forget)
{
    struct round round = {.forget = forget};
    const struct agent_prune_choice choice = {&round, is_to_go};
    struct bl_error err = {0};

    if (forget->call != NULL)
        return;
    if (load_base(forget, &round.base, &err) < 0) {
        sd_journal_print(LOG_WARNING, "Snapshots of former jobs are left: %s", err.text);
        return;
    }
    while (agent_prune_find_next(forget->host->state_dir, forget->failed, &choice, forget->name)) {
        err = (struct bl_error){0};
        if (begin(forget, &err) >= 0)
            break;
        leave(forget, err.text);
    }
    set_timer(forget, &round.base);
}

void agent_forget_look(struct agent_forget *forget)
{
    forget->failed[0] = '\0';
    look(forget);
}

int agent_forget_new(struct agent_host *host, const struct agent_jobs *jobs,
                     struct agent_forget **ret_forget, struct bl_error *err)
{
    struct agent_forget *forget = calloc(1, sizeof(*forget));
    int r;

    if (forget == NULL)
        return bl_fail(err, -ENOMEM, "no memory for snapshots");
    forget->host = host;
    forget->jobs = jobs;
    r = sd_event_add_time(host->loop, &forget->timer, CLOCK_BOOTTIME, 0, 0, on_time, forget);
    if (r >= 0)
        r = sd_event_source_set_enabled(forget->timer, SD_EVENT_OFF);
    if (r < 0) {
        (void)agent_forget_free(forget);
        return bl_fail(err, r, "make a timer: %s", strerror(-r));
    }

    *ret_forget = forget;
    return 0;
}

struct agent_forget *agent_forget_free(struct agent_forget *forget)
{
    if (forget == NULL)
        return NULL;
    forget->call = agent_units_drop(forget->call);
    sd_event_source_disable_unref(forget->timer);
    free(forget);
    return NULL;
}
