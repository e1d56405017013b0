/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/proto_walk.h"
#include "tests/lib/unit.h"

static void a_good_one_comes_back(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};
    struct proto_manifest in;
    struct proto_manifest out;

    walk_sample_manifest(&in);
    if (proto_manifest_encode(&in, &buffer, &err) < 0)
        fail_msg("%s", err.text);
    if (proto_manifest_decode(buffer.data, buffer.size_bytes, &arena, &out, &err) < 0)
        fail_msg("%s", err.text);
    walk_assert_equal(&proto_manifest_schema, &in, &out);
}

/* Refused by who writes it (-EINVAL) and, when somebody writes it all the same, by who reads it. */
static void assert_refused(const struct proto_manifest *manifest, const char *wanted)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};
    struct proto_manifest out;

    assert_int_equal(proto_manifest_encode(manifest, &buffer, &err), -EINVAL);
    if (strstr(err.text, wanted) == NULL)
        fail_msg("'%s' is not in '%s'", wanted, err.text);
    assert_int_equal(buffer.size_bytes, 0);

    assert_int_equal(proto_encode(&proto_manifest_schema, manifest, &buffer, &err), 0);
    assert_int_equal(proto_manifest_decode(buffer.data, buffer.size_bytes, &arena, &out, &err),
                     -EPROTO);
    if (strstr(err.text, wanted) == NULL)
        fail_msg("'%s' is not in '%s'", wanted, err.text);
}

#define REFUSED(wanted, ...)          \
    do {                              \
        struct proto_manifest m;      \
                                      \
        walk_sample_manifest(&m);     \
        __VA_ARGS__;                  \
        assert_refused(&m, (wanted)); \
    } while (0)

static void the_head_makes_sense(void **state)
{
    REFUSED("format", m.format = 2);
    REFUSED("rollout_id", memset(m.rollout_id, 0, sizeof(m.rollout_id)));
    REFUSED("plan", m.plan = "two\nlines");
    REFUSED("not_after_ms", m.not_after_ms = m.not_before_ms);
    REFUSED("not_after_ms", m.not_before_ms = -1);
    REFUSED("counter", m.counter = 0);
    REFUSED("targets_count", m.targets_count = 0);
}

static void times_are_bounded(void **state)
{
    REFUSED("lease_ms", m.lease_ms = 0);
    REFUSED("stage_ms", m.stage_ms = 0);
    REFUSED("change_ms", m.change_ms = 0);
    REFUSED("confirm_within_ms", m.confirm_within_ms = 0);
    REFUSED("lease_ms", m.lease_ms = (uint64_t)PROTO_DURATION_MS_MAX + 1);
    REFUSED("watch_ms", m.watch_ms = UINT64_MAX);
    REFUSED("keep_way_back_ms", m.keep_way_back_ms = UINT64_MAX);
    REFUSED("quiesce_wait_ms", m.quiesce_wait_ms = UINT64_MAX);
    REFUSED("verify_settle_ms", m.verify_settle_ms = UINT64_MAX);
}

/* One kind with these pins must be refused. */
static void refused_pins(struct proto_pin *pins, uint32_t count, const char *wanted)
{
    static const uint8_t all[] = {0xff};
    uint8_t members[] = {(uint8_t)(all[0] >> (8 - count))};
    struct proto_kind kinds[] = {{{members, 1}}};

    REFUSED(wanted, m.pins = pins; m.pins_count = count; m.kinds = kinds; m.kinds_count = 1);
}

