/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rollout machine. Every event first changes what is known of the hosts; then advance() draws
 * the consequences for the rollout, until none is left. So the order in which reports come in does
 * not matter, and a wave can't begin beyond an allowance that any event has used up.
 */
#include "controller/core/rollout.h"

#include <stddef.h>

#include "common/check.h"
#include "common/sm.h"
#include "controller/core/rollout_host.h"
#include "controller/core/rollout_inside.h"
#include "controller/core/rollout_reason.h"

enum {
    ROLLOUT_ROW_COUNT = CTL_ROLLOUT_STATE_LAST + 1, /* row 0 is no state */
    CLOCK_SET_MS = 1000,                            /* apart by less, a clock was slewed */
};

#define TO(name) BL_SM_BIT(CTL_ROLLOUT_##name)

static const struct bl_sm_row rollout_rows[ROLLOUT_ROW_COUNT] = {
    [CTL_ROLLOUT_STAGING] = {"staging", TO(RUNNING) | TO(STOPPING) | TO(ROLLING_BACK)},
    [CTL_ROLLOUT_RUNNING] = {"running", TO(SOAKING) | TO(STOPPING) | TO(ROLLING_BACK)},
    [CTL_ROLLOUT_SOAKING] = {"soaking",
                             TO(STAGING) | TO(COMPLETE) | TO(STOPPING) | TO(ROLLING_BACK)},
    [CTL_ROLLOUT_STOPPING] = {"stopping", TO(HALTED) | TO(ABORTED) | TO(ROLLING_BACK)},
    [CTL_ROLLOUT_ROLLING_BACK] = {"rolling_back", TO(ROLLED_BACK) | TO(ROLLBACK_INCOMPLETE)},
    [CTL_ROLLOUT_COMPLETE] = {"complete", TO(ROLLING_BACK), true},
    [CTL_ROLLOUT_HALTED] = {"halted", TO(ROLLING_BACK), true},
    [CTL_ROLLOUT_ABORTED] = {"aborted", TO(ROLLING_BACK), true},
    [CTL_ROLLOUT_ROLLED_BACK] = {"rolled_back", TO(ROLLING_BACK) | TO(ROLLBACK_INCOMPLETE), true},
    [CTL_ROLLOUT_ROLLBACK_INCOMPLETE] = {"rollback_incomplete", TO(ROLLING_BACK) | TO(ROLLED_BACK),
                                         true},
};

const char *ctl_rollout_state_name(uint32_t state)
{
    return state == 0 || state > CTL_ROLLOUT_STATE_LAST ? "?" : rollout_rows[state].name;
}

bool ctl_rollout_is_final(const struct ctl_rollout *rollout)
{
    return rollout_rows[rollout->state].final;
}

bool ctl_rollout_owes(const struct ctl_rollout *rollout)
{
    for (uint32_t i = 0; i < rollout->host_count; i++) {
        const struct ctl_rollout_host *host = &rollout->hosts[i];

        if (!ctl_host_state_is_final(host->state) ||
            (host->state == CTL_HOST_LOST && host->revert_wanted))
            return true;
    }
    for (uint32_t kind = 0; kind < CTL_HOOK_COUNT; kind++) {
        if (ctl_hook_is_awaited(rollout, (enum ctl_hook_kind)kind))
            return true;
    }

    return false;
}

bool ctl_rollout_state_may_follow(uint32_t from, uint32_t to)
{
    return bl_sm_allows(rollout_rows, ROLLOUT_ROW_COUNT, from, to);
}

bool ctl_rollout_is_going(const struct ctl_rollout *rollout)
{
    return rollout->state == CTL_ROLLOUT_STAGING || rollout->state == CTL_ROLLOUT_RUNNING ||
           rollout->state == CTL_ROLLOUT_SOAKING;
}

void ctl_rollout_move(struct ctl_rollout *rollout, enum ctl_rollout_state to,
                      struct ctl_rollout_effects *effects)
{
    bl_sm_move(rollout_rows, ROLLOUT_ROW_COUNT, &rollout->state, to);
    if (to != CTL_ROLLOUT_STOPPING && !ctl_rollout_is_going(rollout))
        ctl_alarm_drop(rollout, CTL_ANSWER_ROLLBACK, effects);
    /* Nothing new starts any more, so nothing is held up; but a question may still be open. */
    if (!ctl_rollout_is_going(rollout))
        rollout->holds &= (uint32_t)CTL_HOLD_ANSWER;
    if (to != CTL_ROLLOUT_SOAKING)
        rollout->soak_end = (struct bl_mono){0};
    effects->changed = true;
}

