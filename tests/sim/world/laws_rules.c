/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The laws of what a plan and its people rule over the whole rollout: windows, freezes, approvals and
 * what becomes of a severe failure. Who counts by a clock does so by that of belayd while it runs, and
 * by its wall clock over a restart.
 */
#include <inttypes.h>

#include "tests/sim/world/book.h"
#include "tests/sim/world/controller.h"

enum {
    MINUTE_MS = 60 * 1000,
    DAYS = 7,
    LOOK_AGAIN_MS = 60 * 1000,
};

#define DAY_MS  (INT64_C(24) * 60 * MINUTE_MS)
#define WEEK_MS (DAYS * DAY_MS)

/* ---- windows and freezes ---- */

/* How long it is open without a break from this time of the week on, as far as `needed_ms` ask. */
static int64_t open_ms(const struct ctl_rollout_limits *limits, int64_t at_ms, int64_t needed_ms)
{
    int64_t end_ms = at_ms;
    bool is_longer;

    do {
        is_longer = false;
        for (uint32_t i = 0; i < limits->windows_count * DAYS; i++) {
            const struct ctl_window *window = &limits->windows[i / DAYS];
            const int64_t from_ms = (int64_t)(i % DAYS) * DAY_MS + window->from_minutes * MINUTE_MS;
            const int64_t for_ms = window->for_minutes * INT64_C(1) * MINUTE_MS;
            const int64_t since_ms = ((end_ms - from_ms) % WEEK_MS + WEEK_MS) % WEEK_MS;

            if ((window->days >> i % DAYS & 1) == 0 || since_ms >= for_ms)
                continue;
            end_ms += for_ms - since_ms;
            is_longer = true;
        }
    } while (is_longer && end_ms - at_ms < needed_ms);

    return end_ms - at_ms;
}

void law_judge_start_by_clock(const struct law_member *member)
{
    const struct ctl_rollout_limits *limits = &member->rollout->limits;
    const struct law_freeze *freeze = &law_books.freeze;
    const int64_t wall_ms = sim_controller_wall_ms();
    const int64_t monday_ms = 4 * DAY_MS; /* 1970-01-05 */
    int64_t left_ms;

    /* What the life before stored as its last is told when the next one begins. */
    if (!law_books.is_belayd_up)
        return;
    SIM_LAW(!freeze->is_on || freeze->since_ms == sim_now_ms() ||
                (freeze->until_wall_ms != 0 && wall_ms >= freeze->until_wall_ms),
            "host %u: started for rollout %u in a freeze that was confirmed at %" PRId64 " ms",
            member->host, member->rollout->number, freeze->since_ms);
    if (limits->windows_count == 0)
        return;
    left_ms = open_ms(limits, wall_ms - monday_ms, limits->job_ms);
    SIM_LAW(left_ms >= limits->job_ms,
            "host %u: started for rollout %u with %" PRId64 " ms left of a window, and a job may "
            "take %" PRId64,
            member->host, member->rollout->number, left_ms, limits->job_ms);
}

void sim_law_freeze_asks(void)
{
    law_settle();
    law_books.freeze.is_on = false;
}

void sim_law_frozen(int64_t until_wall_ms)
{
    law_settle();
    law_books.freeze = (struct law_freeze){true, sim_now_ms(), until_wall_ms};
}

void sim_law_all_paused(void)
{
    law_settle();
    for (uint32_t i = 0; i < law_books.rollouts_count; i++) {
        struct law_rollout *rollout = law_books.rollouts[i];

        if (rollout->state < CTL_ROLLOUT_STAGING || rollout->state > CTL_ROLLOUT_SOAKING)
            continue;
        rollout->paused_ms = sim_now_ms();
        SIM_LAW((rollout->told_holds & CTL_HOLD_PERSON) != 0,
                "rollout %u: its version was denied, and it goes on", rollout->number);
    }
}

