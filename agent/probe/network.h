/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROBE_NETWORK_H
#define AGENT_PROBE_NETWORK_H

#include <stdbool.h>
#include <sys/socket.h>

#include "agent/probe/probe.h"

/* Reads what the kernel and the resolver's file tell about the network. Texts in, tables out. */

struct agent_network_listeners {
    struct agent_probe_listener list[AGENT_PROBE_LISTENERS_MAX];
    char addresses[AGENT_PROBE_LISTENERS_MAX][AGENT_PROBE_ADDRESS_BYTES_MAX + 1];
    uint32_t count; /* what does not fit is left out */
};

/* Adds the listening sockets of /proc/net/tcp, tcp6, udp or udp6. */
void agent_network_add_listeners(const char *text, uint32_t transport,
                                 struct agent_network_listeners *listeners);

struct agent_network_address {
    struct sockaddr_storage address; /* with no port */
    char text[AGENT_PROBE_ADDRESS_BYTES_MAX + 1];
};

/*
 * The routers of the default routes in /proc/net/route, or of ipv6_route. Each returns how many it
 * wrote, at most `count_max`, none twice.
 */
uint32_t agent_network_gateways(const char *text, struct agent_network_address *ret_list,
                                uint32_t count_max);
uint32_t agent_network_gateways6(const char *text, struct agent_network_address *ret_list,
                                 uint32_t count_max);

/* The name servers of a resolv.conf; `others` leaves out those on this host itself. */
uint32_t agent_network_resolvers(const char *text, bool others,
                                 struct agent_network_address *ret_list, uint32_t count_max);

/* What of a resolv.conf counts, a line each, without comments and doubled blanks; cut to the size. */
void agent_network_resolv_conf(const char *text, char *ret_text, size_t size_bytes);

/* Whether /proc/net/arp has a complete entry for the address. */
bool agent_network_has_neighbour(const char *text, const char *address);

#endif
