/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/file.h"
#include "common/text.h"

enum {
    CHUNK_BYTES = 64 * 1024,
    WAIT_S = 5,
    ATTRIBUTES_MAX = 32, /* above all that are looked at */
};

/* What one message says beside its fixed part, by type. */
struct attributes {
    const struct rtattr *at[ATTRIBUTES_MAX];
};

static void find_attributes(const void *data, size_t size_bytes, struct attributes *ret_attributes)
{
    const struct rtattr *at = data;

    memset(ret_attributes, 0, sizeof(*ret_attributes));
    while (size_bytes >= sizeof(*at) && at->rta_len >= sizeof(*at) && at->rta_len <= size_bytes) {
        size_t step = RTA_ALIGN(at->rta_len);

        if ((at->rta_type & NLA_TYPE_MASK) < ATTRIBUTES_MAX)
            ret_attributes->at[at->rta_type & NLA_TYPE_MASK] = at;
        if (step >= size_bytes)
            break;
        size_bytes -= step;
        at = (const struct rtattr *)(const void *)((const char *)at + step);
    }
}

static uint32_t number_of(const struct attributes *attributes, unsigned type, uint32_t otherwise)
{
    const struct rtattr *at = attributes->at[type];
    uint32_t number;

    if (at == NULL || RTA_PAYLOAD(at) < sizeof(number))
        return otherwise;
    memcpy(&number, (const char *)at + RTA_LENGTH(0), sizeof(number));

    return number;
}

/* " via 10.0.0.1", " from 10.1.0.0/16"; nothing when there is no such address. */
static void add_address(struct bl_text *text, const char *word, const struct attributes *attributes,
                        unsigned type, int family, unsigned prefix_bits)
{
    const struct rtattr *at = attributes->at[type];
    size_t wanted = family == AF_INET ? 4 : 16;
    char address[INET6_ADDRSTRLEN];

    if (at == NULL || RTA_PAYLOAD(at) < wanted ||
        inet_ntop(family, (const char *)at + RTA_LENGTH(0), address, sizeof(address)) == NULL)
        return;
    bl_text_add(text, word);
    bl_text_add(text, address);
    if (prefix_bits > 0) {
        bl_text_add(text, "/");
        bl_text_add_number(text, prefix_bits);
    }
}

static void add_number(struct bl_text *text, const char *word, uint32_t number)
{
    bl_text_add(text, word);
    bl_text_add_number(text, number);
}

