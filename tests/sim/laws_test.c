/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each law of the simulated world is shown broken by a few made-up facts, since a law that can't
 * fail is none; and a rollout as it should be breaks none.
 */
#include "tests/sim/laws_facts.h"

static void test_a_good_rollout_breaks_nothing(void **state)
{
    stage_all();
    commit(0);
    pass(SOAK_MS);
    commit(1);
    commit(2);
    tell_state(CTL_ROLLOUT_COMPLETE, "complete", HOSTS);
    ask_back(2);
    turn_back(2, "revert_by_controller", true, false, false);
    record(2, PROTO_JOB_REVERTING);
    believe_failed(2, CTL_HOST_REVERTING);
    sim_law_unit_begins(2, rollout, PROTO_STEP_RESTORE, true);
    sim_law_unit_ends(2, PROTO_STEP_RESTORE);
    record(2, PROTO_JOB_REVERTED);
    believe(2, CTL_HOST_REVERTED);
    pass(LONG_MS);
    sim_law_world_ended();
}

/* ---- orders ---- */

static void test_only_what_was_signed_for_the_host_is_taken(void **state)
{
    submit(other, /* is_valid= */ false, 2);
    sim_law_order_sent(other, 0, CTL_ROLLOUT_SEND_OFFER);
    BREAKS("host 0: took rollout 2, which is not valid", sim_law_job_taken(0, other));
    BREAKS("which does not name it", sim_law_job_taken(2, other));
    BREAKS("which nobody offered", sim_law_job_taken(0, rollout));
    BREAKS("nobody submitted", sim_law_job_taken(0, (const uint8_t *)"unknown!"));
    order(1, CTL_ROLLOUT_SEND_OFFER);
    sim_law_distrusted(1, rollout);
    BREAKS("signed by nobody whom it trusts", sim_law_job_taken(1, rollout));
    BREAKS("the host never took it", sim_law_unit_begins(2, rollout, PROTO_STEP_STAGE, false));
    BREAKS("which it never took", record(2, PROTO_JOB_STAGING));
}

static void test_one_job_at_a_time(void **state)
{
    submit(other, /* is_valid= */ true, 2);
    take(0);
    sim_law_order_sent(other, 0, CTL_ROLLOUT_SEND_OFFER);
    BREAKS("took rollout 2 while rollout 1 is staging", sim_law_job_taken(0, other));
    BREAKS("took rollout 1 twice", sim_law_job_taken(0, rollout));
}

static void test_orders_come_from_people_and_from_the_store(void **state)
{
    stage(0);
    BREAKS("before it was stored", order(0, CTL_ROLLOUT_SEND_START));
    BREAKS("no person wanted it back", order(0, CTL_ROLLOUT_SEND_REVERT));
    BREAKS("never was in probation", order(0, CTL_ROLLOUT_SEND_COMMIT));
    BREAKS("START was never sent", record(0, PROTO_JOB_ISOLATING));
    BREAKS("which nobody sent", sim_law_commit_heard(0, rollout, true));
    BREAKS("REVERT that nobody sent", turn_back(0, "revert_by_controller", true, false, false));
}

static void test_nobody_orders_a_revoked_host(void **state)
{
    sim_law_host_revoked(0);
    BREAKS("and it is revoked", order(0, CTL_ROLLOUT_SEND_OFFER));
}

static void test_a_forged_commit_is_none(void **state)
{
    stage(0);
    change(0);
    sim_law_lease_ended(0, SIM_LEASE_SSH);
    record(0, PROTO_JOB_PROBATION);
    sim_law_order_forged(rollout, 0, CTL_ROLLOUT_SEND_COMMIT);
    sim_law_commit_heard(0, rollout, /* is_new_link= */ true);
    pass(WATCH_MS);
    BREAKS("without COMMIT", record(0, PROTO_JOB_COMMITTED));
}

/* ---- package runs ---- */

static void test_one_package_run_at_a_time(void **state)
{
    stage(0);
    isolate(0);
    upgrade(0);
    BREAKS("begins while upgrade runs", sim_law_unit_begins(0, rollout, PROTO_STEP_RESTORE, true));
}