static void kinds_hold_exact_pins(void **state)
{
    struct proto_pin bad[] = {
        {"a1", "amd64", "", PROTO_ACTION_UPGRADE},
        {"a1", "amd64", "1.0", PROTO_ACTION_REMOVE},
        {"a1/testing", "amd64", "1.0", PROTO_ACTION_UPGRADE},
        {"a1-", "amd64", "1.0", PROTO_ACTION_UPGRADE},
        {"-oDPkg::Options", "amd64", "1.0", PROTO_ACTION_UPGRADE},
        {"a1", "amd64 ", "1.0", PROTO_ACTION_UPGRADE},
        {"a1", "amd64", "1.0 --force", PROTO_ACTION_UPGRADE},
    };
    static const char *const wanted[] = {
        "no version",         "to be removed",      "not a package name", "not a package name",
        "not a package name", "not a package name", "not a version",
    };
    struct proto_pin twice[] = {{"a1", "amd64", "1.0", PROTO_ACTION_UPGRADE},
                                {"a1", "amd64", "1.1", PROTO_ACTION_UPGRADE},
                                {"a1", "i386", "1.0", PROTO_ACTION_UPGRADE}};
    struct proto_pin unsorted[] = {twice[2], twice[0]};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refused_pins(&bad[i], 1, wanted[i]);
    refused_pins(twice, 3, "'a1:amd64' is pinned twice");
    refused_pins(unsorted, 2, "pins[1]: 'a1' is out of order");
    REFUSED("kinds: none", m.kinds_count = 0);
    REFUSED("packages: none", m.packages_count = 0);
}

static void assert_good(struct proto_package *package)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};
    struct proto_manifest m;

    walk_sample_manifest(&m);
    m.packages = package;
    m.packages_count = 1;
    if (proto_manifest_encode(&m, &buffer, &err) < 0)
        fail_msg("%s", err.text);
    m.package_set = PROTO_SET_SECURITY;
    m.packages_count = 0;
    if (proto_manifest_encode(&m, &buffer, &err) < 0)
        fail_msg("%s", err.text);
}

static void packages_are_named_plainly(void **state)
{
    static const char *const names[] = {"a b", "../x", "x;reboot", "-x*", "x-",
                                        "-y",  "x=1",  "x/y",      "x*-", "*:i386"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct proto_package packages[] = {{names[i], ""}};

        REFUSED("packages[0]", m.packages = packages; m.packages_count = 1);
    }
    struct proto_package globs[] = {{"nginx*", "1.2[34].*"}};
    struct proto_text excludes[] = {{"fine*"}, {"-y*"}};
    struct proto_text own[] = {{"tel*"}};
    struct proto_package versioned[] = {{"openssl", "3.0 || true"}};
    REFUSED("packages[0]", m.packages = versioned; m.packages_count = 1);
    REFUSED("excludes[1]", m.excludes = excludes; m.excludes_count = 2);
    REFUSED("'telnetd' is excluded", m.excludes = own; m.excludes_count = 1);
    REFUSED("packages: some, and 'all' besides", m.package_set = PROTO_SET_ALL);
    assert_good(globs);
}

static void removals_need_leave(void **state)
{
    struct proto_pin pins[4];

    REFUSED("removing is not allowed", m.allow_remove = false);
    REFUSED("downgraded", m.allow_downgrade = false);
    REFUSED("is new, but new packages", memcpy(pins, m.pins, sizeof(pins));
            pins[0].action = PROTO_ACTION_INSTALL; m.pins = pins; m.allow_new = false);
}

