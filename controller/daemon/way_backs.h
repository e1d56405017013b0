/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_WAY_BACKS_H
#define CTL_DAEMON_WAY_BACKS_H

#include "controller/daemon/fleet.h"
#include "proto/message.h"

/*
 * The ways back on a host that are not whole any more, as it said last: in memory only, since it
 * says so twice a minute. They outlast a connection: what is lost does not come again.
 */

/* Takes the place of what was known; while the host has not looked at all of them, adds to it. */
int ctl_way_backs_take(struct ctl_fleet_host *host, const struct proto_figures *said,
                       struct bl_error *err) BL_CHECKED;

/* A list of {"rollout", "state", "reason"}; empty when none is known. */
json_t *ctl_way_backs_view(const struct ctl_fleet_host *host);
/* That of one rollout, or null. */
json_t *ctl_way_back_view(const struct ctl_fleet_host *host,
                          const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES]);

#endif
