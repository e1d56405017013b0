/* SPDX-License-Identifier: Apache-2.0 */
/* What dnf 4.14 and rpm 4.18 printed on real hosts, and what they must never make us believe. */
#include "agent/packages/dnf_parse.h"

#include <errno.h>
#include <string.h>

#include "agent/packages/dnf.h"
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
                          const char *from, const char *to, uint32_t action)
{
    assert_string_equal(change->name, name);
    assert_string_equal(change->arch, arch);
    assert_string_equal(change->from, from);
    assert_string_equal(change->to, to);
    assert_int_equal(change->action, action);
}

/* A name that leaves no room: dnf breaks the names of the columns, and widens the table. */
static const char wide[] =
    "Dependencies resolved.\n"
    "===================================================================================\n"
    " Package                                          Arch    Version              Repo\n"
    "                                                                               Size\n"
    "===================================================================================\n"
    "Installing:\n"
    " a-package-with-quite-a-long-name-for-any-table   noarch  2:20261121.1234567-long.example."
    "release.el9_4 lab  5.6 k\n"
    "Upgrading:\n"
    " app                                              noarch  2.0-1                lab  7.3 k\n"
    " demo                                             noarch  2.0-1                lab  7.5 k\n"
    "\n"
    "Transaction Summary\n"
    "===================================================================================\n"
    "Install  1 Package\n"
    "Upgrade  2 Packages\n"
    "\n"
    "Total size: 27 k\n"
    "Operation aborted.\n";

static const char conflict[] =
    "Last metadata expiration check: 0:00:01 ago on Sat Nov 21 14:27:35 2026.\n"
    "Dependencies resolved.\n"
    "================================================================================\n"
    " Package              Architecture     Version          Repository         Size\n"
    "================================================================================\n"
    "Installing:\n"
    " newname              noarch           3.0-1            lab               5.4 k\n"
    "     replacing  bulk1.noarch 1.0-1\n"
    "Downgrading:\n"
    " bulk3                noarch           1.0-1            lab               6.3 k\n"
    "Removing dependent packages:\n"
    " bulk2                noarch           2.0-1            @System            24  \n"
    "\n"
    "Transaction Summary\n"
    "================================================================================\n";

static void table_is_read_exactly(void **state)
{
    struct agent_packages_changes changes;

    assert_int_equal(agent_packages_dnf_parse_table(&memory, wide, &changes, &err), 0);
    assert_int_equal(changes.count, 3);
    assert_change(&changes.list[0], "a-package-with-quite-a-long-name-for-any-table", "noarch", "",
                  "2:20261121.1234567-long.example.release.el9_4", PROTO_ACTION_INSTALL);
    assert_change(&changes.list[1], "app", "noarch", "", "2.0-1", PROTO_ACTION_UPGRADE);
    assert_change(&changes.list[2], "demo", "noarch", "", "2.0-1", PROTO_ACTION_UPGRADE);

    assert_int_equal(agent_packages_dnf_parse_table(&memory, conflict, &changes, &err), 0);
    assert_int_equal(changes.count, 4);
    assert_change(&changes.list[0], "newname", "noarch", "", "3.0-1", PROTO_ACTION_INSTALL);
    assert_change(&changes.list[1], "bulk1", "noarch", "1.0-1", "", PROTO_ACTION_REMOVE);
    assert_change(&changes.list[2], "bulk3", "noarch", "", "1.0-1", PROTO_ACTION_DOWNGRADE);
    assert_change(&changes.list[3], "bulk2", "noarch", "2.0-1", "", PROTO_ACTION_REMOVE);
}

static void broken_rows_are_put_together(void **state)
{
    static const char text[] = "========\n Package\n========\n"
                               "Upgrading:\n"
                               " a-long-name\n"
                               "             noarch 1:2.0-1\n"
                               "                            lab  5 k\n"
                               " b           x86_64 2.0-1   lab  5 k\n"
                               "\nTransaction Summary\n";
    struct agent_packages_changes changes;

    assert_int_equal(agent_packages_dnf_parse_table(&memory, text, &changes, &err), 0);
    assert_int_equal(changes.count, 2);
    assert_change(&changes.list[0], "a-long-name", "noarch", "", "1:2.0-1", PROTO_ACTION_UPGRADE);
    assert_change(&changes.list[1], "b", "x86_64", "", "2.0-1", PROTO_ACTION_UPGRADE);
}

static void nothing_to_do_is_no_change(void **state)
{
    struct agent_packages_changes changes;

    assert_int_equal(agent_packages_dnf_parse_table(&memory,
                                                    "Package demo-1.0-1.noarch is already "
                                                    "installed.\n"
                                                    "Dependencies resolved.\n"
                                                    "Nothing to do.\nComplete!\n",
                                                    &changes, &err),
                     0);
    assert_int_equal(changes.count, 0);
}

