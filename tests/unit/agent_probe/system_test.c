/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/probe/system_read.h"
#include "tests/lib/unit.h"

static struct agent_system_tables tables;

static void test_mounts_that_are_somebodys_doing(void **state)
{
    agent_system_init(&tables);
    agent_system_add_mounts(
        &tables, "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
                 "23 22 0:21 / /proc rw - proc proc rw\n"
                 "24 22 8:2 / /my\\040data rw,noatime - xfs /dev/sdb1 ro\n"
                 "25 22 8:3 / /srv ro shared:3 - ext4 /dev/sdc1 rw\n"
                 "26 22 0:30 / /run/user/0 rw - tmpfs tmpfs rw\n"
                 "27 22 0:31 / /net rw - autofs auto rw\n"
                 "28 27 0:32 / /net/filer rw - nfs4 filer:/x rw\n"
                 "29 22 0:33 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw\n"
                 "garbage\n"
                 "30 22 0:34 / /netboot rw - tmpfs tmpfs rw\n");
    assert_int_equal(tables.seen.mounts_count, 4);
    assert_string_equal(tables.seen.mounts[0].path, "/");
    assert_false(tables.seen.mounts[0].read_only);
    assert_string_equal(tables.seen.mounts[1].path, "/my data");
    assert_true(tables.seen.mounts[1].read_only); /* by the file system itself */
    assert_string_equal(tables.seen.mounts[1].type, "xfs");
    assert_true(tables.seen.mounts[2].read_only); /* by the mount */
    assert_string_equal(tables.seen.mounts[3].path, "/netboot");
}

static void test_modules(void **state)
{
    agent_system_init(&tables);
    agent_system_add_modules(&tables,
                             "wireguard 94208 0 - Live 0x0\nzfs 1 2 a,b, Live 0x0 (POE)\n");
    assert_int_equal(tables.seen.modules_count, 2);
    assert_string_equal(tables.seen.modules[1].name, "zfs");
}

static void test_units_of_processes(void **state)
{
    static const struct {
        const char *cgroup, *unit; /* NULL: none that is this host's */
    } cases[] = {
        {"0::/seen.slice/nginx.service\n", "nginx.service"},
        {"0::/seen.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service"},
        {"12:memory:/x\n1:name=systemd:/seen.slice/cron.service\n", "cron.service"},
        {"9:name=systemd:/\n8:pids:/\n0::/seen.slice/cron.service\n", "cron.service"},
        {"1:name=systemd:/seen.slice/cron.service\n0::/\n", "cron.service"},
        {"0::/init.scope\n", "init.scope"},
        {"0::/user.slice/user-0.slice/session-1.scope\n", "user.slice"},
        {"0::/seen.slice/docker.service\n", "docker.service"},
        {"0::/seen.slice/docker-0123.scope\n", NULL},
        {"0::/machine.slice/systemd-nspawn@x.service/payload/init.scope\n", NULL},
        {"0::/machine.slice/libpod-1.scope\n", NULL},
        {"0::/\n", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char unit[64];
        bool found = agent_system_unit(cases[i].cgroup, unit, sizeof(unit));

        assert_int_equal(found, cases[i].unit != NULL);
        if (found)
            assert_string_equal(unit, cases[i].unit);
    }
}

/* F23: executable mappings of files that packages brought and that are gone. */
static void test_processes_on_deleted_files(void **state)
{
    static const char maps[] =
        "55d0-55d1 r--p 00000000 08:01 1 /usr/sbin/nginx\n"
        "7f00-7f01 r-xp 00001000 08:01 2 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)\n"
        "7f02-7f03 r--p 00000000 08:01 3 /usr/lib/libdata.so (deleted)\n"
        "7f04-7f05 r-xp 00000000 00:01 4 /memfd:jit (deleted)\n"
        "7f06-7f07 r-xp 00000000 08:01 5 /tmp/plugin.so (deleted)\n"
        "7ffd-7ffe r-xp 00000000 00:00 0 [vdso]\n";
    static const char libc[] =
        "7f00-7f01 r-xp 00001000 08:01 2 /usr/lib/libssl.so.3 (deleted)\n"
        "7f08-7f09 r-xp 00000000 08:01 6 /lib/x86_64-linux-gnu/libc.so.6 (deleted)\n";

    agent_system_init(&tables);
    agent_system_add_process(&tables, "0::/seen.slice/nginx.service\n", maps);
    agent_system_add_process(&tables, "0::/seen.slice/nginx.service\n", maps);
    agent_system_add_process(&tables, "0::/seen.slice/good.service\n",
                             "7f00-7f01 r-xp 0 08:01 2 /usr/lib/libssl.so.3\n");
    agent_system_add_process(&tables, "0::/seen.slice/docker-1.scope\n", maps);
    assert_int_equal(tables.seen.stale_count, 1);
    assert_string_equal(tables.seen.stale[0].unit, "nginx.service");
    assert_string_equal(tables.seen.stale[0].file, "/usr/lib/x86_64-linux-gnu/libssl.so.3");
    assert_int_equal(tables.seen.stale[0].processes_count, 2);
    assert_false(tables.seen.stale[0].is_libc);

    agent_system_add_process(&tables, "0::/seen.slice/nginx.service\n", libc);
    assert_int_equal(tables.seen.stale_count, 1);
    assert_true(tables.seen.stale[0].is_libc);
    assert_string_equal(tables.seen.stale[0].file, "/lib/x86_64-linux-gnu/libc.so.6");
}

static void test_more_than_fit_are_left_out(void **state)
{
    static const char line[] = "7f00-7f01 r-xp 0 08:01 2 /usr/lib/libssl.so.3 (deleted)\n";

    agent_system_init(&tables);
    for (unsigned i = 0; i < AGENT_SYSTEM_STALE_MAX + 10; i++) {
        char cgroup[64];

        (void)snprintf(cgroup, sizeof(cgroup), "0::/seen.slice/s%u.service\n", i);
        agent_system_add_process(&tables, cgroup, line);
    }
    for (unsigned i = 0; i < AGENT_SYSTEM_MODULES_MAX + 10; i++)
        agent_system_add_modules(&tables, "a 1 0 - Live 0x0\n");
    assert_int_equal(tables.seen.stale_count, AGENT_SYSTEM_STALE_MAX);
    assert_int_equal(tables.seen.modules_count, AGENT_SYSTEM_MODULES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mounts_that_are_somebodys_doing),
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_units_of_processes),
        cmocka_unit_test(test_processes_on_deleted_files),
        cmocka_unit_test(test_more_than_fit_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
