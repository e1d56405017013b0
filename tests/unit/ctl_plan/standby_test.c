/* SPDX-License-Identifier: Apache-2.0 */
/* hosts.standby: its three forms, and the note of a plan that lacks it. */
#include <stdio.h>

#include "tests/unit/ctl_plan/reading.h"

static void keeps_standby_hosts_by_name_expression_or_number(void **state)
{
    static const struct {
        const char *text, *expression;
        uint32_t names, of_ten;
    } rows[] = {
        {"{ list: [ a ], standby: [ b, c ] }", NULL, 2, 0},
        {"{ list: [ a ], standby: pool=reserve }", "pool=reserve", 0, 0},
        {"{ list: [ a ], standby: 3 }", NULL, 0, 3},
        {"{ list: [ a ], standby: 11% }", NULL, 0, 2}, /* rounded up */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reading *reading;
        char text[256];

        (void)snprintf(text, sizeof(text),
                       "plan: p\nrisk: high\nhosts: %s\nchange: { packages: [ a ] }\n"
                       "severe: { hooks: { traffic: switch } }\n",
                       rows[i].text);
        reading = read_text(text);
        assert_int_equal(reading->result, 0);
        assert_true(ctl_plan_has_standby(&reading->plan.hosts));
        assert_false(ctl_plan_lacks_standby(&reading->plan));
        assert_int_equal(reading->plan.hosts.standby.count, rows[i].names);
        assert_int_equal(ctl_plan_standby_count(&reading->plan.hosts, 10), rows[i].of_ten);
        if (rows[i].expression == NULL)
            assert_null(reading->plan.hosts.standby_expression);
        else
            assert_string_equal(reading->plan.hosts.standby_expression, rows[i].expression);
        end_reading(reading);
    }
}

/* Who switches the traffic at a high risk has somewhere to switch it to, or is told. */
static void notes_a_switch_to_nowhere(void **state)
{
    static const struct {
        const char *risk, *hooks;
        bool lacks;
    } rows[] = {{"high", "traffic: switch", true},
                {"medium", "traffic: switch", false},
                {"high", "page: switch", false}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reading *reading;
        char text[256];

        (void)snprintf(text, sizeof(text),
                       "plan: p\nrisk: %s\nhosts: { list: [ a ] }\nchange: { packages: [ a ] }\n"
                       "severe: { hooks: { %s } }\n",
                       rows[i].risk, rows[i].hooks);
        reading = read_text(text);
        assert_int_equal(reading->result, 0);
        assert_int_equal(ctl_plan_lacks_standby(&reading->plan), rows[i].lacks);
        end_reading(reading);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_standby_hosts_by_name_expression_or_number),
        cmocka_unit_test(notes_a_switch_to_nowhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
