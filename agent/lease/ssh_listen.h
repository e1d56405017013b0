/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_SSH_LISTEN_H
#define AGENT_LEASE_SSH_LISTEN_H

#include <stdint.h>

#include "common/attr.h"

/* Where sshd listens, as endpoints that this host itself can connect to: "127.0.0.1:22". Pure. */
enum {
    AGENT_SSH_LISTEN_MAX = 8, /* more are left out */
    AGENT_SSH_LISTEN_BYTES = 64,
};

struct agent_ssh_listen {
    char endpoints[AGENT_SSH_LISTEN_MAX][AGENT_SSH_LISTEN_BYTES];
    uint32_t count;
};

/*
 * Adds one address with its port, unless it is there. Every address of the host ("0.0.0.0:22",
 * "[::]:22") becomes the loopback of its family. What is no numeric address is passed over.
 */
void agent_ssh_listen_add(struct agent_ssh_listen *listen, const char *address);

/* Adds each "listenaddress" of what `sshd -T` printed. */
void agent_ssh_listen_add_all(struct agent_ssh_listen *listen, const char *effective);

#endif
