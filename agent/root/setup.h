/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_SETUP_H
#define AGENT_ROOT_SETUP_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/error.h"
#include "proto/ids.h"

/* What `belay-agent join` writes and the daemon reads. */

/*
 * The host's identity: the public half of the CURVE key in STATE-DIR/agent/curve.key, a file of 64
 * hex digits that the courier gets as a credential. -ENOENT: this host has not joined.
 */
int agent_setup_load_id(const char *state_dir, uint8_t ret_id[PROTO_HOST_ID_BYTES],
                        struct bl_error *err) BL_CHECKED;

/* The same, making the key first when there is none. `ret_secret` is to be wiped by the caller. */
int agent_setup_make_key(const char *state_dir, uint8_t ret_id[PROTO_HOST_ID_BYTES],
                         uint8_t ret_secret[PROTO_KEY_BYTES], struct bl_error *err) BL_CHECKED;

/*
 * "ADDRESS:PORT" of the line `controller: tcp://ADDRESS:PORT` in agent.yaml. Reads that one line
 * and is no YAML parser: this process takes in as little as it can, and a host whose file is
 * written in another way only has one witness less.
 */
int agent_setup_find_controller(const char *yaml, char *ret_endpoint, size_t size_bytes,
                                struct bl_error *err) BL_CHECKED;

#endif
