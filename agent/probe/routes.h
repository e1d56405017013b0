/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROBE_ROUTES_H
#define AGENT_PROBE_ROUTES_H

#include "agent/probe/probe.h"

/*
 * The routes and rules that hold for this host, as texts that can be compared. Left out is what
 * comes and goes without anybody's doing: routes of the kernel's own table, of containers' and
 * virtual machines' interfaces, and what a routing daemon learned, but for default routes.
 */
struct agent_routes {
    struct agent_probe_route list[AGENT_PROBE_ROUTES_MAX];
    char texts[AGENT_PROBE_ROUTES_MAX][AGENT_PROBE_ROUTE_BYTES_MAX + 1];
    uint32_t count; /* what does not fit is left out */
};

/* Adds those of this network namespace, asked by rtnetlink. */
int agent_routes_read(struct agent_routes *routes, struct bl_error *err) BL_CHECKED;

/*
 * Adds those of one answer: netlink messages, one behind the other. 1 when there was the last one,
 * 0 when more will follow, below 0 when the kernel said no.
 */
int agent_routes_add(const void *data, size_t size_bytes, struct agent_routes *routes);

#endif
