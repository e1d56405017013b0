/* SPDX-License-Identifier: Apache-2.0 */
/* What apt 2.6 and dpkg 1.21 printed on real hosts, and what they must never make us believe. */
#include "agent/packages/apt_parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/packages/apt.h"
#include "tests/lib/unit.h"

static struct agent_packages_memory memory;
static struct bl_error err;

static int release(void **state)
{
    agent_packages_memory_release(&memory);
    err = (struct bl_error){0};

    return 0;
}

static void assert_change(const struct proto_change *change, const char *name, const char *arch,
                          const char *from, const char *to)
{
    assert_string_equal(change->name, name);
    assert_string_equal(change->arch, arch);
    assert_string_equal(change->from, from);
    assert_string_equal(change->to, to);
}

static const char simulation[] =
    "Reading package lists...\n"
    "Building dependency tree...\n"
    "Reading state information...\n"
    "The following additional packages will be installed:\n"
    "  newdep\n"
    "The following packages have been kept back:\n"
    "  linux-image-amd64 firefox\n"
    "  thunderbird\n"
    "The following packages will be REMOVED:\n"
    "  app lib\n"
    "1 upgraded, 1 newly installed, 2 to remove and 2 not upgraded.\n"
    "Remv app [1.0]\n"
    "Remv libfoo:i386 [1:2.0-1] [other:i386 ]\n"
    "Purg old [0.1]\n"
    "Inst newdep (1.0 all [all])\n"
    "Inst demo [1.0] (3.0 Lab:new, Debian-Security:12/stable-security [amd64]) []\n"
    "Inst libc6:i386 [2.36-9+deb12u9] (2.36-9+deb12u10 Debian:12.11/stable [i386])\n"
    "Inst demo2 [3.0] (1.0 local-deb [all])\n"
    "Conf newdep (1.0 all [all])\n"
    "Conf demo (3.0 all [amd64])\n";

static void simulation_is_read_exactly(void **state)
{
    struct agent_packages_changes changes;

    assert_int_equal(agent_packages_apt_parse_simulation(&memory, simulation, &changes, &err), 0);
    assert_int_equal(changes.count, 7);
    assert_change(&changes.list[0], "app", "", "1.0", "");
    assert_int_equal(changes.list[0].action, PROTO_ACTION_REMOVE);
    assert_change(&changes.list[1], "libfoo", "i386", "1:2.0-1", "");
    assert_change(&changes.list[2], "old", "", "0.1", "");
    assert_int_equal(changes.list[2].action, PROTO_ACTION_REMOVE);
    assert_change(&changes.list[3], "newdep", "all", "", "1.0");
    assert_int_equal(changes.list[3].action, PROTO_ACTION_INSTALL);
    assert_change(&changes.list[4], "demo", "amd64", "1.0", "3.0");
    assert_int_equal(changes.list[4].action, PROTO_ACTION_UPGRADE);
    assert_change(&changes.list[5], "libc6", "i386", "2.36-9+deb12u9", "2.36-9+deb12u10");
    assert_change(&changes.list[6], "demo2", "all", "3.0", "1.0");
}

/* Of a Debian 12 and a Ubuntu 22.04 host, and of labels that only look like it. */
static void security_updates_are_told_by_their_archive(void **state)
{
    static const char text[] =
        "Inst base-files [12.4+deb12u11] (12.4+deb12u15 Debian:12.15/oldstable [amd64])\n"
        "Inst libssl3 [3.0.13-1] (3.0.17-1 Debian-Security:12/oldstable-security [amd64]) []\n"
        "Inst openssl [3.0.13-1] (3.0.17-1 Debian:12.15/oldstable, Debian-Security:12/stable "
        "[amd64])\n"
        "Inst bash [5.1-6] (5.1-6.1 Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security "
        "[amd64])\n"
        "Inst newdep (1.0 Ubuntu:22.04/jammy-security [amd64])\n"
        "Inst tool [1] (2 My-Debian-Security:1/stable, x-security:1/new [all])\n"
        "Inst local [1] (2 local-deb[all])\n"
        "Inst bare [1] (2 [all])\n"
        "Inst curl [7.88] (7.89 Debian-Security:testing-security [amd64])\n"
        "Conf libssl3 (3.0.17-1 Debian-Security:12/oldstable-security [amd64])\n";
    struct agent_packages_changes changes;
    uint32_t others;

    assert_int_equal(agent_packages_apt_parse_security(&memory, text, &changes, &others, &err), 0);
    assert_int_equal(changes.count, 5);
    assert_change(&changes.list[4], "curl", "amd64", "7.88", "7.89");
    assert_change(&changes.list[0], "libssl3", "amd64", "3.0.13-1", "3.0.17-1");
    assert_change(&changes.list[1], "openssl", "amd64", "3.0.13-1", "3.0.17-1");
    assert_change(&changes.list[2], "bash", "amd64", "5.1-6", "5.1-6.1");
    assert_change(&changes.list[3], "newdep", "amd64", "", "1.0");
    assert_int_equal(others, 4);
}

