/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROBE_PROBE_H
#define AGENT_PROBE_PROBE_H

#include "proto/manifest.h"
#include "proto/schema.h"

/*
 * What belay-agent, which has no network, asks belay-probe, which has no privileges. Root writes
 * the encoded task to /run/belay/probe/N.task, starts belay-probe@N.service, waits for the unit's
 * end and reads /run/belay/probe/N.result. The unit gets both as standard input and output. The
 * answer is data from outside like any other: a probe can lie about the network, nothing more.
 */
enum {
    AGENT_PROBE_FORMAT = 1,
    AGENT_PROBE_ENDPOINTS_MAX = 64,
    AGENT_PROBE_ENDPOINT_BYTES_MAX = 262, /* a host name, a colon, a port */
    AGENT_PROBE_ADDRESS_BYTES_MAX = 46,
    AGENT_PROBE_LISTENERS_MAX = 1024,
    AGENT_PROBE_GATEWAYS_MAX = 16,
    AGENT_PROBE_RESOLVERS_MAX = 8,
    AGENT_PROBE_REPLIES_MAX =
        AGENT_PROBE_ENDPOINTS_MAX + AGENT_PROBE_GATEWAYS_MAX + AGENT_PROBE_RESOLVERS_MAX,
    AGENT_PROBE_TIMEOUT_MS_MAX = 60 * 1000,
    AGENT_PROBE_NAMES_MAX = 8,
    AGENT_PROBE_SSH_MAX = 8,
    AGENT_PROBE_SSH_LINE_BYTES_MAX = 160,
    AGENT_PROBE_ROUTES_MAX = 512,
    AGENT_PROBE_ROUTE_BYTES_MAX = 160,
    AGENT_PROBE_RESOLV_BYTES_MAX = 1024,
    AGENT_PROBE_TASK_BYTES_MAX = 32 * 1024,
    AGENT_PROBE_RESULT_BYTES_MAX = 256 * 1024,
};

enum agent_probe_what {
    AGENT_PROBE_NETWORK =
        1,                 /* listening sockets, routes, the resolver, and whether names resolve */
    AGENT_PROBE_WITNESSES, /* gateways, resolvers and the endpoints: who answers? */
};

enum agent_probe_answer {
    AGENT_PROBE_ANSWERED = 1, /* TCP stands */
    AGENT_PROBE_REFUSED,      /* somebody said no: the network works as far as there */
    AGENT_PROBE_SILENT,       /* nothing came back, or nowhere to send to */
};

enum agent_probe_role {
    AGENT_PROBE_GATEWAY = 1, /* found by the probe */
    AGENT_PROBE_RESOLVER,    /* found by the probe */
    AGENT_PROBE_WITNESS,     /* named by the task */
    AGENT_PROBE_CONTROLLER,  /* named by the task */
};

struct agent_probe_endpoint {
    const char *endpoint; /* "ADDRESS:PORT", numeric or (controller) a name */
    uint32_t role;        /* WITNESS or CONTROLLER */
};

struct agent_probe_task {
    uint64_t format;
    uint32_t what; /* enum agent_probe_what */
    struct agent_probe_endpoint *endpoints;
    uint32_t endpoints_count;
    uint64_t timeout_ms; /* for all answers together; below 8 s a dead gateway may seem alive */
    struct proto_text *names; /* NETWORK: of DNS, to be resolved */
    uint32_t names_count;
    struct proto_text *ssh; /* NETWORK: "ADDRESS:PORT" where an SSH server is to answer */
    uint32_t ssh_count;
};

struct agent_probe_listener {
    uint32_t transport; /* enum proto_transport */
    uint64_t port;
    const char *address; /* "0.0.0.0", "::", ... */
};

enum agent_probe_family {
    AGENT_PROBE_IPV4 = 1,
    AGENT_PROBE_IPV6
};

struct agent_probe_route { /* or a rule of policy routing */
    uint32_t family;       /* enum agent_probe_family */
    bool is_rule, is_default;
    const char
        *text; /* all that makes it this one, as people write it: "default via 10.0.0.1 ..." */
};

struct agent_probe_name {
    const char *name;
    bool resolves;
};

struct agent_probe_ssh { /* somebody who wants to log in there */
    const char *endpoint;
    bool speaks;      /* as far as the beginning of a key exchange */
    const char *line; /* what was there: "SSH-2.0-OpenSSH_9.2", or what was wrong */
};

enum agent_probe_resolver_state {
    AGENT_PROBE_NO_RESOLVER = 1, /* resolv.conf names none */
    AGENT_PROBE_RESOLVER_ANSWERS,
    AGENT_PROBE_RESOLVERS_SILENT,
};

struct agent_probe_reply {
    const char *endpoint; /* as asked; for what the probe found itself, its numeric address */
    uint32_t role;        /* enum agent_probe_role */
    uint32_t answer;      /* enum agent_probe_answer */
};

struct agent_probe_result {
    uint64_t format;
    struct agent_probe_listener *listeners;
    uint32_t listeners_count;
    struct agent_probe_reply *replies;
    uint32_t replies_count;
    struct agent_probe_route *routes; /* this and all below: NETWORK */
    uint32_t routes_count;
    const char *resolv_conf; /* what counts of it: a line each, without comments */
    uint32_t resolver;       /* enum agent_probe_resolver_state; 0 when not looked at */
    struct agent_probe_name *names;
    uint32_t names_count;
    struct agent_probe_ssh *ssh; /* in the order of the task */
    uint32_t ssh_count;
};

extern const struct proto_schema agent_probe_task_schema;
extern const struct proto_schema agent_probe_result_schema;
/* Also a part of the baseline on disk: a change of it raises that format, too. */
extern const struct proto_schema agent_probe_listener_schema;
extern const struct proto_schema agent_probe_route_schema;
extern const struct proto_schema agent_probe_name_schema;
extern const struct proto_schema agent_probe_ssh_schema;

#endif
