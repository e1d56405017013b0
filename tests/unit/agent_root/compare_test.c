/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/compare.h"

#include <string.h>

#include "tests/lib/unit.h"

static struct agent_unit then_units[] = {
    {.name = "cron.service", .state = AGENT_UNIT_ACTIVE, .enabled = true},
    {.name = "nginx.service", .state = AGENT_UNIT_ACTIVE, .enabled = true},
    {.name = "old.service", .state = AGENT_UNIT_FAILED},
    {.name = "ondemand.service", .state = AGENT_UNIT_ACTIVE},
    {.name = "user@0.service", .state = AGENT_UNIT_ACTIVE},
};
static struct agent_probe_listener then_ports[] = {
    {PROTO_TCP, 22, "0.0.0.0"},    {PROTO_TCP, 22, "::"},      {PROTO_TCP, 443, "0.0.0.0"},
    {PROTO_TCP, 45000, "0.0.0.0"}, {PROTO_UDP, 68, "0.0.0.0"},
};
static const struct agent_baseline baseline = {.format = AGENT_BASELINE_FORMAT,
                                               .boot_id = "boot",
                                               .cursor = "",
                                               .units = then_units,
                                               .units_count = 5,
                                               .listeners = then_ports,
                                               .listeners_count = 5};

static struct agent_findings compare_units(struct agent_unit *items, uint32_t count,
                                           const struct agent_lease_record *quiesced)
{
    const struct agent_units_list now = {items, count};
    struct agent_findings findings = {0};

    agent_compare_units(&baseline, &now, quiesced, &findings);
    return findings;
}

static void test_units_as_before_are_no_finding(void **state)
{
    struct agent_findings findings = compare_units(then_units, 5, NULL);

    assert_int_equal(findings.count, 0);
    assert_int_equal(findings.grade, 0);
}

static void test_a_failed_unit_is_functional(void **state)
{
    struct agent_unit now[5];
    struct agent_findings findings;

    memcpy(now, then_units, sizeof(now));
    now[1].state = AGENT_UNIT_FAILED;
    findings = compare_units(now, 5, NULL);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.grade, PROTO_GRADE_FUNCTIONAL);
    assert_string_equal(findings.code, "unit_failed");
    assert_non_null(strstr(findings.text, "nginx.service"));
}

static void test_a_unit_that_hangs_is_functional(void **state)
{
    struct agent_unit now[5];
    struct agent_findings findings;

    memcpy(now, then_units, sizeof(now));
    now[1].state = AGENT_UNIT_ACTIVATING;
    findings = compare_units(now, 5, NULL);
    assert_string_equal(findings.code, "unit_not_up");
    assert_int_equal(findings.grade, PROTO_GRADE_FUNCTIONAL);
}

static void test_a_stopped_unit_is_graded_by_its_purpose(void **state)
{
    /* Nothing of the baseline runs: cron and nginx are meant to, the third only on demand. */
    struct agent_findings findings = compare_units(NULL, 0, NULL);

    assert_int_equal(findings.count, 3);
    assert_int_equal(findings.grade, PROTO_GRADE_FUNCTIONAL);
    assert_string_equal(findings.code, "unit_stopped");

    findings = compare_units(then_units, 3, NULL);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.grade, PROTO_GRADE_MINOR);
}

static void test_a_service_may_end_as_long_as_its_socket_listens(void **state)
{
    struct agent_unit then[] = {
        {.name = "cups.service", .state = AGENT_UNIT_ACTIVE, .enabled = true},
        {.name = "cups.socket", .state = AGENT_UNIT_ACTIVE},
        {.name = "late.service", .state = AGENT_UNIT_ACTIVE, .enabled = true},
    };
    struct agent_unit now[] = {
        {.name = "cups.socket", .state = AGENT_UNIT_ACTIVE},
        {.name = "late.service", .state = AGENT_UNIT_ACTIVE},
        {.name = "late.socket", .state = AGENT_UNIT_ACTIVE},
    };
    const struct agent_baseline before = {.units = then, .units_count = 3};
    const struct agent_units_list sockets = {now, 3}, none = {NULL, 0};

    assert_true(agent_compare_may_end(&before, &sockets, &then[0]));
    assert_false(agent_compare_may_end(&before, &none, &then[0]));
    assert_false(agent_compare_may_end(&before, &sockets, &then[1])); /* the socket itself */
    assert_false(agent_compare_may_end(&before, &sockets, &then[2])); /* it had none */
    now[0].state = AGENT_UNIT_FAILED;
    assert_false(agent_compare_may_end(&before, &sockets, &then[0]));
}

static void test_what_we_paused_ourselves_is_no_finding(void **state)
{
    struct agent_lease_unit paused = {.name = "cron.service", .was_active = true};
    const struct agent_lease_record quiesced = {.units = &paused, .units_count = 1};

    assert_int_equal(compare_units(then_units + 1, 4, &quiesced).count, 0);
    assert_int_equal(compare_units(then_units + 1, 4, NULL).count, 1);
}

