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
#include "controller/core/rollout_reason.h"

enum {
    ROLLOUT_ROW_COUNT = CTL_ROLLOUT_STATE_LAST + 1, /* row 0 is no state */
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

    return false;
}

bool ctl_rollout_state_may_follow(uint32_t from, uint32_t to)
{
    return bl_sm_allows(rollout_rows, ROLLOUT_ROW_COUNT, from, to);
}

static bool is_going(const struct ctl_rollout *rollout)
{
    return rollout->state == CTL_ROLLOUT_STAGING || rollout->state == CTL_ROLLOUT_RUNNING ||
           rollout->state == CTL_ROLLOUT_SOAKING;
}

static void move(struct ctl_rollout *rollout, enum ctl_rollout_state to,
                 struct ctl_rollout_effects *effects)
{
    bl_sm_move(rollout_rows, ROLLOUT_ROW_COUNT, &rollout->state, to);
    if (!is_going(rollout))
        rollout->paused = false; /* nothing new starts any more, so nothing is held up */
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
static uint32_t open_count(const struct ctl_rollout *rollout, uint32_t wave_count)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < wave_count; i++)
        count += rollout->waves[i].open_count;

    return count;
}

static void cancel_untouched(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects)
{
    for (uint32_t i = 0; i < rollout->host_count; i++)
        ctl_host_order_cancel(rollout, i, effects);
}

static void stop(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects)
{
    move(rollout, CTL_ROLLOUT_STOPPING, effects);
    cancel_untouched(rollout, effects);
}

/* Failures of waves to come (a host that could not stage) count in the sum over all at once. */
static bool stop_if_unwell(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects)
{
    for (uint32_t i = 0; i <= rollout->wave; i++) {
        if (rollout->waves[i].failed_count > rollout->waves[i].failures_allowed) {
            ctl_reason_wave_failed(rollout, i);
            stop(rollout, effects);
            return true;
        }
    }
    if (rollout->failed_count > rollout->limits.failures_allowed) {
        ctl_reason_rollout_failed(rollout);
        stop(rollout, effects);
        return true;
    }

    return false;
}

static void start_wave(struct ctl_rollout *rollout, struct bl_mono now,
                       struct ctl_rollout_effects *effects)
{
    move(rollout, CTL_ROLLOUT_RUNNING, effects);
    for (uint32_t i = 0; i < rollout->host_count; i++) {
        if (rollout->hosts[i].wave == rollout->wave)
            ctl_host_order_start(rollout, i, now, effects);
    }
}

static void soak(struct ctl_rollout *rollout, struct bl_mono now,
                 struct ctl_rollout_effects *effects)
{
    move(rollout, CTL_ROLLOUT_SOAKING, effects);
    rollout->soak_end = bl_mono_after(now, rollout->limits.soak_ms);
}

static void end_soak(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects)
{
    if (rollout->wave + 1 == rollout->wave_count) {
        move(rollout, CTL_ROLLOUT_COMPLETE, effects);
        return;
    }

    rollout->wave++;
    move(rollout, CTL_ROLLOUT_STAGING, effects);
    ctl_reason_staging(rollout);
}

static bool is_all_back(const struct ctl_rollout *rollout)
{
    for (uint32_t i = 0; i < rollout->host_count; i++) {
        if (rollout->hosts[i].revert_wanted && !ctl_host_is_back(&rollout->hosts[i]))
            return false;
    }

    return true;
}

static void end_rollback(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects)
{
    move(rollout, is_all_back(rollout) ? CTL_ROLLOUT_ROLLED_BACK : CTL_ROLLOUT_ROLLBACK_INCOMPLETE,
         effects);
    ctl_reason_rolled_back(rollout);
}

/* A silent host went back after all, or one that seemed untouched was not. */
static bool correct_rollback(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects)
{
    bool is_told_back = rollout->state == CTL_ROLLOUT_ROLLED_BACK;

    if (is_told_back == is_all_back(rollout))
        return false;

    move(rollout, is_told_back ? CTL_ROLLOUT_ROLLBACK_INCOMPLETE : CTL_ROLLOUT_ROLLED_BACK,
         effects);
    return true;
}

/* One consequence of what is known now; false when there is none. */
static bool advance_once(struct ctl_rollout *rollout, struct bl_mono now,
                         struct ctl_rollout_effects *effects)
{
    const struct ctl_rollout_wave *wave = &rollout->waves[rollout->wave];