static void test_no_change_happens_twice_on_a_disk(void **state)
{
    stage(0);
    isolate(0);
    upgrade(0);
    sim_law_unit_ends(0, PROTO_STEP_UPGRADE);
    BREAKS("changes it twice", upgrade(0));
    sim_law_disk_replaced(0);
    record(0, PROTO_JOB_CHANGING);
    sim_law_lease_taken(0, SIM_LEASE_SILENCE, facts_world.now_ms + LEASE_MS);
    upgrade(0); /* that disk knows of no change */
}

static void test_no_change_without_a_way_back(void **state)
{
    stage(0);
    isolate(0);
    BREAKS("without a complete way back",
           sim_law_unit_begins(0, rollout, PROTO_STEP_UPGRADE, false));
    sim_law_lease_ended(0, SIM_LEASE_SILENCE);
    BREAKS("no silence timer is armed", upgrade(0));
}

static void test_a_change_is_recorded_before_it_begins(void **state)
{
    stage(0);
    sim_law_belayd(false); /* nobody waits for the host */
    start(0);
    record(0, PROTO_JOB_ISOLATING);
    sim_law_lease_taken(0, SIM_LEASE_SILENCE, facts_world.now_ms + LEASE_MS);
    BREAKS("its disk says isolating", upgrade(0));
    BREAKS("its change never began", sim_law_unit_begins(0, rollout, PROTO_STEP_RESTORE, true));
    record(0, PROTO_JOB_CHANGING);
    upgrade(0);
    sim_law_unit_ends(0, PROTO_STEP_UPGRADE);
    BREAKS("its disk says changing", sim_law_unit_begins(0, rollout, PROTO_STEP_RESTORE, true));
    BREAKS("is not on its disk any more",
           sim_law_unit_begins(0, rollout, PROTO_STEP_RESTORE, false));
    pass(LEASE_MS); /* now the silence timer rings, and may do it without the agent */
    sim_law_unit_begins(0, rollout, PROTO_STEP_RESTORE, true);
}

/* ---- the order of states ---- */

static void test_states_follow_in_order(void **state)
{
    take(0);
    BREAKS("verifying after staging", record(0, PROTO_JOB_VERIFYING));
    BREAKS("which may not follow", sim_law_job_loaded(0, rollout, PROTO_JOB_PROBATION));
    record(0, PROTO_JOB_READY);
    BREAKS("staging after ready", record(0, PROTO_JOB_STAGING));
}

static void test_what_changed_is_not_called_cancelled(void **state)
{
    stage(0);
    change(0);
    record(0, PROTO_JOB_REVERTING);
    sim_law_lease_ended(0, SIM_LEASE_SSH);
    sim_law_lease_ended(0, SIM_LEASE_SILENCE);
    BREAKS("cancelled though its change had begun", record(0, PROTO_JOB_CANCELLED));
}

static void test_ends_tell_the_truth_about_packages(void **state)
{
    stage(0);
    watch(0);
    BREAKS("committed rollout 1 without its packages",
           sim_law_job_recorded(0, rollout, PROTO_JOB_COMMITTED, true, false));
    sim_law_rescued(0);
    record(0, PROTO_JOB_REVERTING);
    BREAKS("reverted rollout 1 and the packages are not those before it",
           sim_law_job_recorded(0, rollout, PROTO_JOB_REVERTED, false, true));
}

static void test_nobody_is_committed_and_reverted(void **state)
{
    stage(0);
    commit(0);
    BREAKS("nobody ordered that", record(0, PROTO_JOB_REVERTING));
    sim_law_rescued(0);
    record(0, PROTO_JOB_REVERTING);
}

static void test_commit_needs_a_new_link(void **state)
{
    stage(0);
    probe(0);
    sim_law_commit_heard(0, rollout, /* is_new_link= */ false);
    pass(WATCH_MS);
    sim_law_lease_ended(0, SIM_LEASE_SILENCE);
    BREAKS("without COMMIT over a link younger than the change", record(0, PROTO_JOB_COMMITTED));
}

