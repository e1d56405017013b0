/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "agent/lease/silence.h"
#include "agent/root/job_report.h"
#include "agent/root/ops/op.h"
#include "agent/root/prune.h"
#include "agent/root/renew.h"
#include "agent/root/watch.h"
#include "agent/root/witnesses.h"
#include "agent/root/work.h"
#include "agent/txn/ballast.h"
#include "agent/txn/task.h"
#include "common/file.h"
#include "common/hex.h"
#include "common/random.h"
#include "common/text.h"

struct agent_jobs {
    struct agent_host *host;
    const struct agent_jobs_handler *handler;
    struct agent_work *work;  /* NULL before the first job */
    struct agent_op_run *run; /* the step under way */
    sd_event_source *wake;
    struct agent_witnesses *witnesses; /* a question that is out */
    struct agent_watch *watch;         /* of the host while it serves */
    struct agent_watch_handler watch_handler;
    bool halted;
    sd_event_source *renewal; /* halted: ends the process when the next may fare better */
    bool back_wanted;         /* of `back_rollout_id`, as soon as no job is open */
    uint8_t back_rollout_id[PROTO_ROLLOUT_ID_BYTES];
    struct agent_job_event back_event; /* its texts are static */
};

static void on_step_done(void *userdata, enum proto_step step,
                         const struct agent_op_outcome *outcome);

/* What comes with an event besides what the core needs to know. */
struct telling {
    const char *who;                        /* for the audit trail, "" = nobody */
    const struct agent_journal_job *accept; /* the job that is taken, or NULL */
    const struct agent_op_outcome *outcome; /* of the step that ended, or NULL */
};

/* ---- recording --------------------------------------------------------------------------- */

/*
 * All records of one step of the core in one transaction: what they tell is true together or not at
 * all, and everything that others could see comes after it.
 */
static int record(struct agent_jobs *jobs, const struct agent_job_effects *effects,
                  const struct telling *telling, struct bl_error *err)
{
    struct proto_report reports[AGENT_FINDINGS_MAX + AGENT_JOB_EFFECTS_MAX];
    struct agent_journal_write write = {.accept = telling->accept,
                                        .job_id = jobs->work->id,
                                        .job = &jobs->work->job,
                                        .boot_id = jobs->host->boot_id,
                                        .reports = reports,
                                        .what = "job",
                                        .who = telling->who};
    uint32_t notes_count =
        agent_job_describe_notes(jobs->host, jobs->work, effects, telling->outcome, reports);
    int r;

    write.reports_count = notes_count;
    for (uint32_t i = 0; i < effects->count; i++) {
        if (effects->list[i].type == AGENT_JOB_RECORD)
            reports[write.reports_count++] =
                agent_job_describe_effect(jobs->host, jobs->work, &effects->list[i]);
    }
    if (write.reports_count == notes_count)
        return 0;

    /* What follows needs room, too: a step that fails for the want of it turns back what is good. */
    r = agent_ballast_find_room(jobs->host->state_dir, err);
    if (r >= 0)
        r = agent_journal_write(jobs->host->journal, &write, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < write.reports_count; i++)
        agent_job_log(jobs->work, &reports[i]);

    return 0;
}

static void halt(struct agent_jobs *jobs, const struct bl_error *err)
{
    struct bl_error ignored = {0};

    jobs->halted = true;
    jobs->run = agent_op_free(jobs->run);
    jobs->witnesses = agent_witnesses_free(jobs->witnesses);
    agent_watch_follow(jobs->watch, NULL);
    (void)!agent_renew_await(jobs->host, err->code, &jobs->renewal, &ignored);
    sd_journal_print(
        LOG_CRIT,
        "The journal failed: %s. Nothing more is done until belay-agent starts anew, by "
        "itself %s. Leases end by their own timers. Check the disk.",
        err->text, err->code == -ENOSPC ? "when there is room" : "in a minute");
}

void agent_jobs_doubt_journal(struct agent_jobs *jobs, const struct bl_error *err)
{
    if (!jobs->halted && !agent_journal_is_whole(jobs->host->journal))
        halt(jobs, err);
}

/* ---- effects ----------------------------------------------------------------------------- */

