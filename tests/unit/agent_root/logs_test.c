/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/logs.h"

#include <string.h>

#include "agent/root/kernel_log.h"
#include "tests/lib/unit.h"

static void test_what_answers_mean(void **state)
{
    static const struct {
        struct agent_logs_answer answer;
        const char *code, *text; /* of the only finding */
        uint32_t count;
    } cases[] = {
        {{0, "", true, ""}, "log_good_missing", "a.service logged a line with 'ready'", 0},
        {{0, "", false, ""},
         "log_good_missing",
         "a.service logged no line with 'ready' within 5 s",
         1},
        {{2, "emerg: x", true, ""},
         "log_bad",
         "a.service logged 2 line(s) with 'emerg': emerg: x",
         1},
        /* A probe that broke is no missing line. */
        {{0, "", false, "no such file"}, "log_unreadable", "a.service: no such file", 1},
    };
    struct proto_log_check check = {"a.service", "", "emerg", "ready", 5000};
    const struct proto_manifest manifest = {.verify_logs = &check, .verify_logs_count = 1};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct agent_findings findings = {0};

        agent_logs_judge(&manifest, &cases[i].answer, &findings);
        assert_int_equal(findings.count, cases[i].count);
        assert_string_equal(findings.list[0].code, cases[i].code);
        assert_string_equal(findings.list[0].text, cases[i].text);
    }
}

static void test_a_log_without_good_waits_for_nothing(void **state)
{
    struct proto_log_check check = {"", "/var/log/x", "emerg", "", 0};
    const struct proto_manifest manifest = {.verify_logs = &check, .verify_logs_count = 1};
    const struct agent_logs_answer answer = {0, "", false, ""};
    struct agent_findings findings = {0};

    agent_logs_judge(&manifest, &answer, &findings);
    assert_int_equal(findings.list_count, 0);
}

/* What the plan ignores is counted, whatever its level, and hides nothing else. */
static void test_kernel_messages_that_the_plan_ignores(void **state)
{
    const struct proto_text ignore[] = {{"^usb [0-9.-]+:"}, {"soft lockup"}};
    const struct agent_kernel_log_task task = {.cursor = "", .ignore = ignore, .ignore_count = 2};
    struct agent_kernel_log log = {0};

    agent_kernel_log_count(&log, 3, "usb 1-1: device not accepting address", &task);
    agent_kernel_log_count(&log, 2, "watchdog: BUG: soft lockup - CPU#0 stuck", &task);
    agent_kernel_log_count(&log, 6, "usb 1-1: new device", &task);
    assert_int_equal(log.ignored, 2);
    assert_int_equal(log.lines, 0);
    assert_int_equal(log.grade, 0);
    assert_string_equal(log.first_ignored, "usb 1-1: device not accepting address");

    agent_kernel_log_count(&log, 3, "not usb 1-1: x", &task);
    assert_int_equal(log.lines, 1);
    assert_int_equal(log.grade, PROTO_GRADE_MINOR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_answers_mean),
        cmocka_unit_test(test_a_log_without_good_waits_for_nothing),
        cmocka_unit_test(test_kernel_messages_that_the_plan_ignores),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
