/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/network.h"

#include <string.h>

#include "tests/lib/unit.h"

static void test_listeners_are_those_that_listen(void **state)
{
    static struct agent_network_listeners listeners;

    listeners.count = 0;
    agent_network_add_listeners(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
        "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
        "   1: 0100007F:1C8F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
        "   2: 0100007F:0016 0100007F:8C3A 01 00000000:00000000 00:00000000 00000000     0\n",
        PROTO_TCP, &listeners);
    agent_network_add_listeners(
        "  0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0\n"
        "  1: 00000000000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 0\n",
        PROTO_TCP, &listeners);
    agent_network_add_listeners("  9: 0100007F:0143 00000000:0000 07 00000000:00000000\n"
                                "  9: 0100007F:0144 0200007F:0035 01 00000000:00000000\n",
                                PROTO_UDP, &listeners);
    assert_int_equal(listeners.count, 5);
    assert_string_equal(listeners.list[0].address, "0.0.0.0");
    assert_int_equal(listeners.list[0].port, 22);
    assert_string_equal(listeners.list[1].address, "127.0.0.1");
    assert_int_equal(listeners.list[1].port, 7311);
    assert_string_equal(listeners.list[2].address, "::");
    assert_int_equal(listeners.list[2].port, 80);
    assert_string_equal(listeners.list[3].address, "::1");
    assert_int_equal(listeners.list[3].port, 443);
    assert_int_equal(listeners.list[4].port, 323);
    assert_int_equal(listeners.list[4].transport, PROTO_UDP);
}

static void test_gateways_are_those_of_default_routes(void **state)
{
    struct agent_network_address list[4];
    const char *routes =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010012C6\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth1\t00000000\t010012C6\t0003\t0\t0\t10\t00000000\t0\t0\t0\n"
        "eth2\t00000000\t020012C6\t0002\t0\t0\t10\t00000000\t0\t0\t0\n"
        "eth0\t000012C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "tun0\t00000000\t0A00000A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n";

    assert_int_equal(agent_network_gateways(routes, list, 4), 1);
    assert_string_equal(list[0].text, "198.18.0.1");
    assert_int_equal(agent_network_gateways("", list, 4), 0);
    assert_int_equal(agent_network_gateways(routes, list, 0), 0);
}

static void test_gateways_of_ipv6(void **state)
{
    struct agent_network_address list[4];

    assert_int_equal(
        agent_network_gateways6(
            "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
            "20010db8000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n"
            "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
            "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n"
            "20010db8000000000000000000000000 40 00000000000000000000000000000000 00 "
            "00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n",
            list, 4),
        1);
    assert_string_equal(list[0].text, "2001:db8::1");
}

static void test_resolvers_on_the_host_itself_prove_nothing(void **state)
{
    struct agent_network_address list[4];

    assert_int_equal(agent_network_resolvers("# a comment\n"
                                             "nameserver 127.0.0.53\n"
                                             "nameserver ::1\n"
                                             "nameserver 192.0.2.53\n"
                                             "nameserver\t2001:db8::53\n"
                                             "nameserver 192.0.2.53\n"
                                             "nameserver nonsense\n"
                                             "search example.org",
                                             /* others= */ true, list, 4),
                     2);
    assert_string_equal(list[0].text, "192.0.2.53");
    assert_string_equal(list[1].text, "2001:db8::53");
}

static void test_only_complete_neighbours_count(void **state)
{
    const char *arp =
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "192.0.2.1        0x1         0x2         02:fc:00:00:00:02     *        eth0\n"
        "192.0.2.9        0x1         0x0         00:00:00:00:00:00     *        eth0\n";

    assert_true(agent_network_has_neighbour(arp, "192.0.2.1"));
    assert_false(agent_network_has_neighbour(arp, "192.0.2.9"));
    assert_false(agent_network_has_neighbour(arp, "192.0.2.10"));
}

static void test_what_counts_of_resolv_conf(void **state)
{
    char text[128], cut[8];

    agent_network_resolv_conf("# made by somebody\n\nnameserver\t 192.0.2.1 \n; old\n"
                              "search  example.org   example.net\n  options edns0",
                              text, sizeof(text));
    assert_string_equal(text, "nameserver 192.0.2.1\nsearch example.org example.net\n"
                              "options edns0\n");
    agent_network_resolv_conf("nameserver 192.0.2.1\n", cut, sizeof(cut));
    assert_true(strlen(cut) < sizeof(cut));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_counts_of_resolv_conf),
        cmocka_unit_test(test_listeners_are_those_that_listen),
        cmocka_unit_test(test_gateways_are_those_of_default_routes),
        cmocka_unit_test(test_gateways_of_ipv6),
        cmocka_unit_test(test_resolvers_on_the_host_itself_prove_nothing),
        cmocka_unit_test(test_only_complete_neighbours_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
