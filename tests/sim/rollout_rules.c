/* SPDX-License-Identifier: Apache-2.0 */
/* What rollout_sim.c holds the machine to, by what can be seen of its made-up fleet from outside. */
#include <string.h>

#include "tests/sim/rollout_world.h"

/* --- comparing rollouts: field by field, since padding may differ --- */

void world_check_same(const struct world *w, const struct ctl_rollout *a,
                      const struct ctl_rollout *b)
{
    SIM_CHECK(&w->chance, a->state == b->state && a->wave == b->wave);
    SIM_CHECK(&w->chance, a->submitted == b->submitted && a->failed_count == b->failed_count);
    SIM_CHECK(&w->chance, a->holds == b->holds && a->aborted == b->aborted);
    SIM_CHECK(&w->chance, a->is_frozen == b->is_frozen && a->frozen_until.ms == b->frozen_until.ms);
    SIM_CHECK(&w->chance, a->used_count == b->used_count && a->is_proven == b->is_proven);
    SIM_CHECK(&w->chance, a->active_count == b->active_count && a->next_start == b->next_start);
    SIM_CHECK(&w->chance, a->wake_at.ms == b->wake_at.ms && a->soak_end.ms == b->soak_end.ms);
    SIM_CHECK(&w->chance,
              a->alarm.number == b->alarm.number && a->alarm.is_open == b->alarm.is_open);
    SIM_CHECK(&w->chance,
              a->alarm.deadline.ms == b->alarm.deadline.ms && a->alarm.answer == b->alarm.answer);
    SIM_CHECK(&w->chance, a->alarm.until.ms == b->alarm.until.ms);
    SIM_CHECK(&w->chance,
              a->alarm.waits == b->alarm.waits && a->alarm.back_due.ms == b->alarm.back_due.ms);
    for (uint32_t kind = 0; kind < CTL_HOOK_COUNT; kind++) {
        const struct ctl_rollout_hook *x = &a->called[kind], *y = &b->called[kind];

        SIM_CHECK(&w->chance, x->calls == y->calls && x->wanted == y->wanted);
        SIM_CHECK(&w->chance, x->runs == y->runs && x->outcome == y->outcome);
        SIM_CHECK(&w->chance, x->status == y->status && x->due.ms == y->due.ms);
        SIM_CHECK(&w->chance, strcmp(x->text, y->text) == 0 && x->ended.ms == y->ended.ms);
    }
    SIM_CHECK(&w->chance,
              a->gates.held_by == b->gates.held_by && a->gates.waived == b->gates.waived);
    SIM_CHECK(&w->chance,
              a->gates.waits == b->gates.waits && a->gates.took_back == b->gates.took_back);
    SIM_CHECK(&w->chance,
              memcmp(a->gates.verdicts, b->gates.verdicts, sizeof(a->gates.verdicts)) == 0);
    SIM_CHECK(&w->chance, a->approvals_count == b->approvals_count);
    for (uint32_t i = 0; i < a->approvals_count; i++) {
        SIM_CHECK(&w->chance, a->approvals[i].wave == b->approvals[i].wave &&
                                  a->approvals[i].person == b->approvals[i].person &&
                                  a->approvals[i].not_after.ms == b->approvals[i].not_after.ms);
    }
    SIM_CHECK(&w->chance, strcmp(a->code, b->code) == 0 && strcmp(a->reason, b->reason) == 0);
    for (uint32_t i = 0; i < w->host_count; i++) {
        const struct ctl_rollout_host *x = &a->hosts[i], *y = &b->hosts[i];

        SIM_CHECK(&w->chance, x->state == y->state && x->job_state == y->job_state);
        SIM_CHECK(&w->chance, x->grade == y->grade && x->failed == y->failed);
        SIM_CHECK(&w->chance,
                  x->touched == y->touched && x->started == y->started && x->lost == y->lost);
        SIM_CHECK(&w->chance, x->went_back == y->went_back && x->reverts == y->reverts);
        SIM_CHECK(&w->chance, x->revert_wanted == y->revert_wanted && x->nonce == y->nonce);
        SIM_CHECK(&w->chance,
                  x->cancel_wanted == y->cancel_wanted && x->start_owed == y->start_owed);
        SIM_CHECK(&w->chance, x->deadline.ms == y->deadline.ms);
    }
}

