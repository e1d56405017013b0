/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_COURIER_FRAME_H
#define AGENT_COURIER_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "proto/message.h"

/*
 * What travels over courier.sock between belay-agent and belay-courier: one packet a frame, its
 * first byte the kind. Neither end ever waits for an answer to a frame.
 */
enum agent_frame_kind {
    AGENT_FRAME_DATA = 'D',      /* both ways: a wire message, unopened */
    AGENT_FRAME_UP = 'U',        /* to the agent: a new connection stands; 8 bytes generation, LE */
    AGENT_FRAME_LOST = 'L',      /* to the agent: the connection is gone; no body */
    AGENT_FRAME_RECONNECT = 'R', /* to the courier: drop the connection, build another; no body */
};

enum {
    AGENT_FRAME_BYTES_MAX = 1 + PROTO_MESSAGE_BYTES_MAX,
    AGENT_FRAME_UP_BYTES = 1 + 8,
};

/*
 * Lets `fd` send the largest frame at once: a packet must fit into the buffer of its sender, and the
 * one that a socket begins with is smaller. The kernel gives twice what is asked for, up to twice
 * net.core.wmem_max, which is enough unless somebody made that smaller.
 */
static inline void agent_frame_make_room(int fd)
{
    const int room_bytes = AGENT_FRAME_BYTES_MAX;

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room_bytes, sizeof(room_bytes));
}

static inline void agent_frame_encode_up(uint64_t generation,
                                         uint8_t ret_frame[AGENT_FRAME_UP_BYTES])
{
    ret_frame[0] = AGENT_FRAME_UP;
    for (unsigned i = 0; i < 8; i++)
        ret_frame[1 + i] = (uint8_t)(generation >> (8 * i));
}

static inline uint64_t agent_frame_decode_up(const uint8_t frame[AGENT_FRAME_UP_BYTES])
{
    uint64_t generation = 0;

    for (unsigned i = 0; i < 8; i++)
        generation |= (uint64_t)frame[1 + i] << (8 * i);

    return generation;
}

#endif