static void on_witnesses(void *userdata, enum agent_job_witnesses answer)
{
    struct agent_jobs *jobs = userdata;

    jobs->witnesses = agent_witnesses_free(jobs->witnesses);
    agent_jobs_tell(jobs,
                    (struct agent_job_event){.type = AGENT_JOB_WITNESSES, .witnesses = answer}, "");
}

/* A question that cannot even be asked stays out; the core asks again by its clock. */
static void ask_witnesses(struct agent_jobs *jobs)
{
    struct bl_error err = {0};

    if (agent_witnesses_ask(jobs->host, &jobs->work->manifest, on_witnesses, jobs, &jobs->witnesses,
                            &err) < 0)
        sd_journal_print(LOG_WARNING, "The network could not be looked at: %s", err.text);
}

static void on_found(void *userdata, enum proto_grade grade, const char *code, const char *reason)
{
    (void)agent_jobs_tell(
        userdata,
        (struct agent_job_event){
            .type = AGENT_JOB_FOUND, .grade = grade, .code = code, .reason = reason},
        "");
}

static int on_wake(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)agent_jobs_tell(userdata, (struct agent_job_event){.type = AGENT_JOB_TIME}, "");
    return 0;
}

static void run_step(struct agent_jobs *jobs, enum proto_step step)
{
    const struct agent_op_caller caller = {jobs, on_step_done};
    struct bl_error err = {0};

    jobs->run = agent_op_free(jobs->run);
    if (agent_op_start(jobs->host, jobs->work, step, &caller, &jobs->run, &err) < 0)
        halt(jobs, &err); /* no memory for a few bytes: nothing that follows would work either */
}

static void set_wake(struct agent_jobs *jobs, struct bl_mono at)
{
    uint64_t usec = at.ms > 0 ? (uint64_t)at.ms * 1000 : 0;
    struct bl_error err = {0};
    int r;

    r = sd_event_source_set_time(jobs->wake, usec);
    if (r >= 0)
        r = sd_event_source_set_enabled(jobs->wake, SD_EVENT_ONESHOT);
    if (r < 0) {
        (void)bl_fail(&err, r, "set a timer: %s", strerror(-r));
        halt(jobs, &err);
    }
}

/* True when something was recorded: the event was of consequence. */
static bool perform(struct agent_jobs *jobs, const struct agent_job_effects *effects)
{
    bool recorded = false;

    for (uint32_t i = 0; i < effects->count && !jobs->halted; i++) {
        const struct agent_job_effect *effect = &effects->list[i];

        switch (effect->type) {
        case AGENT_JOB_RECORD:
            recorded = true;
            break;
        case AGENT_JOB_RUN:
            run_step(jobs, effect->step);
            break;
        case AGENT_JOB_RECONNECT:
            jobs->handler->reconnect(jobs->handler->userdata);
            break;
        case AGENT_JOB_ASK_WITNESSES:
            ask_witnesses(jobs);
            break;
        case AGENT_JOB_WAKE:
            set_wake(jobs, effect->wake_at);
            break;
        }
    }
    if (!jobs->work->job.step_running)
        jobs->run = agent_op_free(jobs->run); /* given up: its end is not waited for */
    if (!jobs->halted)
        agent_watch_follow(jobs->watch, jobs->work);
    if (recorded)
        jobs->handler->reported(jobs->handler->userdata);
    if (!agent_job_is_open(&jobs->work->job)) {
        jobs->handler->closed(jobs->handler->userdata);
        if (jobs->back_wanted) {
            jobs->back_wanted = false;
            agent_jobs_take_back(jobs, jobs->back_rollout_id, jobs->back_event, "controller");
        }
    }

    return recorded;
}

static bool tell(struct agent_jobs *jobs, struct agent_job_event event,
                 const struct telling *telling)
{
    struct agent_job_effects effects;
    struct bl_error err = {0};

    if (jobs->halted || jobs->work == NULL)
        return false;

    event.now = bl_mono_now();
    agent_job_step(&jobs->work->job, &event, &effects);
    if (record(jobs, &effects, telling, &err) < 0) {
        halt(jobs, &err);
        return false;
    }

    return perform(jobs, &effects);
}

bool agent_jobs_tell(struct agent_jobs *jobs, struct agent_job_event event, const char *who)
{
    return tell(jobs, event, &(struct telling){.who = who});
}