static void test_commit_of_before_a_reboot_does_not_count(void **state)
{
    stage(0);
    watch(0);
    record(0, PROTO_JOB_VERIFYING);
    record(0, PROTO_JOB_PROBATION);
    pass(WATCH_MS);
    BREAKS("without COMMIT", record(0, PROTO_JOB_COMMITTED));
}

static void test_commit_needs_the_watch_time(void **state)
{
    stage(0);
    probe(0);
    sim_law_commit_heard(0, rollout, /* is_new_link= */ true);
    pass(WATCH_MS / 2);
    sim_law_lease_ended(0, SIM_LEASE_SILENCE);
    BREAKS("250 ms of watching instead of 500", record(0, PROTO_JOB_COMMITTED));
}

static void test_the_controllers_absence_turns_nobody_back(void **state)
{
    stage(0);
    probe(0);
    BREAKS("only the controller is missing", turn_back(0, "link_broken", true, false, true));
    BREAKS("only the controller is missing", turn_back(0, "witnesses_unknown", true, false, true));
    BREAKS("without a cause", turn_back(0, "", true, false, false));
    turn_back(0, "cut_off", true, true, true);
}

/* ---- leases ---- */

static void test_leases_end_in_time(void **state)
{
    stage(0);
    sim_law_belayd(false); /* nobody waits for the host */
    isolate(0);
    BREAKS("host 0: SSH is locked", pass(LONG_MS));
}

static void test_a_release_that_failed_is_tried_again_in_time(void **state)
{
    stage(0);
    sim_law_belayd(false); /* nobody waits for the host */
    isolate(0);
    pass(LEASE_MS);
    pass(5L * 60 * 1000 - 1);
    sim_law_lease_kept(0, SIM_LEASE_SSH);
    pass(6L * 60 * 1000 - 1);
    BREAKS("SSH is locked", pass(1));
}

static void test_leases_end_after_a_boot(void **state)
{
    stage(0);
    sim_law_belayd(false); /* nobody waits for the host */
    isolate(0);
    sim_law_power(0, false);
    pass(LONG_MS); /* a machine that is down holds nothing */
    sim_law_power(0, true);
    BREAKS("SSH is locked", pass(LONG_MS));
}

static void test_a_lease_is_no_longer_than_was_signed(void **state)
{
    take(0);
    BREAKS("the longest may last 60000",
           sim_law_lease_taken(0, SIM_LEASE_JOBS, facts_world.now_ms + LEASE_MS + 1000));
}

static void test_no_lease_outlives_its_job(void **state)
{
    stage(0);
    change(0);
    BREAKS("probation and SSH is locked still", record(0, PROTO_JOB_PROBATION));
    record(0, PROTO_JOB_REVERTING);
    sim_law_lease_ended(0, SIM_LEASE_SSH);
    BREAKS("the silence timer is armed still", record(0, PROTO_JOB_REVERTED));
    record(0, PROTO_JOB_REVERT_FAILED); /* which says that something was not given back */
}

static void test_no_wave_before_the_one_before_ended(void **state)
{
    stage_all();
    start(0);
    BREAKS("1 hosts of wave 1 are under way", start(1));
}

static void test_no_wave_before_the_soak_is_over(void **state)
{
    stage_all();
    commit(0);
    pass(SOAK_MS / 2);
    BREAKS("500 ms after the end of wave 1 instead of 1000", start(1));
}

static void test_no_wave_beyond_an_allowance(void **state)
{
    stage_all();
    record(0, PROTO_JOB_CANCELLED);
    believe_failed(0, CTL_HOST_CANCELLED);
    pass(SOAK_MS);
    BREAKS("1 hosts of wave 1 failed and 0 may", start(1));
}

static void test_no_start_beyond_the_allowance_of_all(void **state)
{
    stage_all();
    commit(0);
    believe_failed(1, CTL_HOST_LOST);
    believe_failed(2, CTL_HOST_LOST);
    pass(SOAK_MS);
    beliefs[2].lost = true;
    BREAKS("2 hosts failed and 1 may", start(2));
}

static void test_no_start_in_a_pause(void **state)
{
    stage_all();
    sim_law_person_ordered(rollout, CTL_ROLLOUT_PAUSE, CTL_ROLLOUT_ALL, CTL_ROLLOUT_ALL);
    pass(1);
    BREAKS("paused since", start(0));
}

