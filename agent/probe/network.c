/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/network.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

enum {
    STATE_LISTEN = 0x0A,      /* TCP */
    STATE_UNCONNECTED = 0x07, /* UDP */
    ROUTE_UP = 0x1,
    ROUTE_GATEWAY = 0x2,
    NEIGHBOUR_COMPLETE = 0x2,
};

static const char *next_line(const char *text)
{
    const char *end = strchrnul(text, '\n');

    return *end == '\0' ? end : end + 1;
}

/* The kernel prints an address as words of the machine's own byte order. */
static bool read_words(const char *hex, uint32_t *ret_words, unsigned word_count)
{
    if (strlen(hex) != 8 * (size_t)word_count)
        return false;
    for (unsigned i = 0; i < word_count; i++)
        if (sscanf(hex + 8 * i, "%8x", &ret_words[i]) != 1)
            return false;

    return true;
}

static bool socket_address_to_text(const char *hex, char ret_text[INET6_ADDRSTRLEN])
{
    uint32_t words[4];

    if (read_words(hex, words, 1))
        return inet_ntop(AF_INET, words, ret_text, INET6_ADDRSTRLEN) != NULL;
    if (read_words(hex, words, 4))
        return inet_ntop(AF_INET6, words, ret_text, INET6_ADDRSTRLEN) != NULL;

    return false;
}

void agent_network_add_listeners(const char *text, uint32_t transport,
                                 struct agent_network_listeners *listeners)
{
    const unsigned wanted = transport == PROTO_TCP ? STATE_LISTEN : STATE_UNCONNECTED;

    for (; *text != '\0'; text = next_line(text)) {
        char address[33], shown[INET6_ADDRSTRLEN];
        unsigned port, state;
        struct agent_probe_listener *listener = &listeners->list[listeners->count];

        if (listeners->count == AGENT_PROBE_LISTENERS_MAX)
            return;
        /* "  0: 0100007F:0CEA 00000000:0000 0A ..." */
        if (sscanf(text, " %*u: %32[0-9A-Fa-f]:%4x %*[0-9A-Fa-f]:%*4x %2x", address, &port,
                   &state) != 3 ||
            state != wanted || port == 0 || !socket_address_to_text(address, shown))
            continue;
        bl_text_copy(listeners->addresses[listeners->count], sizeof(listeners->addresses[0]),
                     shown);
        *listener = (struct agent_probe_listener){
            .transport = transport,
            .port = port,
            .address = listeners->addresses[listeners->count],
        };
        listeners->count++;
    }
}

static bool has(const struct agent_network_address *list, uint32_t count, const char *text)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(list[i].text, text) == 0)
            return true;

    return false;
}

/* Takes a new address in; returns the new count. */
static uint32_t add(struct agent_network_address *list, uint32_t count,
                    const struct sockaddr_storage *address)
{
    struct agent_network_address *entry = &list[count];
    const void *bytes = address->ss_family == AF_INET
                            ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                            : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;
    char text[INET6_ADDRSTRLEN];

    if (inet_ntop(address->ss_family, bytes, text, sizeof(text)) == NULL || has(list, count, text))
        return count;
    entry->address = *address;
    bl_text_copy(entry->text, sizeof(entry->text), text);

    return count + 1;
}

uint32_t agent_network_gateways(const char *text, struct agent_network_address *ret_list,
                                uint32_t count_max)
{
    uint32_t count = 0;

    for (; *text != '\0' && count < count_max; text = next_line(text)) {
        struct sockaddr_storage address = {0};
        struct sockaddr_in *in = (struct sockaddr_in *)&address;
        unsigned destination, gateway, flags, mask;

        /* Interface, destination, gateway, flags, three counters, mask. */
        if (sscanf(text, "%*s %8x %8x %4x %*d %*d %*d %8x", &destination, &gateway, &flags,
                   &mask) != 4 ||
            destination != 0 || mask != 0 ||
            (flags & (ROUTE_UP | ROUTE_GATEWAY)) != (ROUTE_UP | ROUTE_GATEWAY))
            continue;
        in->sin_family = AF_INET;
        in->sin_addr.s_addr = gateway;
        count = add(ret_list, count, &address);
    }

    return count;
}

