/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_ROOM_H
#define AGENT_ROOT_ROOM_H

#include "agent/root/host.h"

/*
 * Ends the process's loop as soon as there is room on disk for the journal again: the agent that is
 * started then takes the job up where the journal left it. Free the source to give up waiting.
 */
int agent_room_await(struct agent_host *host, sd_event_source **ret_source, struct bl_error *err)
    BL_CHECKED;

#endif
