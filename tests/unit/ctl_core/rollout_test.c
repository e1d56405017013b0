/* SPDX-License-Identifier: Apache-2.0 */
/* Edges of the rollout machine that no story tells: what is stored, size, nonsense. */
#include "controller/core/rollout.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

enum {
    SMALL = 3,
    EFFECTS_MAX = 4 + 3 * CTL_ROLLOUT_HOSTS_MAX
};

static struct ctl_rollout rollout;
static struct ctl_rollout_host hosts[CTL_ROLLOUT_HOSTS_MAX];
static struct ctl_rollout_effect list[EFFECTS_MAX];
static struct ctl_rollout_effects effects;

/* Returns whether it is to be stored. */
static bool give(int64_t now_ms, struct ctl_rollout_event event)
{
    event.now.ms = now_ms;
    effects = (struct ctl_rollout_effects){.capacity = 4 + 3 * rollout.host_count, .list = list};
    ctl_rollout_step(&rollout, &event, &effects);
    ctl_rollout_check(&rollout);

    return effects.changed;
}

static bool say(int64_t now_ms, uint32_t host, enum proto_job_state job_state)
{
    return give(now_ms, (struct ctl_rollout_event){.type = CTL_ROLLOUT_HOST_REPORT,
                                                   .host = host,
                                                   .job_state = job_state,
                                                   .nonce = 9});
}

static void order(int64_t now_ms, enum ctl_rollout_event_type type)
{
    (void)give(now_ms, (struct ctl_rollout_event){
                           .type = type, .host = CTL_ROLLOUT_ALL, .wave = CTL_ROLLOUT_ALL});
}

static void begin(uint32_t first, uint32_t second, uint32_t allowed_in_all)
{
    const struct ctl_rollout_limits limits = {
        .stage_ms = 1000, .job_ms = 5000, .revert_ms = 2000, .failures_allowed = allowed_in_all};
    const struct ctl_rollout_wave waves[] = {{.host_count = first, .failures_allowed = 1},
                                             {.host_count = second, .failures_allowed = 1}};

    for (uint32_t i = 0; i < first + second; i++)
        hosts[i] = (struct ctl_rollout_host){.wave = i < first ? 0 : 1, .state = 99};
    ctl_rollout_init(&rollout, &limits, waves, 2, hosts, first + second);
    order(1, CTL_ROLLOUT_SUBMIT);
}

static void only_what_changed_is_stored(void **state)
{
    begin(2, 1, 1);
    assert_false(give(2, (struct ctl_rollout_event){.type = CTL_ROLLOUT_HOST_SEEN, .host = 0}));
    assert_int_equal(effects.count, 1);
    assert_false(give(3, (struct ctl_rollout_event){.type = CTL_ROLLOUT_TIME}));
    assert_true(say(4, 0, PROTO_JOB_READY));
    assert_false(say(4, 0, PROTO_JOB_READY));
    assert_true(say(5, 1, PROTO_JOB_READY));
    assert_true(say(6, 0, PROTO_JOB_PROBATION));
    assert_int_equal(effects.list[effects.count - 1].type, CTL_ROLLOUT_SEND_COMMIT);
    assert_false(say(7, 0, PROTO_JOB_PROBATION));
    assert_int_equal(effects.count, 1); /* COMMIT again */
    assert_int_equal(effects.list[0].nonce, 9);
    assert_true(give(8, (struct ctl_rollout_event){.type = CTL_ROLLOUT_RESTART}));
}

static void an_end_is_an_end(void **state)
{
    begin(2, 1, 3);
    (void)say(2, 0, PROTO_JOB_READY);
    (void)say(2, 1, PROTO_JOB_READY);
    (void)say(3, 0, PROTO_JOB_REVERTED);
    (void)say(4, 0, PROTO_JOB_COMMITTED);
    assert_int_equal(hosts[0].state, CTL_HOST_REVERTED);
    assert_true(hosts[0].failed);
    assert_int_equal(rollout.state, CTL_ROLLOUT_RUNNING);
}

static void a_host_that_cancels_by_itself_has_failed(void **state)
{
    begin(2, 1, 3);
    (void)say(2, 0, PROTO_JOB_CANCELLED);
    assert_true(hosts[0].failed);
    (void)say(2, 1, PROTO_JOB_CANCELLED);
    assert_int_equal(rollout.state, CTL_ROLLOUT_HALTED);
    assert_string_equal(rollout.reason, "wave 1 of 2: 2 of 2 hosts failed, 1 allowed");
    assert_int_equal(hosts[2].state, CTL_HOST_CANCELLED);
    assert_false(hosts[2].failed);
}

