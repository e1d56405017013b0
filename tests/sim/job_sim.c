/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one job against a made-up host, controller and network. The fault model: the agent dies
 * between any two effects and comes back with the job last recorded; the host reboots, which breaks
 * off whatever unit runs; steps fail, or nobody knows how they ended; events come twice, wakes come
 * early; the controller is away for a long while; the change cuts the host off or breaks the link;
 * people start, cancel, revert, hold and release at any time.
 *
 * Rules are checked at the moment of the effect against what is true in the made-up world, never
 * against the job's own flags. A third of the seeds have a healthy change and nobody who wants it
 * back: these must end committed, whatever the controller and the agent go through.
 */
#include <string.h>

#include "tests/sim/job_trace.h"
#include "tests/sim/job_world.h"

static int64_t mono_ms(const struct world *w)
{
    return w->now_ms - w->boot_ms;
}

static void later(struct world *w, int64_t delay_ms, struct agent_job_event event)
{
    SIM_CHECK(&w->chance, w->pending_count < PENDING_MAX);

    w->pending[w->pending_count++] =
        (struct pending){.at_ms = w->now_ms + delay_ms, .event = event};
}

static bool is_final(uint32_t state)
{
    return state == PROTO_JOB_BLOCKED || state == PROTO_JOB_CANCELLED ||
           state == PROTO_JOB_COMMITTED || state == PROTO_JOB_REVERTED ||
           state == PROTO_JOB_REVERT_FAILED;
}

static int64_t controller_delay_ms(struct world *w)
{
    int64_t away_ms = w->controller_up_ms > w->now_ms ? w->controller_up_ms - w->now_ms : 0;

    return away_ms + 1 + sim_below(&w->chance, 2000);
}

/* What the controller repeats on a new connection. */
static void deliver_what_is_owed(struct world *w, int64_t delay_ms)
{
    if (w->start_owed)
        later(w, delay_ms, (struct agent_job_event){.type = AGENT_JOB_START});
    if (w->revert_told)
        later(w, delay_ms, (struct agent_job_event){.type = AGENT_JOB_REVERT, .code = "rollback"});
    if (w->nonce_known != 0) {
        later(w, delay_ms,
              (struct agent_job_event){.type = AGENT_JOB_COMMIT, .nonce = w->nonce_known});
    }
}

static void reconnect(struct world *w)
{
    int64_t delay_ms = controller_delay_ms(w);

    if ((w->is_link_broken || w->is_cut_off) && w->packages != OLD)
        return;

    later(w, delay_ms, (struct agent_job_event){.type = AGENT_JOB_LINK_UP});
    deliver_what_is_owed(w, delay_ms + 10);
}

static void ask_witnesses(struct world *w)
{
    struct agent_job_event answer = {.type = AGENT_JOB_WITNESSES};

    if (w->has_broken_probe || (!w->is_calm && sim_percent(&w->chance, 10))) {
        answer.witnesses = AGENT_JOB_WITNESSES_UNKNOWN;
    } else if (w->is_cut_off) {
        answer.witnesses = AGENT_JOB_WITNESSES_NONE_ANSWERS;
    } else if (w->now_ms < w->controller_up_ms) {
        answer.witnesses = AGENT_JOB_WITNESSES_CONTROLLER_MISSING;
    } else {
        answer.witnesses = AGENT_JOB_WITNESSES_CONTROLLER_ANSWERS;
    }
    later(w, 1 + sim_below(&w->chance, 900), answer);
}

/* --- the units of the host --- */

static bool is_release(uint32_t step)
{
    return step == PROTO_STEP_SSH_UNLOCK || step == PROTO_STEP_RESUME || step == PROTO_STEP_DISARM;
}

