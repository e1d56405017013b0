/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROBE_SSH_H
#define AGENT_PROBE_SSH_H

#include "agent/probe/probe.h"

/*
 * Connects to SSH servers as somebody who wants to log in does, as far as their first packet.
 * Nobody is authenticated, so a lock of users does not matter, and each connection is ended
 * properly. A server that does not answer is asked again: it may be starting just now.
 */
struct agent_ssh_asks {
    struct agent_probe_ssh answers[AGENT_PROBE_SSH_MAX];
    char lines[AGENT_PROBE_SSH_MAX][AGENT_PROBE_SSH_LINE_BYTES_MAX + 1];
};

/* All at once; takes at most tries * wait_ms and a second between two. `asks` lends the answers. */
int agent_ssh_ask(const struct proto_text *endpoints, uint32_t count, unsigned tries,
                  int64_t wait_ms, struct agent_ssh_asks *asks, struct bl_error *err) BL_CHECKED;

#endif
