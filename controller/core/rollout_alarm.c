/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a rollout in which something failed severely. Nothing new starts from that moment
 * on. People are asked, and get as long as the plan says; then what the plan says happens without
 * them. The time goes on over a restart of belayd, and by the wall clock over a boot: nobody's
 * downtime is a reason to break the promise.
 */
#include <stddef.h>

#include "common/check.h"
#include "controller/core/rollout_host.h"
#include "controller/core/rollout_inside.h"
#include "controller/core/rollout_reason.h"

int64_t ctl_rollout_question_ms(const struct ctl_rollout_limits *limits)
{
    const bool has_traffic = (limits->hooks & (UINT32_C(1) << CTL_HOOK_TRAFFIC)) != 0;

    return has_traffic && limits->traffic_ms < limits->answer_ms
               ? limits->answer_ms - limits->traffic_ms
               : limits->answer_ms;
}

void ctl_alarm_raise(struct ctl_rollout *rollout, uint32_t host,
                     const struct ctl_rollout_event *event, struct ctl_rollout_effects *effects)
{
    const int64_t question_ms = ctl_rollout_question_ms(&rollout->limits);
    struct ctl_alarm *alarm = &rollout->alarm;
    bool is_stopping = rollout->state == CTL_ROLLOUT_STOPPING;

    /* One question at a time: its answer is about every host that was changed. */
    if (alarm->is_open || alarm->waits || (!is_stopping && !ctl_rollout_is_going(rollout)))
        return;

    *alarm = (struct ctl_alarm){
        .number = alarm->number + 1,
        .host = host,
        .is_open = true,
        .since = event->wall,
        .until = {event->wall.ms + question_ms},
        .deadline = bl_mono_after(event->now, question_ms),
    };
    if (!is_stopping)
        ctl_rollout_stop(rollout, event->now, effects);
    ctl_reason_severe(rollout);
    rollout->holds |= CTL_HOLD_ANSWER;
    ctl_hook_want(rollout, CTL_HOOK_PAGE);
    effects->changed = true;
}

/*
 * Nobody is paged any more, but for a last time when nobody came. Who decided that nothing goes back
 * was there and judged: that person switches the traffic, and calls the vendor, or knows why not.
 */
static void call_others(struct ctl_rollout *rollout, enum ctl_answer answer)
{
    ctl_hook_forget(rollout, CTL_HOOK_PAGE);
    if (answer == CTL_ANSWER_OTHERWISE_ROLLBACK || answer == CTL_ANSWER_OTHERWISE_STOP)
        ctl_hook_want(rollout, CTL_HOOK_PAGE);
    if (answer == CTL_ANSWER_NO_ROLLBACK)
        return;
    ctl_hook_want(rollout, CTL_HOOK_TRAFFIC);
    if (!rollout->alarm.waits)
        ctl_hook_want(rollout, CTL_HOOK_VENDOR);
}

static void close_alarm(struct ctl_rollout *rollout, enum ctl_answer answer,
                        struct ctl_rollout_effects *effects)
{
    rollout->alarm.is_open = false;
    rollout->alarm.answer = answer;
    rollout->alarm.deadline = (struct bl_mono){0};
    rollout->holds &= ~(uint32_t)CTL_HOLD_ANSWER;
    call_others(rollout, answer);
    effects->changed = true;
}

static void go_back(struct ctl_rollout *rollout, struct bl_mono now,
                    struct ctl_rollout_effects *effects)
{
    const struct ctl_rollout_event everything = {
        .type = CTL_ROLLOUT_ROLLBACK, .now = now, .host = CTL_ROLLOUT_ALL, .wave = CTL_ROLLOUT_ALL};

    ctl_rollout_roll_back(rollout, &everything, effects);
    ctl_reason_answered(rollout);
}

static void carry_out(struct ctl_rollout *rollout, enum ctl_answer answer, struct bl_mono now,
                      struct ctl_rollout_effects *effects)
{
    const bool has_traffic = (rollout->limits.hooks & (UINT32_C(1) << CTL_HOOK_TRAFFIC)) != 0;
    bool goes_back = answer == CTL_ANSWER_ROLLBACK || answer == CTL_ANSWER_OTHERWISE_ROLLBACK;