/* The silence timer may have rung while this process was not there, or was only coming up. */
static void heed_silence(struct agent_jobs *jobs)
{
    static const struct agent_job_event back = {
        .type = AGENT_JOB_REVERT,
        .code = "silence",
        .reason = "the way back began by its timer while the agent was dead"};

    if (agent_jobs_is_open(jobs) && jobs->work->job.state != PROTO_JOB_REVERTING &&
        agent_silence_goes_back(jobs->host->places, jobs->work->id_text))
        (void)agent_jobs_tell(jobs, back, "");
}

static void on_step_done(void *userdata, enum proto_step step,
                         const struct agent_op_outcome *outcome)
{
    struct agent_jobs *jobs = userdata;
    struct agent_finding *notes = BL_TAKE_PTR(jobs->run->notes);

    /* The outcome is a copy on the caller's stack, so the run may go first. */
    jobs->run = agent_op_free(jobs->run);
    heed_silence(jobs);
    (void)tell(jobs,
               (struct agent_job_event){.type = AGENT_JOB_STEP_ENDED,
                                        .step = step,
                                        .result = outcome->result,
                                        .grade = outcome->grade,
                                        .code = outcome->code,
                                        .reason = outcome->reason},
               &(struct telling){.who = "", .outcome = outcome});
    free(notes);
}

/* ---- taking and taking up ---------------------------------------------------------------- */

/* The files of the newest job stay, and of the one whose change the host stands on. */
static void prune(const struct agent_jobs *jobs)
{
    char base_text[AGENT_JOB_ID_TEXT_BYTES] = "";
    PROTO_AUTO_ARENA arena = {0};
    struct agent_journal_job base;
    struct bl_error err = {0};
    int r = agent_journal_load_base(jobs->host->journal, &arena, &base, &err);

    if (r < 0) {
        sd_journal_print(LOG_WARNING, "Files of former jobs are left: %s", err.text);
        return;
    }
    if (r > 0)
        bl_hex_encode(base.id, sizeof(base.id), base_text);
    agent_prune_jobs(jobs->host->state_dir, jobs->work->id_text, base_text);
}

/* Makes a saved job the one that is told of events. Instants of another boot begin anew. */
static int take_up(struct agent_jobs *jobs, const struct agent_journal_job *saved,
                   struct bl_error *err)
{
    struct agent_work *work = NULL;
    int r = agent_work_make(jobs->host, saved->id, saved->manifest, saved->kind, &work, err);

    if (r < 0)
        return r;
    work->job = saved->job;
    work->accepted_wall_ms = saved->accepted_wall_ms;
    agent_watch_follow(jobs->watch, NULL);
    (void)agent_work_free(jobs->work);
    jobs->work = work;
    jobs->witnesses = agent_witnesses_free(jobs->witnesses);
    (void)agent_jobs_tell(
        jobs,
        (struct agent_job_event){.type = AGENT_JOB_RESTART,
                                 .rebooted = strcmp(saved->boot_id, jobs->host->boot_id) != 0},
        "");
    heed_silence(jobs);
    return 0;
}

/* One report without a record: of a job that may be an older one than the newest. */
static int report_of(struct agent_jobs *jobs, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                     struct proto_report report, const char *who, struct bl_error *err)
{
    const struct agent_journal_write write = {
        .reports = &report, .reports_count = 1, .what = "job", .who = who};
    int r;

    report.moment = PROTO_MOMENT_STATE;
    report.wall_ms = bl_wall_now().ms;
    report.mono_ms = (uint64_t)bl_mono_now().ms;
    report.boot_id = jobs->host->boot_id;
    memcpy(report.rollout_id, rollout_id, sizeof(report.rollout_id));
    r = agent_journal_write(jobs->host->journal, &write, err);
    if (r < 0)
        return r;
    jobs->handler->reported(jobs->handler->userdata);
    return 0;
}

static struct proto_report state_of(const struct agent_job *job)
{
    return (struct proto_report){
        .state = job->state,
        .grade = job->grade,
        .nonce = agent_job_asks_commit(job) ? job->nonce : 0,
        .code = job->code,
        .reason = job->reason,
    };
}

