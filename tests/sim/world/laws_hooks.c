/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The laws of what a severe failure calls, and of when the way back after one begins. Who is called
 * is outside of this world: that a call was ordered and never came out of belayd is a fault only when
 * belayd had the time to make it.
 */
#include <inttypes.h>

#include "tests/sim/world/book.h"
#include "tests/sim/world/controller.h"

static int64_t later(int64_t a_ms, int64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

static bool is_named(const struct law_rollout *rollout, enum ctl_hook_kind kind)
{
    return (rollout->limits.hooks >> kind & 1) != 0;
}

static bool is_back(uint32_t state)
{
    return state == CTL_ROLLOUT_ROLLING_BACK || state == CTL_ROLLOUT_ROLLED_BACK ||
           state == CTL_ROLLOUT_ROLLBACK_INCOMPLETE;
}

int64_t law_traffic_ms(const struct law_rollout *rollout)
{
    return is_named(rollout, CTL_HOOK_TRAFFIC) ? rollout->limits.traffic_ms : 0;
}

int64_t law_question_ms(const struct law_rollout *rollout)
{
    const int64_t left_ms = rollout->limits.answer_ms - law_traffic_ms(rollout);

    return left_ms < 0 ? 0 : left_ms;
}

/* ---- paging ---- */

/* By then the next page is due, as long as nobody has answered. */
static int64_t page_due_ms(const struct law_rollout *rollout)
{
    const struct law_alarm *alarm = &rollout->rules.alarm;
    const struct law_hook *page = &rollout->rules.hooks[CTL_HOOK_PAGE];
    int64_t due_ms = later(alarm->asked_ms, law_books.belayd_up_ms);

    if (page->count > 0 && page->called_ms >= alarm->asked_ms)
        due_ms = later(due_ms, page->called_ms + rollout->limits.page_every_ms);

    return later(due_ms, page->ended_ms);
}

/* While people were asked up to now, somebody was waked as often as the plan says. */
static void judge_paged(const struct law_rollout *rollout)
{
    if (!is_named(rollout, CTL_HOOK_PAGE) || !rollout->rules.alarm.is_open ||
        rollout->rules.hooks[CTL_HOOK_PAGE].runs || !law_books.is_belayd_up)
        return;
    SIM_LAW(sim_now_ms() - page_due_ms(rollout) <= LAW_PROMISE_SLACK_MS,
            "rollout %u: nobody has answered, and nobody was paged since %" PRId64 " ms",
            rollout->number, page_due_ms(rollout));
}

static void judge_page(struct law_rollout *rollout)
{
    struct law_alarm *alarm = &rollout->rules.alarm;
    const struct law_hook *page = &rollout->rules.hooks[CTL_HOOK_PAGE];
    const bool is_again = page->count > 0 && page->called_ms >= alarm->asked_ms &&
                          page->called_ms >= law_books.belayd_up_ms;

    SIM_LAW(alarm->answered_ms == SIM_NEVER ||
                sim_now_ms() - alarm->answered_ms <= LAW_TIMER_SLACK_MS,
            "rollout %u: somebody is paged, and was answered at %" PRId64 " ms", rollout->number,
            alarm->answered_ms);
    if (alarm->is_open) {
        judge_paged(rollout);
        SIM_LAW(!is_again || sim_now_ms() - page->called_ms >=
                                 rollout->limits.page_every_ms - LAW_TIMER_SLACK_MS,
                "rollout %u: paged after %" PRId64 " ms instead of %" PRId64, rollout->number,
                sim_now_ms() - page->called_ms, rollout->limits.page_every_ms);
        return;
    }
    /* For a last time, since nobody came; one that was ordered just before may come out as well. */
    alarm->last_pages++;
    SIM_LAW(alarm->last_pages <= 2, "rollout %u: nobody is asked any more, and is paged for ever",
            rollout->number);
}

/* ---- the others ---- */

/* Both are about what was decided: not while people are still asked. */
static void judge_other(const struct law_rollout *rollout, enum ctl_hook_kind kind)
{
    const struct law_alarm *alarm = &rollout->rules.alarm;
    const struct law_hook *hook = &rollout->rules.hooks[kind];

    SIM_LAW(!alarm->is_open, "rollout %u: %s is called, and nothing is decided yet",
            rollout->number, ctl_hook_name(kind));
    SIM_LAW(kind != CTL_HOOK_VENDOR || hook->count < alarm->number,
            "rollout %u: the vendor is called %u times for %u severe failures", rollout->number,
            hook->count + 1, alarm->number);
}

void sim_law_hook_called(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], enum ctl_hook_kind kind,
                         uint64_t call)
{
    struct law_rollout *rollout = law_find(rollout_id);
    struct law_hook *hook = &rollout->rules.hooks[kind];

    law_settle();
    SIM_LAW(is_named(rollout, kind), "rollout %u: %s is called, and the plan names none",
            rollout->number, ctl_hook_name(kind));
    SIM_LAW(rollout->rules.alarm.number > 0,
            "rollout %u: %s is called, and nothing failed severely", rollout->number,
            ctl_hook_name(kind));
    SIM_LAW(!hook->runs, "rollout %u: %s is called while it runs", rollout->number,
            ctl_hook_name(kind));
    SIM_LAW(call > hook->call, "rollout %u: call %" PRIu64 " of %s comes after call %" PRIu64,
            rollout->number, call, ctl_hook_name(kind), hook->call);
    if (kind == CTL_HOOK_PAGE)
        judge_page(rollout);
    else
        judge_other(rollout, kind);
    hook->call = call;
    hook->count++;
    hook->runs = true;
    hook->called_ms = sim_now_ms();
}

