/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CTL_DAEMON_LOOPBACK_H
#define TESTS_UNIT_CTL_DAEMON_LOOPBACK_H

#include <stdio.h>
#include <unistd.h>

/*
 * Where the daemon of a test listens. All of 127.0.0.0/8 is the loopback, so each process has an
 * address of its own there, and no port has to be looked for that somebody else may take before it
 * is bound, or while the daemon is started again. The ports lie below those that the kernel gives
 * to outgoing connections, or a host that tries to connect meanwhile could be given one.
 */
enum {
    LOOPBACK_FLEET_PORT = 7391,
    LOOPBACK_ENROLL_PORT = 7392,
    LOOPBACK_ADMIN_PORT = 7393,
    LOOPBACK_BYTES = 64,
};

static inline void loopback_endpoint(char ret_endpoint[LOOPBACK_BYTES], int port)
{
    const unsigned pid = (unsigned)getpid(); /* of at most 22 bits */

    (void)snprintf(ret_endpoint, LOOPBACK_BYTES, "tcp://127.%u.%u.%u:%d", pid >> 16 & 0xff,
                   pid >> 8 & 0xff, pid & 0xff, port);
}

#endif