/* F27: as Ubuntu's index has it; apt before 2.7 only says that it keeps such a package back. */
static void phased_updates_are_told_by_their_field(void **state)
{
    static const char text[] =
        "Package: openssh-server\nArchitecture: amd64\nVersion: 1:8.9p1-3ubuntu0.10\n"
        "Phased-Update-Percentage: 20\nDescription: secure shell (SSH) server\n Package: none\n\n"
        "Package: done\nVersion: 2\nPhased-Update-Percentage: 100\n\n"
        "Package: plain\nVersion: 2\n\nPackage: zero\nPhased-Update-Percentage: 0\n";
    const char *names;

    assert_int_equal(agent_packages_apt_parse_phased(&memory, text, &names, &err), 0);
    assert_string_equal(names, "openssh-server zero");
    assert_int_equal(agent_packages_apt_parse_phased(&memory, "", &names, &err), 0);
    assert_string_equal(names, "");
}

static void a_host_knows_its_security_archive_and_its_pins(void **state)
{
    static const char without[] =
        "Package files:\n 100 /var/lib/dpkg/status\n     release a=now\n"
        " 500 http://deb.debian.org/debian bookworm/main amd64 Packages\n"
        "     release v=12.15,o=Debian,a=oldstable,n=bookworm,l=Debian,c=main,b=amd64\n"
        "     origin deb.debian.org-security\nPinned packages:\n";
    static const char with[] =
        "Package files:\n 500 http://deb.debian.org/debian-security bookworm-security/main amd64 "
        "Packages\n"
        "     release v=12,o=Debian,a=oldstable-security,n=bookworm-security,l=Debian-Security,"
        "c=main,b=amd64\n     origin deb.debian.org\n"
        "Pinned packages:\n     demo -> 1.0 with priority 1001\n"
        "     app -> 2.0 with priority 990\n";
    const char *pinned;

    assert_false(agent_packages_apt_has_security(without));
    assert_true(agent_packages_apt_has_security(with));
    assert_true(
        agent_packages_apt_has_security("     release v=22.04,o=Ubuntu,a=jammy-security\n"));
    assert_int_equal(agent_packages_apt_parse_pinned(&memory, without, &pinned, &err), 0);
    assert_string_equal(pinned, "");
    assert_int_equal(agent_packages_apt_parse_pinned(&memory, with, &pinned, &err), 0);
    assert_string_equal(pinned, "demo -> 1.0 with priority 1001, app -> 2.0 with priority 990");
}

static void nothing_to_do_is_no_change(void **state)
{
    struct agent_packages_changes changes;

    assert_int_equal(agent_packages_apt_parse_simulation(
                         &memory,
                         "demo is already the newest version (2.0).\n"
                         "0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n",
                         &changes, &err),
                     0);
    assert_int_equal(changes.count, 0);
}

static void a_line_that_does_not_fit_is_an_error(void **state)
{
    static const char *const bad[] = {
        "Inst \n",
        "Inst demo\n",
        "Inst demo [1.0\n",
        "Inst demo [1.0] 2.0\n",
        "Inst demo [1.0] (2.0)\n",
        "Inst demo [1.0] (2.0 x [all\n",
        "Inst -demo [1.0] (2.0 x [all])\n",
        "Inst demo;rm [1.0] (2.0 x [all])\n",
        "Inst ../demo [1.0] (2.0 x [all])\n",
        "Inst demo [1.0] (2.0;x x [all])\n",
        "Inst demo [1.0] (2.0 x [a/b])\n",
        "Remv demo\n",
        "Remv demo \n",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct agent_packages_changes changes = {.count = 77};

        assert_int_equal(agent_packages_apt_parse_simulation(&memory, bad[i], &changes, &err),
                         -EBADMSG);
        assert_int_equal(changes.count, 77);
    }
}