static bool read_bytes(const char *hex, uint8_t ret_bytes[16])
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned byte;

        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            return false;
        ret_bytes[i] = (uint8_t)byte;
    }

    return true;
}

uint32_t agent_network_gateways6(const char *text, struct agent_network_address *ret_list,
                                 uint32_t count_max)
{
    static const char nowhere[] = "00000000000000000000000000000000";
    uint32_t count = 0;

    for (; *text != '\0' && count < count_max; text = next_line(text)) {
        struct sockaddr_storage address = {0};
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
        char destination[33], gateway[33], interface[IF_NAMESIZE];
        unsigned prefix_bits, flags;

        /* Destination and its length, source and its length, gateway, three counters, flags. */
        if (sscanf(text, "%32s %2x %*32s %*2x %32s %*x %*x %*x %8x %15s", destination, &prefix_bits,
                   gateway, &flags, interface) != 5 ||
            strcmp(destination, nowhere) != 0 || prefix_bits != 0 ||
            (flags & (ROUTE_UP | ROUTE_GATEWAY)) != (ROUTE_UP | ROUTE_GATEWAY) ||
            strlen(gateway) != 32 || !read_bytes(gateway, in6->sin6_addr.s6_addr))
            continue;
        in6->sin6_family = AF_INET6;
        if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
            in6->sin6_scope_id = if_nametoindex(interface);
        count = add(ret_list, count, &address);
    }

    return count;
}

static bool is_own(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24) == 127;

    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

uint32_t agent_network_resolvers(const char *text, bool others,
                                 struct agent_network_address *ret_list, uint32_t count_max)
{
    uint32_t count = 0;

    for (; *text != '\0' && count < count_max; text = next_line(text)) {
        struct sockaddr_storage address = {0};
        char server[INET6_ADDRSTRLEN];

        if (sscanf(text, "nameserver%*[ \t]%45[0-9A-Fa-f.:]", server) != 1)
            continue;
        if (inet_pton(AF_INET, server, &((struct sockaddr_in *)&address)->sin_addr) == 1)
            address.ss_family = AF_INET;
        else if (inet_pton(AF_INET6, server, &((struct sockaddr_in6 *)&address)->sin6_addr) == 1)
            address.ss_family = AF_INET6;
        else
            continue;
        /* A stub on the host itself answers whatever becomes of the network. */
        if (!others || !is_own(&address))
            count = add(ret_list, count, &address);
    }

    return count;
}

void agent_network_resolv_conf(const char *text, char *ret_text, size_t size_bytes)
{
    struct bl_text out;

    bl_text_init(&out, ret_text, size_bytes);
    for (; *text != '\0'; text = next_line(text)) {
        const char *at = text + strspn(text, " \t");
        bool is_first = true;

        if (*at == '#' || *at == ';' || *at == '\n' || *at == '\0')
            continue;
        while (*at != '\n' && *at != '\0') {
            size_t word_bytes = strcspn(at, " \t\r\n");
            char word[256], safe[256];

            (void)snprintf(word, sizeof(word), "%.*s", (int)word_bytes, at);
            bl_text_escape(safe, sizeof(safe), word, strlen(word));
            bl_text_add(&out, is_first ? "" : " ");
            bl_text_add(&out, safe);
            is_first = false;
            at += word_bytes;
            at += strspn(at, " \t\r");
        }
        bl_text_add(&out, "\n");
    }
}

bool agent_network_has_neighbour(const char *text, const char *address)
{
    for (; *text != '\0'; text = next_line(text)) {
        char entry[INET6_ADDRSTRLEN];
        unsigned flags;

        if (sscanf(text, "%45s 0x%*x 0x%x", entry, &flags) == 2 && strcmp(entry, address) == 0 &&
            (flags & NEIGHBOUR_COMPLETE) != 0)
            return true;
    }

    return false;
}