/* F28 */
static void what_only_goes_one_way_needs_leave(void **state)
{
    static const struct {
        const char *name;
        uint32_t action;
        bool one_way;
    } cases[] = {
        {"libc6", PROTO_ACTION_UPGRADE, true},
        {"glibc", PROTO_ACTION_UPGRADE, true},
        {"glibc-common", PROTO_ACTION_REMOVE, true},
        {"dbus", PROTO_ACTION_DOWNGRADE, true},
        {"systemd", PROTO_ACTION_UPGRADE, true},
        {"systemd-udev", PROTO_ACTION_UPGRADE, true},
        {"selinux-policy-targeted", PROTO_ACTION_UPGRADE, true},
        {"libc6", PROTO_ACTION_INSTALL, false},
        {"openssl", PROTO_ACTION_UPGRADE, false},
        {"libc", PROTO_ACTION_UPGRADE, false},
        {"glib2", PROTO_ACTION_UPGRADE, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(proto_pin_is_one_way(cases[i].name, cases[i].action), cases[i].one_way);
    struct proto_pin pins[] = {{"libc6", "amd64", "2.36-9", PROTO_ACTION_UPGRADE}};

    static const uint8_t member[] = {0x01};
    struct proto_kind kinds[] = {{{member, 1}}};

    REFUSED("`change: { revert: packages }`", m.revert_accepted = false; m.pins = pins;
            m.pins_count = 1; m.kinds = kinds; m.kinds_count = 1);
}

static void paths_to_put_back_are_plain_and_apart(void **state)
{
    static const char *const bad[] = {"srv",     "/",    "/srv/", "/a/../b",
                                      "/proc/1", "/var", "/etc",  "/etc/ssh/sshd_config"};
    struct proto_text nested[] = {{"/srv/a"}, {"/srv"}};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct proto_text paths[] = {{bad[i]}};

        REFUSED("revert_paths[0]", m.revert_paths = paths; m.revert_paths_count = 1);
    }
    REFUSED("lies in revert_paths[1]", m.revert_paths = nested; m.revert_paths_count = 2);
}

static void names_are_checked(void **state)
{
    struct proto_text path[] = {{"../../etc/passwd"}};
    struct proto_text word[] = {{"cron"}};
    struct proto_text pattern[] = {{"cron*.service"}};
    struct proto_text option[] = {{"-H root@elsewhere"}};
    struct proto_text host[] = {{"example.org"}};
    struct proto_text portless[] = {{"192.0.2.1"}};
    struct proto_port port[] = {{PROTO_TCP, 0}};

    REFUSED("quiesce_units[0]", m.quiesce_units = path; m.quiesce_units_count = 1);
    REFUSED("quiesce_units[0]", m.quiesce_units = word; m.quiesce_units_count = 1);
    REFUSED("quiesce_timers[0]", m.quiesce_timers = option; m.quiesce_timers_count = 1);
    REFUSED("backup_units[0]", m.backup_units = path; m.backup_units_count = 1);
    REFUSED("precheck_units[0]", m.precheck_units = word; m.precheck_units_count = 1);
    REFUSED("precheck_units[0]", m.precheck_units = pattern; m.precheck_units_count = 1);
    REFUSED("precheck_containers[0]", m.precheck_containers = path;
            m.precheck_containers_count = 1);
    REFUSED("precheck_hooks[0]", m.precheck_hooks = path; m.precheck_hooks_count = 1);
    REFUSED("precheck_hooks[0]", m.precheck_hooks = option; m.precheck_hooks_count = 1);
    REFUSED("verify_units[0]", m.verify_units = option; m.verify_units_count = 1);
    REFUSED("verify_hooks[0]", m.verify_hooks = option; m.verify_hooks_count = 1);
    REFUSED("ssh_keep_groups[0]", m.ssh_keep_groups = option; m.ssh_keep_groups_count = 1);
    REFUSED("ssh_keep_from[0]", m.ssh_keep_from = host; m.ssh_keep_from_count = 1);
    REFUSED("verify_tcp[0]", m.verify_tcp = portless; m.verify_tcp_count = 1);
    REFUSED("verify_names[0]", m.verify_names = portless; m.verify_names_count = 1);
    REFUSED("witnesses[0]", m.witnesses = portless; m.witnesses_count = 1);
    REFUSED("verify_ports[0]", m.verify_ports = port; m.verify_ports_count = 1);
}

static void pages_have_plain_urls(void **state)
{
    static const char *const urls[] = {"ftp://127.0.0.1/", "http://", "http:///x",   "http://:80/",
                                       "http://u@h/",      "x",       "http://h/ a", "http://h/#a"};
    struct proto_http_check page[] = {{"http://127.0.0.1/", 0, "", 1000, false}};

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct proto_http_check bad[] = {{urls[i], 200, "", 1000, false}};

        REFUSED("verify_http[0]", m.verify_http = bad; m.verify_http_count = 1);
    }
    REFUSED("verify_http[0]", m.verify_http = page; m.verify_http_count = 1);
}

