/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DESK_WIRE_H
#define CTL_DESK_WIRE_H

#include <stdint.h>

/*
 * What belayd and `belay --desk` say to each other: docs/wire.md. A message is one byte of these
 * and what belongs to it. The bytes of DATA, put together, are those of the control socket.
 */
enum {
    CTL_DESK_VERSION = 1,
    CTL_DESK_HELLO = 'H',   /* desk: the version; a conversation begins */
    CTL_DESK_WELCOME = 'W', /* controller: the version */
    CTL_DESK_DATA = 'D',    /* at most CTL_DESK_CHUNK_BYTES_MAX */
    CTL_DESK_CREDIT = 'C',  /* so many bytes more may be sent */
    CTL_DESK_END = 'E',     /* controller: "CODE\nSENTENCE"; the conversation is over */

    CTL_DESK_CHUNK_BYTES_MAX = 32 * 1024,
    CTL_DESK_WINDOW_BYTES = 256 * 1024, /* each way, before there is credit */
    CTL_DESK_MESSAGE_BYTES_MAX = 1 + CTL_DESK_CHUNK_BYTES_MAX,
    CTL_DESK_CREDIT_BYTES = 4,
    CTL_DESK_REASON_BYTES_MAX = 256,
    CTL_DESK_IDLE_MS_MAX = 60 * 1000,
};

/* Little-endian, as the head of a frame. */
static inline void ctl_desk_put_credit(uint8_t ret_data[CTL_DESK_CREDIT_BYTES], uint32_t bytes)
{
    for (unsigned i = 0; i < CTL_DESK_CREDIT_BYTES; i++)
        ret_data[i] = (uint8_t)(bytes >> (8 * i));
}

static inline uint32_t ctl_desk_get_credit(const uint8_t data[CTL_DESK_CREDIT_BYTES])
{
    uint32_t bytes = 0;

    for (unsigned i = 0; i < CTL_DESK_CREDIT_BYTES; i++)
        bytes |= (uint32_t)data[i] << (8 * i);

    return bytes;
}

#endif