static void test_no_start_after_an_end(void **state)
{
    stage_all();
    sim_law_person_ordered(rollout, CTL_ROLLOUT_ABORT, CTL_ROLLOUT_ALL, CTL_ROLLOUT_ALL);
    pass(1);
    BREAKS("aborted at", start(0));
}

static void test_no_start_after_a_rollback(void **state)
{
    stage_all();
    sim_law_person_ordered(rollout, CTL_ROLLOUT_ROLLBACK, CTL_ROLLOUT_ALL, CTL_ROLLOUT_ALL);
    pass(1);
    BREAKS("rolled back at", start(0));
}

static void test_a_start_that_nobody_could_hear_is_judged_later(void **state)
{
    stage_all();
    sim_law_person_ordered(rollout, CTL_ROLLOUT_PAUSE, CTL_ROLLOUT_ALL, CTL_ROLLOUT_ALL);
    pass(1);
    beliefs[0].started = true;
    believe(0, CTL_HOST_RUNNING);
    pass(1);
    BREAKS("paused since", sim_law_belayd(false));
}

static void test_no_start_after_a_severe_failure(void **state)
{
    stage_all();
    commit(0);
    beliefs[2].grade = PROTO_GRADE_SEVERE;
    believe_failed(2, CTL_HOST_LOST);
    pass(SOAK_MS);
    BREAKS("failed severely", start(1));
}

/* ---- beliefs ---- */

static void test_no_belief_is_better_than_the_truth(void **state)
{
    BREAKS("believed to be staging", believe(0, CTL_HOST_STAGING));
    stage(0);
    BREAKS("believed to be probation", believe(0, CTL_HOST_PROBATION));
    BREAKS("believed to be committed", believe(0, CTL_HOST_COMMITTED));
    BREAKS("believed to be running", believe(0, CTL_HOST_RUNNING));
    BREAKS("believed to be reverted", believe_failed(0, CTL_HOST_REVERTED));
}

static void test_failures_are_counted_and_stay(void **state)
{
    stage(0);
    BREAKS("does not count as failed", believe(0, CTL_HOST_LOST));
    BREAKS("nobody wanted that", believe(0, CTL_HOST_REVERTING));
    BREAKS("never was anything bad", believe_failed(0, CTL_HOST_READY));
    believe_failed(0, CTL_HOST_REVERTING);
    beliefs[0].grade = PROTO_GRADE_SEVERE;
    believe(0, CTL_HOST_REVERTING);
    beliefs[0].grade = 0;
    BREAKS("grade", believe(0, CTL_HOST_REVERTING));
    beliefs[0].failed = false;
    BREAKS("was taken back", believe(0, CTL_HOST_READY));
}

static void test_promises_are_kept(void **state)
{
    believe(0, CTL_HOST_WAITING);
    BREAKS("still waiting", pass(STAGE_MS + 5000));
}

static void test_a_started_host_ends_in_time(void **state)
{
    stage_all();
    start(0);
    pass(JOB_MS / 2);
    believe_failed(0, CTL_HOST_REVERTING);
    pass(REVERT_MS / 2);
    sim_law_belayd(false); /* nobody counts, and then everything begins anew */
    pass(LONG_MS);
    sim_law_belayd(true);
    pass(REVERT_MS);
    BREAKS("still reverting", pass(LONG_MS));
}

static void test_the_plan_is_what_is_run(void **state)
{
    BREAKS("has 2 hosts in 2 waves instead of 3 in 2",
           tell_state(CTL_ROLLOUT_RUNNING, "wave_running", 2));
    BREAKS("without a cause", tell_state(CTL_ROLLOUT_RUNNING, "", HOSTS));
    BREAKS("no person wanted that", tell_state(CTL_ROLLOUT_ABORTED, "aborted", HOSTS));
    BREAKS("nobody asked for that", tell_state(CTL_ROLLOUT_ROLLED_BACK, "rolled_back", HOSTS));
    beliefs[0].wave = 1;
    BREAKS("in wave 2 of rollout 1 instead of wave 1", believe(0, CTL_HOST_WAITING));
}

