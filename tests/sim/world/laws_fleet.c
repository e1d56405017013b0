/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The laws of belayd: what may start and when, what may be sent, what may be believed, and that
 * promised times are kept. Beliefs of one transaction are told one by one, so what concerns several
 * hosts is judged when the first order after it leaves, or when the time moves on.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "tests/sim/world/book.h"

enum {
    LOOK_AGAIN_MS = 60 * 1000,
};

/* Hosts that belayd holds to be started and nobody has judged yet; all of one millisecond. */
static struct {
    struct law_member **members;
    uint32_t count, capacity;
    int64_t at_ms;
} starts;

static bool is_in(uint32_t state, uint32_t states)
{
    return (states >> state & 1) != 0;
}

/* ---- starts ---- */

/* What people said and what failed before this millisecond: true in any order of what is in it. */
static void judge_start_by_people(const struct law_member *member, int64_t at_ms)
{
    const struct law_rollout *rollout = member->rollout;

    SIM_LAW(rollout->is_valid, "host %u: started for rollout %u, which is not valid", member->host,
            rollout->number);
    SIM_LAW(rollout->paused_ms >= at_ms,
            "host %u: started for rollout %u at %" PRId64 " ms, paused since %" PRId64 " ms",
            member->host, rollout->number, at_ms, rollout->paused_ms);
    SIM_LAW(rollout->aborted_ms >= at_ms,
            "host %u: started for rollout %u at %" PRId64 " ms, aborted at %" PRId64 " ms",
            member->host, rollout->number, at_ms, rollout->aborted_ms);
    SIM_LAW(rollout->rolled_back_ms >= at_ms,
            "host %u: started for rollout %u at %" PRId64 " ms, rolled back at %" PRId64 " ms",
            member->host, rollout->number, at_ms, rollout->rolled_back_ms);
    SIM_LAW(rollout->severe_ms >= at_ms,
            "host %u: started for rollout %u though a host failed severely at %" PRId64 " ms",
            member->host, rollout->number, rollout->severe_ms);
}

/*
 * What failed in the same millisecond may have been told after the start, in the same turn of belayd:
 * it does not count.
 */
static void judge_start_by_failures(const struct law_member *member)
{
    const struct law_rollout *rollout = member->rollout;
    bool is_before = rollout->failed_ms != starts.at_ms;
    uint32_t failed_count = is_before ? rollout->failed_count : rollout->failed_before;

    SIM_LAW(failed_count <= rollout->limits.failures_allowed,
            "host %u: started for rollout %u though %u hosts failed and %u may", member->host,
            rollout->number, failed_count, rollout->limits.failures_allowed);
    for (uint32_t i = 0; i <= member->wave; i++) {
        const struct law_wave *wave = &rollout->waves[i];

        failed_count = is_before ? wave->failed_count : wave->failed_before;
        SIM_LAW(failed_count <= wave->failures_allowed,
                "host %u: started for rollout %u, wave %u, though %u hosts of wave %u failed and "
                "%u may",
                member->host, rollout->number, member->wave + 1, failed_count, i + 1,
                wave->failures_allowed);
    }
}

static void judge_start_by_waves(const struct law_member *member)
{
    const struct law_rollout *rollout = member->rollout;

    for (uint32_t i = 0; i < member->wave; i++) {
        const struct law_wave *wave = &rollout->waves[i];

        SIM_LAW(wave->open_count <= wave->tried_again_count || wave->opened_ms == starts.at_ms,
                "host %u: started for rollout %u, wave %u, while %u hosts of wave %u are under way",
                member->host, rollout->number, member->wave + 1, wave->open_count, i + 1);
        SIM_LAW(starts.at_ms - wave->ended_ms >= rollout->limits.soak_ms - LAW_TIMER_SLACK_MS,
                "host %u: started for rollout %u, wave %u, %" PRId64 " ms after the end of wave %u "
                "instead of %" PRId64,
                member->host, rollout->number, member->wave + 1, starts.at_ms - wave->ended_ms,
                i + 1, rollout->limits.soak_ms);
    }
}