static void later_waves_count_in_the_sum(void **state)
{
    begin(1, 2, 0);
    (void)say(2, 2, PROTO_JOB_BLOCKED);
    assert_int_equal(rollout.state, CTL_ROLLOUT_HALTED);
    assert_string_equal(rollout.code, "rollout_failures");
    assert_string_equal(rollout.reason, "all waves: 1 of 3 hosts failed, 0 allowed");
}

static void out_of_range_scopes_are_ignored(void **state)
{
    begin(2, 1, 1);
    assert_false(give(2, (struct ctl_rollout_event){.type = CTL_ROLLOUT_ROLLBACK,
                                                    .host = SMALL,
                                                    .wave = CTL_ROLLOUT_ALL}));
    assert_false(give(2, (struct ctl_rollout_event){
                             .type = CTL_ROLLOUT_ROLLBACK, .host = CTL_ROLLOUT_ALL, .wave = 2}));
    assert_int_equal(effects.count, 0);
}

static void nobody_started_is_rolled_back_at_once(void **state)
{
    begin(2, 1, 1);
    order(2, CTL_ROLLOUT_ROLLBACK);
    assert_int_equal(rollout.state, CTL_ROLLOUT_ROLLED_BACK);
    assert_int_equal(ctl_rollout_exit_code(&rollout), 5);
    for (uint32_t i = 0; i < SMALL; i++)
        assert_int_equal(hosts[i].state, CTL_HOST_CANCELLED);
}

/* A host that seemed untouched turns out to run: the store was older than the world. */
static void a_rollback_finds_whom_nobody_knew_of(void **state)
{
    begin(2, 1, 1);
    order(2, CTL_ROLLOUT_ROLLBACK);
    (void)say(3, 0, PROTO_JOB_PROBATION);
    assert_int_equal(rollout.state, CTL_ROLLOUT_ROLLBACK_INCOMPLETE);
    assert_int_equal(hosts[0].state, CTL_HOST_REVERTING);
    (void)say(4, 0, PROTO_JOB_REVERTED);
    assert_int_equal(rollout.state, CTL_ROLLOUT_ROLLED_BACK);
}

/* Asked once more, who could not go back is ordered anew; the same order again is a double. */
static void a_rollback_that_was_incomplete_is_tried_again(void **state)
{
    begin(1, 1, 1);
    (void)say(2, 0, PROTO_JOB_READY);
    (void)say(3, 0, PROTO_JOB_PROBATION);
    (void)say(4, 0, PROTO_JOB_COMMITTED);
    order(5, CTL_ROLLOUT_ROLLBACK);
    assert_int_equal(hosts[0].state, CTL_HOST_REVERTING);
    (void)say(6, 0, PROTO_JOB_REVERT_FAILED);
    assert_int_equal(rollout.state, CTL_ROLLOUT_ROLLBACK_INCOMPLETE);

    for (uint32_t again = 0; again < 2; again++) {
        bool is_sent = false;

        order(7, CTL_ROLLOUT_ROLLBACK);
        assert_int_equal(rollout.state, CTL_ROLLOUT_ROLLING_BACK);
        assert_int_equal(hosts[0].state, CTL_HOST_REVERTING);
        for (uint32_t i = 0; i < effects.count; i++) {
            is_sent = is_sent || (effects.list[i].type == CTL_ROLLOUT_SEND_REVERT &&
                                  effects.list[i].attempt == 2);
        }
        assert_true(is_sent);
    }
    (void)say(8, 0, PROTO_JOB_REVERTING);
    (void)say(9, 0, PROTO_JOB_REVERTED);
    assert_int_equal(rollout.state, CTL_ROLLOUT_ROLLED_BACK);
}

static void go_back(int64_t now_ms, uint32_t host)
{
    assert_true(
        give(now_ms, (struct ctl_rollout_event){.type = CTL_ROLLOUT_HOST_WENT_BACK, .host = host}));
}

/* Who was started is lost until it says what it is; that it failed stays. */
static void who_went_back_is_known_no_more(void **state)
{
    begin(2, 1, 3);
    (void)say(2, 0, PROTO_JOB_READY);
    (void)say(2, 1, PROTO_JOB_READY);
    (void)say(3, 0, PROTO_JOB_PROBATION);
    (void)say(4, 0, PROTO_JOB_COMMITTED);
    go_back(5, 0);
    assert_int_equal(hosts[0].state, CTL_HOST_LOST);
    assert_true(hosts[0].failed);
    assert_int_equal(hosts[0].job_state, 0);
    (void)say(6, 0, PROTO_JOB_REVERTED);
    assert_int_equal(hosts[0].state, CTL_HOST_REVERTED);
    assert_true(hosts[0].failed);
    go_back(7, 0);
    assert_int_equal(hosts[0].state, CTL_HOST_LOST);
    assert_int_equal(rollout.failed_count, 1);
}

