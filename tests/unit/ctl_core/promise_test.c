/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/core/promise.h"

#include <string.h>

#include "tests/lib/unit.h"

enum {
    HOSTS = 3,
    SECOND = 1000,
    MINUTE = 60 * SECOND,
};

/* A rollout of three hosts in one wave, by a wall clock that tests move. */
struct watched {
    struct ctl_rollout rollout;
    struct ctl_rollout_host hosts[HOSTS];
    struct ctl_promises promises;
    struct ctl_promise_host kept[HOSTS];
    struct ctl_rollout_effect list[4 + 4 * HOSTS];
    int64_t now_ms, skew_ms;
    uint64_t boot;
};

static void begin(struct watched *w, int64_t answer_ms)
{
    static const int64_t allowed_ms[CTL_PROMISE_COUNT] = {10 * MINUTE, 3 * MINUTE, 20 * MINUTE};
    const struct ctl_rollout_limits limits = {.stage_ms = 60 * MINUTE,
                                              .job_ms = 60 * MINUTE,
                                              .revert_ms = 60 * MINUTE,
                                              .failures_allowed = HOSTS,
                                              .answer_ms = answer_ms,
                                              .otherwise = CTL_OTHERWISE_ROLLBACK};
    const struct ctl_rollout_wave wave = {.host_count = HOSTS, .failures_allowed = HOSTS};

    memset(w, 0, sizeof(*w));
    w->now_ms = 1000 * MINUTE;
    ctl_rollout_init(&w->rollout, &limits, &wave, 1, w->hosts, HOSTS);
    ctl_promises_init(&w->promises, allowed_ms, w->kept, HOSTS);
}

static void step(struct watched *w, struct ctl_rollout_event event)
{
    struct ctl_rollout_effects effects = {.capacity = 4 + 4 * HOSTS, .list = w->list};

    event.now = (struct bl_mono){w->now_ms};
    event.wall = (struct bl_wall){w->now_ms + w->skew_ms};
    event.boot = w->boot;
    ctl_rollout_step(&w->rollout, &event, &effects);
    if (effects.changed)
        ctl_promises_note(&w->promises, &w->rollout, &event, &effects);
}

static void say(struct watched *w, uint32_t host, uint32_t job_state, uint32_t grade)
{
    step(w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_HOST_REPORT,
                                       .host = host,
                                       .job_state = job_state,
                                       .grade = grade,
                                       .nonce = job_state == PROTO_JOB_PROBATION ? 7 : 0});
}

static void start_all(struct watched *w)
{
    step(w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_SUBMIT, .host = CTL_ROLLOUT_ALL});
    for (uint32_t i = 0; i < HOSTS; i++)
        say(w, i, PROTO_JOB_READY, 0);
}

/* Two hosts are good, and the third turns back with the worst grade. */
static void fail_severely(struct watched *w)
{
    say(w, 0, PROTO_JOB_COMMITTED, 0);
    say(w, 1, PROTO_JOB_COMMITTED, 0);
    say(w, 2, PROTO_JOB_REVERTING, PROTO_GRADE_SEVERE);
}

static struct ctl_moment moment(const struct watched *w)
{
    return (struct ctl_moment){{w->now_ms}, {w->now_ms + w->skew_ms}, w->boot};
}

static int64_t used_ms(const struct watched *w, enum ctl_promise promise)
{
    const struct ctl_moment now = moment(w);

    return ctl_promise_used_ms(&w->promises, &w->rollout, promise, &now);
}

static void assert_state(const struct watched *w, enum ctl_promise promise, const char *wanted)
{
    const struct ctl_moment now = moment(w);

    assert_string_equal(
        ctl_promise_state_name(ctl_promise_state(&w->promises, &w->rollout, promise, &now)),
        wanted);
}

/* The way back ran for ten minutes from here, after all that is allowed before it begins. */
static void assert_restored_in_time(struct watched *w)
{
    assert_int_equal(w->rollout.state, CTL_ROLLOUT_ROLLING_BACK);
    w->now_ms += 10 * MINUTE;
    assert_int_equal(used_ms(w, CTL_PROMISE_ROLLBACK_STARTS), 2 * MINUTE);
    for (uint32_t i = 0; i < HOSTS; i++)
        say(w, i, PROTO_JOB_REVERTED, 0);
    assert_int_equal(used_ms(w, CTL_PROMISE_RESTORED), 12 * MINUTE);
}