/* Who is started by an order that somebody forged uses nothing. */
bool law_is_active(const struct law_member *member)
{
    const uint32_t active = LAW_HOST(RUNNING) | LAW_HOST(PROBATION) | LAW_HOST(REVERTING);

    return is_in(member->belief.state, active) && !member->belief.lost &&
           (member->orders_forged >> CTL_ROLLOUT_SEND_START & 1) == 0;
}

/* As the failures: what failed in this millisecond may have been told after the start. */
static void judge_start_by_budget(const struct law_member *started)
{
    const struct law_rollout *rollout = started->rollout;
    const uint32_t failed_count =
        rollout->failed_ms != starts.at_ms ? rollout->failed_count : rollout->failed_before;
    uint32_t active_count = 0;

    for (uint32_t i = 0; i < rollout->hosts_count; i++) {
        const struct law_member *member = &rollout->members[i];

        active_count += law_is_active(member) && !member->belief.failed ? 1 : 0;
    }
    SIM_LAW(
        rollout->limits.budget == 0 || active_count + failed_count <= rollout->limits.budget,
        "host %u: started for rollout %u: %u hosts are under way and %u failed, the budget is %u",
        started->host, rollout->number, active_count, failed_count, rollout->limits.budget);
    SIM_LAW(!rollout->limits.first_alone || rollout->is_proven || active_count <= 1,
            "host %u: started for rollout %u with %u hosts under way, and the first goes alone",
            started->host, rollout->number, active_count);
}

static void judge_starts(bool is_exact)
{
    for (uint32_t i = 0; i < starts.count; i++) {
        judge_start_by_people(starts.members[i], starts.at_ms);
        judge_start_by_failures(starts.members[i]);
        if (is_exact) {
            judge_start_by_budget(starts.members[i]);
            law_judge_start_by_spread(starts.members[i]);
            judge_start_by_waves(starts.members[i]);
        }
    }
    starts.count = 0;
}

static void add_start(struct law_member *member)
{
    if (starts.count == starts.capacity) {
        starts.capacity = 2 * starts.capacity + 64;
        starts.members = reallocarray(starts.members, starts.capacity, sizeof(struct law_member *));
        SIM_LAW(starts.members != NULL, "no memory for the books of the laws");
    }
    starts.members[starts.count++] = member;
    starts.at_ms = sim_now_ms();
    law_judge_start_by_clock(member);
}

void law_settle(void)
{
    if (starts.count > 0 && starts.at_ms != sim_now_ms())
        judge_starts(/* is_exact= */ false);
}

void law_fleet_open(void)
{
    starts.count = 0;
}

void law_fleet_close(void)
{
    free(starts.members);
    starts.members = NULL;
    starts.count = starts.capacity = 0;
}

/* ---- people ---- */

static struct law_rollout *must_find(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                                     const char *what)
{
    struct law_rollout *rollout = law_find(rollout_id);

    SIM_LAW(rollout != NULL, "%s of a rollout that nobody submitted", what);

    return rollout;
}

void sim_law_person_asks(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                         enum ctl_rollout_event_type order, uint32_t host, uint32_t wave)
{
    struct law_rollout *rollout = must_find(rollout_id, "a person's order");
    struct law_member *member;

    law_settle();
    if (order == CTL_ROLLOUT_RESUME) {
        rollout->paused_ms = SIM_NEVER;
        law_waive_gates(rollout);
    }
    if (order == CTL_ROLLOUT_ABORT)
        rollout->is_abort_asked = true;
    if (order != CTL_ROLLOUT_ROLLBACK)
        return;
    rollout->rules.alarm.is_ordered = true;
    if (host != CTL_ROLLOUT_ALL) {
        member = law_member_of(rollout, host);
        if (member != NULL)
            member->is_back_asked = true;
    } else if (wave != CTL_ROLLOUT_ALL) {
        rollout->waves_back_asked |=
            wave < CTL_ROLLOUT_WAVES_MAX ? UINT64_C(1) << wave : UINT64_C(0);
    } else {
        rollout->is_back_asked = true;
    }
}

