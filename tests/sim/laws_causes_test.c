/* SPDX-License-Identifier: Apache-2.0 */
/* The laws of causes (world/laws_causes.c), each shown broken by a few made-up facts. */
#include "tests/sim/laws_facts.h"

enum {
    MINUTE_MS = 60 * 1000,
};

/* ---- going back and ending ---- */

static void test_nobody_turns_back_over_a_link_that_is_open(void **state)
{
    stage(0);
    probe(0);
    sim_law_belayd(false); /* nobody waits for the host */
    facts_world.is_link_open = true;
    pass(3L * MINUTE_MS - 1);
    turn_back(0, "link_broken", true, false, false); /* it may just not have come through yet */
    pass(1);
    BREAKS("nothing stood between it and belayd for 180000 ms",
           turn_back(0, "link_broken", true, false, false));
    turn_back(0, "link_broken", /* is_healthy= */ false, false, false);
    facts_world.is_struck = true;
    turn_back(0, "link_broken", true, false, false);
    facts_world.is_struck = facts_world.is_link_open = false;
    turn_back(0, "link_broken", true, false, false);
}

static void test_who_could_look_is_not_in_the_dark(void **state)
{
    stage(0);
    probe(0);
    BREAKS("no probe failed", turn_back(0, "witnesses_unknown", false, true, false));
}

static void test_a_change_that_has_ended_was_not_interrupted(void **state)
{
    const struct sim_law_turn turn = {.code = "interrupted", .has_change_result = true};

    stage(0);
    change(0);
    BREAKS("its package run has ended", sim_law_turned_back(0, rollout, &turn));
    turn_back(0, "interrupted", false, false, false);
}

static void test_nobody_cancels_unasked(void **state)
{
    stage(0);
    BREAKS("cancelled for cancel_by_controller, and nobody ordered that",
           sim_law_cancelled(0, rollout, "cancel_by_controller"));
    sim_law_cancelled(0, rollout, "not_started");
    order(0, CTL_ROLLOUT_SEND_CANCEL);
    sim_law_cancelled(0, rollout, "cancel_by_controller");
}

/* ---- getting bad while it serves ---- */

static void test_nobody_commits_what_got_bad_in_its_watch(void **state)
{
    stage(0);
    probe(0);
    sim_law_belayd(false);
    BREAKS("without a look at the end of its watch", sim_law_committed(0, rollout, 0));
    sim_law_got_bad(0, rollout);
    pass(60L * MINUTE_MS);
    sim_law_looked(0, rollout);
    BREAKS("its service broke in the watch", sim_law_committed(0, rollout, 0));
    sim_law_got_bad(0, rollout); /* after the last look */
    BREAKS("a figure was bad for 30000 ms", sim_law_committed(0, rollout, SIM_FIGURE_FOR_MS));
    sim_law_committed(0, rollout, SIM_FIGURE_FOR_MS - 1);
}

static void test_nobody_is_taken_back_for_what_did_not_happen(void **state)
{
    struct sim_law_turn turn = {.code = "figure_bad", .figure_bad_ms = SIM_FIGURE_FOR_MS - 1};

    stage(0);
    probe(0);
    BREAKS("its figure was bad for 29999 ms", sim_law_turned_back(0, rollout, &turn));
    turn.figure_bad_ms++;
    sim_law_turned_back(0, rollout, &turn);
    BREAKS("nothing is wrong with it", turn_back(0, "unit_failed", true, false, false));
    turn_back(0, "unit_failed", false, false, false);
}

/* ---- boots ---- */

static void boot(uint32_t host)
{
    sim_law_power(host, false);
    pass(MINUTE_MS);
    sim_law_power(host, true);
}

static void test_what_was_seen_before_a_boot_does_not_count(void **state)
{
    stage(0);
    probe(0);
    sim_law_belayd(false);
    boot(0);
    BREAKS("committed, and nobody looked at the host since it booted",
           record(0, PROTO_JOB_COMMITTED));
    record(0, PROTO_JOB_VERIFYING);
    BREAKS("probation, and nobody looked at the host since it booted",
           record(0, PROTO_JOB_PROBATION));
    sim_law_looked(0, rollout);
    record(0, PROTO_JOB_PROBATION);
}

static void test_who_was_about_to_commit_may_do_so_after_a_boot(void **state)
{
    stage(0);
    watch(0);
    sim_law_belayd(false);
    boot(0);
    record(0, PROTO_JOB_COMMITTED);
}

static void test_a_boot_gives_back_at_once(void **state)
{
    stage(0);
    sim_law_belayd(false);
    isolate(0);
    boot(0);
    pass(2L * MINUTE_MS + 1);
    BREAKS("SSH was locked for 120001 ms after a boot", sim_law_lease_ended(0, SIM_LEASE_SSH));
    facts_world.is_struck = true; /* what gives back may have been hit */
    sim_law_lease_ended(0, SIM_LEASE_SSH);
}