    if (is_going(rollout) && stop_if_unwell(rollout, effects))
        return true;

    switch ((enum ctl_rollout_state)rollout->state) {
    case CTL_ROLLOUT_STAGING:
        if (rollout->paused || !rollout->submitted || wave->unready_count > 0 ||
            open_count(rollout, rollout->wave) > 0)
            return false;
        start_wave(rollout, now, effects);
        return true;
    case CTL_ROLLOUT_RUNNING:
        if (wave->open_count > 0)
            return false;
        soak(rollout, now, effects);
        return true;
    case CTL_ROLLOUT_SOAKING:
        /* Open again: a host that is taken back. */
        if (rollout->paused || open_count(rollout, rollout->wave + 1) > 0 ||
            !bl_mono_reached(now, rollout->soak_end))
            return false;
        end_soak(rollout, effects);
        return true;
    case CTL_ROLLOUT_STOPPING:
        if (open_count(rollout, rollout->wave_count) > 0)
            return false;
        move(rollout, rollout->aborted ? CTL_ROLLOUT_ABORTED : CTL_ROLLOUT_HALTED, effects);
        return true;
    case CTL_ROLLOUT_ROLLING_BACK:
        if (open_count(rollout, rollout->wave_count) > 0)
            return false;
        end_rollback(rollout, effects);
        return true;
    case CTL_ROLLOUT_ROLLED_BACK:
    case CTL_ROLLOUT_ROLLBACK_INCOMPLETE:
        return correct_rollback(rollout, effects);
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
    if (rollout->submitted || !is_going(rollout))
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
 */
static void on_restart(struct ctl_rollout *rollout, struct bl_mono now,
                       struct ctl_rollout_effects *effects)
{
    effects->changed = effects->changed || rollout->wake_at.ms != 0;
    rollout->wake_at = (struct bl_mono){0};
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

    BL_ASSERT(event->job_state >= 1 && event->job_state <= PROTO_JOB_STATE_LAST);

    ctl_host_report(rollout, event, effects);
    if (is_going(rollout) && host->failed && host->grade >= PROTO_GRADE_SEVERE) {
        ctl_reason_severe(rollout, event->host);
        stop(rollout, effects);
    }
}

static void set_paused(struct ctl_rollout *rollout, bool paused,
                       struct ctl_rollout_effects *effects)
{
    if (!is_going(rollout) || rollout->paused == paused)
        return;

    rollout->paused = paused;
    effects->changed = true;
}

static void on_abort(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects)
{
    if (!is_going(rollout))
        return; /* it stops already, and its first cause stands */

    rollout->aborted = true;
    ctl_reason_aborted(rollout);
    stop(rollout, effects);
}

static void rollback_host(struct ctl_rollout *rollout, uint32_t host_index, struct bl_mono now,
                          struct ctl_rollout_effects *effects)
{
    const struct ctl_rollout_host *host = &rollout->hosts[host_index];
    bool ended_untouched = !host->touched && ctl_host_state_is_final(host->state);

    ctl_host_order_cancel(rollout, host_index, effects);
    ctl_host_order_revert(rollout, host_index, now, effects);
    if (rollout->state != CTL_ROLLOUT_ROLLING_BACK && !ended_untouched)
        ctl_host_fail(rollout, host_index, effects);
}

static bool is_in_scope(const struct ctl_rollout_host *host, uint32_t wave)
{
    return wave == CTL_ROLLOUT_ALL || host->wave == wave;
}

/* Whether a rollback of this scope is one at all, or only asked again. */
static bool begins_rollback(const struct ctl_rollout *rollout, uint32_t wave)
{
    bool was_rolled_back = rollout->state == CTL_ROLLOUT_ROLLED_BACK ||
                           rollout->state == CTL_ROLLOUT_ROLLBACK_INCOMPLETE;

    if (!ctl_rollout_is_final(rollout))
        return rollout->state != CTL_ROLLOUT_ROLLING_BACK;

    for (uint32_t i = 0; i < rollout->host_count; i++) {
        const struct ctl_rollout_host *host = &rollout->hosts[i];

        /* Also who could not go back: it is asked once more. */
        if (is_in_scope(host, wave) && host->touched &&
            (!ctl_host_is_back(host) || !was_rolled_back))
            return true;
    }

    return false;
}

/* R31: one command. What is bad goes back first; hosts out of scope end as they would. */
static void rollback_many(struct ctl_rollout *rollout, uint32_t wave, struct bl_mono now,
                          struct ctl_rollout_effects *effects)
{
    if (begins_rollback(rollout, wave)) {
        move(rollout, CTL_ROLLOUT_ROLLING_BACK, effects);
        ctl_reason_rollback(rollout, wave);
    } else if (rollout->state == CTL_ROLLOUT_ROLLING_BACK && wave == CTL_ROLLOUT_ALL) {
        ctl_reason_rollback(rollout, wave);
        effects->changed = true;
    }

    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < rollout->host_count; i++) {
            const struct ctl_rollout_host *host = &rollout->hosts[i];

            if (is_in_scope(host, wave) && host->failed == (pass == 0))
                ctl_host_order_revert(rollout, i, now, effects);
        }
    }
    cancel_untouched(rollout, effects);
}

