/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/outside/groups.h"

#include <string.h>

#include "controller/outside/json.h"
#include "tests/lib/unit.h"

static const char *signature(const char *reason)
{
    static char text[512];
    CTL_AUTO_JSON *names = json_pack("{s:b, s:b}", "web-1", 1, "db", 1);

    assert_non_null(names);
    ctl_groups_signature(reason, names, text, sizeof(text));

    return text;
}

static void what_differs_from_host_to_host_is_replaced(void **state)
{
    assert_string_equal(signature("dpkg on web-1 ended with 10"), "dpkg on <host> ended with <n>");
    assert_string_equal(signature("web-1.example.org: /var/lib/dpkg/info/x: line 12"),
                        "<host>: <path>: line <n>");
    assert_string_equal(signature("demo=2.0-1 is not installable"),
                        "demo=<version> is not installable");
    assert_string_equal(signature("linux-image-6.1.0-21-amd64 failed (after 250ms)."),
                        "linux-image-<version> failed (after <n>).");
    assert_string_equal(signature("10.0.0.7:443 gave no answer"), "<address>:<n> gave no answer");
    assert_string_equal(signature("job 0af3c1d2e4 was cut off at 34/120"),
                        "job <id> was cut off at <n>");
    assert_string_equal(signature("5.8 MiB free on /, 64MiB needed"),
                        "<n> MiB free on /, <n> needed");
}

static void what_tells_causes_apart_stays(void **state)
{
    assert_string_equal(signature("the postinst of nvidia-dkms failed"),
                        "the postinst of nvidia-dkms failed");
    assert_string_equal(signature("libssl3 and eth0, not web-2"),
                        "libssl3 and eth0, not web-<version>");
    assert_string_equal(signature(""), "");
    assert_string_equal(signature("deadbeef"), "deadbeef"); /* a word, too */
}

static void a_long_or_cut_sentence_is_no_danger(void **state)
{
    char reason[600], text[16];

    memset(reason, 'x', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = '\0';
    assert_int_equal(strspn(signature(reason), "x"), 255);
    ctl_groups_signature("äääääääääää 1 2 3", NULL, text, sizeof(text));
    assert_string_equal(text, "äääääää");
}

/* A status of 60 hosts: 58 failed in dpkg, each with its own words, 2 are silent. */
static json_t *make_status(void)
{
    json_t *status = json_pack("{s:s, s:[]}", "rollout", "0123456789abcdef", "hosts");
    json_t *hosts = json_object_get(status, "hosts");

    for (int i = 0; i < 62; i++) {
        char name[16], reason[128], at[32];
        const char *failed_state = i % 2 == 0 ? "reverted" : "reverting";

        (void)snprintf(name, sizeof(name), "h%d", i + 1);
        (void)snprintf(reason, sizeof(reason), "dpkg on %s failed: /var/log/%d: exit %d", name, i,
                       i);
        (void)snprintf(at, sizeof(at), "2026-11-21T12:%02d:00.000Z", 59 - i % 58);
        if (i >= 58)
            (void)snprintf(reason, sizeof(reason), "no answer");
        assert_int_equal(
            json_array_append_new(
                hosts,
                json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s}", "name", name, "state",
                          i < 58   ? failed_state
                          : i < 60 ? "lost"
                                   : "committed",
                          "code", i < 58 ? "postinst" : "lost", "reason", reason, "grade",
                          i == 7 ? "severe" : "functional", "failed", i < 60, "changed_at", at)),
            0);
    }

    return status;
}

static void sixty_failures_become_two_lines(void **state)
{
    CTL_AUTO_JSON *status = make_status();
    CTL_AUTO_JSON *groups = ctl_groups_of(status);
    const json_t *dpkg = json_array_get(groups, 0), *silent = json_array_get(groups, 1);

    assert_int_equal(json_array_size(groups), 2);
    assert_int_equal(ctl_json_number(dpkg, "count"), 58);
    assert_int_equal(json_array_size(json_object_get(dpkg, "hosts")), 58);
    assert_string_equal(ctl_json_text(dpkg, "reason"), "dpkg on <host> failed: <path>: exit <n>");
    assert_string_equal(ctl_json_text(dpkg, "code"), "postinst");
    assert_string_equal(ctl_json_text(dpkg, "grade"), "severe");
    /* The one that failed first, with its own words. */
    assert_string_equal(ctl_json_text(dpkg, "first"), "h58");
    assert_string_equal(ctl_json_text(dpkg, "first_at"), "2026-11-21T12:02:00.000Z");
    assert_string_equal(ctl_json_text(dpkg, "example"), "dpkg on h58 failed: /var/log/57: exit 57");
    assert_string_equal(ctl_json_text(dpkg, "next"), "belay why h58");

    assert_int_equal(ctl_json_number(silent, "count"), 2);
    assert_string_equal(ctl_json_text(silent, "reason"), "no answer"); /* all say just this */
    assert_string_equal(ctl_json_text(silent, "next"), "belay ping h60");
}

static void a_report_is_grouped_by_its_causes(void **state)
{
    CTL_AUTO_JSON *report =
        json_pack("{s:s, s:[{s:s, s:s, s:{s:s, s:s}, s:[{s:s, s:s}]}, {s:s, s:s, s:n}]}", "rollout",
                  "ab", "hosts", "name", "a", "state", "revert_failed", "cause", "code",
                  "no_way_back", "reason", "gone", "states", "state", "revert_failed", "at",
                  "2026-11-21T12:02:00.000Z", "name", "b", "state", "committed", "cause");
    CTL_AUTO_JSON *groups = ctl_groups_of(report);
    const json_t *group = json_array_get(groups, 0);

    assert_int_equal(json_array_size(groups), 1);
    assert_string_equal(ctl_json_text(group, "code"), "no_way_back");
    assert_string_equal(ctl_json_text(group, "first_at"), "2026-11-21T12:02:00.000Z");
    assert_string_equal(ctl_json_text(group, "next"), "belay rollback ab --host a");
}

static void other_codes_are_other_groups(void **state)
{
    CTL_AUTO_JSON *status =
        json_pack("{s:[{s:s, s:s, s:s, s:b}, {s:s, s:s, s:s, s:b}, {s:s, s:s, s:s, s:b}]}", "hosts",
                  "name", "a", "code", "x", "reason", "r", "failed", 1, "name", "b", "code", "y",
                  "reason", "r", "failed", 1, "name", "c", "code", "x", "reason", "r", "failed", 0);
    CTL_AUTO_JSON *groups = ctl_groups_of(status);

    assert_int_equal(json_array_size(groups), 2);
    assert_int_equal(ctl_json_number(json_array_get(groups, 0), "count"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_differs_from_host_to_host_is_replaced),
        cmocka_unit_test(what_tells_causes_apart_stays),
        cmocka_unit_test(a_long_or_cut_sentence_is_no_danger),
        cmocka_unit_test(sixty_failures_become_two_lines),
        cmocka_unit_test(a_report_is_grouped_by_its_causes),
        cmocka_unit_test(other_codes_are_other_groups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
