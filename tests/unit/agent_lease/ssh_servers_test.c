/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/ssh_servers.h"

#include "tests/lib/unit.h"

#define CONFIG               "/etc/ssh/sshd_config"
#define IS_OTHER(name, line) agent_ssh_servers_is_other(name, line, sizeof(line), CONFIG)

static void test_the_sshd_that_reads_the_locked_file_is_no_other(void **state)
{
    assert_false(IS_OTHER("sshd", "/usr/sbin/sshd\0-D"));
    assert_false(IS_OTHER("sshd", "/usr/sbin/sshd\0-i"));
    assert_false(IS_OTHER("sshd", "/usr/sbin/sshd\0-D\0-f\0" CONFIG));
    assert_false(IS_OTHER("sshd", "/usr/sbin/sshd\0-D\0-f" CONFIG));
    assert_false(IS_OTHER("sshd", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"));
    assert_false(IS_OTHER("sshd", "sshd: ops [priv]"));
    assert_false(IS_OTHER("sshd", "sshd: -f [priv]")); /* a user of that name, not a listener */
    assert_false(IS_OTHER("sshd", ""));
    assert_false(IS_OTHER("cron", "/usr/sbin/cron\0-f"));
    assert_false(IS_OTHER("sshd-session", "sshd-session: ops [priv]"));
}

static void test_other_servers_are_told(void **state)
{
    assert_true(IS_OTHER("dropbear", "/usr/sbin/dropbear\0-F"));
    assert_true(IS_OTHER("tinysshd", "tinysshd"));
    assert_true(IS_OTHER("sshd", "/usr/sbin/sshd\0-D\0-f\0/etc/ssh/other"));
    assert_true(IS_OTHER("sshd", "/usr/sbin/sshd\0-f/etc/ssh/other\0-D"));
    assert_true(
        IS_OTHER("sshd", "sshd: /usr/sbin/sshd -D -f /etc/ssh/other [listener] 1 of 10-100"));
    assert_true(IS_OTHER("sshd", "/usr/sbin/sshd\0-f\0" CONFIG "\0-f\0/etc/other"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_sshd_that_reads_the_locked_file_is_no_other),
        cmocka_unit_test(test_other_servers_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
