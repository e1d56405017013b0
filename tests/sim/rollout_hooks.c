/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs that a severe failure calls in rollout_sim.c: whom they would have waked, and what they
 * kept waiting. They take their time, fail, are ended with belayd, and some never end by themselves.
 */
#include "tests/sim/rollout_world.h"

enum {
    LIMIT_MS = 60000, /* the shell ends what takes longer */
};

static bool is_named(const struct world *w, uint32_t kind)
{
    return (w->limits.hooks >> kind & 1) != 0;
}

static bool was_missed(uint32_t answer)
{
    return answer == CTL_ANSWER_OTHERWISE_ROLLBACK || answer == CTL_ANSWER_OTHERWISE_STOP;
}

void world_call_hook(struct world *w, const struct ctl_rollout_effect *order)
{
    struct called *called;

    SIM_CHECK(&w->chance, order->attempt < CTL_HOOK_COUNT && is_named(w, order->attempt));
    called = &w->called[order->attempt];
    /* One at a time, for a reason, and each call is another one. */
    SIM_CHECK(&w->chance, called->runs == 0 && order->nonce > called->last && w->is_severe);
    /* Who has answered is left alone. */
    if (order->attempt == CTL_HOOK_PAGE)
        SIM_CHECK(&w->chance, w->live.alarm.is_open || was_missed(w->live.alarm.answer));
    called->runs = called->last = order->nonce;
    called->last_ms = w->now_ms;
    called->count++;
    called->is_owed = false;
    called->end_ms =
        w->now_ms + (sim_percent(&w->chance, 20) ? LIMIT_MS : 1 + sim_below(&w->chance, 15000));
    /* A second ticket for one failure is for a person to open. */
    if (order->attempt == CTL_HOOK_VENDOR)
        SIM_CHECK(&w->chance, called->count <= w->live.alarm.number);
}

void world_end_hook(struct world *w, enum ctl_hook_kind kind)
{
    const struct ctl_rollout_event event = {
        .type = CTL_ROLLOUT_HOOK_ENDED,
        .host = CTL_ROLLOUT_ALL,
        .number = kind,
        .nonce = w->called[kind].runs,
        .verdict = 1 + sim_below(&w->chance, CTL_HOOK_NOT_STARTED),
        .text = "ended with 1: no route",
    };

    w->called[kind].runs = 0;
    (void)world_deliver(w, event);
}

void world_kill_hooks(struct world *w)
{
    for (uint32_t kind = 0; kind < CTL_HOOK_COUNT; kind++)
        w->called[kind].runs = 0;
}

static bool is_back(const struct world *w)
{
    return w->live.state == CTL_ROLLOUT_ROLLING_BACK || w->live.state == CTL_ROLLOUT_ROLLED_BACK ||
           w->live.state == CTL_ROLLOUT_ROLLBACK_INCOMPLETE;
}

/* Behind the switch of traffic, but never later than was said. */
static void observe_wait(struct world *w, const struct ctl_rollout *before,
                         const struct ctl_rollout_event *event)
{
    const bool is_all = event->type == CTL_ROLLOUT_ROLLBACK && event->host == CTL_ROLLOUT_ALL &&
                        event->wave == CTL_ROLLOUT_ALL;
    const bool is_over =
        w->now_ms - w->decided_ms >= w->limits.traffic_ms || w->boots != w->decided_boot;

    SIM_CHECK(&w->chance, !w->live.alarm.waits || !is_over);
    if (!before->alarm.waits || w->live.alarm.waits)
        return;
    SIM_CHECK(&w->chance, is_back(w));
    if (is_all || event->type == CTL_ROLLOUT_GATE)
        return; /* ordered by others, at once */
    SIM_CHECK(&w->chance, is_over || (event->type == CTL_ROLLOUT_HOOK_ENDED &&
                                      event->number == CTL_HOOK_TRAFFIC));
    for (uint32_t i = 0; i < w->host_count; i++)
        w->hosts[i].was_told_back = true;
}

void world_observe_hooks(struct world *w, const struct ctl_rollout *before,
                         const struct ctl_rollout_event *event)
{
    const struct ctl_alarm *alarm = &w->live.alarm;
    const bool is_new = alarm->number != before->alarm.number;
    const bool is_decided = !alarm->is_open && (is_new || before->alarm.is_open);
    const struct called *page = &w->called[CTL_HOOK_PAGE];

    observe_wait(w, before, event);
    if (is_new || (is_decided && was_missed(alarm->answer)))
        w->called[CTL_HOOK_PAGE].is_owed = true;
    if (is_decided && !is_new && !was_missed(alarm->answer))
        w->called[CTL_HOOK_PAGE].is_owed = false;
    if (is_decided && alarm->answer != CTL_ANSWER_NO_ROLLBACK)
        w->called[CTL_HOOK_TRAFFIC].is_owed = true;
    if (is_decided && alarm->answer != CTL_ANSWER_NO_ROLLBACK)
        w->called[CTL_HOOK_VENDOR].is_owed = true;
    /* Whoever sleeps on is waked again; in the step after the time is over there is a call. */
    if (alarm->is_open && is_named(w, CTL_HOOK_PAGE) && page->runs == 0 && page->count > 0 &&
        !page->is_owed && w->now_ms - page->last_ms >= w->limits.page_every_ms)
        SIM_CHECK(&w->chance, w->live.called[CTL_HOOK_PAGE].runs);
}

void world_check_hooks_at_end(const struct world *w)
{
    for (uint32_t kind = 0; kind < CTL_HOOK_COUNT; kind++) {
        const struct ctl_rollout_hook *known = &w->live.called[kind];

        SIM_CHECK(&w->chance, !known->runs && !known->wanted && w->called[kind].runs == 0);
        /* That the vendor was called is not known when belayd ended in between: a person looks. */
        if (is_named(w, kind) && known->outcome != CTL_HOOK_UNKNOWN)
            SIM_CHECK(&w->chance, !w->called[kind].is_owed);
    }
}
