/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROBE_ASK_H
#define AGENT_PROBE_ASK_H

#include <sys/socket.h>

#include "agent/probe/probe.h"

/* Knocks at many doors at once and notes who opens, who says no, and who does not say anything. */

enum {
    /* A resolver is asked over both transports. */
    AGENT_ASK_MAX = AGENT_PROBE_REPLIES_MAX + AGENT_PROBE_RESOLVERS_MAX,
};

struct agent_ask {
    struct sockaddr_storage address; /* with the port; ss_family 0: cannot be asked, is SILENT */
    bool datagram;                   /* a DNS question over UDP instead of a TCP connection */
    uint32_t answer;                 /* enum agent_probe_answer, filled in */
    int fd;                          /* while it is being asked */
};

/* Fills in all answers after at most `timeout_ms`, earlier when all have answered. */
int agent_ask_all(struct agent_ask *asks, uint32_t ask_count, int64_t timeout_ms,
                  struct bl_error *err) BL_CHECKED;

#endif