/* The controller must not wait for what can't come; what is back already is said to be so. */
static int report_way_back_gone(struct agent_jobs *jobs, const struct agent_journal_job *asked,
                                const char *who, struct bl_error *err)
{
    bool is_back = asked->job.state == PROTO_JOB_REVERTED || !asked->job.changed;
    const struct proto_report gone = {.state = PROTO_JOB_REVERT_FAILED,
                                      .code = "way_back_gone",
                                      .reason = "a later change stands on this one"};

    return report_of(jobs, asked->rollout_id, is_back ? state_of(&asked->job) : gone, who, err);
}

/* What lies below the open job waits for its end; what lies deeper is gone, whatever that end is. */
static int take_back(struct agent_jobs *jobs, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                     struct agent_job_event event, const char *who, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_journal_job saved;
    uint8_t job_id[AGENT_JOB_ID_BYTES];
    int r;

    r = agent_journal_find_rollout(jobs->host->journal, rollout_id, job_id, err);
    if (r <= 0)
        return r; /* it never came here */
    r = agent_journal_load_base(jobs->host->journal, &arena, &saved, err);
    if (r < 0)
        return r;
    if (r == 0 || memcmp(saved.id, job_id, sizeof(job_id)) != 0) {
        r = agent_journal_load_job(jobs->host->journal, job_id, &arena, &saved, err);
        return r <= 0 ? r : report_way_back_gone(jobs, &saved, who, err);
    }
    if (agent_jobs_is_open(jobs)) {
        jobs->back_wanted = true;
        jobs->back_event = event;
        memmove(jobs->back_rollout_id, rollout_id, sizeof(jobs->back_rollout_id));
        return 0;
    }

    r = agent_journal_raise(jobs->host->journal, job_id, err);
    if (r < 0)
        return r;
    r = take_up(jobs, &saved, err);
    if (r >= 0)
        (void)agent_jobs_tell(jobs, event, who);
    return r;
}

void agent_jobs_take_back(struct agent_jobs *jobs, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                          struct agent_job_event event, const char *who)
{
    struct bl_error err = {0};
    bool is_newest = jobs->work != NULL &&
                     memcmp(jobs->work->rollout_id, rollout_id, PROTO_ROLLOUT_ID_BYTES) == 0;

    if (is_newest) {
        /* Whoever asks what was done already has not heard of it: the report may be lost. */
        if (!agent_jobs_tell(jobs, event, who) && !jobs->halted && !agent_jobs_is_open(jobs) &&
            agent_jobs_repeat(jobs, jobs->work->id, &err) < 0)
            agent_jobs_doubt_journal(jobs, &err);
        return;
    }
    if (!jobs->halted && take_back(jobs, rollout_id, event, who, &err) < 0) {
        sd_journal_print(LOG_ERR, "A job could not be taken back: %s", err.text);
        agent_jobs_doubt_journal(jobs, &err);
    }
}

int agent_jobs_take(struct agent_jobs *jobs, const struct proto_offer *offer,
                    const struct agent_order *order, struct bl_error *err)
{
    struct agent_journal_job accept = {.manifest = offer->manifest,
                                       .signatures = offer->signatures,
                                       .signatures_count = offer->signatures_count,
                                       .kind = order->kind,
                                       .counter = order->manifest.counter};
    struct agent_job_event event = {.type = AGENT_JOB_OFFER};
    struct agent_work *former = jobs->work, *work = NULL;
    struct agent_job_effects effects;
    struct agent_job_limits limits;
    int r;

    BL_ASSERT(!agent_jobs_is_open(jobs));
    BL_ASSERT(order->refusal == AGENT_REFUSAL_NONE);
    if (jobs->halted)
        return bl_fail(err, -EIO, "the journal failed");

    r = agent_work_make(jobs->host, order->job_id, offer->manifest, order->kind, &work, err);
    if (r < 0)
        return r;
    memcpy(accept.id, work->id, sizeof(accept.id));
    memcpy(accept.rollout_id, work->rollout_id, sizeof(accept.rollout_id));
    accept.accepted_wall_ms = work->accepted_wall_ms = bl_wall_now().ms;
    do {
        r = bl_random_u64(&event.nonce, err);
    } while (r >= 0 && event.nonce == 0);
    if (r < 0) {
        (void)agent_work_free(work);
        return r;
    }

    event.now = bl_mono_now();
    limits = agent_order_limits(&work->manifest, bl_wall_now());
    agent_job_init(&work->job, &limits);
    agent_job_step(&work->job, &event, &effects);
    jobs->work = work;
    r = record(jobs, &effects, &(struct telling){.who = "", .accept = &accept}, err);
    if (r < 0) {
        jobs->work = former;
        (void)agent_work_free(work);
        halt(jobs, err);
        return r;
    }
    agent_watch_follow(jobs->watch, NULL);
    (void)agent_work_free(former);
    jobs->witnesses = agent_witnesses_free(jobs->witnesses);
    prune(jobs);
    (void)perform(jobs, &effects);

    return 0;
}