void sim_law_taken_in(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES])
{
    const struct law_freeze *freeze = &law_books.freeze;
    const struct law_rollout *rollout = law_find(rollout_id);

    law_settle();
    SIM_LAW(rollout != NULL, "a rollout was taken in that nobody submitted");
    SIM_LAW(!rollout->takes_whole_zone,
            "rollout %u: was taken in, and a wave takes all hosts of a value", rollout->number);
    SIM_LAW(!freeze->is_on || (rollout->told_holds & CTL_HOLD_FREEZE) != 0 ||
                (freeze->until_wall_ms != 0 && sim_controller_wall_ms() >= freeze->until_wall_ms),
            "rollout %u: came in a freeze that was confirmed at %" PRId64 " ms, and is not held",
            rollout->number, freeze->since_ms);
}

/* ---- approvals ---- */

static void permit_wave(struct law_rollout *rollout, const struct sim_law_word *word)
{
    struct law_rules *rules = &rollout->rules;
    struct law_approval *approval = NULL;

    for (uint32_t i = 0; i < rules->approvals_count && approval == NULL; i++) {
        if (rules->approvals[i].number == word->number &&
            rules->approvals[i].person == word->person)
            approval = &rules->approvals[i];
    }
    if (approval == NULL && rules->approvals_count < LAW_APPROVALS_MAX)
        approval = &rules->approvals[rules->approvals_count++];
    SIM_LAW(approval != NULL, "no room for the approvals of rollout %u", rollout->number);
    if (approval->number != 0 && approval->until_wall_ms >= word->until_wall_ms)
        return;
    *approval = (struct law_approval){
        .number = word->number,
        .person = word->person,
        .until_wall_ms = word->until_wall_ms,
    };
}

static void judge_wave(struct law_rollout *rollout, uint32_t wave)
{
    struct law_rules *rules = &rollout->rules;
    uint32_t count = 0;

    if (wave == 0 || (rules->waves_begun >> wave & 1) != 0)
        return;
    rules->waves_begun |= UINT64_C(1) << wave;
    for (uint32_t i = 0; i < rules->approvals_count; i++) {
        const struct law_approval *approval = &rules->approvals[i];

        /* By the wall clock as it is, which is what the person named. */
        count +=
            approval->number == wave + 1 &&
                    (!law_books.is_belayd_up || approval->until_wall_ms > sim_controller_wall_ms())
                ? 1
                : 0;
    }
    SIM_LAW(count >= rollout->limits.approvals,
            "rollout %u: wave %u began with %u good approvals, and needs %u", rollout->number,
            wave + 1, count, rollout->limits.approvals);
}

/* ---- severe failures ---- */

static bool is_going(uint32_t state)
{
    return state >= CTL_ROLLOUT_STAGING && state <= CTL_ROLLOUT_SOAKING;
}

static bool is_back(uint32_t state)
{
    return state == CTL_ROLLOUT_ROLLING_BACK || state == CTL_ROLLOUT_ROLLED_BACK ||
           state == CTL_ROLLOUT_ROLLBACK_INCOMPLETE;
}

static void on_due(void *userdata, uint64_t argument)
{
    struct law_rollout *rollout = userdata;
    struct law_question *question = &rollout->rules.question;
    const bool goes_back = question->is_yes || rollout->limits.otherwise == CTL_OTHERWISE_ROLLBACK;
    const int64_t traffic_ms = law_traffic_ms(rollout);

    question->ticket = 0;
    if (!question->is_open || question->is_answered)
        return;
    if (!law_books.is_belayd_up || sim_now_ms() < question->due_ms + LAW_PROMISE_SLACK_MS) {
        question->ticket = sim_after(LOOK_AGAIN_MS, on_due, rollout, 0);
        return;
    }
    SIM_LAW(!goes_back || sim_now_ms() < question->due_ms + traffic_ms,
            "rollout %u: nobody answered until %" PRId64 " ms, and it does not go back",
            rollout->number, question->due_ms);
    SIM_LAW((rollout->told_holds & CTL_HOLD_ANSWER) == 0,
            "rollout %u: nobody answered until %" PRId64 " ms, and people are still asked",
            rollout->number, question->due_ms);
    if (goes_back && traffic_ms > 0) { /* what it waits for takes no longer than that */
        question->ticket =
            sim_at(question->due_ms + traffic_ms + LAW_PROMISE_SLACK_MS, on_due, rollout, 0);
        return;
    }
    question->is_open = false;
}

