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

void ctl_alarm_raise(struct ctl_rollout *rollout, uint32_t host,
                     const struct ctl_rollout_event *event, struct ctl_rollout_effects *effects)
{
    struct ctl_alarm *alarm = &rollout->alarm;
    bool is_stopping = rollout->state == CTL_ROLLOUT_STOPPING;

    /* One question at a time: its answer is about every host that was changed. */
    if (alarm->is_open || (!is_stopping && !ctl_rollout_is_going(rollout)))
        return;

    *alarm = (struct ctl_alarm){
        .number = alarm->number + 1,
        .host = host,
        .is_open = true,
        .since = event->wall,
        .until = {event->wall.ms + rollout->limits.answer_ms},
        .deadline = bl_mono_after(event->now, rollout->limits.answer_ms),
    };
    if (!is_stopping)
        ctl_rollout_stop(rollout, event->now, effects);
    ctl_reason_severe(rollout);
    rollout->holds |= CTL_HOLD_ANSWER;
    effects->changed = true;
}

static void close_alarm(struct ctl_rollout *rollout, enum ctl_answer answer,
                        struct ctl_rollout_effects *effects)
{
    rollout->alarm.is_open = false;
    rollout->alarm.answer = answer;
    rollout->alarm.deadline = (struct bl_mono){0};
    rollout->holds &= ~(uint32_t)CTL_HOLD_ANSWER;
    effects->changed = true;
}

static void carry_out(struct ctl_rollout *rollout, enum ctl_answer answer, struct bl_mono now,
                      struct ctl_rollout_effects *effects)
{
    const struct ctl_rollout_event everything = {
        .type = CTL_ROLLOUT_ROLLBACK, .now = now, .host = CTL_ROLLOUT_ALL, .wave = CTL_ROLLOUT_ALL};
    bool goes_back = answer == CTL_ANSWER_ROLLBACK || answer == CTL_ANSWER_OTHERWISE_ROLLBACK;

    close_alarm(rollout, answer, effects);
    if (goes_back)
        ctl_rollout_roll_back(rollout, &everything, effects);
    ctl_reason_answered(rollout);
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

void ctl_alarm_restart(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                       struct ctl_rollout_effects *effects)
{
    struct ctl_alarm *alarm = &rollout->alarm;
    int64_t left_ms = alarm->until.ms - event->wall.ms;

    if (!alarm->is_open || event->boot == rollout->last.boot)
        return; /* in the same boot the deadline is one still, whatever became of the wall clock */

    if (left_ms < 0)
        left_ms = 0;
    if (left_ms > rollout->limits.answer_ms) { /* the clock was set back: once, not at each start */
        left_ms = rollout->limits.answer_ms;
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
}