static void what_is_not_known_is_refused(void **state)
{
#define TABLE(ROWS) "========\n Package\n========\n" ROWS "\nTransaction Summary\n"
    static const char *const bad[] = {
        TABLE(" demo noarch 2.0-1 lab 5 k\n"),
        TABLE("Installing:\n demo noarch\n"),
        TABLE("Installing:\n demo noarch ;reboot lab 5 k\n"),
        TABLE("Installing:\n --root=/x noarch 1.0-1 lab 5 k\n"),
        TABLE("Installing:\n demo noarch 1.0-1 lab 5 k\n     replacing  bulk1 1.0-1\n"),
        "========\n Package\n========\nInstalling:\n demo noarch 2.0-1 lab 5 k\n",
    };
    /* F29, F30: what is more than packages, or less than asked for. */
    static const char *const more[] = {
        TABLE("Skipping packages with broken dependencies:\n demo noarch 2.5-1 lab 5 k\n"),
        TABLE("Enabling module streams:\n nodejs  18\n"),
        TABLE("Installing group/module packages:\n demo noarch 2.0-1 lab 5 k\n"),
        TABLE("Reinstalling:\n demo noarch 2.0-1 lab 5 k\n"),
    };
#undef TABLE

    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        struct agent_packages_changes changes;

        assert_int_equal(agent_packages_dnf_parse_table(&memory, more[i], &changes, &err), -EPERM);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct agent_packages_changes changes;

        assert_int_equal(agent_packages_dnf_parse_table(&memory, bad[i], &changes, &err), -EBADMSG);
    }
}

static void rpms_are_read_with_their_epoch(void **state)
{
    static const char text[] = "belay\tdemo\tnoarch\t1.0-1\t530\n"
                               "package nosuch is not installed\n"
                               "warning: /x.rpm: Header V4 RSA/SHA512 Signature, key ID 1: NOKEY\n"
                               "belay\tlong\tx86_64\t2:20261121.1234567-r.el9_4\t0\n"
                               "belay\tgpg-pubkey\t(none)\t2f03852e-6b01a9eb\t0\n";
    struct agent_packages_rpms rpms;

    assert_int_equal(agent_packages_dnf_parse_rpms(&memory, text, &rpms, &err), 0);
    assert_int_equal(rpms.count, 3);
    assert_string_equal(rpms.list[0].name, "demo");
    assert_int_equal(rpms.list[0].size_bytes, 530);
    assert_string_equal(rpms.list[1].version, "2:20261121.1234567-r.el9_4");
    assert_string_equal(rpms.list[2].arch, "(none)");
    assert_int_equal(agent_packages_dnf_parse_rpms(&memory, "belay\tdemo\tnoarch\n", &rpms, &err),
                     -EBADMSG);
}

static void reasons_are_of_the_whole_name(void **state)
{
    static const char text[] = "belay|app|noarch|user\nbelay|lib|noarch|dependency\n"
                               "belay|lib-extra|noarch|weak-dependency\n"
                               "belay|lab-release|noarch|unknown\n";

    assert_true(agent_packages_dnf_is_automatic(text, "lib", "noarch"));
    assert_true(agent_packages_dnf_is_automatic(text, "lib-extra", "noarch"));
    assert_false(agent_packages_dnf_is_automatic(text, "lib", "x86_64"));
    assert_false(agent_packages_dnf_is_automatic(text, "app", "noarch"));
    assert_false(agent_packages_dnf_is_automatic(text, "lab-release", "noarch"));
    assert_false(agent_packages_dnf_is_automatic(text, "nosuch", "noarch"));
}

static void locks_are_of_the_whole_name(void **state)
{
    static const char text[] = "# Added lock on Sat Nov 21 14:27:35 2026\n"
                               "lib-0:1.0-1.*\n!python3-lib-1:2.0-1.el9.*\nkernel-*:5.14-1.*\n";

    assert_true(agent_packages_dnf_is_locked(text, "lib"));
    assert_true(agent_packages_dnf_is_locked(text, "python3-lib"));
    assert_true(agent_packages_dnf_is_locked(text, "kernel"));
    assert_false(agent_packages_dnf_is_locked(text, "python3"));
    assert_false(agent_packages_dnf_is_locked(text, "li"));
    assert_false(agent_packages_dnf_is_locked(text, "app"));
}

static void settings_are_found(void **state)
{
    struct agent_packages_line line = agent_packages_dnf_find_setting(
        "[main]\nenabled = 1\nlocklist = /etc/dnf/plugins/versionlock.list\n", "locklist");

    assert_true(agent_packages_line_is(&line, "/etc/dnf/plugins/versionlock.list"));
    assert_int_equal(agent_packages_dnf_find_setting("[main]\n", "locklist").length, 0);
}