void ctl_rollout_init(struct ctl_rollout *rollout, const struct ctl_rollout_limits *limits,
                      const struct ctl_rollout_wave *waves, uint32_t wave_count,
                      struct ctl_rollout_host *hosts, uint32_t host_count)
{
    BL_ASSERT(wave_count > 0 && wave_count <= CTL_ROLLOUT_WAVES_MAX);
    BL_ASSERT(host_count > 0 && host_count <= CTL_ROLLOUT_HOSTS_MAX);
    BL_ASSERT(limits->stage_ms > 0 && limits->job_ms > 0 && limits->revert_ms > 0);
    BL_ASSERT(limits->soak_ms >= 0);

    *rollout = (struct ctl_rollout){
        .state = CTL_ROLLOUT_STAGING,
        .wave_count = wave_count,
        .host_count = host_count,
        .limits = *limits,
        .hosts = hosts,
    };
    for (uint32_t i = 0; i < wave_count; i++) {
        rollout->waves[i].host_count = waves[i].host_count;
        rollout->waves[i].failures_allowed = waves[i].failures_allowed;
    }
    for (uint32_t i = 0; i < host_count; i++)
        ctl_host_begin(rollout, i);
    ctl_reason_staging(rollout);
    ctl_rollout_check(rollout);
}

/* Of the first `wave_count` waves. */
uint32_t ctl_rollout_open_count(const struct ctl_rollout *rollout, uint32_t wave_count)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < wave_count; i++)
        count += rollout->waves[i].open_count;

    return count;
}

void ctl_rollout_cancel_unbegun(struct ctl_rollout *rollout, struct bl_mono now,
                                struct ctl_rollout_effects *effects)
{
    for (uint32_t i = 0; i < rollout->host_count; i++) {
        ctl_host_order_cancel(rollout, i, effects);
        ctl_host_call_back(rollout, i, now, effects);
    }
}

void ctl_rollout_stop(struct ctl_rollout *rollout, struct bl_mono now,
                      struct ctl_rollout_effects *effects)
{
    ctl_rollout_move(rollout, CTL_ROLLOUT_STOPPING, effects);
    ctl_rollout_cancel_unbegun(rollout, now, effects);
}

/* Failures of waves to come (a host that could not stage) count in the sum over all at once. */
static bool stop_if_unwell(struct ctl_rollout *rollout, struct bl_mono now,
                           struct ctl_rollout_effects *effects)
{
    for (uint32_t i = 0; i <= rollout->wave; i++) {
        if (rollout->waves[i].failed_count > rollout->waves[i].failures_allowed) {
            ctl_reason_wave_failed(rollout, i);
            ctl_rollout_stop(rollout, now, effects);
            return true;
        }
    }
    if (rollout->failed_count > rollout->limits.failures_allowed) {
        ctl_reason_rollout_failed(rollout);
        ctl_rollout_stop(rollout, now, effects);
        return true;
    }
    if (ctl_rollout_is_used_up(rollout)) {
        ctl_reason_budget_used(rollout);
        ctl_rollout_stop(rollout, now, effects);
        return true;
    }

    return false;
}

static void start_wave(struct ctl_rollout *rollout, struct bl_mono now,
                       struct ctl_rollout_effects *effects)
{
    ctl_rollout_move(rollout, CTL_ROLLOUT_RUNNING, effects);
    rollout->next_start = 0;
    (void)ctl_rollout_start_hosts(rollout, now, effects);
}

static void soak(struct ctl_rollout *rollout, struct bl_mono now,
                 struct ctl_rollout_effects *effects)
{
    ctl_rollout_move(rollout, CTL_ROLLOUT_SOAKING, effects);
    ctl_rollout_begin_gates(rollout);
    rollout->soak_end = bl_mono_after(now, rollout->limits.soak_ms);
}

static void end_soak(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects)
{
    if (rollout->wave + 1 == rollout->wave_count) {
        ctl_rollout_move(rollout, CTL_ROLLOUT_COMPLETE, effects);
        return;
    }

    rollout->wave++;
    ctl_rollout_move(rollout, CTL_ROLLOUT_STAGING, effects);
    ctl_reason_staging(rollout);
}