/* --- what must hold when an order leaves --- */

/*
 * At the moment at which START leaves belayd, for the first time or once more, the rollout may start
 * hosts. What was on the wire by then still gets there, or is lost.
 */
static void check_start(struct world *w, uint32_t index)
{
    uint32_t wave = w->live_hosts[index].wave, failed_in_all = 0;

    SIM_CHECK(&w->chance, !w->is_paused && !w->is_stopped && wave == w->live.wave);
    SIM_CHECK(&w->chance, wave + 1 >= w->wave_started && !w->hosts[index].was_called_back);
    SIM_CHECK(&w->chance, !w->is_severe && !w->is_gate_held);
    for (uint32_t v = 0; v <= wave; v++) {
        uint32_t failed = 0;

        for (uint32_t i = 0; i < w->host_count; i++) {
            if (w->live_hosts[i].wave != v)
                continue;
            failed += w->hosts[i].is_known_failed ? 1 : 0;
            /* Later a person may take one of them back, while this wave goes on. */
            if (v < wave && wave + 1 > w->wave_started)
                SIM_CHECK(&w->chance, w->hosts[i].is_known_final);
        }
        SIM_CHECK(&w->chance, failed <= w->waves[v].failures_allowed);
    }
    for (uint32_t i = 0; i < w->host_count; i++)
        failed_in_all += w->hosts[i].is_known_failed ? 1 : 0;
    SIM_CHECK(&w->chance, failed_in_all <= w->limits.failures_allowed);
    if (wave + 1 > w->wave_started && wave > 0)
        SIM_CHECK(&w->chance, w->now_ms - w->watched_ms >= w->limits.soak_ms);
    w->wave_started = wave + 1;
}

/* A host uses the budget from its START to its end, and for good when it failed. */
static void check_budget(struct world *w, uint32_t index)
{
    uint32_t active = 0, used = 1;

    for (uint32_t i = 0; i < w->host_count; i++) {
        const struct host *host = &w->hosts[i];
        bool is_active = host->was_started && !host->is_known_final;

        if (i == index)
            continue;
        active += is_active ? 1 : 0;
        used += is_active || host->is_known_failed ? 1 : 0;
    }
    SIM_CHECK(&w->chance, w->limits.budget == 0 || used <= w->limits.budget);
    SIM_CHECK(&w->chance, !w->limits.first_alone || w->is_proven || active == 0);
}

/* One window, shorter than a day, so that it is enough to look at each day's beginning. */
static bool is_in_window(const struct world *w)
{
    const struct ctl_window *window = &w->limits.windows[0];
    const int64_t day_ms = 24 * 3600 * 1000, since_monday_ms = world_wall_ms(w) + 3 * day_ms;

    for (int64_t day = 0; day < 14; day++) {
        int64_t begin_ms = since_monday_ms / (7 * day_ms) * 7 * day_ms + (day - 7) * day_ms +
                           (int64_t)window->from_minutes * 60000;
        int64_t since_ms = since_monday_ms - begin_ms;

        if ((window->days >> day % 7 & 1) != 0 && since_ms >= 0 &&
            since_ms + w->limits.job_ms <= (int64_t)window->for_minutes * 60000)
            return true;
    }

    return false;
}

/* Not in a freeze, nor with less than a whole job left of the window. */
static void check_clock(const struct world *w)
{
    bool is_frozen =
        w->is_frozen && (w->frozen_until_ms == 0 || world_wall_ms(w) < w->frozen_until_ms);

    SIM_CHECK(&w->chance, !is_frozen);
    SIM_CHECK(&w->chance, w->limits.windows_count == 0 || is_in_window(w));
}

/* Who is told to cancel has not begun, as far as is known; whoever runs is left alone. */
static void check_cancel(struct world *w, uint32_t index)
{
    const struct ctl_rollout_host *known = &w->live_hosts[index];
    bool is_out = known->lost || ctl_host_state_is_final(known->state);

    SIM_CHECK(&w->chance, is_out || w->hosts[index].lies ||
                              (known->started && !ctl_rollout_is_going(&w->live) &&
                               known->job_state <= PROTO_JOB_READY));
    if (w->hosts[index].was_started && !is_out)
        w->hosts[index].was_called_back = true;
}