void sim_law_person_ordered(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                            enum ctl_rollout_event_type order, uint32_t host, uint32_t wave)
{
    struct law_rollout *rollout = must_find(rollout_id, "a person's order");

    law_settle();
    if (order == CTL_ROLLOUT_PAUSE)
        rollout->paused_ms = sim_now_ms();
    if (order == CTL_ROLLOUT_ABORT && rollout->aborted_ms == SIM_NEVER)
        rollout->aborted_ms = sim_now_ms();
    if (order == CTL_ROLLOUT_ROLLBACK && host == CTL_ROLLOUT_ALL &&
        rollout->rolled_back_ms == SIM_NEVER)
        rollout->rolled_back_ms = sim_now_ms();
}

/* ---- what is sent ---- */

void sim_law_belayd(bool is_up)
{
    law_settle();
    law_hooks_life(is_up);
    law_books.is_belayd_up = is_up;
    if (is_up)
        law_books.belayd_up_ms = sim_now_ms();
    if (is_up)
        law_rules_restart();
}

void sim_law_order_sent(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], uint32_t host,
                        enum ctl_rollout_effect_type order)
{
    struct law_member *member = law_must_find(rollout_id, host, "an order was sent");
    const struct law_rollout *rollout = member->rollout;

    law_settle();
    SIM_LAW(!law_host(host)->is_revoked,
            "host %u: an order of rollout %u was sent, and it is revoked", host, rollout->number);
    if (order == CTL_ROLLOUT_SEND_START) {
        judge_starts(/* is_exact= */ true);
        SIM_LAW(member->belief.started,
                "host %u: START of rollout %u was sent before it was stored", host,
                rollout->number);
        /* Also one that is sent once more: nothing new starts is a word about every START. */
        judge_start_by_people(member, sim_now_ms());
        law_judge_start_by_clock(member);
        SIM_LAW(!member->belief.cancel_wanted,
                "host %u: START of rollout %u was sent, and it was called back", host,
                rollout->number);
    }
    SIM_LAW(order != CTL_ROLLOUT_SEND_REVERT || law_is_back_asked(member) ||
                member->belief.grade >= PROTO_GRADE_FUNCTIONAL,
            "host %u: REVERT of rollout %u was sent, and no person wanted it back", host,
            rollout->number);
    SIM_LAW(order != CTL_ROLLOUT_SEND_COMMIT || (member->said & LAW_JOB(PROBATION)) != 0,
            "host %u: COMMIT of rollout %u was sent, and it never was in probation", host,
            rollout->number);
    member->orders_sent |= UINT32_C(1) << order;
}

void sim_law_attempt_sent(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], uint32_t host,
                          uint32_t attempt)
{
    const struct law_rollout *rollout = law_find(rollout_id);
    struct law_member *member = rollout != NULL ? law_member_of(rollout, host) : NULL;

    if (member != NULL && member->attempts < attempt)
        member->attempts = attempt;
}

void sim_law_order_forged(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], uint32_t host,
                          enum ctl_rollout_effect_type order)
{
    const struct law_rollout *rollout = law_find(rollout_id);
    struct law_member *member = rollout != NULL ? law_member_of(rollout, host) : NULL;

    law_settle();
    if (member != NULL)
        member->orders_forged |= UINT32_C(1) << order;
}

/* ---- promises ---- */

static void watch_promise(struct law_member *member);

