/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/findings.h"

#include <string.h>

#include "tests/lib/unit.h"

static void the_worst_leads_and_all_are_listed(void **state)
{
    struct agent_findings findings = {0};

    agent_findings_found(&findings, "unit_idle", "a has ended");
    agent_findings_found(&findings, "unit_failed", "b failed");
    agent_findings_answer(&findings, "port_closed", "c answered 200");
    agent_findings_found(&findings, "port_gone", "tcp/%d is gone", 80);
    assert_int_equal(findings.count, 3);
    assert_int_equal(findings.grade, PROTO_GRADE_FUNCTIONAL);
    assert_string_equal(findings.code, "unit_failed");
    assert_string_equal(findings.text, "b failed; a has ended; tcp/80 is gone");
    assert_int_equal(findings.list_count, 4);
    assert_int_equal(findings.list[0].grade, PROTO_GRADE_MINOR);
    assert_int_equal(findings.list[2].grade, 0);
    assert_string_equal(findings.list[3].code, "port_gone");
}

static void the_plan_grades_otherwise(void **state)
{
    struct proto_grade_rule rules[] = {{"unit_idle", PROTO_GRADE_SEVERE},
                                       {"unit_not_up", PROTO_GRADE_IGNORE},
                                       {"version_differs", PROTO_GRADE_IGNORE}};
    const struct proto_manifest manifest = {.verify_grades = rules, .verify_grades_count = 3};
    struct agent_findings findings = {.manifest = &manifest};

    agent_findings_found(&findings, "unit_not_up", "a route");
    assert_int_equal(findings.count, 0);
    assert_int_equal(findings.grade, 0);
    assert_string_equal(findings.list[0].text, "a route (ignored by the plan)");
    agent_findings_found(&findings, "version_differs", "a version");
    assert_int_equal(findings.count, 0);
    agent_findings_found(&findings, "unit_idle", "a unit");
    assert_int_equal(findings.grade, PROTO_GRADE_SEVERE);
}

static void no_plan_overlooks_what_the_way_back_restores(void **state)
{
    struct proto_grade_rule rules[] = {{"unit_not_up", PROTO_GRADE_IGNORE},
                                       {"version_differs", PROTO_GRADE_IGNORE}};
    const struct proto_manifest manifest = {.verify_grades = rules, .verify_grades_count = 2};
    struct agent_findings findings = {.manifest = &manifest, .restored = true};

    agent_findings_found(&findings, "unit_not_up", "a route");
    assert_int_equal(findings.grade, 0);
    agent_findings_found(&findings, "version_differs", "a version");
    assert_int_equal(findings.grade, PROTO_GRADE_FUNCTIONAL);
}

static void more_than_fit_still_count(void **state)
{
    struct agent_findings findings = {0}, all = {0};

    for (unsigned i = 0; i < AGENT_FINDINGS_MAX; i++)
        agent_findings_found(&findings, "unit_idle", "unit %u", i);
    agent_findings_found(&findings, "kernel_broken", "the worst came last");
    assert_int_equal(findings.count, AGENT_FINDINGS_MAX + 1);
    assert_int_equal(findings.list_count, AGENT_FINDINGS_MAX);
    assert_int_equal(findings.grade, PROTO_GRADE_SEVERE);

    agent_findings_join(&all, &findings);
    assert_int_equal(all.grade, PROTO_GRADE_SEVERE);
    assert_string_equal(all.code, "kernel_broken");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_leads_and_all_are_listed),
        cmocka_unit_test(the_plan_grades_otherwise),
        cmocka_unit_test(no_plan_overlooks_what_the_way_back_restores),
        cmocka_unit_test(more_than_fit_still_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
