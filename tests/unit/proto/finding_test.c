/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/finding.h"

#include <string.h>

#include "controller/plan/plan.h"
#include "proto/message.h"
#include "tests/lib/unit.h"

static void table_is_sorted_and_fits_into_reports(void **state)
{
    uint32_t row = 0;

    for (const struct proto_finding *finding; (finding = proto_finding_at(row)) != NULL; row++) {
        if (row > 0)
            assert_true(strcmp(proto_finding_at(row - 1)->code, finding->code) < 0);
        assert_true(strlen(finding->code) <= PROTO_CODE_BYTES_MAX);
        assert_true(finding->grade >= PROTO_GRADE_MINOR && finding->grade <= PROTO_GRADE_SEVERE);
        assert_true(strlen(finding->why) > 10);
        assert_ptr_equal(proto_finding_find(finding->code), finding);
    }
    assert_true(row > 10);
    assert_true(row <= CTL_PLAN_FINDINGS_MAX);
    assert_null(proto_finding_at(row));
    assert_null(proto_finding_find("unit"));
}

static void grades_have_names(void **state)
{
    assert_string_equal(proto_finding_grade_name(PROTO_GRADE_MINOR), "minor");
    assert_string_equal(proto_finding_grade_name(PROTO_GRADE_IGNORE), "ignore");
    assert_string_equal(proto_finding_grade_name(0), "?");
    assert_string_equal(proto_finding_grade_name(PROTO_GRADE_IGNORE + 1), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sorted_and_fits_into_reports),
        cmocka_unit_test(grades_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
