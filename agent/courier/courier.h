/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_COURIER_COURIER_H
#define AGENT_COURIER_COURIER_H

#include "agent/courier/link.h"
#include "agent/courier/local.h"

/*
 * Joins the link and courier.sock, and keeps nothing of its own: a side that has no room stops the
 * other. Without an agent there is no connection either, so that the controller sees the host as
 * it is: absent.
 */
struct agent_courier;

/* Borrows `config`, `socket_path` and `event` for its life. */
int agent_courier_new(const struct agent_link_config *config, const char *socket_path,
                      sd_event *event, struct agent_courier **ret_courier, struct bl_error *err)
    BL_CHECKED;
struct agent_courier *agent_courier_free(struct agent_courier *courier);

#endif
