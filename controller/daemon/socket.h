/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_SOCKET_H
#define CTL_DAEMON_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/error.h"

/* What all of belayd's ZeroMQ sockets have in common, whatever is said over them. */

/* Whether the message that was received last has more frames. */
bool ctl_socket_more_follows(void *socket);

/* Drops what is left of the message that was received last. */
void ctl_socket_drain(void *socket);

bool ctl_socket_is_readable(void *socket);

/*
 * Has an event loop call `on_io` when the socket may be readable. ZMQ_FD speaks of changes only, and
 * any send or receive may swallow one: before each sleep the sockets themselves must be asked.
 */
int ctl_socket_watch(void *socket, sd_event *event, sd_event_io_handler_t on_io, void *userdata,
                     sd_event_source **ret_source, struct bl_error *err) BL_CHECKED;

/*
 * From now on tells `events` (ZMQ_EVENT_...) of the connections of `socket` through the new socket
 * `*ret_monitor`, which the caller closes, in case of failure too. `what` names it in errors.
 */
int ctl_socket_monitor(void *context, void *socket, const char *address, int events,
                       const char *what, void **ret_monitor, struct bl_error *err) BL_CHECKED;

/* The next one that the monitor has to tell; false: none. An odd one is event 0. */
bool ctl_socket_read_event(void *monitor, uint16_t *ret_event, int *ret_fd);

#endif