/* dnf ended with 0. */
static const char post_failed[] =
    "Running transaction\n"
    "  Preparing        :                                                        1/1 \n"
    "  Upgrading        : demo-2.2-1.noarch                                      1/2 \n"
    "  Running scriptlet: demo-2.2-1.noarch                                      1/2 \n"
    "demo: migration failed\n"
    "warning: %post(demo-2.2-1.noarch) scriptlet failed, exit status 1\n"
    "\n"
    "Error in POSTIN scriptlet in rpm package demo\n"
    "  Cleanup          : demo-1.0-1.noarch                                      2/2 \n"
    "  Verifying        : demo-2.2-1.noarch                                      1/2 \n"
    "\n"
    "Upgraded:\n"
    "  demo-2.2-1.noarch                                                             \n"
    "\n"
    "Complete!\n";

static void failed_scripts_are_seen(void **state)
{
    struct agent_packages_line last = agent_packages_dnf_last_action(post_failed);
    struct agent_packages_cause cause;

    assert_true(agent_packages_dnf_has_failed_script(post_failed));
    assert_false(agent_packages_dnf_has_failed_script(wide));
    agent_packages_dnf_find_cause(post_failed, &cause);
    assert_string_equal(cause.code, "postinst_failed");
    assert_non_null(memmem(cause.line.text, cause.line.length, "%post(demo-2.2-1.noarch)", 24));
    assert_true(agent_packages_line_starts(&last, "Cleanup          : demo-1.0-1.noarch"));
}

static void causes_have_their_code(void **state)
{
    static const struct {
        const char *text, *code;
    } table[] = {
        {"Error: Unable to find a match: nosuch\n", "package_not_found"},
        {"All matches were filtered out by exclude filtering for argument: demo\n"
         "Error: Unable to find a match: demo\n",
         "package_held"},
        {"Error: \n Problem: cannot install both lib-2.0-1.noarch and lib-1.0-1.noarch\n"
         "  - package app-2.0-1.noarch requires lib = 2.0, but none of the providers can be "
         "installed\n",
         "resolve_failed"},
        {"RPMDB already locked by 41\n", "lock_held"},
        {"Error: Failed to download metadata for repo 'lab': repomd.xml GPG signature "
         "verification error: Bad GPG signature\n",
         "refresh_failed"},
        {"Error: Transaction test error:\n  installing package big-1-1.noarch needs 5MB more space "
         "on the / filesystem\n",
         "no_space"},
        {"Error: Transaction failed\n", "dnf_failed"},
        {"", "dnf_failed"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct agent_packages_cause cause;

        agent_packages_dnf_find_cause(table[i].text, &cause);
        assert_string_equal(cause.code, table[i].code);
    }
}

static void only_changed_program_files_count(void **state)
{
    static const struct {
        const char *line, *path;
    } table[] = {
        {"missing     /usr/lib/demo/version", "/usr/lib/demo/version"},
        {"S.5....T.    /usr/lib/demo/demo", "/usr/lib/demo/demo"},
        {"S.5....T.  c /etc/demo/demo.conf", NULL},
        {"missing   c /etc/demo/demo.conf", NULL},
        {".......T.    /usr/lib/demo/demo", NULL},
        {"package nosuch is not installed", NULL},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct agent_packages_line line = {table[i].line, strlen(table[i].line)}, path;

        assert_int_equal(agent_packages_dnf_parse_verified(&line, &path), table[i].path != NULL);
        if (table[i].path != NULL)
            assert_true(agent_packages_line_is(&path, table[i].path));
    }
}

static void pieces_have_eight_digits(void **state)
{
    assert_int_equal(agent_packages_dnf_piece_length("version;5f3759df"), 7);
    assert_int_equal(agent_packages_dnf_piece_length("a;b;00000000"), 3);
    assert_int_equal(agent_packages_dnf_piece_length("version;5f3759d"), 0);
    assert_int_equal(agent_packages_dnf_piece_length("version;5f3759dx"), 0);
    assert_int_equal(agent_packages_dnf_piece_length("version"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(table_is_read_exactly, release),
        cmocka_unit_test_teardown(broken_rows_are_put_together, release),
        cmocka_unit_test_teardown(nothing_to_do_is_no_change, release),
        cmocka_unit_test_teardown(what_is_not_known_is_refused, release),
        cmocka_unit_test_teardown(rpms_are_read_with_their_epoch, release),
        cmocka_unit_test_teardown(reasons_are_of_the_whole_name, release),
        cmocka_unit_test_teardown(locks_are_of_the_whole_name, release),
        cmocka_unit_test_teardown(settings_are_found, release),
        cmocka_unit_test_teardown(failed_scripts_are_seen, release),
        cmocka_unit_test_teardown(causes_have_their_code, release),
        cmocka_unit_test_teardown(only_changed_program_files_count, release),
        cmocka_unit_test_teardown(pieces_have_eight_digits, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
