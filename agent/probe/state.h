/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROBE_STATE_H
#define AGENT_PROBE_STATE_H

#include "agent/probe/probe.h"

/* The state of the network that a change may have broken: what listens, routes, names. */

/* Appends the encoded result of a NETWORK task. */
int agent_state_look(const struct agent_probe_task *task, struct proto_buffer *buffer,
                     struct bl_error *err) BL_CHECKED;

/* A table that is not there (no IPv6, no resolved) is an empty one. The caller frees the text. */
int agent_state_read(const char *path, char **ret_text, struct bl_error *err) BL_CHECKED;

#endif
