/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/state.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probe/ask.h"
#include "agent/probe/network.h"
#include "agent/probe/routes.h"
#include "agent/probe/ssh.h"
#include "common/file.h"

enum {
    FILE_BYTES_MAX = 16 * 1024 * 1024,
    DNS_PORT = 53,
    DNS_TRIES = 3, /* a datagram may get lost, and that must turn nothing back */
    DNS_WAIT_MS = 2000,
    SSH_TRIES = 3, /* sshd may be starting just then, for the SSH lock or for its package */
    SSH_WAIT_MS = 8000,
};

int agent_state_read(const char *path, char **ret_text, struct bl_error *err)
{
    size_t text_bytes;
    int fd, r;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        *ret_text = strdup("");
        return *ret_text == NULL ? bl_fail(err, -ENOMEM, "no memory for '%s'", path) : 0;
    }
    r = bl_fd_read(fd, FILE_BYTES_MAX, ret_text, &text_bytes, err);
    bl_close_fd(&fd);
    if (r < 0)
        return bl_wrap(err, "'%s'", path);

    return 0;
}

static int look_at_ports(struct agent_probe_result *result, struct bl_error *err)
{
    static const struct {
        const char *path;
        uint32_t transport;
    } tables[] = {
        {"/proc/self/net/tcp", PROTO_TCP},
        {"/proc/self/net/tcp6", PROTO_TCP},
        {"/proc/self/net/udp", PROTO_UDP},
        {"/proc/self/net/udp6", PROTO_UDP},
    };
    static struct agent_network_listeners listeners;

    listeners.count = 0;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        BL_AUTO_FREE char *text = NULL;
        int r = agent_state_read(tables[i].path, &text, err);

        if (r < 0)
            return r;
        agent_network_add_listeners(text, tables[i].transport, &listeners);
    }
    result->listeners = listeners.list;
    result->listeners_count = listeners.count;

    return 0;
}

static int look_at_routes(struct agent_probe_result *result, struct bl_error *err)
{
    static struct agent_routes routes;
    int r;

    routes.count = 0;
    r = agent_routes_read(&routes, err);
    if (r < 0)
        return r;
    result->routes = routes.list;
    result->routes_count = routes.count;

    return 0;
}

static void set_port(struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        ((struct sockaddr_in *)address)->sin_port = htons(DNS_PORT);
    else if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons(DNS_PORT);
}

/* One that answers is enough: a resolver asks the next one, too. */
static int ask_resolvers(const char *resolv_conf, uint32_t *ret_state, struct bl_error *err)
{
    struct agent_network_address servers[AGENT_PROBE_RESOLVERS_MAX];
    struct agent_ask asks[AGENT_PROBE_RESOLVERS_MAX];
    uint32_t count = agent_network_resolvers(resolv_conf, /* others= */ false, servers,
                                             AGENT_PROBE_RESOLVERS_MAX);

    *ret_state = count == 0 ? AGENT_PROBE_NO_RESOLVER : AGENT_PROBE_RESOLVERS_SILENT;
    for (unsigned i = 0; i < DNS_TRIES && *ret_state == AGENT_PROBE_RESOLVERS_SILENT; i++) {
        int r;

        for (uint32_t k = 0; k < count; k++) {
            set_port(&servers[k].address);
            asks[k] = (struct agent_ask){.address = servers[k].address, .datagram = true};
        }
        r = agent_ask_all(asks, count, DNS_WAIT_MS, err);
        if (r < 0)
            return r;
        for (uint32_t k = 0; k < count; k++) {
            if (asks[k].answer == AGENT_PROBE_ANSWERED)
                *ret_state = AGENT_PROBE_RESOLVER_ANSWERS;
        }
    }

    return 0;
}

static bool resolves(const char *name)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;

    if (getaddrinfo(name, NULL, &hints, &found) != 0)
        return false;
    freeaddrinfo(found);

    return true;
}

static int look_at_names(const struct agent_probe_task *task, struct agent_probe_result *result,
                         struct bl_error *err)
{
    static struct agent_probe_name names[AGENT_PROBE_NAMES_MAX];
    static char resolv_conf[AGENT_PROBE_RESOLV_BYTES_MAX + 1];
    BL_AUTO_FREE char *text = NULL;
    int r;

    r = agent_state_read("/etc/resolv.conf", &text, err);
    if (r < 0)
        return r;
    agent_network_resolv_conf(text, resolv_conf, sizeof(resolv_conf));
    result->resolv_conf = resolv_conf;
    r = ask_resolvers(text, &result->resolver, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < task->names_count; i++) {
        names[i] = (struct agent_probe_name){.name = task->names[i].text,
                                             .resolves = resolves(task->names[i].text)};
    }
    result->names = names;
    result->names_count = task->names_count;

    return 0;
}

static int look_at_ssh(const struct agent_probe_task *task, struct agent_probe_result *result,
                       struct bl_error *err)
{
    static struct agent_ssh_asks asks;
    int r = agent_ssh_ask(task->ssh, task->ssh_count, SSH_TRIES, SSH_WAIT_MS, &asks, err);

    result->ssh = asks.answers;
    result->ssh_count = task->ssh_count;

    return r;
}

int agent_state_look(const struct agent_probe_task *task, struct proto_buffer *buffer,
                     struct bl_error *err)
{
    struct agent_probe_result result = {.format = AGENT_PROBE_FORMAT};
    int r;

    r = look_at_ports(&result, err);
    if (r >= 0)
        r = look_at_routes(&result, err);
    if (r >= 0)
        r = look_at_names(task, &result, err);
    if (r >= 0)
        r = look_at_ssh(task, &result, err);
    if (r < 0)
        return r;

    return proto_encode(&agent_probe_result_schema, &result, buffer, err);
}