static void test_ports(void **state)
{
    struct proto_port wanted = {PROTO_TCP, 8443};
    const struct proto_manifest manifest = {.verify_ports = &wanted, .verify_ports_count = 1};
    const struct proto_manifest nothing = {0};
    struct agent_baseline now = {.listeners = then_ports, .listeners_count = 3};
    struct agent_findings findings = {0};

    /* A client's port and a UDP socket that are gone mean nothing. */
    agent_compare_ports(&baseline, &now, &nothing, &findings);
    assert_int_equal(findings.count, 0);

    agent_compare_ports(&baseline, &now, &manifest, &findings);
    assert_int_equal(findings.count, 1);
    assert_string_equal(findings.code, "port_closed");

    now.listeners_count = 0;
    findings = (struct agent_findings){0};
    agent_compare_ports(&baseline, &now, &nothing, &findings);
    assert_int_equal(findings.count, 2); /* 22 once, though it had two addresses */
    assert_string_equal(findings.code, "port_gone");
    assert_int_equal(findings.grade, PROTO_GRADE_FUNCTIONAL);
}

static struct agent_txn_item item_of(const char *version, uint32_t status)
{
    return (struct agent_txn_item){
        .name = "nginx", .arch = "amd64", .version = version, .status = status};
}

static struct agent_txn_result result_of(struct agent_txn_item *item)
{
    return (struct agent_txn_result){.result = PROTO_RESULT_OK,
                                     .code = "",
                                     .reason = "",
                                     .inventory = item,
                                     .inventory_count = 1,
                                     .audit_clean = true};
}

static void test_pins(void **state)
{
    struct proto_pin pin = {"nginx", "amd64", "2", PROTO_ACTION_UPGRADE};
    const struct proto_transaction transaction = {&pin, 1};
    struct agent_txn_item item = item_of("2", AGENT_TXN_STATUS_OK);
    struct agent_txn_result now = result_of(&item);
    struct agent_findings findings = {0};

    agent_compare_pins(&transaction, &now, &findings);
    assert_int_equal(findings.count, 0);

    item.status = AGENT_TXN_STATUS_HALF;
    agent_compare_pins(&transaction, &now, &findings);
    assert_string_equal(findings.code, "package_half_done");

    findings = (struct agent_findings){0};
    item = item_of("1", AGENT_TXN_STATUS_OK);
    agent_compare_pins(&transaction, &now, &findings);
    assert_string_equal(findings.code, "version_differs");

    findings = (struct agent_findings){0};
    now.inventory_count = 0;
    agent_compare_pins(&transaction, &now, &findings);
    assert_string_equal(findings.code, "version_differs");

    findings = (struct agent_findings){0};
    pin.action = PROTO_ACTION_REMOVE;
    agent_compare_pins(&transaction, &now, &findings);
    assert_int_equal(findings.count, 0);
    now.inventory_count = 1;
    agent_compare_pins(&transaction, &now, &findings);
    assert_string_equal(findings.code, "version_differs");

    findings = (struct agent_findings){0};
    now.inventory_count = 0;
    now.audit_clean = false;
    agent_compare_pins(&transaction, &now, &findings);
    assert_string_equal(findings.code, "package_database_broken");
}

static void test_snapshots_that_ran_full_are_told_while_they_are_the_way_back(void **state)
{
    const struct proto_transaction transaction = {0};
    struct agent_txn_finding found[] = {
        {.code = "snapshot_nearly_full", .reason = "of /var is 92 % full", .remedy = "vgextend"},
        {.code = "file_changed", .reason = "/usr/bin/demo", .remedy = ""},
    };
    struct agent_txn_item item = item_of("1", AGENT_TXN_STATUS_OK);
    struct agent_txn_result now = result_of(&item);
    struct agent_findings findings = {0};

    now.findings = found;
    now.findings_count = 2;
    agent_compare_pins(&transaction, &now, &findings);
    assert_int_equal(findings.count, 1);
    assert_string_equal(findings.code, "snapshot_nearly_full");
    assert_int_equal(findings.grade, PROTO_GRADE_MINOR);
    assert_string_equal(findings.text, "of /var is 92 % full");

    findings = (struct agent_findings){0};
    found[0].code = "snapshot_lost";
    agent_compare_pins(&transaction, &now, &findings);
    assert_string_equal(findings.code, "snapshot_lost");
    assert_int_equal(findings.grade, PROTO_GRADE_MINOR); /* to go back is just what can't be done */

    findings = (struct agent_findings){.restored = true};
    now.findings_count = 1;
    agent_compare_restored(&now, &now, &findings);
    assert_int_equal(findings.count, 0);
}