static void on_promise(void *userdata, uint64_t argument)
{
    struct law_member *member = userdata;
    int64_t now_ms = sim_now_ms();

    member->promise = 0;
    if (member->promise_ms == SIM_NEVER)
        return;
    /* belayd's waits begin anew when it does; while it is away, nobody counts. */
    if (!law_books.is_belayd_up) {
        member->promise = sim_after(LOOK_AGAIN_MS, on_promise, member, 0);
        return;
    }
    if (law_books.belayd_up_ms > member->promise_made_ms) {
        member->promise_made_ms = law_books.belayd_up_ms;
        member->promise_ms = law_books.belayd_up_ms + member->allowed_ms;
    }
    /*
     * "Could not go back", or "its way back is no longer kept", and "goes back after all" may have
     * been stored in one turn, of which only the end is seen: the promise was made anew in it.
     */
    if (member->late_backs != member->promised_backs) {
        member->promised_backs = member->late_backs;
        member->promise_ms = now_ms + member->allowed_ms;
        watch_promise(member);
        return;
    }
    SIM_LAW(now_ms < member->promise_ms + LAW_PROMISE_SLACK_MS,
            "host %u: still %s in rollout %u, %" PRId64 " ms after the time it was promised in",
            member->host, ctl_host_state_name(member->belief.state), member->rollout->number,
            now_ms - member->promise_ms);
    watch_promise(member);
}

/* One timer for each member: it looks again when the promise has moved meanwhile. */
static void watch_promise(struct law_member *member)
{
    if (member->promise == 0)
        member->promise = sim_at(member->promise_ms + LAW_PROMISE_SLACK_MS, on_promise, member, 0);
}

static void promise(struct law_member *member, int64_t allowed_ms)
{
    member->promise_made_ms = sim_now_ms();
    member->allowed_ms = allowed_ms;
    member->promise_ms = member->promise_made_ms + allowed_ms;
    watch_promise(member);
}

static void renew_promise(struct law_member *member, const struct ctl_rollout_host *former)
{
    const struct ctl_rollout_limits *limits = &member->rollout->limits;
    const struct ctl_rollout_host *belief = &member->belief;
    bool is_unready = is_in(belief->state, LAW_HOST(WAITING) | LAW_HOST(STAGING));
    bool is_back_new =
        belief->state == CTL_HOST_REVERTING &&
        (former->state != CTL_HOST_REVERTING || (belief->revert_wanted && !former->revert_wanted));

    /* Nobody waits for a host whose START is held back until that may be sent once more. */
    if (ctl_host_state_is_final(belief->state) || belief->state == CTL_HOST_READY ||
        belief->start_owed) {
        member->promise_ms = SIM_NEVER;
    } else if (is_back_new) {
        promise(member, limits->revert_ms);
    } else if ((belief->started && !former->started) || former->start_owed) {
        promise(member, limits->job_ms);
    } else if (member->promise_ms == SIM_NEVER) {
        promise(member, is_unready ? limits->stage_ms : limits->job_ms);
    }
}

/* ---- beliefs ---- */

/* What a host must have said, by its disk, before this may be believed of it. */
static uint32_t needed_for(uint32_t state, bool is_started)
{
    const uint32_t begun = LAW_JOB(ISOLATING) | LAW_JOB(CHANGING) | LAW_JOB(VERIFYING) |
                           LAW_JOB(PROBATION) | LAW_JOB(COMMITTED) | LAW_JOB(REVERTING) |
                           LAW_JOB(REVERTED) | LAW_JOB(REVERT_FAILED);

    switch ((enum ctl_host_state)state) {
    case CTL_HOST_STAGING:
        return UINT32_MAX;
    case CTL_HOST_READY:
        return LAW_JOB(READY) | begun;
    case CTL_HOST_PROBATION:
        return LAW_JOB(PROBATION);
    case CTL_HOST_COMMITTED:
        return LAW_JOB(COMMITTED);
    case CTL_HOST_REVERTED:
        return LAW_JOB(REVERTED);
    case CTL_HOST_BLOCKED:
        return LAW_JOB(BLOCKED);
    case CTL_HOST_RUNNING:
        return is_started ? 0 : begun;
    case CTL_HOST_WAITING:
    case CTL_HOST_REVERTING:
    case CTL_HOST_REVERT_FAILED:
    case CTL_HOST_REFUSED:
    case CTL_HOST_CANCELLED:
    case CTL_HOST_LOST:
        break;
    }

    return 0;
}