static void expect(struct law_rollout *rollout)
{
    struct law_question *question = &rollout->rules.question;

    sim_cancel(&question->ticket);
    if (rollout->limits.answer_ms > 0)
        question->ticket = sim_at(question->due_ms + LAW_PROMISE_SLACK_MS, on_due, rollout, 0);
}

void law_ask(struct law_rollout *rollout)
{
    struct law_question *question = &rollout->rules.question;
    const int64_t answer_ms = law_question_ms(rollout);

    if (question->is_open || (!is_going(rollout->state) && rollout->state != CTL_ROLLOUT_STOPPING))
        return;
    *question = (struct law_question){
        .is_open = true,
        .is_told_late = !law_books.is_belayd_up,
        .due_ms = sim_now_ms() + answer_ms,
        .until_wall_ms = sim_controller_wall_ms() + answer_ms,
    };
    expect(rollout);
}

bool law_may_go_back(const struct law_rollout *rollout)
{
    const struct law_question *question = &rollout->rules.question;

    if (law_gates_call_back(rollout))
        return true;

    return question->is_open && rollout->limits.otherwise == CTL_OTHERWISE_ROLLBACK &&
           (question->is_told_late || sim_now_ms() >= question->due_ms - LAW_TIMER_SLACK_MS);
}

/* By the clock of the life that begins; one that was set back gives the whole time once more. */
static void go_on(struct law_rollout *rollout)
{
    const int64_t wall_ms = sim_controller_wall_ms();
    struct law_question *question = &rollout->rules.question;
    int64_t left_ms = question->until_wall_ms - wall_ms;

    if (!question->is_open)
        return;
    left_ms = left_ms < 0 ? 0 : left_ms;
    if (left_ms > law_question_ms(rollout)) {
        left_ms = law_question_ms(rollout);
        question->until_wall_ms = wall_ms + left_ms;
    }
    question->due_ms = sim_now_ms() + left_ms;
    expect(rollout);
}

void law_rules_restart(void)
{
    for (uint32_t i = 0; i < law_books.rollouts_count; i++)
        go_on(law_books.rollouts[i]);
}

/* All of them, and at once: who is waited for while others go back is none of them. */
static void judge_all_go_back(const struct law_rollout *rollout)
{
    const uint32_t forward =
        LAW_HOST(RUNNING) | LAW_HOST(PROBATION) | LAW_HOST(COMMITTED) | LAW_HOST(READY);

    for (uint32_t i = 0; i < rollout->hosts_count; i++) {
        const struct law_member *member = &rollout->members[i];

        SIM_LAW((forward >> member->belief.state & 1) == 0,
                "rollout %u: goes back since nobody answered, and host %u is still %s",
                rollout->number, member->host, ctl_host_state_name(member->belief.state));
    }
}

/* Nobody is asked any more: by an answer, or by what the plan says without one. */
static void judge_decided(struct law_rollout *rollout, const struct ctl_rollout *told)
{
    struct law_question *question = &rollout->rules.question;
    const bool goes_back = rollout->limits.otherwise == CTL_OTHERWISE_ROLLBACK;

    if (!question->is_open || question->is_told_late || is_back(told->state))
        return;
    SIM_LAW(question->is_answered || sim_now_ms() >= question->due_ms - LAW_TIMER_SLACK_MS,
            "rollout %u: nobody is asked any more, and people had time to answer until %" PRId64
            " ms",
            rollout->number, question->due_ms);
    SIM_LAW(question->is_answered || !goes_back || law_traffic_ms(rollout) > 0,
            "rollout %u: nobody answered until %" PRId64 " ms, and it does not go back",
            rollout->number, question->due_ms);
    /* Another host may fail so from now on, unless all goes back as soon as the traffic is switched. */
    question->is_open =
        goes_back && (!question->is_answered || /* what was said may not have been heard */
                      sim_now_ms() >= question->due_ms - LAW_TIMER_SLACK_MS);
}

