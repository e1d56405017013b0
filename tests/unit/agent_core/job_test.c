/* SPDX-License-Identifier: Apache-2.0 */
/* Edges of the job machine that no story tells: damaged jobs, limits, long texts. */
#include "agent/core/job.h"

#include <string.h>

#include "tests/lib/unit.h"

enum {
    NONCE = 7
};

static const struct agent_job_limits limits = {
    .stage_ms = 1000,
    .ready_ms = 5000,
    .confirm_within_ms = 100000,
    .watch_ms = 1000,
    .keep_way_back_ms = 50000,
    .quiesce = true,
    .ssh_lock = true,
};

static struct agent_job_effects effects;

static void give(struct agent_job *job, int64_t now_ms, struct agent_job_event event)
{
    event.now.ms = now_ms;
    agent_job_step(job, &event, &effects);
}

static void end_step(struct agent_job *job, int64_t now_ms, enum proto_result result)
{
    assert_true(job->step_running);
    give(job, now_ms,
         (struct agent_job_event){.type = AGENT_JOB_STEP_ENDED,
                                  .step = (enum proto_step)job->step,
                                  .result = result,
                                  .code = "made_up"});
}

/* A job in that state, all steps before it well. `now` is 1 all the way. */
static struct agent_job job_in(enum proto_job_state state)
{
    struct agent_job job;

    agent_job_init(&job, &limits);
    give(&job, 1, (struct agent_job_event){.type = AGENT_JOB_OFFER, .nonce = NONCE});
    while (job.state != (uint32_t)state) {
        if (job.step_running) {
            end_step(&job, 1, PROTO_RESULT_OK);
        } else if (job.state == PROTO_JOB_READY) {
            give(&job, 1, (struct agent_job_event){.type = AGENT_JOB_START});
        } else if (!job.link_new) {
            give(&job, 1, (struct agent_job_event){.type = AGENT_JOB_LINK_UP});
        } else if (!job.commit_seen) {
            give(&job, 1, (struct agent_job_event){.type = AGENT_JOB_COMMIT, .nonce = NONCE});
        } else {
            give(&job, 2000, (struct agent_job_event){.type = AGENT_JOB_TIME});
        }
    }

    return job;
}

static bool has_effect(enum agent_job_effect_type type)
{
    for (uint32_t i = 0; i < effects.count; i++) {
        if (effects.list[i].type == type)
            return true;
    }

    return false;
}

static void ends_are_those_of_the_words(void **state)
{
    for (uint32_t from = 1; from <= PROTO_JOB_STATE_LAST; from++) {
        bool may_leave = false;

        for (uint32_t to = 1; to <= PROTO_JOB_STATE_LAST; to++) {
            may_leave = may_leave ||
                        agent_job_may_follow((enum proto_job_state)from, (enum proto_job_state)to);
        }
        if (from == PROTO_JOB_COMMITTED || from == PROTO_JOB_REVERT_FAILED) { /* may go back yet */
            assert_true(may_leave && proto_job_state_is_final(from));
        } else {
            assert_int_equal(may_leave, !proto_job_state_is_final(from));
        }
    }
}

static void a_damaged_job_is_not_sound(void **state)
{
    const struct agent_job good = job_in(PROTO_JOB_PROBATION);
    struct agent_job bad;

    assert_true(agent_job_is_sound(&good));
#define REFUSES(damage)                         \
    do {                                        \
        bad = good;                             \
        damage;                                 \
        assert_false(agent_job_is_sound(&bad)); \
    } while (0)
    REFUSES(bad.state = 0);
    REFUSES(bad.state = PROTO_JOB_STATE_LAST + 1);
    REFUSES(bad.state = UINT32_MAX);
    REFUSES(bad.state = PROTO_JOB_REBOOTING);
    REFUSES(bad.state = PROTO_JOB_REVERTED); /* armed, and without a cause */
    REFUSES(bad.step = PROTO_STEP_UPGRADE);
    REFUSES(bad.step = UINT32_MAX);
    REFUSES(bad.step_running = true);
    REFUSES(bad.retry_at.ms = 1);
    REFUSES(bad.changed = false);
    REFUSES(bad.ssh_locked = true);
    REFUSES(bad.watch_end.ms = 0);
    REFUSES(bad.commit_seen = true); /* over no new link */
    REFUSES(bad.nonce = 0);
    REFUSES(bad.grade = PROTO_GRADE_SEVERE + 1);
    REFUSES(bad.limits.confirm_within_ms = 0);
    REFUSES(bad.limits.ready_ms = -1);
    REFUSES(memset(bad.code, 'x', sizeof(bad.code)));
    REFUSES(memset(bad.reason, 'x', sizeof(bad.reason)));
#undef REFUSES
}

