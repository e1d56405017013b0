/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROBE_SSH_HELLO_H
#define AGENT_PROBE_SSH_HELLO_H

#include <stddef.h>
#include <stdint.h>

/*
 * The beginning of what an SSH server says to everybody: its version line, perhaps behind other
 * lines, and its first packet, which lists what it can negotiate (RFC 4253, sections 4.2, 6 and
 * 7.1). For the second it needs its program for sessions, its libraries and a host key.
 */
enum {
    AGENT_SSH_HELLO_BYTES_MAX = 48 * 1024, /* of one hello; RFC 4253 has packets of 35000 */
    AGENT_SSH_HELLO_VERSION_BYTES = 256,   /* a version line has at most 255, its end included */
    AGENT_SSH_HELLO_LINES_MAX = 64,        /* before the version line */
};

enum agent_ssh_hello {
    AGENT_SSH_HELLO_MORE = 1, /* right so far, but not whole */
    AGENT_SSH_HELLO_WHOLE,
    AGENT_SSH_HELLO_WRONG, /* no more bytes make it right */
};

struct agent_ssh_told {
    char version[AGENT_SSH_HELLO_VERSION_BYTES]; /* "SSH-2.0-OpenSSH_9.2"; "" until it is there */
    const char *wrong;                           /* WRONG: what; static */
};

/* Reads all that came so far. Pure; looks at no byte behind `bytes`. */
enum agent_ssh_hello agent_ssh_hello_read(const uint8_t *data, size_t bytes,
                                          struct agent_ssh_told *ret_told);

/*
 * What is said to the server: our version line right away, and after its hello a packet that ends
 * the connection with a reason, so that its log tells who came.
 */
extern const char agent_ssh_hello_version[];
size_t agent_ssh_hello_goodbye(uint8_t *ret_packet, size_t size_bytes);

#endif
