/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/look.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probe/ask.h"
#include "agent/probe/network.h"
#include "agent/probe/state.h"
#include "common/file.h"
#include "common/text.h"

enum {
    DNS_PORT = 53,
    /* What the kernel needs to notice that a neighbour is gone: 5 s of trust, 3 s of asking. */
    NEIGHBOUR_MS = 8 * 1000,
};

/* What is asked, and for whom: two questions may be about one endpoint. */
struct round {
    struct agent_probe_reply replies[AGENT_PROBE_REPLIES_MAX];
    struct agent_network_address found[AGENT_PROBE_GATEWAYS_MAX + AGENT_PROBE_RESOLVERS_MAX];
    struct agent_ask asks[AGENT_ASK_MAX];
    uint32_t reply_of[AGENT_ASK_MAX];
    uint32_t replies_count, found_count, asks_count;
};

static void set_port(struct sockaddr_storage *address, uint16_t port)
{
    if (address->ss_family == AF_INET)
        ((struct sockaddr_in *)address)->sin_port = htons(port);
    else if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
}

static void add_ask(struct round *round, const struct sockaddr_storage *address, bool datagram)
{
    BL_ASSERT(round->asks_count < AGENT_ASK_MAX);

    round->asks[round->asks_count] = (struct agent_ask){.address = *address, .datagram = datagram};
    round->reply_of[round->asks_count++] = round->replies_count;
}

static void add_found(struct round *round, uint32_t count, uint32_t role)
{
    for (uint32_t i = 0; i < count; i++) {
        struct agent_network_address *found = &round->found[round->found_count++];

        /* Of a router hardly any port is open; that it refuses one is as good. */
        set_port(&found->address, DNS_PORT);
        add_ask(round, &found->address, /* datagram= */ false);
        if (role == AGENT_PROBE_RESOLVER)
            add_ask(round, &found->address, /* datagram= */ true);
        round->replies[round->replies_count++] = (struct agent_probe_reply){
            .endpoint = found->text, .role = role, .answer = AGENT_PROBE_SILENT};
    }
}

static int find_gateways(struct round *round, struct bl_error *err)
{
    BL_AUTO_FREE char *routes = NULL, *routes6 = NULL;
    uint32_t count;
    int r;

    r = agent_state_read("/proc/self/net/route", &routes, err);
    if (r >= 0)
        r = agent_state_read("/proc/self/net/ipv6_route", &routes6, err);
    if (r < 0)
        return r;
    count = agent_network_gateways(routes, round->found, AGENT_PROBE_GATEWAYS_MAX / 2);
    add_found(round, count, AGENT_PROBE_GATEWAY);
    count = agent_network_gateways6(routes6, round->found + round->found_count,
                                    AGENT_PROBE_GATEWAYS_MAX / 2);
    add_found(round, count, AGENT_PROBE_GATEWAY);

    return 0;
}

static int find_resolvers(struct round *round, struct bl_error *err)
{
    /* Behind resolved's stub the second file has the true ones. */
    static const char *const paths[] = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        BL_AUTO_FREE char *text = NULL;
        int r = agent_state_read(paths[i], &text, err);

        if (r < 0)
            return r;
        add_found(round,
                  agent_network_resolvers(text, /* others= */ true,
                                          round->found + round->found_count,
                                          AGENT_PROBE_RESOLVERS_MAX / 2),
                  AGENT_PROBE_RESOLVER);
    }

    return 0;
}

/* "NAME:PORT" or "[ADDRESS]:PORT"; what cannot be resolved is silent. */
static struct sockaddr_storage resolve(const char *endpoint)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV};
    struct sockaddr_storage address = {0};
    struct addrinfo *found = NULL;
    char host[AGENT_PROBE_ENDPOINT_BYTES_MAX + 1];
    const char *colon = strrchr(endpoint, ':');
    size_t skipped = endpoint[0] == '[';

    if (colon == NULL || strlen(endpoint) >= sizeof(host) ||
        (size_t)(colon - endpoint) < 2 * skipped)
        return address;
    bl_text_copy(host, sizeof(host), endpoint + skipped);
    host[(size_t)(colon - endpoint) - 2 * skipped] = '\0';
    if (getaddrinfo(host, colon + 1, &hints, &found) == 0) {
        memcpy(&address, found->ai_addr, found->ai_addrlen);
        freeaddrinfo(found);
    }

    return address;
}

/* Of several questions about one endpoint the best answer counts. */
static void merge_answers(struct round *round)
{
    for (uint32_t i = 0; i < round->asks_count; i++) {
        struct agent_probe_reply *reply = &round->replies[round->reply_of[i]];

        if (round->asks[i].answer < reply->answer)
            reply->answer = round->asks[i].answer;
    }
}

/* A router that drops what it does not serve still answers to ARP. */
static int ask_neighbours(struct round *round, struct bl_error *err)
{
    BL_AUTO_FREE char *neighbours = NULL;
    int r = agent_state_read("/proc/self/net/arp", &neighbours, err);

    if (r < 0)
        return r;
    for (uint32_t i = 0; i < round->replies_count; i++) {
        struct agent_probe_reply *reply = &round->replies[i];

        if (reply->role == AGENT_PROBE_GATEWAY && reply->answer == AGENT_PROBE_SILENT &&
            agent_network_has_neighbour(neighbours, reply->endpoint))
            reply->answer = AGENT_PROBE_ANSWERED;
    }

    return 0;
}

static int look_for_witnesses(const struct agent_probe_task *task, struct proto_buffer *buffer,
                              struct bl_error *err)
{
    static struct round round;
    struct agent_probe_result result = {.format = AGENT_PROBE_FORMAT};
    int r;

    memset(&round, 0, sizeof(round));
    r = find_gateways(&round, err);
    if (r >= 0)
        r = find_resolvers(&round, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < task->endpoints_count; i++) {
        struct sockaddr_storage address = resolve(task->endpoints[i].endpoint);

        add_ask(&round, &address, /* datagram= */ false);
        round.replies[round.replies_count++] =
            (struct agent_probe_reply){.endpoint = task->endpoints[i].endpoint,
                                       .role = task->endpoints[i].role,
                                       .answer = AGENT_PROBE_SILENT};
    }
    r = agent_ask_all(round.asks, round.asks_count, (int64_t)task->timeout_ms, err);
    if (r < 0)
        return r;
    merge_answers(&round);
    if (task->timeout_ms >= NEIGHBOUR_MS)
        r = ask_neighbours(&round, err);
    if (r < 0)
        return r;
    result.replies = round.replies;
    result.replies_count = round.replies_count;

    return proto_encode(&agent_probe_result_schema, &result, buffer, err);
}

int agent_look(const struct agent_probe_task *task, struct proto_buffer *buffer,
               struct bl_error *err)
{
    if (task->format != AGENT_PROBE_FORMAT)
        return bl_fail(err, -EPROTO, "a task of another format");
    if (task->what == AGENT_PROBE_NETWORK)
        return agent_state_look(task, buffer, err);

    return look_for_witnesses(task, buffer, err);
}