/* Any prefix of good output either parses or is refused; under the sanitizers, nothing else. */
static void every_prefix_is_survived(void **state)
{
    for (size_t length = 0; length < sizeof(simulation); length++) {
        struct agent_packages_changes changes;
        const char *text;

        assert_int_equal(agent_packages_memory_copy(&memory, simulation, length, &text, &err), 0);
        (void)!agent_packages_apt_parse_simulation(&memory, text, &changes, &err);
    }
}

static void sections_give_their_names(void **state)
{
    const char *names;

    assert_int_equal(
        agent_packages_apt_parse_section(
            &memory, simulation, "The following packages have been kept back:", &names, &err),
        0);
    assert_string_equal(names, "linux-image-amd64 firefox thunderbird");
    assert_int_equal(agent_packages_apt_parse_section(&memory, simulation,
                                                      "The following held packages", &names, &err),
                     0);
    assert_string_equal(names, "");
}

static void states_become_three_words(void **state)
{
    static const struct {
        const char *line;
        enum agent_txn_status status;
    } table[] = {
        {"belay\tdemo\tall\t1.0\tinstall\tinstalled\tok\t\n", AGENT_TXN_STATUS_OK},
        {"belay\tdemo\tall\t1.0\thold\tinstalled\tok\t12\n", AGENT_TXN_STATUS_OK},
        {"belay\tdemo\tall\t2.2\tinstall\thalf-configured\tok\t12\n", AGENT_TXN_STATUS_HALF},
        {"belay\tdemo\tall\t1.0\tinstall\thalf-installed\treinstreq\t12\n", AGENT_TXN_STATUS_HALF},
        {"belay\tdemo\tall\t1.0\tinstall\tinstalled\treinstreq\t12\n", AGENT_TXN_STATUS_HALF},
        {"belay\tdemo\tall\t1.0\tdeinstall\tinstalled\tok\t12\n", AGENT_TXN_STATUS_HALF},
        {"belay\tdemo\tall\t1.0\tinstall\tunpacked\tok\t12\n", AGENT_TXN_STATUS_HALF},
        {"belay\tdemo\tall\t1.0\tinstall\ttriggers-pending\tok\t12\n", AGENT_TXN_STATUS_HALF},
        {"belay\tdemo\tall\t1.0\tdeinstall\tconfig-files\tok\t12\n", AGENT_TXN_STATUS_ABSENT},
        {"belay\tdemo\tall\t\tunknown\tnot-installed\tok\t\n", AGENT_TXN_STATUS_ABSENT},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct agent_packages_states states;

        assert_int_equal(agent_packages_apt_parse_states(&memory, table[i].line, &states, &err), 0);
        assert_int_equal(states.count, 1);
        assert_int_equal(agent_packages_apt_status(&states.list[0]), table[i].status);
    }
}

static void messages_between_states_are_skipped(void **state)
{
    struct agent_packages_states states;

    assert_int_equal(agent_packages_apt_parse_states(
                         &memory,
                         "dpkg-query: no packages found matching nosuch\n"
                         "belay\tlibc6\tamd64\t2.36-9+deb12u14\tinstall\tinstalled\tok\t13001\n",
                         &states, &err),
                     0);
    assert_int_equal(states.count, 1);
    assert_string_equal(states.list[0].name, "libc6");
    assert_string_equal(states.list[0].version, "2.36-9+deb12u14");
    assert_int_equal(states.list[0].installed_kib, 13001);
    assert_int_equal(agent_packages_apt_parse_states(&memory, "belay\tdemo\tall\n", &states, &err),
                     -EBADMSG);
}

static void refresh_failures_are_not_overlooked(void **state)
{
    struct agent_packages_line line;

    assert_false(agent_packages_apt_find_refresh_failure(
        "Get:1 file:/repo ./ InRelease [1146 B]\nReading package lists...\n", &line));
    assert_false(agent_packages_apt_find_refresh_failure(
        "W: Target Packages (main/binary-amd64/Packages) is configured multiple times in "
        "/etc/apt/sources.list:1 and /etc/apt/sources.list:2\n",
        &line));
    assert_true(agent_packages_apt_find_refresh_failure(
        "Err:1 http://x bookworm InRelease\n"
        "W: Some index files failed to download. They have been ignored, or old ones used "
        "instead.\nE: The repository is not signed.\n",
        &line));
    assert_memory_equal(line.text, "E: The repository", 17);
    assert_true(agent_packages_apt_find_refresh_failure(
        "W: Failed to fetch http://x/InRelease  Could not resolve\n", &line));
    assert_true(agent_packages_apt_find_refresh_failure("Err:2 http://x ./ Packages\n", &line));
}