static void judge_belief(const struct law_member *member, const struct ctl_rollout_host *belief)
{
    const char *name = ctl_host_state_name(belief->state);
    uint32_t needed = needed_for(belief->state, belief->started);
    uint32_t bad = LAW_HOST(REFUSED) | LAW_HOST(BLOCKED) | LAW_HOST(REVERT_FAILED) | LAW_HOST(LOST);
    uint32_t back = LAW_HOST(REVERTING) | LAW_HOST(REVERTED);
    uint32_t all = member->believed | UINT32_C(1) << belief->state;

    SIM_LAW(
        needed == 0 || (member->said & needed) != 0,
        "host %u: believed to be %s in rollout %u, better than what it is: its disk never said so",
        member->host, name, member->rollout->number);
    SIM_LAW(belief->failed || !is_in(belief->state, bad),
            "host %u: is %s in rollout %u and does not count as failed", member->host, name,
            member->rollout->number);
    /* Called back before its change it gives back what it switched off, and is cancelled then. */
    SIM_LAW(belief->failed || !is_in(belief->state, back) || law_is_back_asked(member) ||
                (belief->state == CTL_HOST_REVERTING && belief->cancel_wanted),
            "host %u: is %s in rollout %u, nobody wanted that, and it does not count as failed",
            member->host, name, member->rollout->number);
    SIM_LAW(belief->failed || !member->belief.failed,
            "host %u: failed in rollout %u, and that was taken back (%s)", member->host,
            member->rollout->number, name);
    SIM_LAW(belief->grade >= member->belief.grade,
            "host %u: the grade of what was found in rollout %u was %s, and is %s now",
            member->host, member->rollout->number, proto_grade_name(member->belief.grade),
            proto_grade_name(belief->grade));
    /* Nobody knows any more what became of a change on a disk that was replaced, or of two at once. */
    SIM_LAW(!belief->failed || (all & (bad | back | LAW_HOST(CANCELLED))) != 0 ||
                belief->grade >= PROTO_GRADE_FUNCTIONAL || law_is_back_asked(member) ||
                member->is_disk_replaced || law_host(member->host)->was_cloned,
            "host %u: counts as failed in rollout %u and never was anything bad (%s)", member->host,
            member->rollout->number, name);
    SIM_LAW(
        !member->is_severe || member->is_disk_replaced || law_host(member->host)->was_cloned ||
            belief->grade >= PROTO_GRADE_SEVERE || belief->job_state != PROTO_JOB_REVERTED,
        "host %u: went back in rollout %u for what the plan holds to be severe, and counts as %s",
        member->host, member->rollout->number, proto_grade_name(belief->grade));
    SIM_LAW(!belief->lost || belief->failed,
            "host %u: was lost in rollout %u and does not count as failed", member->host,
            member->rollout->number);
}

static void count_failure(struct law_rollout *rollout, struct law_wave *wave)
{
    if (rollout->failed_ms != sim_now_ms()) {
        rollout->failed_ms = sim_now_ms();
        rollout->failed_before = rollout->failed_count;
        for (uint32_t i = 0; i < rollout->waves_count; i++)
            rollout->waves[i].failed_before = rollout->waves[i].failed_count;
    }
    rollout->failed_count++;
    wave->failed_count++;
}

static bool is_waited_for(const struct ctl_rollout_host *belief)
{
    return !ctl_host_state_is_final(belief->state) && !belief->lost;
}

/* It committed and was found bad in one turn, of which only the end is seen: it had ended in between. */
static bool had_ended(const struct law_member *member, const struct ctl_rollout_host *former)
{
    return is_waited_for(former) && member->belief.state == CTL_HOST_REVERTING &&
           (member->said & LAW_JOB(COMMITTED)) != 0 &&
           (member->believed & LAW_HOST(COMMITTED)) == 0;
}