static void on_rollback(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                        struct ctl_rollout_effects *effects)
{
    if (event->host != CTL_ROLLOUT_ALL) {
        if (event->host < rollout->host_count)
            rollback_host(rollout, event->host, event->now, effects);
        return;
    }
    if (event->wave == CTL_ROLLOUT_ALL || event->wave < rollout->wave_count)
        rollback_many(rollout, event->wave, event->now, effects);
}

static void dispatch(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                     struct ctl_rollout_effects *effects)
{
    switch (event->type) {
    case CTL_ROLLOUT_SUBMIT:
        on_submit(rollout, event->now, effects);
        break;
    case CTL_ROLLOUT_RESTART:
        on_restart(rollout, event->now, effects);
        break;
    case CTL_ROLLOUT_HOST_REPORT:
        BL_ASSERT(event->host < rollout->host_count);
        on_host_report(rollout, event, effects);
        break;
    case CTL_ROLLOUT_HOST_SEEN:
        BL_ASSERT(event->host < rollout->host_count);
        if (rollout->submitted)
            ctl_host_repeat_order(rollout, event->host, effects);
        break;
    case CTL_ROLLOUT_TIME:
        ctl_host_expire_all(rollout, event->now, effects);
        break;
    case CTL_ROLLOUT_PAUSE:
        set_paused(rollout, /* paused= */ true, effects);
        break;
    case CTL_ROLLOUT_RESUME:
        set_paused(rollout, /* paused= */ false, effects);
        break;
    case CTL_ROLLOUT_ABORT:
        on_abort(rollout, effects);
        break;
    case CTL_ROLLOUT_ROLLBACK:
        on_rollback(rollout, event, effects);
        break;
    case CTL_ROLLOUT_HOST_WENT_BACK:
        BL_ASSERT(event->host < rollout->host_count);
        ctl_host_go_back(rollout, event->host, event->now, effects);
        break;
    }
}

/* When the next TIME matters; ms 0: never. */
static struct bl_mono next_wake(const struct ctl_rollout *rollout)
{
    bool is_soaking = rollout->state == CTL_ROLLOUT_SOAKING && !rollout->paused &&
                      open_count(rollout, rollout->wave + 1) == 0;
    bool is_soak_first = rollout->wake_at.ms == 0 || rollout->soak_end.ms < rollout->wake_at.ms;

    if (is_soaking && is_soak_first)
        return rollout->soak_end;

    return rollout->wake_at;
}

/*
 * Keeps the numbers in the sentence true, after the end too: a lost host comes back, one is taken
 * back. What stops or ends a rollout early keeps the numbers that did it.
 */
static void refresh_reason(struct ctl_rollout *rollout)
{
    if (rollout->state == CTL_ROLLOUT_RUNNING)
        ctl_reason_running(rollout);
    if (rollout->state == CTL_ROLLOUT_SOAKING)
        ctl_reason_soaking(rollout);
    if (rollout->state == CTL_ROLLOUT_COMPLETE)
        ctl_reason_complete(rollout);
    if (rollout->state == CTL_ROLLOUT_ROLLED_BACK ||
        rollout->state == CTL_ROLLOUT_ROLLBACK_INCOMPLETE)
        ctl_reason_rolled_back(rollout);
}