static void decide_result(struct world *w)
{
    bool is_undo = w->unit == PROTO_STEP_RESTORE || w->unit == PROTO_STEP_PROVE;
    uint32_t failures_pct = w->is_calm || w->is_healthy ? 0 : (is_undo ? 10 : 5);

    w->unit_grade = 0;
    w->unit_result = PROTO_RESULT_OK;
    if (sim_percent(&w->chance, failures_pct))
        w->unit_result = sim_percent(&w->chance, 30) ? PROTO_RESULT_UNKNOWN : PROTO_RESULT_FAILED;
    /* A release that fails once or twice is no reason for anything. */
    if (is_release(w->unit) &&
        (w->has_broken_release || (w->release_failures < 2 && sim_percent(&w->chance, 3))))
        w->unit_result = PROTO_RESULT_FAILED;
    if (is_release(w->unit) && w->unit_result == PROTO_RESULT_FAILED)
        w->release_failures++;
    if (w->unit == PROTO_STEP_VERIFY && w->unit_result == PROTO_RESULT_FAILED)
        w->unit_grade = sim_percent(&w->chance, 50) ? PROTO_GRADE_FUNCTIONAL : PROTO_GRADE_SEVERE;
    if (w->unit == PROTO_STEP_VERIFY && w->is_healthy && sim_percent(&w->chance, 20)) {
        w->unit_result = PROTO_RESULT_FAILED;
        w->unit_grade = PROTO_GRADE_MINOR;
    }
}

static void start_unit(struct world *w, uint32_t step)
{
    bool may_be_late = step == PROTO_STEP_REPAIR && !w->is_healthy;

    w->unit_end_ms = w->now_ms + 1 + sim_below(&w->chance, may_be_late ? 90000 : 3000);
    w->unit = step;
    decide_result(w);
    if (step == PROTO_STEP_QUIESCE)
        w->quiesced = true;
    if (step == PROTO_STEP_SSH_LOCK)
        w->ssh_locked = true;
    if (step == PROTO_STEP_ARM)
        w->armed = true;
    if (step == PROTO_STEP_UPGRADE || step == PROTO_STEP_RESTORE)
        w->packages = MIXED;
    if (step == PROTO_STEP_UPGRADE) {
        SIM_CHECK(&w->chance, !w->upgrade_started); /* never done twice */
        w->upgrade_started = true;
        w->link_proven = false;
    }
}

static void on_unit_ok(struct world *w)
{
    if (w->unit == PROTO_STEP_STAGE)
        w->is_staged = true;
    if (w->unit == PROTO_STEP_SSH_UNLOCK)
        w->ssh_locked = false;
    if (w->unit == PROTO_STEP_RESUME)
        w->quiesced = false;
    if (w->unit == PROTO_STEP_DISARM)
        w->armed = false;
    if (w->unit == PROTO_STEP_UPGRADE)
        w->packages = NEW;
    if (w->unit == PROTO_STEP_RESTORE) {
        w->restored = true;
        w->packages = OLD;
    }
    if (w->unit == PROTO_STEP_PROVE)
        w->proven = w->packages == OLD;
}

/* The unit has come to its end; true if its news go out to a living agent. */
static struct agent_job_event end_unit(struct world *w)
{
    struct agent_job_event event = {.type = AGENT_JOB_STEP_ENDED,
                                    .step = (enum proto_step)w->unit,
                                    .result = w->unit_result,
                                    .grade = w->unit_grade,
                                    .code = "step_failed",
                                    .reason = "made up"};

    if (w->unit == PROTO_STEP_PROVE && w->packages != OLD)
        event.result = PROTO_RESULT_FAILED;
    if (event.result == PROTO_RESULT_OK)
        on_unit_ok(w);
    if (w->unit == PROTO_STEP_VERIFY)
        w->verified = event.result == PROTO_RESULT_OK || event.grade == PROTO_GRADE_MINOR;
    if (w->unit == PROTO_STEP_VERIFY)
        w->looked_last = w->verified && w->live.state == PROTO_JOB_PROBATION;
    if (w->unit == PROTO_STEP_UPGRADE)
        w->upgrade_ended = true;
    if (event.result != PROTO_RESULT_OK && w->live.state == PROTO_JOB_REVERTING)
        w->undo_step_failed = true;
    w->unit = 0;
    w->unit_end_ms = SIM_NEVER;

    return event;
}

