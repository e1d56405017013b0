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
    AGENT_PROBE_TASK_BYTES_MAX = 32 * 1024,
    AGENT_PROBE_RESULT_BYTES_MAX = 128 * 1024,
};

enum agent_probe_what {
    AGENT_PROBE_PORTS = 1, /* listening sockets only */
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
};

struct agent_probe_listener {
    uint32_t transport; /* enum proto_transport */
    uint64_t port;
    const char *address; /* "0.0.0.0", "::", ... */
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
};

extern const struct proto_schema agent_probe_task_schema;
extern const struct proto_schema agent_probe_result_schema;
/* Also a part of the baseline on disk: a change of it raises that format, too. */
extern const struct proto_schema agent_probe_listener_schema;

#endif
