/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BL_COMMON_ADDRESS_H
#define BL_COMMON_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "common/attr.h"
#include "common/error.h"

/* "192.0.2.1", "2001:db8::/32": a numeric address, with or without the length of its network. */
bool bl_address_is_network(const char *text);

/* "192.0.2.1:443", "[2001:db8::1]:443": numeric only, never looked up. -EINVAL. */
int bl_address_from_endpoint(const char *text, struct sockaddr_storage *ret_address,
                             socklen_t *ret_bytes, struct bl_error *err) BL_CHECKED;

#endif
