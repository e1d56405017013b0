/* SPDX-License-Identifier: Apache-2.0 */
/* Reports that do not arrive in the order in which a host wrote them. */
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/one_world.h"

static int count_report(void *userdata, const struct ctl_store_report *stored, struct bl_error *err)
{
    uint64_t *last_seq = userdata;

    assert_int_equal(stored->report.seq, *last_seq + 1);
    *last_seq = stored->report.seq;
    return 0;
}

static uint64_t stored_reports(void)
{
    struct bl_error err = {0};
    uint64_t last_seq = 0;

    assert_int_equal(ctl_store_each_report(world.engine->store, world.engine->runs[0]->id,
                                           count_report, &last_seq, &err),
                     0);
    return last_seq;
}

static void report(struct fake_host *host, uint32_t state)
{
    fake_host_report(host, &(struct proto_report){.moment = PROTO_MOMENT_STATE, .state = state});
}

/* Acknowledging what came behind it would make the host forget it. */
static void test_a_report_that_got_lost_is_sent_again(void **state)
{
    const struct submission_wish wish = {
        .risk = PROTO_RISK_LOW, .signers = {&world.anna}, .hosts_per_wave = {1}, .number = 1};
    struct fake_host *host = world_add_host(&world, "web1");
    unsigned welcomes;
    char id[17];

    host->end = FAKE_SILENT;
    world_submit(&world, &wish, id);
    while (host->starts == 0 || host->acknowledged < host->report_count)
        world_turn(&world);
    welcomes = host->welcomes;

    host->loses_reports = true;
    report(host, PROTO_JOB_ISOLATING);
    host->loses_reports = false;
    report(host, PROTO_JOB_CHANGING);
    report(host, PROTO_JOB_VERIFYING);
    while (host->acknowledged < host->report_count)
        world_turn(&world);

    assert_int_equal(host->welcomes, welcomes + 1);
    assert_int_equal(stored_reports(), host->report_count);
    assert_int_equal(world.engine->runs[0]->hosts[0].job_state, PROTO_JOB_VERIFYING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_report_that_got_lost_is_sent_again, open_world,
                                        close_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