void law_judge_rules(struct law_rollout *rollout, const struct ctl_rollout *told)
{
    struct law_question *question = &rollout->rules.question;

    if (told->state == CTL_ROLLOUT_RUNNING || told->state == CTL_ROLLOUT_SOAKING)
        judge_wave(rollout, told->wave);
    law_judge_gates(rollout, told);
    law_judge_hooks(rollout, told);
    if ((rollout->told_holds & CTL_HOLD_ANSWER) != 0 && (told->holds & CTL_HOLD_ANSWER) == 0)
        judge_decided(rollout, told);
    if (is_back(told->state) && !is_back(rollout->state) && rollout->state != 0 &&
        !rollout->is_back_asked && rollout->waves_back_asked == 0) {
        SIM_LAW(law_may_go_back(rollout), "rollout %u: goes back, and nobody asked for that",
                rollout->number);
        rollout->is_back_asked = true;
        judge_all_go_back(rollout);
    }
    SIM_LAW(!question->is_open || question->is_answered || question->is_told_late ||
                told->state < CTL_ROLLOUT_COMPLETE || is_back(told->state) ||
                sim_now_ms() >= question->due_ms - LAW_TIMER_SLACK_MS,
            "rollout %u: is %s, and people had time to answer until %" PRId64 " ms",
            rollout->number, ctl_rollout_state_name(told->state), question->due_ms);
    if (told->state != CTL_ROLLOUT_STOPPING)
        question->is_open = false;
    rollout->told_holds = told->holds;
}

/* ---- what people say ---- */

void sim_law_word_asks(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                       const struct sim_law_word *word)
{
    struct law_rollout *rollout = law_find(rollout_id);

    law_settle();
    SIM_LAW(rollout != NULL, "somebody speaks of a rollout that nobody submitted");
    if (!word->is_good)
        return;
    if (word->about == PROTO_APPROVAL_WAVE)
        permit_wave(rollout, word);
    else
        rollout->rules.question.is_answered = true;
    if (word->about == PROTO_APPROVAL_ROLLBACK)
        rollout->is_back_asked = true;
    if (word->about == PROTO_APPROVAL_NO_ROLLBACK)
        rollout->rules.alarm.is_no_possible = true;
}

void sim_law_word_taken(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                        const struct sim_law_word *word)
{
    struct law_rollout *rollout = law_find(rollout_id);

    law_settle();
    SIM_LAW(rollout != NULL, "somebody speaks of a rollout that nobody submitted");
    SIM_LAW(word->is_good,
            "rollout %u: what person %u said of %s %u was taken, and they may not say that",
            rollout->number, word->person, word->about == PROTO_APPROVAL_WAVE ? "wave" : "failure",
            word->number);
    if (word->about != PROTO_APPROVAL_WAVE && rollout->rules.alarm.number == word->number)
        rollout->rules.alarm.answered_ms = sim_now_ms();
    if (word->about == PROTO_APPROVAL_ROLLBACK && law_traffic_ms(rollout) > 0 &&
        !is_back(rollout->state)) {
        rollout->rules.question = (struct law_question){
            .is_open = true,
            .is_yes = true,
            .due_ms = sim_now_ms(),
            .until_wall_ms = sim_controller_wall_ms(),
            .ticket = rollout->rules.question.ticket,
        };
        expect(rollout);
        return;
    }
    SIM_LAW(word->about != PROTO_APPROVAL_ROLLBACK || is_back(rollout->state),
            "rollout %u: people answered that it goes back, and it is %s", rollout->number,
            ctl_rollout_state_name(rollout->state));
}