static void run_step(struct world *w, uint32_t step)
{
    /* A durable record says that it runs, and what it takes. */
    SIM_CHECK(&w->chance, w->is_offered && w->disk.step_running && w->disk.step == step);
    SIM_CHECK(&w->chance, step != PROTO_STEP_REPAIR || w->disk.limits.repair);
    SIM_CHECK(&w->chance, step != PROTO_STEP_QUIESCE || w->disk.quiesced);
    SIM_CHECK(&w->chance, step != PROTO_STEP_SSH_LOCK || w->disk.ssh_locked);
    SIM_CHECK(&w->chance, step != PROTO_STEP_ARM || w->disk.armed);
    SIM_CHECK(&w->chance, step != PROTO_STEP_UPGRADE || w->disk.changed);
    /* One at a time; a step that is given up must be one that changes nothing. */
    SIM_CHECK(&w->chance, w->unit == 0 || w->unit == step || w->unit == PROTO_STEP_VERIFY);

    if (step == PROTO_STEP_UPGRADE && !w->upgrade_started) {
        SIM_CHECK(&w->chance, w->is_staged && w->armed);
        SIM_CHECK(&w->chance, w->quiesced || !w->disk.limits.quiesce);
        SIM_CHECK(&w->chance, w->ssh_locked || !w->disk.limits.ssh_lock);
        SIM_CHECK(&w->chance, !w->revert_told && !w->cancel_told);
    }
    if (step == PROTO_STEP_RESTORE)
        SIM_CHECK(&w->chance, w->upgrade_started);
    if (step == PROTO_STEP_DISARM && w->disk.state == PROTO_JOB_PROBATION) {
        SIM_CHECK(&w->chance, w->commit_delivered && w->link_proven && w->verified);
        SIM_CHECK(&w->chance, w->now_ms - w->probation_ms >= w->disk.limits.watch_ms);
        SIM_CHECK(&w->chance, w->looked_last && !w->is_found);
    }

    if (w->unit == step)
        return; /* joined */
    if (step == PROTO_STEP_UPGRADE && w->upgrade_ended) {
        /* Its result file is there, or it was broken off: never run again. */
        later(w, 1,
              (struct agent_job_event){.type = AGENT_JOB_STEP_ENDED,
                                       .step = PROTO_STEP_UPGRADE,
                                       .result = w->packages == NEW ? PROTO_RESULT_OK
                                                                    : PROTO_RESULT_FAILED,
                                       .code = "interrupted"});
        return;
    }
    start_unit(w, step);
}

/* --- effects --- */

static void check_end(struct world *w, uint32_t state)
{
    bool holds = w->quiesced || w->ssh_locked || w->armed;

    SIM_CHECK(&w->chance, !holds || state == PROTO_JOB_REVERT_FAILED);
    SIM_CHECK(&w->chance, w->unit == 0 || w->unit == PROTO_STEP_VERIFY ||
                              state == PROTO_JOB_BLOCKED || state == PROTO_JOB_CANCELLED);
    if (state == PROTO_JOB_BLOCKED || state == PROTO_JOB_CANCELLED)
        SIM_CHECK(&w->chance, !w->upgrade_started && w->packages == OLD);
    if (state == PROTO_JOB_REVERTED)
        SIM_CHECK(&w->chance, w->packages == OLD && (!w->upgrade_started || w->proven));
    if (state == PROTO_JOB_REVERT_FAILED)
        SIM_CHECK(&w->chance, w->undo_step_failed);
    if (state == PROTO_JOB_COMMITTED)
        SIM_CHECK(&w->chance,
                  w->packages == NEW && w->commit_delivered && !w->revert_told && !w->is_found);
    if (w->is_healthy)
        SIM_CHECK(&w->chance, state == PROTO_JOB_COMMITTED);
}

static void record(struct world *w, const struct agent_job_effect *effect)
{
    uint32_t state = w->live.state;

    SIM_CHECK(&w->chance, w->unit != PROTO_STEP_REPAIR || state == PROTO_JOB_STAGING);
    /* The job is saved as it is after the event; the rows may still tell of states on the way. */
    if (effect->moment == PROTO_MOMENT_STATE && effect->nonce != 0) {
        SIM_CHECK(&w->chance, w->link_proven && w->verified);
        w->nonce_known = effect->nonce;
        if (w->now_ms >= w->controller_up_ms) {
            later(w, controller_delay_ms(w),
                  (struct agent_job_event){.type = AGENT_JOB_COMMIT, .nonce = effect->nonce});
        }
    }
    if (w->is_ended && state != w->disk.state) {
        /* A way back that failed begins anew for a new order alone, and once for each. */
        SIM_CHECK(&w->chance,
                  (w->disk.state == PROTO_JOB_REVERT_FAILED ? w->is_try_due : w->revert_sent) &&
                      state == PROTO_JOB_REVERTING);
        w->is_try_due = false;
    }
    if (state == PROTO_JOB_PROBATION && w->disk.state != PROTO_JOB_PROBATION) {
        SIM_CHECK(&w->chance, w->verified && !w->quiesced && !w->ssh_locked && w->armed);
        w->probation_ms = w->now_ms;
        w->commit_delivered = false;
        w->looked_last = false;
    }
    if (state > PROTO_JOB_READY)
        w->start_owed = false;

    w->disk = w->live;
    w->disk_boot_ms = w->boot_ms;
    w->is_offered = true;
    SIM_CHECK(&w->chance, agent_job_is_sound(&w->disk));
    if (is_final(state)) {
        if (!w->is_ended)
            check_end(w, state);
        w->is_committed = state == PROTO_JOB_COMMITTED;
    }
    w->is_ended = is_final(state);
}

