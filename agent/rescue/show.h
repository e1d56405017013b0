/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_RESCUE_SHOW_H
#define AGENT_RESCUE_SHOW_H

#include <stdio.h>

#include "agent/rescue/rescue.h"

/* Prints a good reply, for people or as one JSON document. */
void agent_rescue_show(FILE *out, uint32_t verb, bool json, const struct agent_rescue_reply *reply);

#endif