static void figures_have_limits_that_can_be_reached(void **state)
{
    const struct proto_figure_rule bad[] = {
        {PROTO_FIGURE_CPU, PROTO_BAD_ABOVE, 1000, 60000, 0},
        {PROTO_FIGURE_CPU, PROTO_BAD_ABOVE, 0, 60000, 0},
        {PROTO_FIGURE_CPU, PROTO_BAD_ABOVE, 900, 4999, 0},
        {PROTO_FIGURE_CPU, PROTO_BAD_ROOM, 900, 60000, 0},
        {PROTO_FIGURE_CPU, PROTO_BAD_ABOVE, 900, 60000, PROTO_MOUNT_VAR},
        {PROTO_FIGURE_DISK, PROTO_BAD_TIMES, 200, 60000, PROTO_MOUNT_VAR},
        {PROTO_FIGURE_LOAD, PROTO_BAD_TIMES, 109, 60000, 0},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct proto_figure_rule rule = bad[i];

        REFUSED("verify_figures[0]", m.verify_figures = &rule; m.verify_figures_count = 1);
    }
}

static void grades_are_of_findings_that_exist(void **state)
{
    struct proto_grade_rule unknown[] = {{"unit_idel", PROTO_GRADE_IGNORE}};
    struct proto_grade_rule twice[] = {{"unit_idle", PROTO_GRADE_IGNORE},
                                       {"unit_idle", PROTO_GRADE_SEVERE}};

    REFUSED("there is no finding 'unit_idel'", m.verify_grades = unknown;
            m.verify_grades_count = 1);
    REFUSED("'unit_idle' twice", m.verify_grades = twice; m.verify_grades_count = 2);
}

static void logs_are_named_and_asked_for_something(void **state)
{
    static const struct {
        struct proto_log_check log;
        const char *wanted;
    } cases[] = {
        {{"", "", "bad", "", 0}, "needs a unit or a file"},
        {{"a.service", "/var/log/x", "bad", "", 0}, "needs a unit or a file"},
        {{"a", "", "bad", "", 0}, "is not a unit"},
        {{"", "/etc/shadow", "bad", "", 0}, "is no file below /var/log"},
        {{"", "/var/log/../x", "bad", "", 0}, "is no file below /var/log"},
        {{"", "/var/log/journal/x", "bad", "", 0}, "is no file below /var/log"},
        {{"a.service", "", "", "", 0}, "neither bad nor good"},
        {{"a.service", "", "(", "", 0}, "cannot be used"},
        {{"a.service", "", "", "(a)\\1", 1000}, "cannot be used"},
        {{"a.service", "", "", "good", 0}, "a time"},
        {{"a.service", "", "bad", "", 1000}, "a time"},
    };
    struct proto_text pattern[] = {{"a{9999}"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct proto_log_check log = cases[i].log;

        REFUSED(cases[i].wanted, m.verify_logs = &log; m.verify_logs_count = 1);
    }
    REFUSED("verify_kernel_ignore[0]", m.verify_kernel_ignore = pattern;
            m.verify_kernel_ignore_count = 1);
}

static void samples_go_together(void **state)
{
    struct proto_manifest samples;

    REFUSED("verify_bad_allowed", m.verify_again = 1; m.verify_every_ms = 1000;
            m.verify_bad_allowed = 2);
    REFUSED("verify_every_ms", m.verify_again = 0; m.verify_bad_allowed = 0;
            m.verify_every_ms = 1000);
    REFUSED("verify_every_ms", m.verify_again = 1; m.verify_bad_allowed = 0;
            m.verify_every_ms = 999);

    walk_sample_manifest(&samples);
    samples.verify_again = 4;
    samples.verify_every_ms = 10000;
    samples.verify_hooks_count = 0;
    assert_int_equal(proto_manifest_checks_ms(&samples), 40000);
    samples.verify_hooks_count = 1;
    assert_int_equal(proto_manifest_checks_ms(&samples), 40000 + PROTO_HOOKS_WITHIN_MS);
}

/* Kind `members` must be refused, with the sample's four pins. */
static void refused_members(const void *members, size_t size_bytes, const char *wanted)
{
    struct proto_kind kinds[2] = {{{members, size_bytes}}, {{(const uint8_t *)"\x0f", 1}}};

    REFUSED(wanted, m.kinds = kinds; m.kinds_count = 2);
}

static void members_are_bits_of_pins(void **state)
{
    struct proto_kind one = {{(const uint8_t *)"\x07", 1}};

    refused_members("\x01\x00", 2, "has 2 bytes of members for 4 pins");
    refused_members("", 0, "has 0 bytes of members for 4 pins");
    refused_members("\x00", 1, "kinds[0]: has no pins");
    refused_members("\x11", 1, "kinds[0]: has pin 4 of 4");
    REFUSED("pins[3]: 'telnetd' is of no kind", m.kinds = &one; m.kinds_count = 1);
}

static void a_kind_gives_its_transaction(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    struct proto_manifest m;
    struct proto_transaction transaction;
    struct bl_error err = {0};

    walk_sample_manifest(&m);
    assert_int_equal(proto_manifest_transaction(&m, 1, &arena, &transaction, &err), 0);
    assert_int_equal(transaction.pins_count, 2);
    assert_string_equal(transaction.pins[0].arch, "arm64");
    assert_string_equal(transaction.pins[1].name, "telnetd");
}

/* Pins as those of a whole distribution: names of 18 bytes, versions of 20. */
static void make_pins(struct proto_pin *pins, char (*names)[32], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "libpackage-%04u-dev", (unsigned)(i % 10000));
        pins[i] =
            (struct proto_pin){names[i], "amd64", "1:2.36.9-9+deb12u10", PROTO_ACTION_UPGRADE};
    }
}