static void count(struct law_member *member, const struct ctl_rollout_host *former)
{
    struct law_rollout *rollout = member->rollout;
    struct law_wave *wave = &rollout->waves[member->wave];
    const struct ctl_rollout_host *belief = &member->belief;

    if (belief->failed && !former->failed)
        count_failure(rollout, wave);
    if (belief->failed && belief->grade >= PROTO_GRADE_SEVERE && rollout->severe_ms == SIM_NEVER)
        rollout->severe_ms = sim_now_ms();
    law_books.open_count -= member->is_ended ? 0 : 1;
    member->is_ended = ctl_host_state_is_final(belief->state);
    law_books.open_count += member->is_ended ? 0 : 1;
    if (wave->open_count == 0)
        wave->opened_ms = sim_now_ms();
    wave->open_count -= is_waited_for(former) ? 1 : 0;
    wave->open_count += is_waited_for(belief) ? 1 : 0;
    /* A host that is taken back in the soak is waited for, but begins no soak anew. */
    if (wave->open_count <= wave->tried_again_count + (had_ended(member, former) ? 1 : 0) &&
        wave->ended_ms == SIM_NEVER)
        wave->ended_ms = sim_now_ms();
}

static bool is_severe(const struct ctl_rollout_host *belief)
{
    return belief->failed && belief->grade >= PROTO_GRADE_SEVERE;
}

void sim_law_believed(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES], uint32_t host,
                      const struct ctl_rollout_host *belief)
{
    struct law_member *member = law_must_find(rollout_id, host, "belayd believes something");
    const struct ctl_rollout_host former = member->belief;

    law_settle();
    SIM_LAW(belief->wave == member->wave, "host %u: in wave %u of rollout %u instead of wave %u",
            host, belief->wave + 1, member->rollout->number, member->wave + 1);
    judge_belief(member, belief);
    if (is_severe(belief) && !is_severe(&former))
        law_ask(member->rollout);
    member->belief = *belief;
    member->believed |= UINT32_C(1) << belief->state;
    if (belief->state == CTL_HOST_COMMITTED)
        member->rollout->is_proven = true;
    count(member, &former);
    renew_promise(member, &former);
    if (belief->started && !former.started)
        add_start(member);
}

static void judge_end(const struct law_rollout *rollout, const struct ctl_rollout *told,
                      bool is_first)
{
    bool is_now = rollout->failed_ms != sim_now_ms();
    uint32_t failed_count = is_now ? rollout->failed_count : rollout->failed_before;

    SIM_LAW(!is_first || told->state != CTL_ROLLOUT_COMPLETE ||
                failed_count <= rollout->limits.failures_allowed,
            "rollout %u: complete though %u hosts failed and %u may", rollout->number, failed_count,
            rollout->limits.failures_allowed);
    SIM_LAW(told->state != CTL_ROLLOUT_ABORTED || rollout->is_abort_asked,
            "rollout %u: ended as aborted, and no person wanted that", rollout->number);
}

void sim_law_rollout_state(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                           const struct ctl_rollout *told)
{
    struct law_rollout *rollout = must_find(rollout_id, "belayd holds a state");
    bool was_final = rollout->state >= CTL_ROLLOUT_COMPLETE;

    law_settle();
    SIM_LAW(told->host_count == rollout->hosts_count && told->wave_count == rollout->waves_count,
            "rollout %u: has %u hosts in %u waves instead of %u in %u", rollout->number,
            told->host_count, told->wave_count, rollout->hosts_count, rollout->waves_count);
    SIM_LAW(told->code[0] != '\0', "rollout %u: is %s without a cause", rollout->number,
            ctl_rollout_state_name(told->state));
    law_judge_rules(rollout, told);
    rollout->state = told->state;
    rollout->told_failed_count = told->failed_count;
    if (ctl_rollout_is_final(told))
        judge_end(rollout, told, /* is_first= */ !was_final);
}
