/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/services.h"

#include <string.h>

#include "tests/lib/unit.h"

static void a_process_is_of_one_service(void **state)
{
    static const struct {
        const char *cgroup, *service;
    } cases[] = {
        {"/system.slice/demo.service\n", "demo.service"},
        {"/payload/system.slice/demo.service\n", "demo.service"},
        {"/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service"},
        {"/user.slice/user-0.slice/user@0.service/app.slice/own.service\n", "user@0.service"},
        {"/user.slice/user-0.slice/session-1.scope\n", NULL},
        {"/\n0::/system.slice/demo.service\n", NULL},
        {"/init.scope\n", NULL},
        {"/.service\n", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[64] = "";

        assert_int_equal(agent_snapshot_service_of(cases[i].cgroup, name, sizeof(name)),
                         cases[i].service != NULL);
        if (cases[i].service != NULL)
            assert_string_equal(name, cases[i].service);
    }
}

static void what_the_host_stands_on_is_not_ended(void **state)
{
    static const struct {
        const char *service;
        enum agent_snapshot_treatment treatment;
    } cases[] = {
        {"demo.service", AGENT_SNAPSHOT_END},
        {"postgresql@15-main.service", AGENT_SNAPSHOT_END},
        {"dbus.service", AGENT_SNAPSHOT_LEAVE},
        {"user@1000.service", AGENT_SNAPSHOT_LEAVE},
        {"belay-agent.service", AGENT_SNAPSHOT_LEAVE},
        {"belay-txn@0123-restore.service", AGENT_SNAPSHOT_LEAVE},
        {"ssh.service", AGENT_SNAPSHOT_RESTART},
        {"systemd-journald.service", AGENT_SNAPSHOT_RESTART},
        {"serial-getty@ttyS0.service", AGENT_SNAPSHOT_RESTART},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(agent_snapshot_treat(cases[i].service), cases[i].treatment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_is_of_one_service),
        cmocka_unit_test(what_the_host_stands_on_is_not_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