/* A host's 1,500 upgrades, and as many kinds of hosts as there may be, each without another one. */
static void a_whole_distribution_fits(void **state)
{
    enum {
        COUNT = 1500,
        BYTES = (COUNT + 7) / 8
    };
    static struct proto_pin pins[COUNT];
    static char names[COUNT][32];
    static uint8_t members[PROTO_KINDS_MAX][BYTES];
    struct proto_kind kinds[PROTO_KINDS_MAX];
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    struct proto_transaction transaction;
    struct proto_manifest m, out;
    struct bl_error err = {0};

    make_pins(pins, names, COUNT);
    for (uint32_t k = 0; k < PROTO_KINDS_MAX; k++) {
        memset(members[k], 0xff, BYTES);
        members[k][BYTES - 1] = 0x0f;
        members[k][k / 8] ^= (uint8_t)(1U << (k % 8));
        kinds[k].members = (struct proto_bytes){members[k], BYTES};
    }
    walk_sample_manifest(&m);
    m.pins = pins;
    m.pins_count = COUNT;
    m.kinds = kinds;
    m.kinds_count = PROTO_KINDS_MAX;
    if (proto_manifest_encode(&m, &buffer, &err) < 0 ||
        proto_manifest_decode(buffer.data, buffer.size_bytes, &arena, &out, &err) < 0 ||
        proto_manifest_transaction(&out, 63, &arena, &transaction, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(arena.used_bytes < (size_t)1024 * 1024 + 4 * buffer.size_bytes);
    assert_int_equal(transaction.pins_count, COUNT - 1);
    assert_string_equal(transaction.pins[62].name, names[62]);
    assert_string_equal(transaction.pins[63].name, names[64]);
}

static void too_large_is_refused(void **state)
{
    static struct proto_pin pins[PROTO_PINS_MAX];
    static char names[PROTO_PINS_MAX][PROTO_NAME_BYTES_MAX + 1];
    static uint8_t members[PROTO_MEMBERS_BYTES_MAX];
    static char large[PROTO_MANIFEST_BYTES_MAX + 1];
    struct proto_kind kind = {{members, sizeof(members)}};
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    struct proto_manifest m;
    struct bl_error err = {0};

    for (size_t i = 0; i < PROTO_PINS_MAX; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "n%04u%0*u", (unsigned)i, 100, 0U);
        pins[i] = (struct proto_pin){names[i], "amd64", "1.0", PROTO_ACTION_UPGRADE};
    }
    memset(members, 0xff, sizeof(members));
    walk_sample_manifest(&m);
    m.pins = pins;
    m.pins_count = PROTO_PINS_MAX;
    m.kinds = &kind;
    m.kinds_count = 1;
    assert_int_equal(proto_manifest_encode(&m, &buffer, &err), -EMSGSIZE);
    m.pins_count = 2000;
    kind.members.size_bytes = 250;
    assert_int_equal(proto_manifest_encode(&m, &buffer, &err), 0);

    assert_int_equal(proto_manifest_decode(large, sizeof(large), &arena, &m, &err), -EMSGSIZE);
}

static void words_have_names(void **state)
{
    assert_string_equal(proto_revert_class_name(PROTO_REVERT_FILESYSTEM), "filesystem");
    assert_string_equal(proto_revert_class_name(0), "?");
    assert_string_equal(proto_revert_class_name(4), "?");
    assert_string_equal(proto_sessions_name(PROTO_SESSIONS_END), "end");
    assert_string_equal(proto_sessions_name(4), "?");
    assert_string_equal(proto_transport_name(PROTO_UDP), "udp");
    assert_string_equal(proto_transport_name(UINT32_MAX), "?");
    assert_string_equal(proto_job_state_name(PROTO_JOB_REVERT_FAILED), "revert_failed");
    assert_string_equal(proto_job_state_name(PROTO_JOB_STATE_LAST + 1), "?");
    assert_string_equal(proto_job_state_name(0), "?");
    assert_string_equal(proto_step_name(PROTO_STEP_SSH_LOCK), "ssh_lock");
    assert_string_equal(proto_grade_name(PROTO_GRADE_FUNCTIONAL), "functional");
    assert_string_equal(proto_result_name(PROTO_RESULT_UNKNOWN), "unknown");
    assert_string_equal(proto_risk_name(PROTO_RISK_HIGH), "high");
    assert_string_equal(proto_action_name(PROTO_ACTION_REMOVE), "remove");
    for (uint32_t state_word = 1; state_word <= PROTO_JOB_STATE_LAST; state_word++)
        assert_string_not_equal(proto_job_state_name(state_word), "?");
    for (uint32_t step = 1; step <= PROTO_STEP_LAST; step++)
        assert_string_not_equal(proto_step_name(step), "?");
    assert_true(proto_job_state_is_final(PROTO_JOB_COMMITTED));
    assert_false(proto_job_state_is_final(PROTO_JOB_REVERTING));
    assert_false(proto_job_state_is_final(1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one_comes_back),
        cmocka_unit_test(the_head_makes_sense),
        cmocka_unit_test(times_are_bounded),
        cmocka_unit_test(kinds_hold_exact_pins),
        cmocka_unit_test(packages_are_named_plainly),
        cmocka_unit_test(removals_need_leave),
        cmocka_unit_test(members_are_bits_of_pins),
        cmocka_unit_test(a_kind_gives_its_transaction),
        cmocka_unit_test(a_whole_distribution_fits),
        cmocka_unit_test(what_only_goes_one_way_needs_leave),
        cmocka_unit_test(paths_to_put_back_are_plain_and_apart),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(pages_have_plain_urls),
        cmocka_unit_test(figures_have_limits_that_can_be_reached),
        cmocka_unit_test(grades_are_of_findings_that_exist),
        cmocka_unit_test(logs_are_named_and_asked_for_something),
        cmocka_unit_test(samples_go_together),
        cmocka_unit_test(too_large_is_refused),
        cmocka_unit_test(words_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