static void test_what_a_boot_could_not_give_back_is_tried_again(void **state)
{
    stage(0);
    sim_law_belayd(false);
    isolate(0);
    boot(0);
    sim_law_lease_kept(0, SIM_LEASE_SSH);
    pass(90L * 1000);
    sim_law_lease_kept(0, SIM_LEASE_SSH);
    pass(90L * 1000 + 1);
    BREAKS("tried again only 90001 ms later", sim_law_lease_kept(0, SIM_LEASE_SSH));
    BREAKS("tried again only 90001 ms later", sim_law_lease_ended(0, SIM_LEASE_SSH));
    facts_world.is_struck = true;
    sim_law_lease_ended(0, SIM_LEASE_SSH);
}

static void test_an_open_job_is_taken_up_again(void **state)
{
    submit(other, /* is_valid= */ true, 2);
    sim_law_order_sent(other, 0, CTL_ROLLOUT_SEND_OFFER);
    sim_law_job_taken(0, other);
    sim_law_job_recorded(0, other, PROTO_JOB_STAGING, true, false);
    sim_law_job_recorded(0, other, PROTO_JOB_BLOCKED, true, false);
    take(0);
    BREAKS("takes rollout 2 up, which ended, and its job of rollout 1 is staging",
           sim_law_job_loaded(0, other, PROTO_JOB_BLOCKED));
    sim_law_job_loaded(0, rollout, PROTO_JOB_STAGING);
}

/* ---- orders and reports ---- */

/* Host 0 stands on `rollout`, and `other` is open. */
static void commit_below(void)
{
    stage(0);
    commit(0);
    sim_law_belayd(false);
    submit(other, /* is_valid= */ true, 2);
    sim_law_order_sent(other, 0, CTL_ROLLOUT_SEND_OFFER);
    sim_law_job_taken(0, other);
    sim_law_job_recorded(0, other, PROTO_JOB_STAGING, true, false);
}

static void close_other(void)
{
    sim_law_order_sent(other, 0, CTL_ROLLOUT_SEND_CANCEL);
    sim_law_job_recorded(0, other, PROTO_JOB_CANCELLED, true, false);
}

static void test_a_revert_that_was_heard_is_answered(void **state)
{
    commit_below();
    sim_law_revert_heard(0, rollout);
    pass(MINUTE_MS);
    close_other();
    pass(MINUTE_MS);
    BREAKS("REVERT of rollout 1 was heard 120000 ms ago, no job is open since 60000 ms",
           sim_law_agent_gone(0));
    BREAKS("it was not answered", sim_law_reported(0, rollout)); /* only now */
    facts_world.is_struck = true;
    sim_law_agent_gone(0);
    facts_world.is_struck = false;
    sim_law_agent_gone(0); /* nobody knows of it any more */
}

static void test_a_revert_may_wait_for_another_job(void **state)
{
    commit_below();
    sim_law_revert_heard(0, rollout);
    pass(MINUTE_MS);
    sim_law_agent_gone(0); /* forgotten; belayd repeats it */
    sim_law_revert_heard(0, rollout);
    pass(MINUTE_MS);
    close_other();
    sim_law_reported(0, rollout);
    pass(MINUTE_MS);
    sim_law_agent_gone(0);
}

static void test_no_report_is_dropped_before_it_was_sent(void **state)
{
    sim_law_reports_dropped(0, 7, 7);
    BREAKS("drops its reports up to 8, and sent 7", sim_law_reports_dropped(0, 8, 7));
}

/* ---- files ---- */

static void test_the_files_that_a_host_stands_on_are_kept(void **state)
{
    commit_below();
    BREAKS("the files of rollout 1 are deleted, and the host stands on it",
           sim_law_files_deleted(0, rollout));
    sim_law_files_deleted(0, other);
    sim_law_files_deleted(1, rollout);
    close_other();
    sim_law_rescued(0);
    ask_back(0);
    record(0, PROTO_JOB_REVERTING);
    sim_law_files_deleted(0, rollout);
}

#define LAW(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

static void test_who_is_not_of_the_sample_does_not_look_closely(void **state)
{
    sim_law_looked_closely(0, rollout, false);
    BREAKS("is not of the sample", sim_law_looked_closely(0, rollout, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {LAW(who_is_not_of_the_sample_does_not_look_closely),
                                       LAW(nobody_turns_back_over_a_link_that_is_open),
                                       LAW(who_could_look_is_not_in_the_dark),
                                       LAW(a_change_that_has_ended_was_not_interrupted),
                                       LAW(nobody_cancels_unasked),
                                       LAW(nobody_commits_what_got_bad_in_its_watch),
                                       LAW(nobody_is_taken_back_for_what_did_not_happen),
                                       LAW(what_was_seen_before_a_boot_does_not_count),
                                       LAW(who_was_about_to_commit_may_do_so_after_a_boot),
                                       LAW(a_boot_gives_back_at_once),
                                       LAW(what_a_boot_could_not_give_back_is_tried_again),
                                       LAW(an_open_job_is_taken_up_again),
                                       LAW(a_revert_that_was_heard_is_answered),
                                       LAW(a_revert_may_wait_for_another_job),
                                       LAW(no_report_is_dropped_before_it_was_sent),
                                       LAW(the_files_that_a_host_stands_on_are_kept)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