static void a_job_that_is_not_started_is_cancelled_in_time(void **state)
{
    struct agent_job job = job_in(PROTO_JOB_READY);

    give(&job, 5000, (struct agent_job_event){.type = AGENT_JOB_TIME});
    assert_int_equal(job.state, PROTO_JOB_READY);
    give(&job, 5001, (struct agent_job_event){.type = AGENT_JOB_TIME});
    assert_int_equal(job.state, PROTO_JOB_CANCELLED);
    assert_string_equal(job.code, "not_started");
    assert_false(agent_job_is_open(&job));
}

static void staging_without_end_blocks(void **state)
{
    struct agent_job job = job_in(PROTO_JOB_STAGING);
    struct agent_job after;

    give(&job, 1001, (struct agent_job_event){.type = AGENT_JOB_TIME});
    assert_int_equal(job.state, PROTO_JOB_BLOCKED);
    assert_string_equal(job.code, "stage_timeout");

    after = job;
    give(&job, 1002,
         (struct agent_job_event){
             .type = AGENT_JOB_STEP_ENDED, .step = PROTO_STEP_STAGE, .result = PROTO_RESULT_OK});
    assert_int_equal(effects.count, 0);
    assert_memory_equal(&job, &after, sizeof(job));
}

static void a_repair_is_waited_for_and_staging_is_late_then(void **state)
{
    struct agent_job_limits repairing = limits;
    struct agent_job job;

    repairing.repair = true;
    agent_job_init(&job, &repairing);
    give(&job, 1, (struct agent_job_event){.type = AGENT_JOB_OFFER, .nonce = 7});
    assert_int_equal(job.state, PROTO_JOB_STAGING);
    assert_int_equal(job.step, PROTO_STEP_REPAIR);

    give(&job, 5000, (struct agent_job_event){.type = AGENT_JOB_TIME});
    assert_int_equal(job.state, PROTO_JOB_STAGING);
    assert_true(job.step_running);
    assert_int_equal(effects.count, 0);

    give(&job, 6000,
         (struct agent_job_event){
             .type = AGENT_JOB_STEP_ENDED, .step = PROTO_STEP_REPAIR, .result = PROTO_RESULT_OK});
    assert_int_equal(effects.list[effects.count - 1].type, AGENT_JOB_WAKE);
    give(&job, 6001, (struct agent_job_event){.type = AGENT_JOB_TIME});
    assert_int_equal(job.state, PROTO_JOB_BLOCKED);
    assert_string_equal(job.code, "stage_timeout");
}

static void verification_without_end_turns_back_unless_held(void **state)
{
    struct agent_job job = job_in(PROTO_JOB_VERIFYING);

    give(&job, 2, (struct agent_job_event){.type = AGENT_JOB_HOLD});
    give(&job, 200000, (struct agent_job_event){.type = AGENT_JOB_TIME});
    assert_int_equal(job.state, PROTO_JOB_VERIFYING);
    give(&job, 200001, (struct agent_job_event){.type = AGENT_JOB_RELEASE});
    assert_int_equal(job.state, PROTO_JOB_REVERTING);
    assert_int_equal(job.step, PROTO_STEP_RESTORE);
    assert_string_equal(job.code, "verify_timeout");
}

static void a_probe_that_never_answers_turns_back(void **state)
{
    struct agent_job job = job_in(PROTO_JOB_PROBATION);
    int64_t now_ms = 100001;
    uint32_t questions = 0;

    while (job.state == PROTO_JOB_PROBATION) {
        give(&job, now_ms, (struct agent_job_event){.type = AGENT_JOB_TIME});
        questions += has_effect(AGENT_JOB_ASK_WITNESSES) ? 1 : 0;
        now_ms += 15000;
        assert_true(questions <= 10);
    }
    assert_int_equal(questions, 10);
    assert_string_equal(job.code, "witnesses_unknown");
}