static void causes_have_stable_names(void **state)
{
    static const struct {
        const char *text, *code, *line;
    } table[] = {
        {"Setting up demo (2.2) ...\ndemo: migration failed\n"
         "dpkg: error processing package demo (--configure):\n"
         " installed demo package post-installation script subprocess returned error exit status "
         "1\nE: Sub-process /usr/bin/dpkg returned an error code (1)\n",
         "postinst_failed",
         "installed demo package post-installation script subprocess returned error exit status "
         "1"},
        {"dpkg: error processing archive x (--unpack):\n cannot copy extracted data for './a' to "
         "'/a.dpkg-new': failed to write (No space left on device)\n"
         " installed demo package post-installation script subprocess returned error\n",
         "no_space",
         "cannot copy extracted data for './a' to '/a.dpkg-new': failed to write (No space left on "
         "device)"},
        {"E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 9 (apt)\n",
         "lock_held",
         "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 9 (apt)"},
        {"E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct\n",
         "dpkg_interrupted",
         "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct"},
        {"E: Version '9' for 'demo' was not found\n", "version_not_found",
         "E: Version '9' for 'demo' was not found"},
        {"E: Unable to locate package nosuch\n", "package_not_found",
         "E: Unable to locate package nosuch"},
        {" demo : Depends: no-such (>= 9) but it is not installable\nE: Unable to correct\n",
         "resolve_failed", "demo : Depends: no-such (>= 9) but it is not installable"},
        {"E: Something quite new\n", "apt_failed", "E: Something quite new"},
        {"", "apt_failed", ""},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct agent_packages_cause cause;

        agent_packages_apt_find_cause(table[i].text, &cause);
        assert_string_equal(cause.code, table[i].code);
        assert_int_equal(cause.line.length, strlen(table[i].line));
        assert_memory_equal(cause.line.text, table[i].line, cause.line.length);
    }
}

static void last_action_is_found(void **state)
{
    struct agent_packages_line line = agent_packages_apt_last_action(
        "Unpacking demo (2.4) over (1.0) ...\nSetting up demo (2.4) ...\nhanging\n");

    assert_int_equal(line.length, strlen("Setting up demo (2.4) ..."));
    assert_memory_equal(line.text, "Setting up demo (2.4) ...", line.length);
    assert_int_equal(agent_packages_apt_last_action("nothing\n").length, 0);
}

static void stanzas_are_dropped_whole(void **state)
{
    static const char status[] = "Package: a\nStatus: install ok installed\n"
                                 "Architecture: amd64\nVersion: 1\nDescription: x\n Package: b\n\n"
                                 "Package: b\nArchitecture: all\nVersion: 1\n\n"
                                 "Package: a\nArchitecture: i386\nVersion: 1\n\n"
                                 "Package: ab\nArchitecture: amd64\nVersion: 1\n";
    static const struct agent_packages_stanza_key keys[] = {{"a", "amd64"}, {"b", "all"}};
    const char *kept;

    assert_int_equal(agent_packages_apt_drop_stanzas(&memory, status, keys, 2, &kept, &err), 0);
    assert_string_equal(kept, "Package: a\nArchitecture: i386\nVersion: 1\n\n"
                              "Package: ab\nArchitecture: amd64\nVersion: 1\n");
}