/* One consequence of what is known now; false when there is none. */
static bool advance_once(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                         struct ctl_rollout_effects *effects)
{
    const struct ctl_rollout_wave *wave = &rollout->waves[rollout->wave];
    const struct bl_mono now = event->now;

    if (ctl_alarm_expire(rollout, now, effects) || ctl_alarm_release(rollout, now, effects))
        return true;
    if (ctl_rollout_is_going(rollout) && stop_if_unwell(rollout, now, effects))
        return true;
    if (ctl_host_release_starts(rollout, now, effects))
        return true;
    if (rollout->submitted && ctl_approval_update(rollout, event->wall, effects))
        return true;

    switch ((enum ctl_rollout_state)rollout->state) {
    case CTL_ROLLOUT_STAGING:
        if (rollout->holds != 0 || !rollout->submitted || wave->unready_count > 0 ||
            ctl_rollout_open_count(rollout, rollout->wave) > 0)
            return false;
        start_wave(rollout, now, effects);
        return true;
    case CTL_ROLLOUT_RUNNING:
        if (ctl_rollout_start_hosts(rollout, now, effects))
            return true;
        if (wave->open_count > 0)
            return false;
        soak(rollout, now, effects);
        return true;
    case CTL_ROLLOUT_SOAKING:
        /* Open again: a host that is taken back. */
        if ((rollout->holds & ~(uint32_t)CTL_HOLDS_BY_CLOCK) != 0 ||
            ctl_rollout_open_count(rollout, rollout->wave + 1) > 0 ||
            !bl_mono_reached(now, rollout->soak_end) || ctl_rollout_gates_bar(rollout, effects))
            return false;
        end_soak(rollout, effects);
        return true;
    case CTL_ROLLOUT_STOPPING:
        if (rollout->alarm.is_open || rollout->alarm.waits ||
            ctl_rollout_open_count(rollout, rollout->wave_count) > 0)
            return false;
        ctl_rollout_move(rollout, rollout->aborted ? CTL_ROLLOUT_ABORTED : CTL_ROLLOUT_HALTED,
                         effects);
        return true;
    case CTL_ROLLOUT_ROLLING_BACK:
        if (ctl_rollout_open_count(rollout, rollout->wave_count) > 0)
            return false;
        ctl_rollout_end_rollback(rollout, effects);
        return true;
    case CTL_ROLLOUT_ROLLED_BACK:
    case CTL_ROLLOUT_ROLLBACK_INCOMPLETE:
        return ctl_rollout_correct_rollback(rollout, effects);
    case CTL_ROLLOUT_COMPLETE:
    case CTL_ROLLOUT_HALTED:
    case CTL_ROLLOUT_ABORTED:
        break;
    }

    return false;
}

static void on_submit(struct ctl_rollout *rollout, struct bl_mono now,
                      struct ctl_rollout_effects *effects)
{
    if (rollout->submitted || !ctl_rollout_is_going(rollout))
        return;

    rollout->submitted = true;
    effects->changed = true;
    for (uint32_t i = 0; i < rollout->host_count; i++) {
        ctl_host_renew_deadline(rollout, i, now);
        ctl_host_repeat_order(rollout, i, effects);
    }
}

/*
 * Instants of the process before may be of another boot, and nobody watched meanwhile: every wait
 * begins anew, so that no host is lost and no soak is over for a time in which we were not there.
 * What people were promised goes on.
 */
static void on_restart(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                       struct ctl_rollout_effects *effects)
{
    const struct bl_mono now = event->now;

    effects->changed = effects->changed || rollout->wake_at.ms != 0;
    rollout->wake_at = (struct bl_mono){0};
    ctl_alarm_restart(rollout, event, effects);
    ctl_hook_restart(rollout, event, effects);
    ctl_rollout_restart_gates(rollout, effects);
    /* Before any order is repeated that this outdates. */
    (void)ctl_alarm_expire(rollout, now, effects);
    (void)ctl_alarm_release(rollout, now, effects);
    for (uint32_t i = 0; i < rollout->host_count; i++) {
        if (rollout->hosts[i].deadline.ms != 0)
            ctl_host_renew_deadline(rollout, i, now);
        if (rollout->submitted)
            ctl_host_repeat_order(rollout, i, effects);
    }
    if (rollout->state == CTL_ROLLOUT_SOAKING) {
        rollout->soak_end = bl_mono_after(now, rollout->limits.soak_ms);
        effects->changed = true;
    }
}

static void on_host_report(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                           struct ctl_rollout_effects *effects)
{
    const struct ctl_rollout_host *host = &rollout->hosts[event->host];

    bool was_severe = host->failed && host->grade >= PROTO_GRADE_SEVERE;

    BL_ASSERT(event->job_state >= 1 && event->job_state <= PROTO_JOB_STATE_LAST);

    ctl_host_report(rollout, event, effects);
    /* Told again it is no news, and was answered. */
    if (!was_severe && host->failed && host->grade >= PROTO_GRADE_SEVERE)
        ctl_alarm_raise(rollout, event->host, event, effects);
}