static void test_no_rollout_is_complete_beyond_its_allowance(void **state)
{
    for (uint32_t i = 0; i < HOSTS; i++)
        believe_failed(i, CTL_HOST_LOST);
    pass(1);
    BREAKS("3 hosts failed and 1 may", tell_state(CTL_ROLLOUT_COMPLETE, "complete", HOSTS));
}

/* ---- the end ---- */

/* Everybody refuses, and belayd knows it. */
static void end_all(void)
{
    for (uint32_t i = 0; i < HOSTS; i++)
        believe_failed(i, CTL_HOST_REFUSED);
    tell_state(CTL_ROLLOUT_HALTED, "rollout_failures", HOSTS);
}

static void test_the_end_is_an_end(void **state)
{
    tell_state(CTL_ROLLOUT_RUNNING, "wave_running", HOSTS);
    BREAKS("ends as running, which is no end", sim_law_world_ended());
    tell_state(CTL_ROLLOUT_HALTED, "rollout_failures", HOSTS);
    BREAKS("ends as waiting", sim_law_world_ended());
    end_all();
    sim_law_world_ended();
    sim_law_belayd(false);
    BREAKS("belayd is not there", sim_law_world_ended());
}

static void test_at_the_end_nobody_believes_what_is_not(void **state)
{
    stage(0);
    commit(0);
    end_all();
    BREAKS("is committed in rollout 1, and belayd holds it to be refused", sim_law_world_ended());
    facts_world.is_cut_off = true; /* nobody can hear it */
    sim_law_world_ended();
}

static void test_only_a_way_back_that_is_gone_may_have_failed(void **state)
{
    stage(0);
    commit(0);
    end_all();
    ask_back(0);
    beliefs[0].state = CTL_HOST_REVERT_FAILED;
    sim_law_believed(rollout, 0, &beliefs[0]);
    BREAKS("is committed in rollout 1, and belayd holds it to be revert_failed",
           sim_law_world_ended());
    pass(LONG_MS);
    sim_law_world_ended();
}

static void test_at_the_end_late_news_are_heard(void **state)
{
    stage(0);
    record(0, PROTO_JOB_CANCELLED);
    end_all();
    beliefs[0].lost = true;
    believe_failed(0, CTL_HOST_LOST);
    BREAKS("is cancelled in rollout 1, and belayd holds it to be lost", sim_law_world_ended());
}

static void test_at_the_end_every_job_is_closed(void **state)
{
    stage(0);
    end_all();
    BREAKS("its job of rollout 1 ends as ready", sim_law_world_ended());
    sim_law_host_revoked(0);
    sim_law_world_ended();
}

static void test_at_the_end_nobody_waits_out_of_reach(void **state)
{
    stage(0);
    change(0);
    end_all();
    facts_world.is_cut_off = true;
    BREAKS("its job of rollout 1 ends as verifying", sim_law_world_ended());
}

static void test_at_the_end_all_is_given_back(void **state)
{
    end_all();
    sim_law_lease_taken(1, SIM_LEASE_SSH, facts_world.now_ms + 1);
    BREAKS("host 1: SSH is still locked", sim_law_world_ended());
    sim_law_lease_ended(1, SIM_LEASE_SSH);
    sim_law_lease_taken(1, SIM_LEASE_JOBS, facts_world.now_ms + 1);
    BREAKS("host 1: jobs are still paused", sim_law_world_ended());
    sim_law_lease_ended(1, SIM_LEASE_JOBS);
    sim_law_lease_taken(1, SIM_LEASE_SILENCE, facts_world.now_ms + 1);
    BREAKS("host 1: the silence timer is still armed", sim_law_world_ended());
}

static void test_at_the_end_nothing_runs(void **state)
{
    take(0);
    sim_law_unit_begins(0, rollout, PROTO_STEP_STAGE, false);
    record(0, PROTO_JOB_BLOCKED);
    end_all();
    BREAKS("host 0: stage still runs", sim_law_world_ended());
}