int agent_jobs_resume(struct agent_jobs *jobs, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_journal_job saved;
    int r;

    r = agent_journal_load_newest(jobs->host->journal, &arena, &saved, err);
    if (r <= 0)
        return r;
    return take_up(jobs, &saved, err);
}

int agent_jobs_repeat(struct agent_jobs *jobs, const uint8_t job_id[AGENT_JOB_ID_BYTES],
                      struct bl_error *err)
{
    const struct agent_work *work = jobs->work;
    PROTO_AUTO_ARENA arena = {0};
    struct agent_journal_job saved;
    int r;

    if (work != NULL && memcmp(work->id, job_id, AGENT_JOB_ID_BYTES) == 0) {
        r = report_of(jobs, work->rollout_id, state_of(&work->job), "", err);
        return r < 0 ? r : 1;
    }
    r = agent_journal_load_job(jobs->host->journal, job_id, &arena, &saved, err);
    if (r <= 0)
        return r;
    r = report_of(jobs, saved.rollout_id, state_of(&saved.job), "", err);
    return r < 0 ? r : 1;
}

/* ---- life and answers -------------------------------------------------------------------- */

int agent_jobs_new(struct agent_host *host, const struct agent_jobs_handler *handler,
                   struct agent_jobs **ret_jobs, struct bl_error *err)
{
    struct agent_jobs *jobs = calloc(1, sizeof(*jobs));
    int r;

    if (jobs == NULL)
        return bl_fail(err, -ENOMEM, "no memory for jobs");
    jobs->host = host;
    jobs->handler = handler;
    jobs->watch_handler = (struct agent_watch_handler){.userdata = jobs, .found = on_found};
    r = agent_watch_new(host, &jobs->watch_handler, &jobs->watch, err);
    if (r < 0) {
        (void)agent_jobs_free(jobs);
        return r;
    }
    r = sd_event_add_time(host->loop, &jobs->wake, CLOCK_BOOTTIME, 0, 1, on_wake, jobs);
    if (r >= 0)
        r = sd_event_source_set_enabled(jobs->wake, SD_EVENT_OFF);
    if (r < 0) {
        (void)agent_jobs_free(jobs);
        return bl_fail(err, r, "make a timer: %s", strerror(-r));
    }

    *ret_jobs = jobs;
    return 0;
}

struct agent_jobs *agent_jobs_free(struct agent_jobs *jobs)
{
    if (jobs == NULL)
        return NULL;
    (void)agent_op_free(jobs->run);
    (void)agent_witnesses_free(jobs->witnesses);
    (void)agent_watch_free(jobs->watch);
    sd_event_source_disable_unref(jobs->wake);
    sd_event_source_disable_unref(jobs->renewal);
    (void)agent_work_free(jobs->work);
    free(jobs);
    return NULL;
}

const struct agent_work *agent_jobs_work(const struct agent_jobs *jobs)
{
    return jobs->work;
}

bool agent_jobs_is_open(const struct agent_jobs *jobs)
{
    return jobs->work != NULL && agent_job_is_open(&jobs->work->job);
}

bool agent_jobs_is_changing(const struct agent_jobs *jobs)
{
    const struct agent_job *job;

    if (jobs->work == NULL || !jobs->work->job.step_running)
        return false;
    job = &jobs->work->job;
    return job->step == PROTO_STEP_REPAIR || job->step == PROTO_STEP_STAGE ||
           job->step == PROTO_STEP_UPGRADE || job->step == PROTO_STEP_RESTORE;
}

bool agent_jobs_is_halted(const struct agent_jobs *jobs)
{
    return jobs->halted;
}
