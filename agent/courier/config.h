/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_COURIER_CONFIG_H
#define AGENT_COURIER_CONFIG_H

#include <stdint.h>

#include "agent/courier/enroll.h"
#include "common/attr.h"
#include "common/error.h"

/*
 * What the courier needs of /etc/belay/agent.yaml, which `belay-agent join` writes:
 *
 *     controller: tcp://ADDRESS:PORT
 *     controller_key: 64 hex digits
 *
 * Other keys are the agent's own and are checked there.
 */
struct agent_config {
    char endpoint[AGENT_ENROLL_ENDPOINT_BYTES_MAX + 1];
    uint8_t server_key[PROTO_KEY_BYTES];
};

int agent_config_load(const char *path, struct agent_config *ret_config, struct bl_error *err)
    BL_CHECKED;

/* Reads a CURVE secret key: 64 hex digits and at most one newline. */
int agent_config_load_key(const char *path, uint8_t ret_secret_key[PROTO_KEY_BYTES],
                          struct bl_error *err) BL_CHECKED;

#endif