/* However short confirm_within is, and however long a probe waits for those who do not answer. */
static void slow_answers_are_waited_for(void **state)
{
    struct agent_job_limits hasty = limits;
    struct agent_job job;
    int64_t now_ms = 200000, answer_ms = 0;
    uint32_t questions = 0;

    hasty.confirm_within_ms = 5000;
    job = job_in(PROTO_JOB_PROBATION);
    job.limits = hasty;
    while (job.state == PROTO_JOB_PROBATION) {
        if (answer_ms != 0 && now_ms >= answer_ms) {
            answer_ms = 0;
            give(&job, now_ms,
                 (struct agent_job_event){.type = AGENT_JOB_WITNESSES,
                                          .witnesses = AGENT_JOB_WITNESSES_NONE_ANSWERS});
        }
        give(&job, now_ms, (struct agent_job_event){.type = AGENT_JOB_TIME});
        if (has_effect(AGENT_JOB_ASK_WITNESSES)) {
            questions++;
            answer_ms = answer_ms != 0 ? answer_ms : now_ms + 12000;
        }
        now_ms += 100;
    }
    assert_int_equal(questions, 3);
    assert_string_equal(job.code, "cut_off");
}

static void find(struct agent_job *job, int64_t now_ms, enum proto_grade grade)
{
    give(job, now_ms,
         (struct agent_job_event){
             .type = AGENT_JOB_FOUND, .grade = grade, .code = "figure_bad", .reason = "too much"});
}

static struct agent_job confirmed(void)
{
    struct agent_job job = job_in(PROTO_JOB_PROBATION);

    give(&job, 2, (struct agent_job_event){.type = AGENT_JOB_LINK_UP});
    give(&job, 3, (struct agent_job_event){.type = AGENT_JOB_COMMIT, .nonce = NONCE});
    assert_true(job.commit_seen);

    return job;
}

/* COMMIT came first, and the watch was not over. */
static void a_finding_outweighs_a_commit_that_came_before(void **state)
{
    struct agent_job job = confirmed();

    find(&job, 500, PROTO_GRADE_SEVERE);
    assert_int_equal(job.state, PROTO_JOB_REVERTING);
    assert_int_equal(job.step, PROTO_STEP_RESTORE);
    assert_string_equal(job.code, "figure_bad");
    assert_int_equal(job.grade, PROTO_GRADE_SEVERE);
    assert_int_equal(effects.list[0].moment, PROTO_MOMENT_NOTE);
    assert_int_equal(effects.list[0].step, PROTO_STEP_VERIFY);
    assert_int_equal(effects.list[0].state, PROTO_JOB_PROBATION);
    assert_int_equal(effects.list[0].nonce, 0);
}

static void the_watch_ends_with_one_more_look(void **state)
{
    struct agent_job job = confirmed();

    give(&job, 1001, (struct agent_job_event){.type = AGENT_JOB_TIME});
    assert_int_equal(job.state, PROTO_JOB_PROBATION);
    assert_int_equal(job.step, PROTO_STEP_VERIFY);
    end_step(&job, 1002, PROTO_RESULT_FAILED);
    assert_int_equal(job.state, PROTO_JOB_REVERTING);

    job = confirmed();
    give(&job, 1001, (struct agent_job_event){.type = AGENT_JOB_TIME});
    end_step(&job, 1002,
             PROTO_RESULT_UNKNOWN); /* who could not look does not know that it is good */
    assert_int_equal(job.state, PROTO_JOB_REVERTING);

    job = confirmed();
    give(&job, 1001, (struct agent_job_event){.type = AGENT_JOB_TIME});
    give(&job, 101000, (struct agent_job_event){.type = AGENT_JOB_TIME});
    assert_true(job.step_running);
    give(&job, 101001, (struct agent_job_event){.type = AGENT_JOB_TIME});
    assert_int_equal(job.state, PROTO_JOB_REVERTING);
    assert_string_equal(job.code, "verify_timeout");
}

