/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/risk.h"

#include <stdio.h>
#include <string.h>

#include "proto/finding.h"
#include "tests/lib/unit.h"

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
};

static struct proto_policy_wave waves[] = {{1, 0}, {10, 0}, {30, 0}, {59, 0}};

/* Of 100 hosts, exactly as the grade is. */
static void set_up(uint32_t risk, struct proto_manifest *manifest, struct proto_policy *policy)
{
    const struct proto_risk_grade *grade = proto_risk_grade(risk);

    waves[0] = (struct proto_policy_wave){1, 0};
    waves[2].failures_allowed = 0;
    *manifest = (struct proto_manifest){.risk = risk,
                                        .watch_ms = (uint64_t)grade->watch_ms,
                                        .ssh_lock = true,
                                        .ssh_sessions = grade->sessions};
    *policy = (struct proto_policy){.waves = waves,
                                    .waves_count = 4,
                                    .soak_ms = (uint64_t)grade->soak_ms,
                                    .first_alone = grade->first_alone,
                                    .sample_share = grade->sample_percent * UINT64_C(100),
                                    .approvals = grade->approvals,
                                    .answer_ms = (uint64_t)proto_answer_ms(grade->answer_within_ms),
                                    .otherwise = grade->otherwise};
}

static void assert_weaker(const struct proto_manifest *manifest, const struct proto_policy *policy,
                          const char *told)
{
    struct proto_weaker list[PROTO_WEAKER_MAX];
    char all[4096] = "", text[PROTO_WEAKER_LINE_BYTES];
    size_t used = 0;
    uint32_t count = proto_risk_weaker(manifest, policy, list);

    for (uint32_t i = 0; i < count; i++) {
        proto_weaker_to_text(&list[i], manifest->risk, text);
        used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i > 0 ? "\n" : "", text);
    }
    assert_string_equal(all, told);
}

static void what_the_grade_says_is_not_weaker(void **state)
{
    struct proto_manifest manifest;
    struct proto_policy policy;

    for (uint32_t risk = PROTO_RISK_LOW; risk <= PROTO_RISK_HIGH; risk++) {
        set_up(risk, &manifest, &policy);
        assert_weaker(&manifest, &policy, "");
        policy.soak_ms++;
        policy.approvals++;
        policy.answer_ms /= 2;
        manifest.ssh_sessions = PROTO_SESSIONS_END;
        assert_weaker(&manifest, &policy, "");
    }
}

/* However many findings are graded anew, what else is weaker has room behind them. */
static void many_grades_hide_no_other_setting(void **state)
{
    struct proto_grade_rule rules[PROTO_GRADES_MAX];
    struct proto_weaker list[PROTO_WEAKER_MAX];
    struct proto_manifest manifest;
    struct proto_policy policy;
    uint32_t rules_count = 0, count;

    set_up(PROTO_RISK_HIGH, &manifest, &policy);
    for (uint32_t row = 0; proto_finding_at(row) != NULL && rules_count < PROTO_GRADES_MAX; row++) {
        if (proto_finding_at(row)->grade > PROTO_GRADE_MINOR)
            rules[rules_count++] =
                (struct proto_grade_rule){proto_finding_at(row)->code, PROTO_GRADE_MINOR};
    }
    assert_true(rules_count > 24);
    manifest.verify_grades = rules;
    manifest.verify_grades_count = rules_count;
    policy.approvals = 0;
    count = proto_risk_weaker(&manifest, &policy, list);
    assert_int_equal(count, rules_count + 1);
    assert_string_equal(list[count - 1].field, "approvals.waves");
    for (uint32_t i = 0; i < rules_count; i++)
        assert_non_null(strstr(list[i].value, rules[i].code));
}

static void each_setting_is_compared(void **state)
{
    struct proto_grade_rule rules[] = {{"kernel_broken", PROTO_GRADE_MINOR},
                                       {"unit_idle", PROTO_GRADE_IGNORE},
                                       {"kernel_error", PROTO_GRADE_SEVERE}};
    struct proto_manifest manifest;
    struct proto_policy policy;

    set_up(PROTO_RISK_HIGH, &manifest, &policy);
    waves[0].hosts_count = 3; /* of 102 */
    policy.waves[2].failures_allowed = 3;
    policy.soak_ms -= SECOND;
    policy.first_alone = false;
    policy.approvals = 0;
    policy.answer_ms = 5 * MINUTE - 10 * SECOND;
    policy.otherwise = PROTO_OTHERWISE_STOP;
    policy.sample_share = 50;
    manifest.ssh_sessions = PROTO_SESSIONS_KEEP;
    manifest.watch_ms = 90 * SECOND;
    manifest.verify_grades = rules;
    manifest.verify_grades_count = 3;
    assert_weaker(&manifest, &policy,
                  "waves: 3 of 102 hosts with wave 1; risk high has at most 2\n"
                  "soak: 59m 59s; risk high has at least 1h\n"
                  "failures_allowed: 3; risk high has 0\n"
                  "first: together; risk high has alone\n"
                  "ssh_lock.sessions: keep; risk high has warn or more\n"
                  "verify.grades: kernel_broken: minor; risk high has severe\n"
                  "verify.grades: unit_idle: ignore; risk high has minor\n"
                  "sample.share: 0.5%; risk high has at least 100%\n"
                  "watch: 1m 30s; risk high has at least 10m\n"
                  "approvals.waves: 0; risk high has at least 1\n"
                  "severe.answer_within: 5m; risk high has at most 3m\n"
                  "severe.otherwise: stop; risk high has rollback");
    manifest.risk = PROTO_RISK_LOW;
    assert_weaker(&manifest, &policy, "");
    set_up(PROTO_RISK_MEDIUM, &manifest, &policy);
    manifest.ssh_lock = false;
    policy.otherwise = PROTO_OTHERWISE_STOP;
    assert_weaker(&manifest, &policy, "ssh_lock: no; risk medium has a lock");
}

/* More and smaller waves are as good, whatever their number; it is what has been started that counts. */
static void waves_count_by_what_they_have_started(void **state)
{
    struct proto_policy_wave steps[] = {{1, 0}, {5, 0}, {5, 0}, {30, 0}, {59, 0}};
    struct proto_manifest manifest;
    struct proto_policy policy;

    set_up(PROTO_RISK_HIGH, &manifest, &policy);
    policy.waves = steps;
    policy.waves_count = 5;
    assert_weaker(&manifest, &policy, "");
    steps[1].hosts_count = 15;
    steps[3].hosts_count = 20;
    assert_weaker(&manifest, &policy,
                  "waves: 16 of 100 hosts with wave 2; risk high has at most 11");
    policy.waves_count = 1; /* a single host: no way to begin with fewer */
    assert_weaker(&manifest, &policy, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_grade_says_is_not_weaker),
        cmocka_unit_test(each_setting_is_compared),
        cmocka_unit_test(many_grades_hide_no_other_setting),
        cmocka_unit_test(waves_count_by_what_they_have_started),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