static void test_restored(void **state)
{
    struct agent_txn_item old = item_of("1", AGENT_TXN_STATUS_OK);
    struct agent_txn_item new = item_of("1", AGENT_TXN_STATUS_OK);
    struct agent_txn_result before = result_of(&old), now = result_of(&new);
    struct agent_findings findings = {0};

    agent_compare_restored(&before, &now, &findings);
    assert_int_equal(findings.count, 0);

    new.held = true;
    agent_compare_restored(&before, &now, &findings);
    assert_string_equal(findings.code, "marks_differ");

    findings = (struct agent_findings){0};
    old.status = AGENT_TXN_STATUS_ABSENT;
    agent_compare_restored(&before, &now, &findings);
    assert_string_equal(findings.code, "version_differs");
}

static void test_changed_files_of_restored_packages_are_told(void **state)
{
    struct agent_txn_finding changed[] = {
        {"other", "something else", ""},
        {"file_changed", "/usr/sbin/nginx is not what its package brought", ""},
        {"file_changed", "/usr/share/nginx is not what its package brought", ""}};
    const struct agent_txn_result before = {0};
    const struct agent_txn_result now = {
        .result = PROTO_RESULT_OK, .audit_clean = true, .findings = changed, .findings_count = 3};
    struct agent_findings findings = {0};

    agent_compare_restored(&before, &now, &findings);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.grade, PROTO_GRADE_MINOR);
    assert_string_equal(findings.code, "file_changed");
    assert_string_equal(findings.text,
                        "/usr/sbin/nginx is not what its package brought, and 1 more files");
}

static void test_each_path_and_setting_that_differs_is_named(void **state)
{
    struct agent_txn_finding differ[] = {
        {"conffile_differs", "/etc/shop/shop.conf is gone", ""},
        {"path_differs", "/srv/shop.conf has another content", ""},
        {"setting_differs", "/etc/alternatives/editor leads elsewhere", ""}};
    const struct agent_txn_result before = {0};
    const struct agent_txn_result now = {
        .result = PROTO_RESULT_OK, .audit_clean = true, .findings = differ, .findings_count = 3};
    struct agent_findings findings = {0};

    agent_compare_restored(&before, &now, &findings);
    assert_int_equal(findings.count, 3);
    assert_int_equal(findings.grade, PROTO_GRADE_FUNCTIONAL);
    assert_string_equal(findings.code, "conffile_differs");
    assert_non_null(strstr(findings.text, "/etc/alternatives/editor leads elsewhere"));
}

static void test_the_worst_finding_leads(void **state)
{
    struct agent_findings findings = {0};

    agent_findings_add(&findings, PROTO_GRADE_MINOR, "small", "small thing");
    agent_findings_add(&findings, PROTO_GRADE_SEVERE, "large", "large thing");
    agent_findings_add(&findings, PROTO_GRADE_FUNCTIONAL, "middle", "middle thing");
    assert_int_equal(findings.count, 3);
    assert_int_equal(findings.grade, PROTO_GRADE_SEVERE);
    assert_string_equal(findings.code, "large");
    assert_string_equal(findings.text, "large thing; small thing; middle thing");
    for (int i = 0; i < 100; i++)
        agent_findings_add(&findings, PROTO_GRADE_MINOR, "small", "one more finding, %d", i);
    assert_true(strlen(findings.text) < sizeof(findings.text));
}

static void test_kernel_messages_are_graded(void **state)
{
    assert_int_equal(agent_kernel_log_grade(6, "eth0: link is up"), 0);
    assert_int_equal(agent_kernel_log_grade(4, "a warning"), 0);
    assert_int_equal(agent_kernel_log_grade(3, "usb 1-1: device not accepting address"),
                     PROTO_GRADE_MINOR);
    assert_int_equal(agent_kernel_log_grade(2, "thermal: critical"), PROTO_GRADE_FUNCTIONAL);
    assert_int_equal(agent_kernel_log_grade(0, "x: Kernel panic - not syncing"),
                     PROTO_GRADE_SEVERE);
    assert_int_equal(agent_kernel_log_grade(2, "EXT4-fs: Remounting filesystem read-only"),
                     PROTO_GRADE_SEVERE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units_as_before_are_no_finding),
        cmocka_unit_test(test_a_failed_unit_is_functional),
        cmocka_unit_test(test_a_unit_that_hangs_is_functional),
        cmocka_unit_test(test_a_stopped_unit_is_graded_by_its_purpose),
        cmocka_unit_test(test_a_service_may_end_as_long_as_its_socket_listens),
        cmocka_unit_test(test_what_we_paused_ourselves_is_no_finding),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_snapshots_that_ran_full_are_told_while_they_are_the_way_back),
        cmocka_unit_test(test_restored),
        cmocka_unit_test(test_changed_files_of_restored_packages_are_told),
        cmocka_unit_test(test_each_path_and_setting_that_differs_is_named),
        cmocka_unit_test(test_the_worst_finding_leads),
        cmocka_unit_test(test_kernel_messages_are_graded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