static void a_status_file_is_thought_whole(void **state)
{
    static const struct {
        const char *status, *whole;
    } cases[] = {
        {"Status: install ok installed\n", NULL},
        {"Status: hold ok installed\n", NULL},
        {"Status: deinstall ok config-files\n", NULL},
        {"Status: purge ok not-installed\n", NULL},
        {"Status: install ok unpacked\n", "Status: install ok installed\n"},
        {"Status: hold ok half-configured\n", "Status: hold ok installed\n"},
        {"Status: install reinstreq half-installed\n", "Status: install ok installed\n"},
        {"Status: install reinstreq installed\n", "Status: install ok installed\n"},
        {"Status: install ok triggers-awaited", "Status: install ok installed"},
        {"Status: x\n", "Status: x ok installed\n"},
        {"Status: \n", NULL},
        {"Description: d\n Status: install ok unpacked\n", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *whole;
        char text[200], wanted[200];

        (void)snprintf(text, sizeof(text), "Package: a\n%s", cases[i].status);
        (void)snprintf(wanted, sizeof(wanted), "Package: a\n%s",
                       cases[i].whole != NULL ? cases[i].whole : cases[i].status);
        assert_int_equal(agent_packages_apt_make_whole(&memory, text, &whole, &err), 0);
        assert_string_equal(whole, wanted);
    }
}

static struct proto_change change_of(const char *name, const char *to)
{
    return (struct proto_change){.name = name,
                                 .arch = "all",
                                 .from = "",
                                 .to = to,
                                 .action =
                                     to[0] != '\0' ? PROTO_ACTION_UPGRADE : PROTO_ACTION_REMOVE};
}

static void sets_differ_in_words(void **state)
{
    struct proto_change a[] = {change_of("lib", "2.0"), change_of("app", "2.0")};
    struct proto_change b[] = {change_of("app", "2.0"), change_of("lib", "2.0")};
    struct proto_change c[] = {change_of("app", "2.1"), change_of("new", "1.0")};
    struct proto_change d[] = {change_of("app", "")};
    struct agent_packages_changes left = {a, 2}, same = {b, 2}, other = {c, 2}, gone = {d, 1};
    struct agent_packages_changes none = {NULL, 0};
    char words[400];

    agent_packages_changes_sort(&left);
    assert_true(agent_packages_changes_equal(&left, &same, words, sizeof(words)));
    assert_true(agent_packages_changes_equal(&none, &none, words, sizeof(words)));
    assert_false(agent_packages_changes_equal(&left, &other, words, sizeof(words)));
    assert_string_equal(words, "app:all was to be 2.0 and would be 2.1; "
                               "lib:all was to be 2.0 and would be left alone; "
                               "new:all was to be left alone and would be 1.0");
    assert_false(agent_packages_changes_equal(&gone, &none, words, sizeof(words)));
    assert_string_equal(words, "app:all was to be removed and would be left alone");
    /* Cut, not overrun. */
    assert_false(agent_packages_changes_equal(&left, &other, words, 20));
    assert_int_equal(strlen(words), 19);
}

static void marks_are_whole_names(void **state)
{
    static const char marks[] = "demo\nlibc6:i386\nlibfoo-dev\n";

    assert_true(agent_packages_apt_is_marked(marks, "demo", "all"));
    assert_true(agent_packages_apt_is_marked(marks, "libc6", "i386"));
    assert_false(agent_packages_apt_is_marked(marks, "libc6", "amd64"));
    assert_false(agent_packages_apt_is_marked(marks, "libfoo", "amd64"));
    assert_false(agent_packages_apt_is_marked("", "demo", "all"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(simulation_is_read_exactly, release),
        cmocka_unit_test_teardown(security_updates_are_told_by_their_archive, release),
        cmocka_unit_test_teardown(phased_updates_are_told_by_their_field, release),
        cmocka_unit_test_teardown(a_host_knows_its_security_archive_and_its_pins, release),
        cmocka_unit_test_teardown(nothing_to_do_is_no_change, release),
        cmocka_unit_test_teardown(a_line_that_does_not_fit_is_an_error, release),
        cmocka_unit_test_teardown(every_prefix_is_survived, release),
        cmocka_unit_test_teardown(sections_give_their_names, release),
        cmocka_unit_test_teardown(states_become_three_words, release),
        cmocka_unit_test_teardown(messages_between_states_are_skipped, release),
        cmocka_unit_test_teardown(refresh_failures_are_not_overlooked, release),
        cmocka_unit_test_teardown(causes_have_stable_names, release),
        cmocka_unit_test_teardown(last_action_is_found, release),
        cmocka_unit_test_teardown(stanzas_are_dropped_whole, release),
        cmocka_unit_test_teardown(a_status_file_is_thought_whole, release),
        cmocka_unit_test_teardown(sets_differ_in_words, release),
        cmocka_unit_test_teardown(marks_are_whole_names, release),
    };

    return cmocka_run_group_tests_name("apt_parse", tests, NULL, NULL);
}