static void test_at_the_end_the_numbers_add_up(void **state)
{
    struct ctl_rollout told = {.state = CTL_ROLLOUT_HALTED,
                               .host_count = HOSTS,
                               .wave_count = 2,
                               .code = "rollout_failures",
                               .failed_count = HOSTS + 1};

    end_all();
    sim_law_rollout_state(rollout, &told);
    BREAKS("3 hosts failed and 4 were counted", sim_law_world_ended());
}

static void test_complete_means_committed_or_failed(void **state)
{
    for (uint32_t i = 0; i < HOSTS; i++) {
        order(i, CTL_ROLLOUT_SEND_CANCEL);
        believe(i, CTL_HOST_CANCELLED);
    }
    tell_state(CTL_ROLLOUT_COMPLETE, "complete", HOSTS);
    BREAKS("3 of its 3 hosts neither committed nor failed", sim_law_world_ended());
}

static void test_the_bound_covers_what_is_open(void **state)
{
    int64_t open_ms = sim_law_bound_ms();

    assert_true(sim_laws_are_quiet());
    believe(0, CTL_HOST_WAITING);
    assert_false(sim_laws_are_quiet());
    end_all();
    assert_true(sim_laws_are_quiet());
    assert_true(open_ms >= sim_law_bound_ms() + 2L * (STAGE_MS + JOB_MS + SOAK_MS) + REVERT_MS);
}

#define LAW(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {LAW(a_good_rollout_breaks_nothing),
                                       LAW(only_what_was_signed_for_the_host_is_taken),
                                       LAW(one_job_at_a_time),
                                       LAW(orders_come_from_people_and_from_the_store),
                                       LAW(nobody_orders_a_revoked_host),
                                       LAW(a_forged_commit_is_none),
                                       LAW(one_package_run_at_a_time),
                                       LAW(no_change_happens_twice_on_a_disk),
                                       LAW(no_change_without_a_way_back),
                                       LAW(a_change_is_recorded_before_it_begins),
                                       LAW(states_follow_in_order),
                                       LAW(what_changed_is_not_called_cancelled),
                                       LAW(ends_tell_the_truth_about_packages),
                                       LAW(nobody_is_committed_and_reverted),
                                       LAW(commit_needs_a_new_link),
                                       LAW(commit_of_before_a_reboot_does_not_count),
                                       LAW(commit_needs_the_watch_time),
                                       LAW(the_controllers_absence_turns_nobody_back),
                                       LAW(leases_end_in_time),
                                       LAW(a_release_that_failed_is_tried_again_in_time),
                                       LAW(leases_end_after_a_boot),
                                       LAW(a_lease_is_no_longer_than_was_signed),
                                       LAW(no_lease_outlives_its_job),
                                       LAW(no_wave_before_the_one_before_ended),
                                       LAW(no_wave_before_the_soak_is_over),
                                       LAW(no_wave_beyond_an_allowance),
                                       LAW(no_start_beyond_the_allowance_of_all),
                                       LAW(no_start_in_a_pause),
                                       LAW(no_start_after_an_end),
                                       LAW(no_start_after_a_rollback),
                                       LAW(a_start_that_nobody_could_hear_is_judged_later),
                                       LAW(no_start_after_a_severe_failure),
                                       LAW(no_belief_is_better_than_the_truth),
                                       LAW(failures_are_counted_and_stay),
                                       LAW(promises_are_kept),
                                       LAW(a_started_host_ends_in_time),
                                       LAW(the_plan_is_what_is_run),
                                       LAW(no_rollout_is_complete_beyond_its_allowance),
                                       LAW(the_end_is_an_end),
                                       LAW(at_the_end_nobody_believes_what_is_not),
                                       LAW(only_a_way_back_that_is_gone_may_have_failed),
                                       LAW(at_the_end_late_news_are_heard),
                                       LAW(at_the_end_every_job_is_closed),
                                       LAW(at_the_end_nobody_waits_out_of_reach),
                                       LAW(at_the_end_all_is_given_back),
                                       LAW(at_the_end_nothing_runs),
                                       LAW(at_the_end_the_numbers_add_up),
                                       LAW(complete_means_committed_or_failed),
                                       LAW(the_bound_covers_what_is_open)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