static void a_finding_ends_the_last_look_but_not_what_follows_it(void **state)
{
    struct agent_job job = confirmed();

    give(&job, 1001, (struct agent_job_event){.type = AGENT_JOB_TIME});
    find(&job, 1002, PROTO_GRADE_FUNCTIONAL);
    assert_int_equal(job.state, PROTO_JOB_REVERTING);

    job = confirmed();
    give(&job, 1001, (struct agent_job_event){.type = AGENT_JOB_TIME});
    end_step(&job, 1002, PROTO_RESULT_OK);
    assert_int_equal(job.step, PROTO_STEP_DISARM);
    find(&job, 1003, PROTO_GRADE_SEVERE);
    assert_int_equal(effects.count, 0);
    end_step(&job, 1004, PROTO_RESULT_OK);
    assert_int_equal(job.state, PROTO_JOB_COMMITTED);
    find(&job, 1005, PROTO_GRADE_SEVERE); /* only an order takes it back now */
    assert_int_equal(job.state, PROTO_JOB_COMMITTED);
}

static void findings_that_turn_nothing_back(void **state)
{
    static const enum proto_job_state before[] = {PROTO_JOB_STAGING, PROTO_JOB_READY,
                                                  PROTO_JOB_ISOLATING, PROTO_JOB_CHANGING};
    struct agent_job job = job_in(PROTO_JOB_PROBATION);

    find(&job, 500, PROTO_GRADE_MINOR);
    assert_int_equal(effects.count, 1);
    assert_int_equal(effects.list[0].grade, PROTO_GRADE_MINOR);
    assert_int_equal(job.state, PROTO_JOB_PROBATION);
    assert_string_equal(job.code, "");
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        job = job_in(before[i]);
        find(&job, 2, PROTO_GRADE_SEVERE); /* nothing serves with new packages yet */
        assert_int_equal(effects.count, 0);
        assert_int_equal(job.state, before[i]);
    }
}

static void a_finding_waits_for_what_is_given_back_and_for_a_hold(void **state)
{
    struct agent_job job = job_in(PROTO_JOB_VERIFYING);

    end_step(&job, 2, PROTO_RESULT_OK);
    assert_int_equal(job.step, PROTO_STEP_SSH_UNLOCK);
    find(&job, 3, PROTO_GRADE_FUNCTIONAL);
    assert_true(job.step_running && job.failed);
    end_step(&job, 4, PROTO_RESULT_OK);
    assert_int_equal(job.state, PROTO_JOB_REVERTING);

    job = confirmed();
    give(&job, 4, (struct agent_job_event){.type = AGENT_JOB_HOLD});
    find(&job, 5, PROTO_GRADE_FUNCTIONAL);
    assert_int_equal(job.state, PROTO_JOB_PROBATION);
    find(&job, 6, PROTO_GRADE_FUNCTIONAL); /* told once */
    assert_int_equal(effects.count, 0);
    give(&job, 5000, (struct agent_job_event){.type = AGENT_JOB_TIME});
    assert_int_equal(job.state, PROTO_JOB_PROBATION); /* held, and not committed either */
    give(&job, 5001, (struct agent_job_event){.type = AGENT_JOB_RELEASE});
    assert_int_equal(job.state, PROTO_JOB_REVERTING);
}

/* The agent died in the last look, with and without the power: asked for again, or all anew. */
static void the_last_look_survives_a_restart(void **state)
{
    struct agent_job job = confirmed();

    give(&job, 1001, (struct agent_job_event){.type = AGENT_JOB_TIME});
    give(&job, 1002, (struct agent_job_event){.type = AGENT_JOB_RESTART});
    assert_int_equal(job.step, PROTO_STEP_VERIFY);
    assert_true(has_effect(AGENT_JOB_RUN));
    give(&job, 1003, (struct agent_job_event){.type = AGENT_JOB_RESTART, .rebooted = true});
    assert_int_equal(job.state, PROTO_JOB_VERIFYING);
    assert_false(job.commit_seen);
}

