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

enum agent_setup_key {
    AGENT_SETUP_KEY_PRESENT, /* the one that this host has */
    AGENT_SETUP_KEY_NEXT,    /* one beside it, until agent_setup_adopt_key */
};

/*
 * Loads the key, making it first when there is none, so that a join that was interrupted goes on
 * with the same one. `ret_secret` is to be wiped by the caller.
 */
int agent_setup_make_key(const char *state_dir, enum agent_setup_key which,
                         uint8_t ret_id[PROTO_HOST_ID_BYTES], uint8_t ret_secret[PROTO_KEY_BYTES],
                         struct bl_error *err) BL_CHECKED;

/* The next key takes the place of the present one, which is gone then. */
int agent_setup_adopt_key(const char *state_dir, struct bl_error *err) BL_CHECKED;

/*
 * "ADDRESS:PORT" of the line `controller: tcp://ADDRESS:PORT` in agent.yaml. Reads that one line
 * and is no YAML parser: this process takes in as little as it can, and a host whose file is
 * written in another way only has one witness less.
 */
int agent_setup_find_controller(const char *yaml, char *ret_endpoint, size_t size_bytes,
                                struct bl_error *err) BL_CHECKED;

#endif