static void downtime_ends_when_the_host_serves(void **state)
{
    struct watched w;

    begin(&w, 0);
    assert_state(&w, CTL_PROMISE_DOWNTIME, "idle");
    start_all(&w);
    assert_state(&w, CTL_PROMISE_DOWNTIME, "running");
    w.now_ms += 2 * MINUTE;
    say(&w, 0, PROTO_JOB_PROBATION, 0);
    w.now_ms += 2 * MINUTE;
    say(&w, 1, PROTO_JOB_PROBATION, 0);
    assert_int_equal(used_ms(&w, CTL_PROMISE_DOWNTIME), 4 * MINUTE); /* by the worst, which is 2 */
    w.now_ms += MINUTE;
    say(&w, 2, PROTO_JOB_PROBATION, 0);
    w.now_ms += 60 * MINUTE; /* they serve: nothing runs */
    assert_int_equal(used_ms(&w, CTL_PROMISE_DOWNTIME), 5 * MINUTE);
    for (uint32_t i = 0; i < HOSTS; i++)
        say(&w, i, PROTO_JOB_COMMITTED, 0);
    assert_int_equal(w.rollout.state, CTL_ROLLOUT_COMPLETE);
    assert_state(&w, CTL_PROMISE_DOWNTIME, "kept");
    assert_state(&w, CTL_PROMISE_ROLLBACK_STARTS, "idle");
    assert_state(&w, CTL_PROMISE_RESTORED, "idle");
}

static void both_ways_of_one_host_add_up(void **state)
{
    struct watched w;

    begin(&w, 0);
    start_all(&w);
    w.now_ms += 4 * MINUTE;
    for (uint32_t i = 0; i < HOSTS; i++)
        say(&w, i, PROTO_JOB_PROBATION, 0);
    w.now_ms += 30 * MINUTE;
    say(&w, 0, PROTO_JOB_REVERTING, PROTO_GRADE_FUNCTIONAL);
    assert_state(&w, CTL_PROMISE_DOWNTIME, "running");
    w.now_ms += 4 * MINUTE;
    assert_state(&w, CTL_PROMISE_DOWNTIME, "warning"); /* 8 of 10 minutes, and it runs */
    say(&w, 0, PROTO_JOB_REVERTED, 0);
    assert_int_equal(used_ms(&w, CTL_PROMISE_DOWNTIME), 8 * MINUTE);
    assert_state(&w, CTL_PROMISE_DOWNTIME, "running"); /* may still run again */
    /* Who turns back by itself has begun in no time. */
    assert_int_equal(used_ms(&w, CTL_PROMISE_ROLLBACK_STARTS), 0);
    assert_int_equal(used_ms(&w, CTL_PROMISE_RESTORED), 4 * MINUTE);
}

static void what_is_unknown_counts_against_it(void **state)
{
    struct watched w;

    begin(&w, 0);
    start_all(&w);
    say(&w, 0, PROTO_JOB_COMMITTED, 0);
    say(&w, 1, PROTO_JOB_COMMITTED, 0);
    w.now_ms += 60 * MINUTE;
    step(&w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_TIME, .host = CTL_ROLLOUT_ALL});
    assert_int_equal(w.hosts[2].state, CTL_HOST_LOST);
    assert_int_equal(w.rollout.state, CTL_ROLLOUT_COMPLETE); /* within what is allowed */
    assert_state(&w, CTL_PROMISE_DOWNTIME, "missed");
    assert_state(&w, CTL_PROMISE_RESTORED, "running");
    w.now_ms += 4 * MINUTE;
    assert_state(&w, CTL_PROMISE_ROLLBACK_STARTS, "missed"); /* nobody took it back */
    say(&w, 2, PROTO_JOB_REVERTED, 0);
    assert_state(&w, CTL_PROMISE_RESTORED, "kept");
    w.now_ms += 60 * MINUTE; /* and what was missed stays so */
    assert_state(&w, CTL_PROMISE_ROLLBACK_STARTS, "missed");
}