void ctl_rollout_hold(struct ctl_rollout *rollout, enum ctl_hold hold, bool is_held,
                      struct ctl_rollout_effects *effects)
{
    uint32_t holds = is_held ? rollout->holds | hold : rollout->holds & ~(uint32_t)hold;

    if (!ctl_rollout_is_going(rollout) || rollout->holds == holds)
        return;

    rollout->holds = holds;
    effects->changed = true;
}

static void on_abort(struct ctl_rollout *rollout, struct bl_mono now,
                     struct ctl_rollout_effects *effects)
{
    if (!ctl_rollout_is_going(rollout))
        return; /* it stops already, and its first cause stands */

    rollout->aborted = true;
    ctl_reason_aborted(rollout);
    ctl_rollout_stop(rollout, now, effects);
}

static void dispatch(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                     struct ctl_rollout_effects *effects)
{
    switch (event->type) {
    case CTL_ROLLOUT_SUBMIT:
        on_submit(rollout, event->now, effects);
        break;
    case CTL_ROLLOUT_RESTART:
        on_restart(rollout, event, effects);
        break;
    case CTL_ROLLOUT_HOST_REPORT:
        BL_ASSERT(event->host < rollout->host_count);
        on_host_report(rollout, event, effects);
        break;
    case CTL_ROLLOUT_HOST_SEEN:
        BL_ASSERT(event->host < rollout->host_count);
        if (rollout->submitted)
            ctl_host_seen(rollout, event->host, effects);
        break;
    case CTL_ROLLOUT_TIME:
        ctl_host_expire_all(rollout, event->now, effects);
        break;
    case CTL_ROLLOUT_PAUSE:
        ctl_rollout_hold(rollout, CTL_HOLD_PERSON, /* is_held= */ true, effects);
        break;
    case CTL_ROLLOUT_RESUME:
        ctl_rollout_hold(rollout, CTL_HOLD_PERSON, /* is_held= */ false, effects);
        ctl_rollout_waive_gates(rollout, effects);
        break;
    case CTL_ROLLOUT_ABORT:
        on_abort(rollout, event->now, effects);
        break;
    case CTL_ROLLOUT_ROLLBACK:
        ctl_rollout_roll_back(rollout, event, effects);
        break;
    case CTL_ROLLOUT_HOST_WENT_BACK:
        BL_ASSERT(event->host < rollout->host_count);
        ctl_host_go_back(rollout, event->host, event->now, effects);
        break;
    case CTL_ROLLOUT_GATE:
        ctl_rollout_take_gate(rollout, event, effects);
        break;
    case CTL_ROLLOUT_APPROVE:
        ctl_approval_give(rollout, event, effects);
        break;
    case CTL_ROLLOUT_ANSWER:
        ctl_alarm_answer(rollout, event, effects);
        break;
    case CTL_ROLLOUT_FREEZE:
        ctl_window_freeze(rollout, event, effects);
        break;
    case CTL_ROLLOUT_HOOK_ENDED:
        ctl_hook_end(rollout, event, effects);
        break;
    case CTL_ROLLOUT_RESTORED:
        ctl_alarm_restore(rollout, effects);
        break;
    }
}

static struct bl_mono earlier(struct bl_mono a, struct bl_mono b)
{
    if (a.ms == 0 || b.ms == 0)
        return a.ms == 0 ? b : a;

    return a.ms < b.ms ? a : b;
}

/* When the next TIME matters; ms 0: never. */
static struct bl_mono next_wake(const struct ctl_rollout *rollout,
                                const struct ctl_rollout_event *event)
{
    bool is_soaking = rollout->state == CTL_ROLLOUT_SOAKING &&
                      (rollout->holds & ~(uint32_t)CTL_HOLDS_BY_CLOCK) == 0 &&
                      !rollout->gates.waits &&
                      ctl_rollout_open_count(rollout, rollout->wave + 1) == 0;
    struct bl_mono wake_at = earlier(rollout->wake_at, rollout->alarm.deadline);

    wake_at = earlier(wake_at, rollout->alarm.back_due);
    wake_at = earlier(wake_at, ctl_hook_wake(rollout));
    wake_at = earlier(wake_at, ctl_approval_wake(rollout, event));
    wake_at = earlier(wake_at, ctl_window_wake(rollout, event));

    return is_soaking ? earlier(wake_at, rollout->soak_end) : wake_at;
}

/*
 * Keeps the numbers in the sentence true, after the end too: a lost host comes back, one is taken
 * back. What stops or ends a rollout early keeps the numbers that did it.
 */
