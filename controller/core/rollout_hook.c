/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of the controller's administrator that a severe failure calls. When each is wanted is
 * decided with the answer (rollout_alarm.c); here it is kept in step what was called and what came
 * of it. A call is an effect, so it was stored as ordered before anybody was called. What ran when
 * belayd ended is unknown: who is paged twice loses nothing, and a switch of traffic is written so
 * that it can be asked for twice; but a second ticket for one failure is for a person to open.
 */
#include <stddef.h>

#include "common/check.h"
#include "common/text.h"
#include "controller/core/rollout_host.h"
#include "controller/core/rollout_inside.h"

static const char *const names[CTL_HOOK_COUNT] = {"page", "traffic", "vendor"};

static const char *const outcome_names[CTL_HOOK_OUTCOME_LAST + 1] = {
    [CTL_HOOK_GOOD] = "good",
    [CTL_HOOK_FAILED] = "failed",
    [CTL_HOOK_KILLED] = "killed",
    [CTL_HOOK_TIMED_OUT] = "timed_out",
    [CTL_HOOK_NOT_STARTED] = "not_started",
    [CTL_HOOK_UNKNOWN] = "unknown",
};

const char *ctl_hook_name(uint32_t kind)
{
    return kind < CTL_HOOK_COUNT ? names[kind] : "?";
}

const char *ctl_hook_outcome_name(uint32_t outcome)
{
    return outcome >= 1 && outcome <= CTL_HOOK_OUTCOME_LAST ? outcome_names[outcome] : "?";
}

static bool is_named(const struct ctl_rollout *rollout, enum ctl_hook_kind kind)
{
    return (rollout->limits.hooks & (UINT32_C(1) << kind)) != 0;
}

void ctl_hook_want(struct ctl_rollout *rollout, enum ctl_hook_kind kind)
{
    if (is_named(rollout, kind))
        rollout->called[kind].wanted = true;
}

void ctl_hook_forget(struct ctl_rollout *rollout, enum ctl_hook_kind kind)
{
    rollout->called[kind].wanted = false;
    rollout->called[kind].due = (struct bl_mono){0};
}

bool ctl_hook_is_awaited(const struct ctl_rollout *rollout, enum ctl_hook_kind kind)
{
    return rollout->called[kind].runs || rollout->called[kind].wanted;
}

void ctl_hook_end(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                  struct ctl_rollout_effects *effects)
{
    struct ctl_rollout_hook *hook;

    BL_ASSERT(event->number < CTL_HOOK_COUNT);
    BL_ASSERT(event->verdict >= 1 && event->verdict <= CTL_HOOK_OUTCOME_LAST);

    hook = &rollout->called[event->number];
    if (!hook->runs || event->nonce != hook->calls)
        return; /* of a call before, which was given up */
    hook->runs = false;
    hook->outcome = event->verdict;
    hook->status = event->grade;
    hook->ended = event->wall;
    bl_text_copy(hook->text, sizeof(hook->text), event->text != NULL ? event->text : "");
    effects->changed = true;
}

/* Who was asked has answered, so nobody need be waked once more. */
static bool is_called_again(const struct ctl_rollout *rollout, uint32_t kind)
{
    const struct ctl_alarm *alarm = &rollout->alarm;

    if (kind == CTL_HOOK_PAGE)
        return alarm->is_open || alarm->answer == CTL_ANSWER_OTHERWISE_ROLLBACK ||
               alarm->answer == CTL_ANSWER_OTHERWISE_STOP;

    return kind == CTL_HOOK_TRAFFIC;
}

void ctl_hook_restart(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                      struct ctl_rollout_effects *effects)
{
    for (uint32_t kind = 0; kind < CTL_HOOK_COUNT; kind++) {
        struct ctl_rollout_hook *hook = &rollout->called[kind];

        /* Instants of another boot say nothing. */
        if (hook->due.ms != 0 && event->boot != rollout->last.boot)
            hook->due = event->now;
        if (!hook->runs)
            continue;
        hook->runs = false;
        hook->outcome = CTL_HOOK_UNKNOWN;
        hook->status = 0;
        hook->ended = event->wall;
        bl_text_copy(hook->text, sizeof(hook->text),
                     "belayd ended while it ran: nobody knows what came of it");
        hook->wanted = hook->wanted || is_called_again(rollout, kind);
        effects->changed = true;
    }
}

void ctl_hook_call(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                   struct ctl_rollout_effects *effects)
{
    for (uint32_t kind = 0; kind < CTL_HOOK_COUNT; kind++) {
        struct ctl_rollout_hook *hook = &rollout->called[kind];
        const bool is_due = hook->due.ms != 0 && bl_mono_reached(event->now, hook->due);
        struct ctl_rollout_effect *effect;

        if (hook->runs || (!hook->wanted && !is_due))
            continue;
        hook->wanted = false;
        hook->runs = true;
        hook->calls++;
        hook->called = event->wall;
        hook->due = (struct bl_mono){0};
        if (kind == CTL_HOOK_PAGE && rollout->alarm.is_open)
            hook->due = bl_mono_after(event->now, rollout->limits.page_every_ms);
        effect = ctl_host_emit(effects, CTL_ROLLOUT_CALL_HOOK, CTL_ROLLOUT_ALL);
        effect->attempt = kind;
        effect->nonce = hook->calls;
        effects->changed = true;
    }
}

struct bl_mono ctl_hook_wake(const struct ctl_rollout *rollout)
{
    struct bl_mono first = {0};

    for (uint32_t kind = 0; kind < CTL_HOOK_COUNT; kind++) {
        const struct ctl_rollout_hook *hook = &rollout->called[kind];

        /* While it runs its end is what is waited for. */
        if (hook->due.ms != 0 && !hook->runs && (first.ms == 0 || hook->due.ms < first.ms))
            first = hook->due;
    }

    return first;
}