static void add_name(struct bl_text *text, const char *word, const struct attributes *attributes,
                     unsigned type)
{
    const struct rtattr *at = attributes->at[type];
    char name[IFNAMSIZ], safe[IFNAMSIZ];

    if (at == NULL || RTA_PAYLOAD(at) == 0)
        return;
    bl_text_copy(name, sizeof(name), "");
    memcpy(name, (const char *)at + RTA_LENGTH(0),
           RTA_PAYLOAD(at) < sizeof(name) ? RTA_PAYLOAD(at) : sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    bl_text_escape(safe, sizeof(safe), name, strlen(name));
    bl_text_add(text, word);
    bl_text_add(text, safe);
}

static bool comes_and_goes(const char *interface)
{
    static const char *const prefixes[] = {"veth",  "docker", "br-", "cni", "cali",   "flannel",
                                           "virbr", "vnet",   "tap", "lxc", "podman", "vxlan"};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(interface, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }

    return false;
}

static bool is_of_daemon(unsigned protocol)
{
    switch (protocol) {
    case RTPROT_GATED:
    case RTPROT_MRT:
    case RTPROT_ZEBRA:
    case RTPROT_BIRD:
    case RTPROT_DNROUTED:
    case RTPROT_XORP:
    case RTPROT_NTK:
    case RTPROT_MROUTED:
    case RTPROT_BABEL:
        return true;
    default:
        return protocol >= 99; /* OpenR, BGP, IS-IS, OSPF, RIP, EIGRP */
    }
}

static void keep(struct agent_routes *routes, struct agent_probe_route route, const char *text)
{
    if (routes->count == AGENT_PROBE_ROUTES_MAX)
        return;
    bl_text_copy(routes->texts[routes->count], sizeof(routes->texts[0]), text);
    route.text = routes->texts[routes->count];
    routes->list[routes->count++] = route;
}

static void add_route(const struct rtmsg *route, size_t size_bytes, struct agent_routes *routes)
{
    char interface[IF_NAMESIZE] = "", line[AGENT_PROBE_ROUTE_BYTES_MAX + 1];
    const bool is_default = route->rtm_dst_len == 0;
    struct attributes attributes;
    struct bl_text text;
    uint32_t table, index;

    find_attributes((const char *)route + NLMSG_ALIGN(sizeof(*route)),
                    size_bytes - NLMSG_ALIGN(sizeof(*route)), &attributes);
    table = number_of(&attributes, RTA_TABLE, route->rtm_table);
    index = number_of(&attributes, RTA_OIF, 0);
    if (index != 0 && if_indextoname(index, interface) == NULL)
        interface[0] = '\0';
    if ((route->rtm_type != RTN_UNICAST && route->rtm_type != RTN_BLACKHOLE &&
         route->rtm_type != RTN_UNREACHABLE && route->rtm_type != RTN_PROHIBIT) ||
        table == RT_TABLE_LOCAL || (route->rtm_flags & RTM_F_CLONED) != 0 ||
        comes_and_goes(interface) || (!is_default && is_of_daemon(route->rtm_protocol)) ||
        (route->rtm_family == AF_INET6 &&
         (strcmp(interface, "lo") == 0 || route->rtm_type != RTN_UNICAST)))
        return;

    bl_text_init(&text, line, sizeof(line));
    bl_text_add(&text, is_default ? "default" : "");
    add_address(&text, "", &attributes, RTA_DST, route->rtm_family, route->rtm_dst_len);
    if (strncmp(line, "fe80:", 5) == 0 || strncmp(line, "ff00:", 5) == 0)
        return; /* each interface has them */
    add_address(&text, " via ", &attributes, RTA_GATEWAY, route->rtm_family, 0);
    if (attributes.at[RTA_MULTIPATH] != NULL)
        bl_text_add(&text, " by several ways");
    if (interface[0] != '\0') {
        bl_text_add(&text, " dev ");
        bl_text_add(&text, interface);
    }
    if (table != RT_TABLE_MAIN)
        add_number(&text, " table ", table);
    keep(routes,
         (struct agent_probe_route){
             .family = route->rtm_family == AF_INET ? AGENT_PROBE_IPV4 : AGENT_PROBE_IPV6,
             .is_default = is_default && table == RT_TABLE_MAIN && route->rtm_type == RTN_UNICAST},
         line);
}

static void add_rule(const struct fib_rule_hdr *rule, size_t size_bytes,
                     struct agent_routes *routes)
{
    char line[AGENT_PROBE_ROUTE_BYTES_MAX + 1];
    struct attributes attributes;
    struct bl_text text;
    uint32_t mark;

    find_attributes((const char *)rule + NLMSG_ALIGN(sizeof(*rule)),
                    size_bytes - NLMSG_ALIGN(sizeof(*rule)), &attributes);
    bl_text_init(&text, line, sizeof(line));
    add_number(&text, "rule ", number_of(&attributes, FRA_PRIORITY, 0));
    add_address(&text, " from ", &attributes, FRA_SRC, rule->family, rule->src_len);
    add_address(&text, " to ", &attributes, FRA_DST, rule->family, rule->dst_len);
    mark = number_of(&attributes, FRA_FWMARK, 0);
    if (mark != 0)
        add_number(&text, " fwmark ", mark);
    add_name(&text, " iif ", &attributes, FRA_IIFNAME);
    add_name(&text, " oif ", &attributes, FRA_OIFNAME);
    add_number(&text, " action ", rule->action);
    add_number(&text, " table ", number_of(&attributes, FRA_TABLE, rule->table));
    keep(routes,
         (struct agent_probe_route){.family = rule->family == AF_INET ? AGENT_PROBE_IPV4
                                                                      : AGENT_PROBE_IPV6,
                                    .is_rule = true},
         line);
}

int agent_routes_add(const void *data, size_t size_bytes, struct agent_routes *routes)
{
    const struct nlmsghdr *at = data;

    while (size_bytes >= sizeof(*at) && at->nlmsg_len >= sizeof(*at) &&
           at->nlmsg_len <= size_bytes) {
        size_t step = NLMSG_ALIGN(at->nlmsg_len), body_bytes = at->nlmsg_len - NLMSG_HDRLEN;
        const void *body = (const char *)at + NLMSG_HDRLEN;
        int error = -EPROTO;

        if (at->nlmsg_type == NLMSG_DONE)
            return 1;
        if (at->nlmsg_type == NLMSG_ERROR) {
            if (body_bytes >= sizeof(error))
                memcpy(&error, body, sizeof(error));
            return error < 0 ? error : -EPROTO;
        }
        if (at->nlmsg_type == RTM_NEWROUTE && body_bytes >= NLMSG_ALIGN(sizeof(struct rtmsg)))
            add_route(body, body_bytes, routes);
        if (at->nlmsg_type == RTM_NEWRULE && body_bytes >= NLMSG_ALIGN(sizeof(struct fib_rule_hdr)))
            add_rule(body, body_bytes, routes);
        if (step >= size_bytes)
            break;
        size_bytes -= step;
        at = (const struct nlmsghdr *)(const void *)((const char *)at + step);
    }

    return 0;
}

static int ask(int fd, uint16_t type, unsigned char family, struct agent_routes *routes)
{
    const struct {
        struct nlmsghdr head;
        struct rtmsg body; /* as long as the head of a rule, and both begin with the family */
    } question = {.head = {.nlmsg_len = sizeof(question),
                           .nlmsg_type = type,
                           .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
                  .body = {.rtm_family = family}};
    static _Alignas(struct nlmsghdr) char chunk[CHUNK_BYTES];
    int r = 0;

    if (send(fd, &question, sizeof(question), 0) < 0)
        return -errno;
    while (r == 0) {
        ssize_t bytes = recv(fd, chunk, sizeof(chunk), 0);

        if (bytes < 0)
            return -errno;
        r = agent_routes_add(chunk, (size_t)bytes, routes);
    }

    return r;
}

int agent_routes_read(struct agent_routes *routes, struct bl_error *err)
{
    static const uint16_t types[] = {RTM_GETROUTE, RTM_GETRULE};
    static const unsigned char families[] = {AF_INET, AF_INET6};
    const struct timeval wait = {.tv_sec = WAIT_S};
    BL_AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0)
        return bl_fail(err, -errno, "ask for routes: %s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        for (size_t k = 0; k < sizeof(families) / sizeof(families[0]); k++) {
            int r = ask(fd, types[i], families[k], routes);

            /* A kernel without IPv6 or policy routing has neither. */
            if (r < 0 && r != -EOPNOTSUPP && r != -EAFNOSUPPORT)
                return bl_fail(err, r, "ask for routes: %s", strerror(-r));
        }
    }

    return 0;
}
