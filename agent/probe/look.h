/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROBE_LOOK_H
#define AGENT_PROBE_LOOK_H

#include "agent/probe/probe.h"

/* Does what the task says and appends the encoded result to `buffer`. */
int agent_look(const struct agent_probe_task *task, struct proto_buffer *buffer,
               struct bl_error *err) BL_CHECKED;

#endif
