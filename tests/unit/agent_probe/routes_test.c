/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "tests/lib/unit.h"

static struct agent_routes routes;

/* One message that is made up. */
struct message {
    _Alignas(struct nlmsghdr) char data[512];
    size_t bytes;
};

static void begin(struct message *message, uint16_t type, const void *body, size_t body_bytes)
{
    struct nlmsghdr *head = (struct nlmsghdr *)(void *)message->data;

    memset(message, 0, sizeof(*message));
    head->nlmsg_type = type;
    memcpy(message->data + NLMSG_HDRLEN, body, body_bytes);
    message->bytes = NLMSG_HDRLEN + NLMSG_ALIGN(body_bytes);
    head->nlmsg_len = (uint32_t)message->bytes;
}

static void add(struct message *message, unsigned short type, const void *data, size_t data_bytes)
{
    struct nlmsghdr *head = (struct nlmsghdr *)(void *)message->data;
    struct rtattr at = {.rta_len = (unsigned short)RTA_LENGTH(data_bytes), .rta_type = type};

    memcpy(message->data + message->bytes, &at, sizeof(at));
    memcpy(message->data + message->bytes + RTA_LENGTH(0), data, data_bytes);
    message->bytes += RTA_SPACE(data_bytes);
    head->nlmsg_len = (uint32_t)message->bytes;
}

static void add_address(struct message *message, unsigned short type, const char *text)
{
    unsigned char bytes[16];
    int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

    assert_int_equal(inet_pton(family, text, bytes), 1);
    add(message, type, bytes, family == AF_INET ? 4 : 16);
}

static void give_route(struct rtmsg route, const char *to, const char *via, uint32_t interface)
{
    struct message message;

    begin(&message, RTM_NEWROUTE, &route, sizeof(route));
    if (to != NULL)
        add_address(&message, RTA_DST, to);
    if (via != NULL)
        add_address(&message, RTA_GATEWAY, via);
    if (interface != 0)
        add(&message, RTA_OIF, &interface, sizeof(interface));
    assert_int_equal(agent_routes_add(message.data, message.bytes, &routes), 0);
}

static void test_routes_become_texts(void **state)
{
    const struct rtmsg main = {
        .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST};
    struct rtmsg route = main;

    routes.count = 0;
    give_route(route, NULL, "10.0.0.1", 1);
    route.rtm_dst_len = 16;
    give_route(route, "10.1.0.0", "10.0.0.2", 1);
    route.rtm_table = 77;
    give_route(route, "10.2.0.0", "10.0.0.2", 1);
    route = main;
    route.rtm_family = AF_INET6;
    give_route(route, NULL, "2001:db8::1", 0);
    assert_int_equal(routes.count, 4);
    assert_string_equal(routes.list[0].text, "default via 10.0.0.1 dev lo");
    assert_true(routes.list[0].is_default);
    assert_string_equal(routes.list[1].text, "10.1.0.0/16 via 10.0.0.2 dev lo");
    assert_false(routes.list[1].is_default);
    assert_string_equal(routes.list[2].text, "10.2.0.0/16 via 10.0.0.2 dev lo table 77");
    assert_int_equal(routes.list[3].family, AGENT_PROBE_IPV6);
    assert_string_equal(routes.list[3].text, "default via 2001:db8::1");
}

static void test_what_comes_and_goes_is_left_out(void **state)
{
    const struct rtmsg main = {.rtm_family = AF_INET,
                               .rtm_table = RT_TABLE_MAIN,
                               .rtm_type = RTN_UNICAST,
                               .rtm_dst_len = 24};
    struct rtmsg route = main;

    routes.count = 0;
    route.rtm_table = RT_TABLE_LOCAL;
    give_route(route, "10.1.0.0", NULL, 1);
    route = main;
    route.rtm_type = RTN_BROADCAST;
    give_route(route, "10.1.0.0", NULL, 1);
    route = main;
    route.rtm_protocol = RTPROT_BIRD;
    give_route(route, "10.1.0.0", "10.0.0.1", 1);
    route = main;
    route.rtm_flags = RTM_F_CLONED;
    give_route(route, "10.1.0.0", NULL, 1);
    assert_int_equal(routes.count, 0);

    /* A default route counts, whoever set it. */
    route = main;
    route.rtm_dst_len = 0;
    route.rtm_protocol = RTPROT_BIRD;
    give_route(route, NULL, "10.0.0.1", 1);
    assert_int_equal(routes.count, 1);
}

static void test_rules(void **state)
{
    const struct fib_rule_hdr rule = {
        .family = AF_INET, .src_len = 16, .table = 7, .action = FR_ACT_TO_TBL};
    const uint32_t priority = 100;
    struct message message;

    routes.count = 0;
    begin(&message, RTM_NEWRULE, &rule, sizeof(rule));
    add(&message, FRA_PRIORITY, &priority, sizeof(priority));
    add_address(&message, FRA_SRC, "10.9.0.0");
    add(&message, FRA_IIFNAME, "eth0", sizeof("eth0"));
    assert_int_equal(agent_routes_add(message.data, message.bytes, &routes), 0);
    assert_int_equal(routes.count, 1);
    assert_true(routes.list[0].is_rule);
    assert_string_equal(routes.list[0].text, "rule 100 from 10.9.0.0/16 iif eth0 action 1 table 7");
}

static void test_ends_and_errors(void **state)
{
    const int error = -EOPNOTSUPP;
    struct message message;

    begin(&message, NLMSG_DONE, &error, sizeof(error));
    assert_int_equal(agent_routes_add(message.data, message.bytes, &routes), 1);
    begin(&message, NLMSG_ERROR, &error, sizeof(error));
    assert_int_equal(agent_routes_add(message.data, message.bytes, &routes), -EOPNOTSUPP);
}

/* Each prefix of a message, and each length that lies, is read without going beyond its end. */
static void test_cut_messages(void **state)
{
    const struct rtmsg route = {
        .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST};
    struct message message;

    begin(&message, RTM_NEWROUTE, &route, sizeof(route));
    add_address(&message, RTA_GATEWAY, "10.0.0.1");
    routes.count = 0;
    for (size_t bytes = 0; bytes < message.bytes; bytes++)
        (void)agent_routes_add(message.data, bytes, &routes);
    assert_int_equal(routes.count, 0);
    message.data[message.bytes - RTA_SPACE(4)] = (char)255; /* the attribute's length */
    assert_int_equal(agent_routes_add(message.data, message.bytes, &routes), 0);
    assert_int_equal(routes.count, 1);
    assert_string_equal(routes.list[0].text, "default");
}

static void test_this_hosts_routes_can_be_read(void **state)
{
    struct bl_error err = {0};

    routes.count = 0;
    assert_int_equal(agent_routes_read(&routes, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes_become_texts),
        cmocka_unit_test(test_what_comes_and_goes_is_left_out),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_ends_and_errors),
        cmocka_unit_test(test_cut_messages),
        cmocka_unit_test(test_this_hosts_routes_can_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