void world_check_order(struct world *w, const struct ctl_rollout_effect *order)
{
    struct host *host = &w->hosts[order->host];

    switch (order->type) {
    case CTL_ROLLOUT_SEND_OFFER:
        SIM_CHECK(&w->chance, !w->is_stopped && !host->was_started);
        break;
    case CTL_ROLLOUT_SEND_START:
        SIM_CHECK(&w->chance, !host->was_told_back);
        check_start(w, order->host);
        if (!host->was_started)
            check_budget(w, order->host); /* it has its place in it from then on */
        check_clock(w);
        host->was_started = true;
        break;
    case CTL_ROLLOUT_SEND_COMMIT:
        SIM_CHECK(&w->chance, !host->was_told_back && order->nonce != 0);
        SIM_CHECK(&w->chance, host->lies || host->went_back || order->nonce == host->nonce);
        break;
    case CTL_ROLLOUT_SEND_CANCEL:
        check_cancel(w, order->host);
        break;
    case CTL_ROLLOUT_SEND_REVERT:
        SIM_CHECK(&w->chance, (host->was_told_back || host->lies) && order->attempt > 0);
        break;
    case CTL_ROLLOUT_WAKE:
    case CTL_ROLLOUT_CHANGED:
    case CTL_ROLLOUT_CALL_HOOK:
        break;
    }
}

/* What anybody can see from outside: who is known to have failed, and who has ended. */
void world_observe(struct world *w)
{
    bool wave_ended = true;

    for (uint32_t i = 0; i < w->host_count; i++) {
        const struct ctl_rollout_host *known = &w->live_hosts[i];
        struct host *host = &w->hosts[i];
        uint32_t said = known->job_state;

        if (host->lies)
            said = 0; /* what it says makes no sense, and is measured by nothing */
        /* Who was cancelled before it could say that it is not able to has not failed. */
        if ((said == PROTO_JOB_REFUSED || said == PROTO_JOB_BLOCKED) &&
            known->state != CTL_HOST_CANCELLED)
            host->is_known_failed = true;
        if (said == PROTO_JOB_REVERT_FAILED || known->state == CTL_HOST_LOST)
            host->is_known_failed = true;
        /* Found bad after its start, whatever becomes of it; and nobody leaves it like that. */
        if (said >= PROTO_JOB_ISOLATING && said <= PROTO_JOB_COMMITTED && host->is_found &&
            known->grade >= PROTO_GRADE_FUNCTIONAL && !host->was_told_back) {
            host->is_known_failed = true;
            host->was_told_back = said == PROTO_JOB_COMMITTED;
        }
        host->has_changed =
            host->has_changed || (said > PROTO_JOB_CHANGING && said <= PROTO_JOB_COMMITTED);
        /* Who gives back what it switched off, called back in time, says at its end that it did. */
        if ((said == PROTO_JOB_REVERTED ||
             (said == PROTO_JOB_REVERTING && (!host->was_called_back || host->has_changed))) &&
            !host->was_told_back)
            host->is_known_failed = true;
        SIM_CHECK(&w->chance, !host->is_known_failed || known->failed);
        /* Nobody waits for whom is lost or cancelled, nor for ever for who contradicts himself. */
        w->is_proven = w->is_proven || known->state == CTL_HOST_COMMITTED;
        host->is_known_final =
            world_is_final(said) || known->lost || host->lies || known->state == CTL_HOST_CANCELLED;
        /* Who never began has ended as it had, whatever its disk knows of that. */
        if (said == 0 && ctl_host_state_is_final(known->state))
            host->is_known_final = true;
        /* One host taken back in a soak counts as failed, and the soak goes on. */
        if (known->wave + 1 == w->wave_started && !host->is_known_final &&
            !(host->was_told_back && w->soak_is_watched))
            wave_ended = false;
    }
    if (!wave_ended) {
        w->soak_is_watched = false;
    } else if (!w->soak_is_watched) {
        w->soak_is_watched = true;
        w->watched_ms = w->now_ms;
    }
}
