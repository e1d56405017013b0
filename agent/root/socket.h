/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_SOCKET_H
#define AGENT_ROOT_SOCKET_H

#include <sys/socket.h>
#include <sys/types.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * Makes and listens on the UNIX socket `path`: mode 0660, owner root, group `gid`. A left-over
 * of a former process is replaced. The descriptor is non-blocking and the caller's.
 */
int agent_socket_listen(const char *path, int type, gid_t gid, struct bl_error *err) BL_CHECKED;

/* Who connected, as the kernel noted it at that moment. Never read from the peer's address. */
int agent_socket_peer(int fd, struct ucred *ret_peer) BL_CHECKED;

#endif