/* F44: the boot gave back what was switched off, so no change begins before it is taken again. */
static void a_reboot_before_the_change_isolates_anew(void **state)
{
    static const struct {
        enum proto_job_state state;
        enum proto_step until;
    } reboots[] = {{PROTO_JOB_ISOLATING, PROTO_STEP_QUIESCE},
                   {PROTO_JOB_ISOLATING, PROTO_STEP_SSH_LOCK},
                   {PROTO_JOB_CHANGING, PROTO_STEP_ARM}};

    for (size_t i = 0; i < sizeof(reboots) / sizeof(reboots[0]); i++) {
        struct agent_job job = job_in(reboots[i].state);

        while (job.step != (uint32_t)reboots[i].until)
            end_step(&job, 1, PROTO_RESULT_OK);
        give(&job, 1, (struct agent_job_event){.type = AGENT_JOB_RESTART, .rebooted = true});
        assert_int_equal(job.state, reboots[i].state);
        assert_int_equal(job.step, PROTO_STEP_QUIESCE);
        end_step(&job, 1, PROTO_RESULT_OK);
        assert_int_equal(job.step, PROTO_STEP_SSH_LOCK);
        end_step(&job, 1, PROTO_RESULT_OK);
        assert_int_equal(job.state, PROTO_JOB_CHANGING);
        assert_int_equal(job.step, PROTO_STEP_ARM);
        end_step(&job, 1, PROTO_RESULT_OK);
        assert_int_equal(job.step, PROTO_STEP_UPGRADE);
        end_step(&job, 1, PROTO_RESULT_FAILED);
        assert_int_equal(job.state, PROTO_JOB_REVERTING);
        assert_int_equal(job.step, PROTO_STEP_RESTORE); /* and takes nothing once more */
    }
}

static void a_cancel_in_isolation_gives_everything_back(void **state)
{
    struct agent_job job = job_in(PROTO_JOB_ISOLATING);

    give(&job, 2, (struct agent_job_event){.type = AGENT_JOB_CANCEL, .code = "person"});
    assert_true(job.step_running); /* waits for its end */
    end_step(&job, 3, PROTO_RESULT_UNKNOWN);
    assert_int_equal(job.step, PROTO_STEP_RESUME);
    end_step(&job, 4, PROTO_RESULT_OK);
    /* Pausing had failed meanwhile: the order came first, but this is no clean cancel. */
    assert_int_equal(job.state, PROTO_JOB_REVERTED);
    assert_string_equal(job.code, "person");
    assert_false(agent_job_is_open(&job));
}

static void what_cannot_be_given_back_is_told(void **state)
{
    struct agent_job job = job_in(PROTO_JOB_CHANGING);

    end_step(&job, 2, PROTO_RESULT_FAILED); /* the silence timer: nothing changed yet */
    assert_int_equal(job.step, PROTO_STEP_SSH_UNLOCK);
    for (int64_t i = 0; i < 3; i++) {
        give(&job, 20000 * (i + 1), (struct agent_job_event){.type = AGENT_JOB_TIME});
        end_step(&job, 20000 * (i + 1) + 1, PROTO_RESULT_FAILED);
    }
    assert_int_equal(job.step, PROTO_STEP_RESUME);
    end_step(&job, 90000, PROTO_RESULT_OK);
    end_step(&job, 90001, PROTO_RESULT_OK);
    assert_int_equal(job.state, PROTO_JOB_REVERT_FAILED);
    assert_true(job.ssh_locked && agent_job_is_open(&job));
}

/* A person has made room, say; only a new word begins it once more, of people or the controller. */
static void a_way_back_that_failed_is_gone_once_more(void **state)
{
    const struct agent_job_event doubled = {
        .type = AGENT_JOB_REVERT, .attempt = 1, .code = "doubled"};
    const struct agent_job_event again = {
        .type = AGENT_JOB_REVERT, .again = true, .code = "revert_at_host", .reason = "a person"};
    const struct agent_job_event ordered = {
        .type = AGENT_JOB_REVERT, .attempt = 2, .code = "revert_by_controller"};
    struct agent_job job = job_in(PROTO_JOB_PROBATION);
    int64_t now_ms = 10;

    give(&job, now_ms++, doubled);
    assert_int_equal(job.state, PROTO_JOB_REVERTING);
    assert_int_equal(job.way_backs, 1);
    while (job.step_running) {
        end_step(&job, now_ms++,
                 job.step == PROTO_STEP_RESTORE ? PROTO_RESULT_FAILED : PROTO_RESULT_OK);
    }
    assert_int_equal(job.state, PROTO_JOB_REVERT_FAILED);

    give(&job, now_ms++, doubled);
    assert_int_equal(job.state, PROTO_JOB_REVERT_FAILED);
    assert_int_equal(effects.count, 0);

    give(&job, now_ms++, again);
    assert_int_equal(job.state, PROTO_JOB_REVERTING);
    assert_int_equal(job.step, PROTO_STEP_QUIESCE); /* the host served meanwhile */
    assert_int_equal(job.way_backs, 2);
    while (job.step_running) {
        end_step(&job, now_ms++,
                 job.step == PROTO_STEP_PROVE ? PROTO_RESULT_FAILED : PROTO_RESULT_OK);
    }
    assert_int_equal(job.state, PROTO_JOB_REVERT_FAILED);

    give(&job, now_ms++, ordered);
    assert_int_equal(job.way_backs, 3);
    while (job.step_running)
        end_step(&job, now_ms++, PROTO_RESULT_OK);
    assert_int_equal(job.state, PROTO_JOB_REVERTED);
    assert_string_equal(job.code, "revert_by_controller");
    assert_false(agent_job_is_open(&job));
}