static void refresh_reason(struct ctl_rollout *rollout)
{
    if (rollout->state == CTL_ROLLOUT_STAGING)
        ctl_reason_staging(rollout);
    if (rollout->state == CTL_ROLLOUT_RUNNING)
        ctl_reason_running(rollout);
    if (rollout->state == CTL_ROLLOUT_SOAKING && rollout->gates.waits)
        ctl_reason_gates_wait(rollout);
    else if (rollout->state == CTL_ROLLOUT_SOAKING)
        ctl_reason_soaking(rollout);
    if (rollout->state == CTL_ROLLOUT_COMPLETE)
        ctl_reason_complete(rollout);
    if (rollout->state == CTL_ROLLOUT_ROLLED_BACK ||
        rollout->state == CTL_ROLLOUT_ROLLBACK_INCOMPLETE)
        ctl_reason_rolled_back(rollout);
}

/*
 * Whether the instant that was asked for last says nothing any more: somebody set the wall clock, or it
 * was one of another boot (an ended rollout is told of no RESTART). What is counted goes on by the
 * other clock, and that this event is stored tells it to whoever counts over a boot.
 */
static bool follow_clock(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                         struct ctl_rollout_effects *effects)
{
    const struct ctl_moment *last = &rollout->last;
    int64_t set_ms = (event->wall.ms - last->wall.ms) - (event->now.ms - last->now.ms);

    if (!rollout->submitted)
        return false;
    /* In another boot the two clocks are told anew, so that from then on it is seen again. */
    if (event->boot != last->boot) {
        effects->changed = true;
        return true;
    }
    if (set_ms > -CLOCK_SET_MS && set_ms < CLOCK_SET_MS)
        return false;
    ctl_alarm_shift(rollout, set_ms);
    effects->changed = true;

    return true;
}

void ctl_rollout_step(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                      struct ctl_rollout_effects *effects)
{
    int64_t wake_before_ms = next_wake(rollout, event).ms;
    uint32_t state_before = rollout->state, wave_before = rollout->wave;
    uint32_t holds_before = rollout->holds;
    bool is_wake_spent = event->type == CTL_ROLLOUT_TIME || event->type == CTL_ROLLOUT_RESTART;
    struct bl_mono wake_at;

    effects->count = 0;
    effects->changed = false;
    /* What waits for an hour of the day was to be waked by the clock as it was. */
    is_wake_spent = follow_clock(rollout, event, effects) || is_wake_spent;
    /* Before any order is repeated that the time outdates. */
    ctl_window_update(rollout, event->wall, effects);
    dispatch(rollout, event, effects);
    do {
        ctl_window_update(rollout, event->wall, effects);
    } while (advance_once(rollout, event, effects));
    ctl_hook_call(rollout, event, effects);
    if (effects->changed) {
        rollout->last = ctl_moment_of(event);
        refresh_reason(rollout);
    }

    if (rollout->state != state_before || rollout->wave != wave_before ||
        rollout->holds != holds_before)
        (void)ctl_host_emit(effects, CTL_ROLLOUT_CHANGED, CTL_ROLLOUT_ALL);
    wake_at = next_wake(rollout, event);
    if (wake_at.ms != 0 && (is_wake_spent || wake_at.ms != wake_before_ms))
        ctl_host_emit(effects, CTL_ROLLOUT_WAKE, CTL_ROLLOUT_ALL)->wake_at = wake_at;
    ctl_rollout_check_counts(rollout);
}

void ctl_rollout_count(const struct ctl_rollout *rollout,
                       uint32_t ret_counts[CTL_HOST_STATE_LAST + 1])
{
    for (uint32_t i = 0; i <= CTL_HOST_STATE_LAST; i++)
        ret_counts[i] = 0;
    for (uint32_t i = 0; i < rollout->host_count; i++)
        ret_counts[rollout->hosts[i].state]++;
}

int ctl_rollout_exit_code(const struct ctl_rollout *rollout)
{
    uint32_t counts[CTL_HOST_STATE_LAST + 1];

    if (!ctl_rollout_is_final(rollout))
        return (rollout->holds & CTL_HOLDS_FOR_PEOPLE) != 0 ? 4 : -1;

    ctl_rollout_count(rollout, counts);
    if (rollout->state == CTL_ROLLOUT_ROLLBACK_INCOMPLETE || counts[CTL_HOST_REVERT_FAILED] > 0)
        return 6;
    if (rollout->state == CTL_ROLLOUT_ROLLED_BACK)
        return 5;

    return rollout->state == CTL_ROLLOUT_COMPLETE && rollout->failed_count == 0 ? 0 : 3;
}