    if (goes_back && has_traffic) {
        rollout->alarm.waits = true;
        rollout->alarm.back_due = bl_mono_after(now, rollout->limits.traffic_ms);
    }
    close_alarm(rollout, answer, effects);
    if (rollout->alarm.waits)
        ctl_reason_traffic(rollout);
    else if (goes_back)
        go_back(rollout, now, effects);
    else
        ctl_reason_answered(rollout);
}

static void stop_waiting(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects)
{
    rollout->alarm.waits = false;
    rollout->alarm.back_due = (struct bl_mono){0};
    ctl_hook_want(rollout, CTL_HOOK_VENDOR);
    effects->changed = true;
}

bool ctl_alarm_release(struct ctl_rollout *rollout, struct bl_mono now,
                       struct ctl_rollout_effects *effects)
{
    if (!rollout->alarm.waits || (ctl_hook_is_awaited(rollout, CTL_HOOK_TRAFFIC) &&
                                  !bl_mono_reached(now, rollout->alarm.back_due)))
        return false;

    stop_waiting(rollout, effects);
    go_back(rollout, now, effects);

    return true;
}

bool ctl_alarm_expire(struct ctl_rollout *rollout, struct bl_mono now,
                      struct ctl_rollout_effects *effects)
{
    bool goes_back = rollout->limits.otherwise == CTL_OTHERWISE_ROLLBACK;

    if (!rollout->alarm.is_open || !bl_mono_reached(now, rollout->alarm.deadline))
        return false;

    carry_out(rollout, goes_back ? CTL_ANSWER_OTHERWISE_ROLLBACK : CTL_ANSWER_OTHERWISE_STOP, now,
              effects);
    return true;
}

void ctl_alarm_answer(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                      struct ctl_rollout_effects *effects)
{
    /* Also an answer that comes twice, or too late, or was meant for a failure before. */
    if (!rollout->alarm.is_open || event->number != rollout->alarm.number)
        return;

    carry_out(rollout, event->yes ? CTL_ANSWER_ROLLBACK : CTL_ANSWER_NO_ROLLBACK, event->now,
              effects);
}

void ctl_alarm_restore(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects)
{
    if (!rollout->alarm.is_open)
        return;

    rollout->alarm.number++;
    rollout->alarm.is_restored = true;
    effects->changed = true;
}

/* As when it was raised, but that all stands still already. */
static void ask_anew(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                     struct ctl_rollout_effects *effects)
{
    const int64_t question_ms = ctl_rollout_question_ms(&rollout->limits);
    struct ctl_alarm *alarm = &rollout->alarm;

    alarm->is_restored = false;
    alarm->since = event->wall;
    alarm->until.ms = event->wall.ms + question_ms;
    alarm->deadline = bl_mono_after(event->now, question_ms);
    ctl_hook_want(rollout, CTL_HOOK_PAGE);
    effects->changed = true;
}

void ctl_alarm_restart(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                       struct ctl_rollout_effects *effects)
{
    struct ctl_alarm *alarm = &rollout->alarm;
    const int64_t question_ms = ctl_rollout_question_ms(&rollout->limits);
    int64_t left_ms = alarm->until.ms - event->wall.ms;

    if (alarm->waits && event->boot != rollout->last.boot) { /* that took longer than any switch */
        alarm->back_due = event->now;
        effects->changed = true;
    }
    if (alarm->is_open && alarm->is_restored) {
        ask_anew(rollout, event, effects);
        return;
    }
    if (!alarm->is_open || event->boot == rollout->last.boot)
        return; /* in the same boot the deadline is one still, whatever became of the wall clock */

    if (left_ms < 0)
        left_ms = 0;
    if (left_ms > question_ms) { /* the clock was set back: once, not at each start */
        left_ms = question_ms;
        alarm->until.ms = event->wall.ms + left_ms;
    }
    alarm->deadline = bl_mono_after(event->now, left_ms);
    effects->changed = true;
}

void ctl_alarm_shift(struct ctl_rollout *rollout, int64_t by_ms)
{
    if (!rollout->alarm.is_open)
        return;
    rollout->alarm.since.ms += by_ms;
    rollout->alarm.until.ms += by_ms;
}

void ctl_alarm_drop(struct ctl_rollout *rollout, enum ctl_answer answer,
                    struct ctl_rollout_effects *effects)
{
    if (rollout->alarm.is_open)
        close_alarm(rollout, answer, effects);
    if (rollout->alarm.waits) /* it goes back already */
        stop_waiting(rollout, effects);
}
