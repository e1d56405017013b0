/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_SSH_SERVERS_H
#define AGENT_LEASE_SSH_SERVERS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * SSH servers that the lock would not close: another program than OpenSSH's, or an sshd that was
 * started with another configuration file. What only listens through a socket unit of its own and
 * does not run is not seen.
 */

/*
 * Whether a process that PID 1 started is such a server, told by its name and its command line as
 * /proc shows them (words end with NUL, or sshd's own title). Sessions are none.
 */
bool agent_ssh_servers_is_other(const char *name, const char *command_line,
                                size_t command_line_bytes, const char *sshd_config);

/* 1: there is one, and *err names it; 0: there is none. */
int agent_ssh_servers_find_other(const char *sshd_config, struct bl_error *err) BL_CHECKED;

#endif