static void restart(struct world *w, bool rebooted);

/* Does what the agent's process would; false when it died on the way. */
static bool perform(struct world *w, const struct agent_job_effects *effects)
{
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct agent_job_effect *effect = &effects->list[i];

        if (!w->is_calm && sim_below(&w->chance, 60) == 0) {
            restart(w, /* rebooted= */ !w->is_healthy && sim_percent(&w->chance, 30));
            return false;
        }
        switch (effect->type) {
        case AGENT_JOB_RECORD:
            record(w, effect);
            break;
        case AGENT_JOB_RUN:
            run_step(w, effect->step);
            break;
        case AGENT_JOB_RECONNECT:
            reconnect(w);
            break;
        case AGENT_JOB_ASK_WITNESSES:
            ask_witnesses(w);
            break;
        case AGENT_JOB_WAKE:
            w->wake_ms = w->boot_ms + effect->wake_at.ms;
            break;
        }
    }

    return true;
}

/* Every decision is durable when the agent has nothing more to do; only the asking is not. */
static void check_durable(const struct world *w)
{
    const struct agent_job *a = &w->live, *b = &w->disk;

    SIM_CHECK(&w->chance, a->state == b->state && a->step == b->step && a->tries == b->tries);
    SIM_CHECK(&w->chance, a->step_running == b->step_running && a->retry_at.ms == b->retry_at.ms);
    SIM_CHECK(&w->chance, a->start_wanted == b->start_wanted && a->held == b->held);
    SIM_CHECK(&w->chance, a->revert_wanted == b->revert_wanted);
    SIM_CHECK(&w->chance, a->cancel_wanted == b->cancel_wanted);
    SIM_CHECK(&w->chance, a->changed == b->changed && a->quiesced == b->quiesced);
    SIM_CHECK(&w->chance, a->ssh_locked == b->ssh_locked && a->armed == b->armed);
    SIM_CHECK(&w->chance, a->link_new == b->link_new && a->commit_seen == b->commit_seen);
    SIM_CHECK(&w->chance, a->failed == b->failed && a->undo_failed == b->undo_failed);
    SIM_CHECK(&w->chance, strcmp(a->code, b->code) == 0 && strcmp(a->reason, b->reason) == 0);
}

static void note_event(struct world *w, const struct agent_job_event *event)
{
    if (event->type == AGENT_JOB_LINK_UP && w->upgrade_ended)
        w->link_proven = true;
    if (event->type == AGENT_JOB_REVERT)
        w->revert_sent = true;
    if (event->type == AGENT_JOB_REVERT && event->again &&
        w->disk.state == PROTO_JOB_REVERT_FAILED) {
        w->is_try_due = true;
        w->undo_step_failed = false;
        w->proven = false;
    }
    if (event->type == AGENT_JOB_COMMIT && event->nonce == w->live.nonce && w->link_proven)
        w->commit_delivered = true;
}

/* The host serves with new packages, and nothing but giving back the silence timer is left. */
static bool is_watched(const struct world *w)
{
    return w->live.state == PROTO_JOB_PROBATION && w->live.step != PROTO_STEP_DISARM;
}

static void deliver(struct world *w, struct agent_job_event event)
{
    struct agent_job_effects effects;

    bool was_watched = is_watched(w);

    w->events++;
    if (w->events == CHAOS_EVENTS)
        w->is_calm = true;
    event.now = (struct bl_mono){.ms = mono_ms(w)};
    note_event(w, &event);
    agent_job_step(&w->live, &event, &effects);
    if (sim_is_told)
        job_trace(w->now_ms, &w->live, &event, &effects);
    if (!perform(w, &effects))
        return;
    if (w->is_offered)
        check_durable(w);

    /* What was told and has come to rest binds from now on. */
    if (event.type == AGENT_JOB_REVERT && w->live.state != PROTO_JOB_OFFERED)
        w->revert_told = true;
    if (event.type == AGENT_JOB_CANCEL && w->live.state != PROTO_JOB_OFFERED)
        w->cancel_told = true;
    if (event.type == AGENT_JOB_FOUND && was_watched)
        w->is_found = true;

    if (!w->is_calm && sim_percent(&w->chance, 8))
        deliver(w, event);
}