static void check_counts(const struct ctl_rollout *rollout)
{
    BL_ASSERT(rollout->state >= 1 && rollout->state <= CTL_ROLLOUT_STATE_LAST);
    BL_ASSERT(rollout->wave < rollout->wave_count);
    BL_ASSERT(rollout->failed_count <= rollout->host_count);
    BL_ASSERT(!rollout->paused || is_going(rollout));
    for (uint32_t i = 0; i < rollout->wave_count; i++) {
        BL_ASSERT(rollout->waves[i].failed_count <= rollout->waves[i].host_count);
        BL_ASSERT(rollout->waves[i].unready_count <= rollout->waves[i].host_count);
        BL_ASSERT(rollout->waves[i].open_count <= rollout->waves[i].host_count);
    }
}

void ctl_rollout_step(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                      struct ctl_rollout_effects *effects)
{
    int64_t wake_before_ms = next_wake(rollout).ms;
    uint32_t state_before = rollout->state, wave_before = rollout->wave;
    bool paused_before = rollout->paused;
    bool is_wake_spent = event->type == CTL_ROLLOUT_TIME || event->type == CTL_ROLLOUT_RESTART;
    struct bl_mono wake_at;

    effects->count = 0;
    effects->changed = false;
    dispatch(rollout, event, effects);
    while (advance_once(rollout, event->now, effects))
        continue;
    if (effects->changed)
        refresh_reason(rollout);

    if (rollout->state != state_before || rollout->wave != wave_before ||
        rollout->paused != paused_before)
        (void)ctl_host_emit(effects, CTL_ROLLOUT_CHANGED, CTL_ROLLOUT_ALL);
    wake_at = next_wake(rollout);
    if (wake_at.ms != 0 && (is_wake_spent || wake_at.ms != wake_before_ms))
        ctl_host_emit(effects, CTL_ROLLOUT_WAKE, CTL_ROLLOUT_ALL)->wake_at = wake_at;
    check_counts(rollout);
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
        return rollout->paused ? 4 : -1;

    ctl_rollout_count(rollout, counts);
    if (rollout->state == CTL_ROLLOUT_ROLLBACK_INCOMPLETE || counts[CTL_HOST_REVERT_FAILED] > 0)
        return 6;
    if (rollout->state == CTL_ROLLOUT_ROLLED_BACK)
        return 5;

    return rollout->state == CTL_ROLLOUT_COMPLETE && rollout->failed_count == 0 ? 0 : 3;
}

static void check_host(const struct ctl_rollout *rollout, const struct ctl_rollout_host *host)
{
    bool must_end = !ctl_host_state_is_final(host->state) && host->state != CTL_HOST_READY;

    BL_ASSERT(host->state >= 1 && host->state <= CTL_HOST_STATE_LAST);
    BL_ASSERT(host->wave < rollout->wave_count);
    BL_ASSERT(host->nonce == 0 || host->state == CTL_HOST_PROBATION);
    BL_ASSERT(!host->lost || host->failed);
    /* Nothing is in progress for ever. */
    BL_ASSERT((host->deadline.ms != 0) == must_end || !rollout->submitted);
    BL_ASSERT(host->deadline.ms == 0 ||
              (rollout->wake_at.ms != 0 && rollout->wake_at.ms <= host->deadline.ms));
}

void ctl_rollout_check(const struct ctl_rollout *rollout)
{
    struct ctl_rollout_wave sums[CTL_ROLLOUT_WAVES_MAX] = {0};
    uint32_t failed_count = 0;

    check_counts(rollout);
    for (uint32_t i = 0; i < rollout->host_count; i++) {
        const struct ctl_rollout_host *host = &rollout->hosts[i];
        struct ctl_rollout_wave *sum = &sums[host->wave];
        bool is_unready = host->state == CTL_HOST_WAITING || host->state == CTL_HOST_STAGING;
        bool is_open = !ctl_host_state_is_final(host->state) && !host->lost;

        check_host(rollout, host);
        sum->host_count++;
        sum->failed_count += host->failed ? 1 : 0;
        sum->unready_count += is_unready ? 1 : 0;
        sum->open_count += is_open ? 1 : 0;
        failed_count += host->failed ? 1 : 0;
    }
    BL_ASSERT(failed_count == rollout->failed_count);
    for (uint32_t i = 0; i < rollout->wave_count; i++) {
        BL_ASSERT(sums[i].host_count == rollout->waves[i].host_count);
        BL_ASSERT(sums[i].failed_count == rollout->waves[i].failed_count);
        BL_ASSERT(sums[i].unready_count == rollout->waves[i].unready_count);
        BL_ASSERT(sums[i].open_count == rollout->waves[i].open_count);
    }
}
