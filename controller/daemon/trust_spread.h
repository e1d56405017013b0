/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_TRUST_SPREAD_H
#define CTL_DAEMON_TRUST_SPREAD_H

#include "controller/daemon/engine.h"

/*
 * How a new trust file gets to hosts: each says which version it has (TRUST_STATE) and is sent the
 * next one, until it has the newest. Hosts judge it themselves. Nothing here remembers what was
 * sent: whoever is still behind at a look by the clock gets the next one again.
 */

/* Keeps the present trust file, so that hosts which are away can be brought up to it later. */
int ctl_trust_keep(struct ctl_engine *engine, struct bl_error *err) BL_CHECKED;

/* What a host says that it has. */
int ctl_trust_take_state(struct ctl_engine *engine, struct ctl_fleet_host *host,
                         const struct proto_trust_state *state, struct bl_error *err) BL_CHECKED;

/* Sends the host the version after its own, when it is connected and behind. */
int ctl_trust_spread(struct ctl_engine *engine, struct ctl_fleet_host *host, struct bl_error *err)
    BL_CHECKED;

/* The same for all: there is a new trust file. */
int ctl_trust_spread_all(struct ctl_engine *engine, struct bl_error *err) BL_CHECKED;

/*
 * Has the host just come, and is it still on its way to the newest trust file? What was signed by
 * somebody who was revoked in the meantime must not get there first. Not for long: a host that can't
 * take it tells why by refusing what it is sent.
 */
bool ctl_trust_is_awaited(const struct ctl_engine *engine, const struct ctl_fleet_host *host);

/* How many hosts that are enrolled judge by an older one, or have not said by which. */
uint32_t ctl_trust_behind_count(const struct ctl_engine *engine);

#endif
