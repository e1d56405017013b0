/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/findings.h"

#include <string.h>

#include "agent/root/ops/samples.h"
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

static void a_failed_unit_ends_the_look_unless_the_plan_takes_it_lightly(void **state)
{
    struct proto_grade_rule rules[] = {{"unit_failed", PROTO_GRADE_IGNORE}};
    const struct proto_manifest manifest = {.verify_grades = rules, .verify_grades_count = 1};
    struct agent_findings own = {0}, planned = {.manifest = &manifest};

    assert_true(agent_findings_end_by_unit(&own, "demo.service"));
    assert_int_equal(own.grade, PROTO_GRADE_FUNCTIONAL);
    assert_string_equal(own.text, "demo.service of the plan failed");
    /* What is found else is still to come, and so is this: nothing of it is kept yet. */
    for (uint32_t grade = PROTO_GRADE_IGNORE; grade <= PROTO_GRADE_MINOR; grade++) {
        rules[0].grade = grade;
        assert_false(agent_findings_end_by_unit(&planned, "demo.service"));
        assert_int_equal(planned.list_count, 0);
    }
    rules[0].grade = PROTO_GRADE_SEVERE;
    assert_true(agent_findings_end_by_unit(&planned, "demo.service"));
    assert_int_equal(planned.grade, PROTO_GRADE_SEVERE);
}

static void a_unit_of_the_plan_is_judged_by_what_became_of_it(void **state)
{
    struct agent_unit unit = {.state = AGENT_UNIT_ACTIVE, .main_pid = 7, .restarts = 1};
    const struct agent_samples_seen same = agent_samples_see(&unit), none = agent_samples_see(NULL);

    assert_null(agent_samples_fault_of(&unit, NULL));
    assert_null(agent_samples_fault_of(&unit, &same));
    unit.main_pid = 8;
    assert_null(agent_samples_fault_of(&unit, NULL));
    assert_string_equal(agent_samples_fault_of(&unit, &same), "unit_restarts");
    unit.restarts = 0;
    assert_null(agent_samples_fault_of(&unit, &none)); /* it was not up yet */
    unit.state = AGENT_UNIT_FAILED;
    assert_string_equal(agent_samples_fault_of(&unit, &same), "unit_failed");
    unit.state = AGENT_UNIT_ACTIVATING;
    assert_string_equal(agent_samples_fault_of(&unit, &same), "unit_not_up");
    assert_string_equal(agent_samples_fault_of(NULL, &same), "unit_not_up");
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
        cmocka_unit_test(a_failed_unit_ends_the_look_unless_the_plan_takes_it_lightly),
        cmocka_unit_test(a_unit_of_the_plan_is_judged_by_what_became_of_it),
        cmocka_unit_test(more_than_fit_still_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
