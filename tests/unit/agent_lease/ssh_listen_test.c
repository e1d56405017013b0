/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/ssh_listen.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"

static void test_every_address_becomes_one_to_connect_to(void **state)
{
    struct agent_ssh_listen listen = {0};

    agent_ssh_listen_add_all(&listen, "port 22\naddressfamily any\n"
                                      "listenaddress [::]:22\n"
                                      "listenaddress 0.0.0.0:22\n"
                                      "listenaddress 10.0.0.5:2222\n"
                                      "listenaddress 10.0.0.6:22 rdomain blue\n"
                                      "listenaddress [fe80::1%eth0]:22\n"
                                      "listenaddress host.example:22\n"
                                      "xlistenaddress 10.0.0.9:22\n"
                                      "listenaddress [2001:db8::1]:22");
    assert_int_equal(listen.count, 4);
    assert_string_equal(listen.endpoints[0], "[::1]:22");
    assert_string_equal(listen.endpoints[1], "127.0.0.1:22");
    assert_string_equal(listen.endpoints[2], "10.0.0.5:2222");
    assert_string_equal(listen.endpoints[3], "[2001:db8::1]:22");
    agent_ssh_listen_add(&listen, "[::]:22");
    agent_ssh_listen_add(&listen, "/run/ssh.socket");
    agent_ssh_listen_add(&listen, "");
    assert_int_equal(listen.count, 4);
}

static void test_more_than_fit_are_left_out(void **state)
{
    struct agent_ssh_listen listen = {0};

    for (unsigned i = 1; i <= 20; i++) {
        char address[32];

        (void)snprintf(address, sizeof(address), "10.0.0.%u:22", i);
        agent_ssh_listen_add(&listen, address);
    }
    assert_int_equal(listen.count, AGENT_SSH_LISTEN_MAX);
    assert_string_equal(listen.endpoints[AGENT_SSH_LISTEN_MAX - 1], "10.0.0.8:22");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_address_becomes_one_to_connect_to),
        cmocka_unit_test(test_more_than_fit_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