static void whose_disk_went_back_is_down_until_it_tells(void **state)
{
    struct watched w;

    begin(&w, 0);
    start_all(&w);
    for (uint32_t i = 0; i < HOSTS; i++)
        say(&w, i, PROTO_JOB_COMMITTED, 0);
    step(&w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_HOST_WENT_BACK, .host = 1});
    assert_int_equal(w.hosts[1].state, CTL_HOST_LOST);
    w.now_ms += 11 * MINUTE;
    assert_state(&w, CTL_PROMISE_DOWNTIME, "missed");
}

static void a_question_uses_up_the_time_to_begin(void **state)
{
    struct watched w;

    begin(&w, 2 * MINUTE);
    start_all(&w);
    fail_severely(&w);
    assert_true(w.rollout.alarm.is_open);
    w.now_ms += MINUTE;
    /* belayd is started again, on another boot: the wall clock goes on. */
    w.skew_ms = w.now_ms - 5 * MINUTE;
    w.now_ms = 5 * MINUTE;
    w.boot++;
    step(&w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_RESTART, .host = CTL_ROLLOUT_ALL});
    assert_int_equal(used_ms(&w, CTL_PROMISE_ROLLBACK_STARTS), MINUTE);
    w.now_ms += MINUTE;
    step(&w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_TIME, .host = CTL_ROLLOUT_ALL});
    assert_restored_in_time(&w);
    assert_state(&w, CTL_PROMISE_ROLLBACK_STARTS, "kept");
    assert_state(&w, CTL_PROMISE_RESTORED, "kept");
}

static void a_wait_for_the_traffic_uses_it_up_too(void **state)
{
    struct watched w;

    begin(&w, 2 * MINUTE);
    w.rollout.limits.hooks = UINT32_C(1) << CTL_HOOK_TRAFFIC;
    w.rollout.limits.traffic_ms = MINUTE;
    start_all(&w);
    fail_severely(&w);
    say(&w, 2, PROTO_JOB_REVERTED, 0);
    w.now_ms += MINUTE;
    step(&w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_TIME, .host = CTL_ROLLOUT_ALL});
    assert_true(w.rollout.alarm.waits);
    w.now_ms += MINUTE;
    step(&w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_TIME, .host = CTL_ROLLOUT_ALL});
    assert_restored_in_time(&w);
}

/* What is missed stays missed, and what is kept is not missed, however the wall clock is set. */
static void a_clock_that_is_set_changes_nothing(void **state)
{
    static const int64_t skews_ms[] = {-60 * MINUTE, 60 * MINUTE};

    for (size_t i = 0; i < sizeof(skews_ms) / sizeof(skews_ms[0]); i++) {
        struct watched w;

        begin(&w, 0);
        start_all(&w);
        w.now_ms += MINUTE;
        w.skew_ms = skews_ms[i];
        assert_int_equal(used_ms(&w, CTL_PROMISE_DOWNTIME), MINUTE);
        for (uint32_t k = 0; k < HOSTS; k++)
            say(&w, k, PROTO_JOB_PROBATION, 0);
        assert_int_equal(used_ms(&w, CTL_PROMISE_DOWNTIME), MINUTE);
        say(&w, 0, PROTO_JOB_REVERTING, PROTO_GRADE_FUNCTIONAL);
        w.now_ms += 10 * MINUTE;
        w.skew_ms = 0;
        say(&w, 0, PROTO_JOB_REVERTED, 0);
        assert_int_equal(used_ms(&w, CTL_PROMISE_DOWNTIME), 11 * MINUTE);
        assert_state(&w, CTL_PROMISE_DOWNTIME, "missed");
    }
}

