/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_AGENT_ROOT_HOSTILE_WIRE_H
#define TESTS_UNIT_AGENT_ROOT_HOSTILE_WIRE_H

#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

/*
 * What stands between the agent and the kernel in hostile_test.c: packets come in without a socket,
 * and what the agent does shows by the calls that it makes. See --wrap in meson.build.
 */
struct hostile_seen {
    uint64_t said[64], told_lines, queries; /* messages by their kind; lines of log; QUERYs begun */
    uint64_t wrong;                         /* what no packet may bring about */
};
extern struct hostile_seen hostile_seen;

/* The agent's end of the connection that was made last. */
struct hostile_peer {
    sd_event_io_handler_t handler;
    sd_event_source *source; /* NULL: the agent hung up */
    void *userdata;
    int fd;
    const uint8_t *data; /* what the next recv() gives; NULL: the real one */
    size_t size_bytes;
};
extern struct hostile_peer hostile_peer;

/* As if it had come over the socket. */
void hostile_wire_send(const uint8_t *data, size_t size_bytes);

#endif