void sim_law_hook_ended(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], enum ctl_hook_kind kind)
{
    struct law_hook *hook = &law_find(rollout_id)->rules.hooks[kind];

    law_settle();
    hook->runs = false;
    hook->ended_ms = sim_now_ms();
}

/* Wanted since then by this life of belayd, and it had the time. */
static void judge_owed(const struct law_rollout *rollout, enum ctl_hook_kind kind, int64_t since_ms)
{
    const struct law_hook *hook = &rollout->rules.hooks[kind];

    SIM_LAW(!is_named(rollout, kind) || since_ms < law_books.belayd_up_ms || hook->runs ||
                sim_now_ms() - later(since_ms, hook->ended_ms) <= LAW_PROMISE_SLACK_MS ||
                (hook->count > 0 && hook->called_ms >= since_ms),
            "rollout %u: %s was to be called since %" PRId64 " ms, and was not", rollout->number,
            ctl_hook_name(kind), since_ms);
}

static void judge_all_owed(const struct law_rollout *rollout)
{
    const struct law_alarm *alarm = &rollout->rules.alarm;

    judge_paged(rollout);
    if (alarm->number == 0 || alarm->is_no_possible || alarm->decided_ms == SIM_NEVER)
        return;
    judge_owed(rollout, CTL_HOOK_TRAFFIC, alarm->decided_ms);
    if (!alarm->waits)
        judge_owed(rollout, CTL_HOOK_VENDOR, alarm->decided_ms);
    else if (alarm->back_ms != SIM_NEVER)
        judge_owed(rollout, CTL_HOOK_VENDOR, alarm->back_ms);
}

/* ---- what belayd tells ---- */

static uint32_t count_severe(const struct law_rollout *rollout)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < rollout->hosts_count; i++)
        count += rollout->members[i].belief.grade >= PROTO_GRADE_SEVERE ? 1 : 0;

    return count;
}

static void ask(struct law_rollout *rollout, const struct ctl_rollout *told)
{
    const uint32_t severe_count = count_severe(rollout);

    SIM_LAW(told->alarm.number <= severe_count,
            "rollout %u: people are asked about severe failure %u, and %u hosts failed so",
            rollout->number, told->alarm.number, severe_count);
    rollout->rules.alarm = (struct law_alarm){
        .number = told->alarm.number,
        .is_open = true,
        .is_told_late = !law_books.is_belayd_up,
        .asked_ms = sim_now_ms(),
        .decided_ms = SIM_NEVER,
        .answered_ms = SIM_NEVER,
        .back_ms = SIM_NEVER,
        .boot = sim_controller_boot(),
    };
}

/* Behind the switch of traffic, but never later than was said. */
static void judge_way_back(const struct law_rollout *rollout)
{
    const struct law_alarm *alarm = &rollout->rules.alarm;
    const struct law_hook *traffic = &rollout->rules.hooks[CTL_HOOK_TRAFFIC];
    const bool was_switched =
        traffic->count > 0 && traffic->called_ms >= alarm->decided_ms && !traffic->runs;

    if (alarm->is_ordered || alarm->is_told_late || law_gates_call_back(rollout) ||
        alarm->boot != sim_controller_boot() || !law_books.is_belayd_up)
        return;
    SIM_LAW(!is_named(rollout, CTL_HOOK_TRAFFIC) || was_switched ||
                sim_now_ms() >= alarm->decided_ms + law_traffic_ms(rollout) - LAW_TIMER_SLACK_MS,
            "rollout %u: goes back, and the traffic is not switched yet", rollout->number);
    SIM_LAW(sim_now_ms() <=
                later(alarm->decided_ms + law_traffic_ms(rollout), law_books.belayd_up_ms) +
                    LAW_PROMISE_SLACK_MS,
            "rollout %u: was to go back at %" PRId64 " ms, and did so %" PRId64 " ms later",
            rollout->number, alarm->decided_ms, sim_now_ms() - alarm->decided_ms);
}

void law_judge_hooks(struct law_rollout *rollout, const struct ctl_rollout *told)
{
    struct law_alarm *alarm = &rollout->rules.alarm;

    if (told->alarm.number != alarm->number) {
        ask(rollout, told);
        for (uint32_t i = 0; i < CTL_HOOK_COUNT && !law_books.is_belayd_up; i++)
            rollout->rules.hooks[i].runs = false;
    }
    if (alarm->is_open && !told->alarm.is_open) {
        judge_paged(rollout);
        alarm->is_open = false;
        alarm->waits = told->alarm.waits;
        alarm->decided_ms = sim_now_ms();
        alarm->is_told_late = alarm->is_told_late || !law_books.is_belayd_up;
    }
    if (is_back(told->state) && !is_back(rollout->state) && alarm->number > 0 &&
        alarm->back_ms == SIM_NEVER && alarm->decided_ms != SIM_NEVER) {
        judge_way_back(rollout);
        alarm->back_ms = sim_now_ms();
    }
}

void law_hooks_life(bool is_up)
{
    for (uint32_t i = 0; i < law_books.rollouts_count; i++) {
        struct law_rollout *rollout = law_books.rollouts[i];

        if (!is_up)
            judge_all_owed(rollout);
        for (uint32_t kind = 0; kind < CTL_HOOK_COUNT; kind++) {
            struct law_hook *hook = &rollout->rules.hooks[kind];

            if (hook->runs)
                hook->ended_ms = sim_now_ms();
            hook->runs = false;
        }
        rollout->rules.alarm.last_pages = 0;
    }
}