/* belayd alone is started again: the clock of the boot still tells the time. */
static void a_clock_that_is_set_while_belayd_is_down_changes_nothing(void **state)
{
    struct watched w;

    begin(&w, 0);
    start_all(&w);
    w.now_ms += MINUTE;
    w.skew_ms = 600 * MINUTE;
    step(&w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_RESTART, .host = CTL_ROLLOUT_ALL});
    assert_int_equal(used_ms(&w, CTL_PROMISE_DOWNTIME), MINUTE);
    w.now_ms += MINUTE;
    /* The machine boots: now there is only the wall clock, as it was set. */
    w.skew_ms += w.now_ms - 7;
    w.now_ms = 7;
    w.boot++;
    assert_int_equal(used_ms(&w, CTL_PROMISE_DOWNTIME), 2 * MINUTE);
    step(&w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_RESTART, .host = CTL_ROLLOUT_ALL});
    assert_int_equal(used_ms(&w, CTL_PROMISE_DOWNTIME), 2 * MINUTE);
    w.now_ms += MINUTE;
    assert_int_equal(used_ms(&w, CTL_PROMISE_DOWNTIME), 3 * MINUTE);
}

/* The count-down of a severe failure, too; what is kept for the next boot is set with the clock. */
static void a_clock_that_is_set_gives_people_the_same_time(void **state)
{
    static const int64_t skews_ms[] = {-60 * MINUTE, 60 * MINUTE};

    for (size_t i = 0; i < sizeof(skews_ms) / sizeof(skews_ms[0]); i++) {
        struct watched w;

        begin(&w, 10 * MINUTE);
        start_all(&w);
        say(&w, 2, PROTO_JOB_REVERTING, PROTO_GRADE_SEVERE);
        w.now_ms += MINUTE;
        w.skew_ms = skews_ms[i];
        step(&w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_TIME, .host = CTL_ROLLOUT_ALL});
        step(&w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_RESTART, .host = CTL_ROLLOUT_ALL});
        assert_true(w.rollout.alarm.is_open);
        assert_int_equal(w.rollout.alarm.deadline.ms, w.now_ms + 9 * MINUTE);
        w.now_ms += MINUTE;
        w.skew_ms += w.now_ms - 7;
        w.now_ms = 7;
        w.boot++;
        step(&w, (struct ctl_rollout_event){.type = CTL_ROLLOUT_RESTART, .host = CTL_ROLLOUT_ALL});
        assert_int_equal(w.rollout.alarm.deadline.ms, w.now_ms + 8 * MINUTE);
    }
}

/* An ended rollout hears of no RESTART: what it was to be waked at is an instant of the boot before. */
static void an_order_in_another_boot_is_waked_for_anew(void **state)
{
    struct ctl_rollout_effects effects = {.capacity = 4 + 4 * HOSTS};
    struct ctl_rollout_event back = {.type = CTL_ROLLOUT_ROLLBACK, .boot = 1};
    struct watched w;
    bool is_waked = false;

    begin(&w, 0);
    start_all(&w);
    for (uint32_t i = 0; i < HOSTS; i++) {
        say(&w, i, PROTO_JOB_PROBATION, 0);
        say(&w, i, PROTO_JOB_COMMITTED, 0);
    }
    /* One that is good for less than a way back may take. */
    w.rollout.approvals[0] = (struct ctl_approval){1, 7, {w.now_ms + 30 * MINUTE}};
    w.rollout.approvals_count = 1;
    back.now.ms = 7;
    back.wall.ms = w.now_ms;
    effects.list = w.list;
    ctl_rollout_step(&w.rollout, &back, &effects);
    for (uint32_t i = 0; i < effects.count; i++)
        is_waked = is_waked || effects.list[i].type == CTL_ROLLOUT_WAKE;
    assert_int_equal(w.hosts[0].state, CTL_HOST_REVERTING);
    assert_true(is_waked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(downtime_ends_when_the_host_serves),
        cmocka_unit_test(both_ways_of_one_host_add_up),
        cmocka_unit_test(what_is_unknown_counts_against_it),
        cmocka_unit_test(whose_disk_went_back_is_down_until_it_tells),
        cmocka_unit_test(a_question_uses_up_the_time_to_begin),
        cmocka_unit_test(a_wait_for_the_traffic_uses_it_up_too),
        cmocka_unit_test(a_clock_that_is_set_changes_nothing),
        cmocka_unit_test(a_clock_that_is_set_while_belayd_is_down_changes_nothing),
        cmocka_unit_test(a_clock_that_is_set_gives_people_the_same_time),
        cmocka_unit_test(an_order_in_another_boot_is_waked_for_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