static void restart(struct world *w, bool rebooted)
{
    w->pending_count = 0;
    w->wake_ms = SIM_NEVER;
    w->now_ms += 1 + sim_below(&w->chance, 5000);
    if (rebooted) {
        w->boot_ms = w->now_ms - 1 - sim_below(&w->chance, 50000);
        /* What was decided before the reboot stays decided. */
        if (w->disk.state != PROTO_JOB_PROBATION || w->disk.step != PROTO_STEP_DISARM)
            w->verified = w->link_proven = w->looked_last = false;
        w->unit = 0; /* an interrupted upgrade has ended: never run again */
        w->unit_end_ms = SIM_NEVER;
        if (w->upgrade_started)
            w->upgrade_ended = true;
        if (!w->armed) /* the boot gives back what no armed way back speaks for */
            w->quiesced = w->ssh_locked = false;
    } else if (w->unit != 0 && w->unit_end_ms <= w->now_ms) {
        (void)end_unit(w); /* nobody was there to hear it */
    }
    if (w->start_owed)
        later(w, controller_delay_ms(w), (struct agent_job_event){.type = AGENT_JOB_START});
    if (!w->is_offered) {
        agent_job_init(&w->live, &w->live.limits);
        later(w, controller_delay_ms(w),
              (struct agent_job_event){.type = AGENT_JOB_OFFER, .nonce = 0x5eed});
        return;
    }

    w->live = w->disk;
    deliver(w, (struct agent_job_event){.type = AGENT_JOB_RESTART,
                                        .rebooted = w->disk_boot_ms != w->boot_ms});
}

/* --- people --- */

static void people_act(struct world *w)
{
    static const enum agent_job_event_type acts[] = {
        AGENT_JOB_START, AGENT_JOB_HOLD,   AGENT_JOB_RELEASE, AGENT_JOB_TIME,
        AGENT_JOB_TIME,  AGENT_JOB_OFFER,  AGENT_JOB_COMMIT,  AGENT_JOB_WITNESSES,
        AGENT_JOB_HOLD,  AGENT_JOB_CANCEL, AGENT_JOB_REVERT,
    };
    uint32_t last = (uint32_t)(sizeof(acts) / sizeof(acts[0])) - (w->is_healthy ? 3 : 0);
    struct agent_job_event event = {.type = acts[sim_below(&w->chance, last)]};

    if (event.type == AGENT_JOB_COMMIT)
        event.nonce = 0xbad; /* of another job */
    if (event.type == AGENT_JOB_OFFER)
        event.nonce = 0x0ffe;
    if (event.type == AGENT_JOB_WITNESSES)
        event.witnesses = AGENT_JOB_WITNESSES_UNKNOWN;
    if (w->live.state != PROTO_JOB_OFFERED || event.type != AGENT_JOB_OFFER)
        deliver(w, event);
}

static void choose_fates(struct world *w)
{
    struct agent_job_limits limits = {
        .stage_ms = 60000,
        .ready_ms = sim_percent(&w->chance, 50) ? 3600000 : 0,
        .confirm_within_ms = 20000 + sim_below(&w->chance, 600000),
        .watch_ms = 1 + sim_below(&w->chance, 60000),
        .keep_way_back_ms = 604800000,
        .repair = sim_percent(&w->chance, 30),
        .quiesce = sim_percent(&w->chance, 70),
        .ssh_lock = sim_percent(&w->chance, 70),
    };

    w->is_healthy = sim_percent(&w->chance, 33);
    if (w->is_healthy)
        limits.ready_ms = 0;
    if (!w->is_healthy) {
        w->is_cut_off = sim_percent(&w->chance, 20);
        w->is_link_broken = sim_percent(&w->chance, 20);
        w->has_broken_release = sim_percent(&w->chance, 5);
        w->has_broken_probe = sim_percent(&w->chance, 10);
        w->gets_bad = sim_percent(&w->chance, 20);
    }
    agent_job_init(&w->live, &limits);
    w->disk = w->live;
    w->start_owed = true;
    later(w, 1, (struct agent_job_event){.type = AGENT_JOB_OFFER, .nonce = 0x5eed});
    later(w, 5000 + sim_below(&w->chance, 20000),
          (struct agent_job_event){.type = AGENT_JOB_START});
}

