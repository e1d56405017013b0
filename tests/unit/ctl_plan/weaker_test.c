/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/policy.h"
#include "proto/trust.h"
#include "tests/unit/ctl_plan/reading.h"

/* Without a number of hosts: from how many hosts on, since a share of few is another number. */
static void tells_what_is_weaker_than_the_grade(void **state)
{
    struct reading *own =
        read_text("plan: p\nrisk: medium\nhosts: { list: [ a ] }\nchange: { packages: [ a ] }\n");
    struct reading *weaker = read_text(
        "plan: p\nrisk: medium\nhosts: { list: [ a ] }\nchange: { packages: [ a ] }\n"
        "waves: [ 2, rest ]\nsoak: 1m\nfailures_allowed: 5%\n"
        "verify:\n  grades: { unit_failed: minor, port_gone: ignore, unit_idle: severe }\n");
    static const struct {
        const char *field;
        uint32_t line, hosts_count;
    } told[] = {{"soak", 6, 1},
                {"verify.grades", 9, 1},
                {"verify.grades", 9, 1},
                {"waves", 5, 2},
                {"failures_allowed", 7, 20}};
    struct ctl_plan_weaker list[PROTO_WEAKER_MAX];

    assert_int_equal(own->result, 0);
    assert_int_equal(ctl_plan_weaker(&own->plan, 0, list), 0);
    assert_int_equal(weaker->result, 0);
    assert_int_equal(ctl_plan_weaker(&weaker->plan, 0, list), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(list[i].what.field, told[i].field);
        assert_int_equal(list[i].line, told[i].line);
        assert_int_equal(list[i].hosts_count, told[i].hosts_count);
    }
    assert_int_equal(ctl_plan_weaker(&weaker->plan, 1, list), 3);
    assert_int_equal(ctl_plan_weaker(&weaker->plan, 30, list), 5);
    end_reading(own);
    end_reading(weaker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_is_weaker_than_the_grade),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
