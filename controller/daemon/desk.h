/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_DESK_H
#define CTL_DAEMON_DESK_H

#include <systemd/sd-event.h>

#include "controller/daemon/control.h"
#include "controller/daemon/desk_table.h"

/*
 * The admin endpoint: people's desks elsewhere come in here, over CURVE, when the configuration
 * names an address for it. A conversation is a connection on the control socket whose bytes
 * travel in messages; docs/wire.md has their form. It has a ZeroMQ context, and so a thread and a
 * ZAP handler, of its own, and in the loop it comes after all else: a flood here costs the hosts'
 * link nothing.
 */
struct ctl_desk_door;

enum {
    CTL_DESK_PRIORITY =
        SD_EVENT_PRIORITY_NORMAL + 50, /* behind the hosts, the clock and the local socket */
};

/* `control` and `desks` are borrowed for the door's life. */
int ctl_desk_door_open(struct ctl_control *control, struct ctl_desks *desks,
                       struct ctl_desk_door **ret_door, struct bl_error *err) BL_CHECKED;
struct ctl_desk_door *ctl_desk_door_close(struct ctl_desk_door *door);

/* Where it listens. */
const char *ctl_desk_door_endpoint(const struct ctl_desk_door *door);

/* Ends all conversations of a desk that is not admitted any more, and its connections. */
void ctl_desk_door_cut(struct ctl_desk_door *door, const struct ctl_desk *desk);

#endif
