/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_INBOUND_H
#define CTL_DAEMON_INBOUND_H

#include "controller/daemon/engine.h"

/* What comes in over the link, and which connection is whose. */
void ctl_inbound_handler(struct ctl_engine *engine, struct ctl_link_handler *ret_handler);

/* Its connection is gone; another may come. */
void ctl_inbound_lost(struct ctl_engine *engine, struct ctl_fleet_host *host);

/* To a WELCOME an agent sends all reports that are not acknowledged, also to a second one. */
int ctl_inbound_welcome(struct ctl_engine *engine, struct ctl_fleet_host *host);

/* The enrolment link: enrol.c */
void ctl_enroll_message(struct ctl_engine *engine, const uint8_t sender[PROTO_HOST_ID_BYTES],
                        const struct ctl_link_peer *peer, const struct proto_message *message);

#endif