/* The next thing that happens by itself: an event under way, a unit's end, or a wake. */
static bool pass_time(struct world *w)
{
    int64_t at_ms = w->wake_ms < w->unit_end_ms ? w->wake_ms : w->unit_end_ms;
    uint32_t first = 0;
    struct agent_job_event event;

    for (uint32_t i = 1; i < w->pending_count; i++) {
        if (w->pending[i].at_ms < w->pending[first].at_ms)
            first = i;
    }
    if (w->pending_count > 0 && w->pending[first].at_ms <= at_ms) {
        event = w->pending[first].event;
        w->now_ms = w->pending[first].at_ms > w->now_ms ? w->pending[first].at_ms : w->now_ms;
        w->pending[first] = w->pending[--w->pending_count];
        deliver(w, event);
        return true;
    }
    if (at_ms == SIM_NEVER)
        return false;

    w->now_ms = at_ms > w->now_ms ? at_ms : w->now_ms;
    if (w->unit_end_ms <= w->wake_ms) {
        deliver(w, end_unit(w));
        return true;
    }
    w->wake_ms = SIM_NEVER;
    deliver(w, (struct agent_job_event){.type = AGENT_JOB_TIME});
    return true;
}

static void step_world(struct world *w)
{
    if (!w->is_calm && sim_percent(&w->chance, 10))
        people_act(w);
    /* The controller goes away for up to an hour once the change is under way. */
    if (w->upgrade_started && w->controller_up_ms == 0)
        w->controller_up_ms = w->now_ms + (sim_percent(&w->chance, 50) ? 1 : 3600000);
    if (w->is_calm && w->live.held)
        deliver(w, (struct agent_job_event){.type = AGENT_JOB_RELEASE});
    if (!w->is_calm && !w->is_healthy && w->is_committed && sim_percent(&w->chance, 20))
        deliver(w, (struct agent_job_event){.type = AGENT_JOB_REVERT, .code = "rollback"});
    if (w->gets_bad && is_watched(w) && sim_percent(&w->chance, 30)) {
        deliver(w, (struct agent_job_event){.type = AGENT_JOB_FOUND,
                                            .grade = PROTO_GRADE_FUNCTIONAL,
                                            .code = "figure_bad"});
        return;
    }
    if (pass_time(w))
        return;

    /* Nothing will happen any more: the job has ended, or waits for its start. */
    SIM_CHECK(&w->chance, w->is_calm || w->live.held || is_final(w->live.state) ||
                              w->live.state == PROTO_JOB_READY);
    if (w->live.held) {
        deliver(w, (struct agent_job_event){.type = AGENT_JOB_RELEASE});
    } else if (w->live.state == PROTO_JOB_READY) {
        deliver(w, (struct agent_job_event){.type = AGENT_JOB_START});
    }
}

/* A person looked at why the way back failed, and wants it gone once more; the former order comes late. */
static bool try_again(struct world *w)
{
    if (w->is_calm || w->live.state != PROTO_JOB_REVERT_FAILED || sim_percent(&w->chance, 50))
        return false;
    if (sim_percent(&w->chance, 50)) {
        deliver(w, (struct agent_job_event){.type = AGENT_JOB_REVERT, .code = "rollback"});
        return true;
    }
    deliver(w, (struct agent_job_event){
                   .type = AGENT_JOB_REVERT, .again = true, .code = "revert_at_host"});
    return true;
}

static void run_seed(uint64_t seed)
{
    struct world w = {
        .chance = sim_chance_from(seed), .wake_ms = SIM_NEVER, .unit_end_ms = SIM_NEVER};

    w.now_ms = 1000;
    choose_fates(&w);
    while (w.events < EVENTS_MAX && w.now_ms < TIME_LIMIT_MS) {
        if (w.is_ended && (w.is_calm || !w.is_committed) && w.pending_count == 0 && !try_again(&w))
            break;
        if (w.is_ended && w.events > CHAOS_EVENTS * 2)
            break;
        step_world(&w);
    }

    SIM_CHECK(&w.chance, w.is_ended);
    SIM_CHECK(&w.chance, agent_job_is_open(&w.disk) || (!w.quiesced && !w.ssh_locked && !w.armed));
}

int main(int argc, char **argv)
{
    return sim_main(argc, argv, 20000, run_seed);
}