/* Who was not started stages again, and is waited for as long as anybody. */
static void who_went_back_before_its_start_begins_anew(void **state)
{
    begin(2, 1, 3);
    (void)say(2, 0, PROTO_JOB_READY);
    go_back(3, 0);
    assert_int_equal(hosts[0].state, CTL_HOST_WAITING);
    assert_false(hosts[0].failed);
    (void)say(4, 1, PROTO_JOB_READY);
    assert_int_equal(rollout.state, CTL_ROLLOUT_STAGING);
    (void)say(5, 0, PROTO_JOB_READY);
    assert_int_equal(rollout.state, CTL_ROLLOUT_RUNNING);
}

static void a_rollout_of_the_largest_size_fits(void **state)
{
    uint32_t counts[CTL_HOST_STATE_LAST + 1];
    uint32_t sum = 0;

    begin(1, CTL_ROLLOUT_HOSTS_MAX - 1, 1);
    assert_int_equal(effects.count, CTL_ROLLOUT_HOSTS_MAX + 1);
    for (uint32_t i = 0; i < CTL_ROLLOUT_HOSTS_MAX; i++) {
        (void)ctl_rollout_step(&rollout,
                               &(struct ctl_rollout_event){.now = {2},
                                                           .type = CTL_ROLLOUT_HOST_REPORT,
                                                           .host = i,
                                                           .job_state = PROTO_JOB_READY},
                               &effects);
    }
    (void)say(3, 0, PROTO_JOB_COMMITTED); /* all others start at once */
    assert_true(effects.count > 2 * (CTL_ROLLOUT_HOSTS_MAX - 1));
    (void)give(6000, (struct ctl_rollout_event){.type = CTL_ROLLOUT_TIME});
    ctl_rollout_count(&rollout, counts);
    assert_int_equal(counts[CTL_HOST_LOST], CTL_ROLLOUT_HOSTS_MAX - 1);
    for (uint32_t i = 0; i <= CTL_HOST_STATE_LAST; i++)
        sum += counts[i];
    assert_int_equal(sum, CTL_ROLLOUT_HOSTS_MAX);
    assert_int_equal(rollout.state, CTL_ROLLOUT_HALTED);
}

/* Whoever is woken by a rollout that stands still reads why, and what to type. */
static void every_hold_says_why_and_what_comes_next(void **state)
{
    for (uint32_t i = 0; i < CTL_HOLD_COUNT; i++) {
        const enum ctl_hold hold = (enum ctl_hold)(1U << i);

        assert_true(ctl_hold_code(hold)[0] != '\0');
        assert_true(strchr(ctl_hold_reason(hold), ' ') != NULL);
        assert_memory_equal(ctl_hold_command(hold), "belay ", strlen("belay "));
        for (uint32_t j = 0; j < i; j++) /* no two are told alike */
            assert_string_not_equal(ctl_hold_code(hold), ctl_hold_code((enum ctl_hold)(1U << j)));
    }
}

static void names_are_stable(void **state)
{
    assert_string_equal(ctl_rollout_state_name(CTL_ROLLOUT_ROLLBACK_INCOMPLETE),
                        "rollback_incomplete");
    assert_string_equal(ctl_host_state_name(CTL_HOST_LOST), "lost");
    assert_string_equal(ctl_rollout_state_name(0), "?");
    assert_string_equal(ctl_rollout_state_name(CTL_ROLLOUT_STATE_LAST + 1), "?");
    assert_string_equal(ctl_host_state_name(UINT32_MAX), "?");
    assert_false(ctl_host_state_is_final(UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_changed_is_stored),
        cmocka_unit_test(an_end_is_an_end),
        cmocka_unit_test(a_host_that_cancels_by_itself_has_failed),
        cmocka_unit_test(later_waves_count_in_the_sum),
        cmocka_unit_test(out_of_range_scopes_are_ignored),
        cmocka_unit_test(nobody_started_is_rolled_back_at_once),
        cmocka_unit_test(a_rollback_finds_whom_nobody_knew_of),
        cmocka_unit_test(a_rollback_that_was_incomplete_is_tried_again),
        cmocka_unit_test(who_went_back_is_known_no_more),
        cmocka_unit_test(who_went_back_before_its_start_begins_anew),
        cmocka_unit_test(a_rollout_of_the_largest_size_fits),
        cmocka_unit_test(every_hold_says_why_and_what_comes_next),
        cmocka_unit_test(names_are_stable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