static void a_way_back_that_fails_again_says_so_again(void **state)
{
    const struct agent_job_event again = {
        .type = AGENT_JOB_REVERT, .again = true, .code = "person"};
    struct agent_job job = job_in(PROTO_JOB_PROBATION);
    int64_t now_ms = 10;

    for (uint32_t round = 1; round <= 3; round++) {
        give(&job, now_ms++, again);
        assert_int_equal(job.way_backs, round);
        while (job.step_running) {
            end_step(&job, now_ms++,
                     job.step == PROTO_STEP_PROVE ? PROTO_RESULT_FAILED : PROTO_RESULT_OK);
        }
        assert_int_equal(job.state, PROTO_JOB_REVERT_FAILED);
        assert_non_null(strstr(job.reason, "person"));
    }
}

static void long_texts_are_cut(void **state)
{
    struct agent_job job = job_in(PROTO_JOB_STAGING);
    char text[2000];

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    give(&job, 2,
         (struct agent_job_event){.type = AGENT_JOB_STEP_ENDED,
                                  .step = PROTO_STEP_STAGE,
                                  .result = PROTO_RESULT_FAILED,
                                  .code = text,
                                  .reason = text});
    assert_int_equal(job.state, PROTO_JOB_BLOCKED);
    assert_int_equal(strlen(job.code), AGENT_JOB_CODE_BYTES_MAX);
    assert_int_equal(strlen(job.reason), AGENT_JOB_REASON_BYTES_MAX);
}

static void a_late_way_back_ends_with_its_time(void **state)
{
    struct agent_job job = job_in(PROTO_JOB_COMMITTED);

    give(&job, 60000, (struct agent_job_event){.type = AGENT_JOB_REVERT});
    assert_int_equal(job.state, PROTO_JOB_COMMITTED);
    assert_int_equal(effects.count, 1);
    assert_string_equal(effects.list[0].code, "way_back_expired");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_are_those_of_the_words),
        cmocka_unit_test(a_damaged_job_is_not_sound),
        cmocka_unit_test(a_job_that_is_not_started_is_cancelled_in_time),
        cmocka_unit_test(staging_without_end_blocks),
        cmocka_unit_test(a_repair_is_waited_for_and_staging_is_late_then),
        cmocka_unit_test(verification_without_end_turns_back_unless_held),
        cmocka_unit_test(a_probe_that_never_answers_turns_back),
        cmocka_unit_test(slow_answers_are_waited_for),
        cmocka_unit_test(a_finding_outweighs_a_commit_that_came_before),
        cmocka_unit_test(the_watch_ends_with_one_more_look),
        cmocka_unit_test(a_finding_ends_the_last_look_but_not_what_follows_it),
        cmocka_unit_test(findings_that_turn_nothing_back),
        cmocka_unit_test(a_finding_waits_for_what_is_given_back_and_for_a_hold),
        cmocka_unit_test(the_last_look_survives_a_restart),
        cmocka_unit_test(a_reboot_before_the_change_isolates_anew),
        cmocka_unit_test(a_cancel_in_isolation_gives_everything_back),
        cmocka_unit_test(what_cannot_be_given_back_is_told),
        cmocka_unit_test(a_way_back_that_failed_is_gone_once_more),
        cmocka_unit_test(a_way_back_that_fails_again_says_so_again),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(a_late_way_back_ends_with_its_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
