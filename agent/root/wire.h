/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_WIRE_H
#define AGENT_ROOT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * This process's end of courier.sock: who may connect, packets in and out. It knows frames (see
 * agent/courier/frame.h) and no messages. The courier is not trusted: a packet that is no frame
 * ends its connection, a new connection replaces the old.
 *
 * Handlers may call agent_wire_send and _reconnect, but not agent_wire_free.
 */
struct agent_wire_handler {
    void *userdata;
    void (*up)(void *userdata, uint64_t generation);
    void (*lost)(void *userdata); /* the link, or the courier with it */
    void (*message)(void *userdata, const void *data, size_t size_bytes);
    void (*writable)(void *userdata); /* after a send that found no room */
};

struct agent_wire_config {
    const char *path;
    uid_t courier_uid; /* may connect, besides root */
    gid_t courier_gid; /* owns the socket with root */
};

struct agent_wire;

/* Borrows `handler` for the wire's life. */
int agent_wire_new(const struct agent_wire_config *config, const struct agent_wire_handler *handler,
                   sd_event *loop, struct agent_wire **ret_wire, struct bl_error *err) BL_CHECKED;
struct agent_wire *agent_wire_free(struct agent_wire *wire);

/* The courier is connected and says that its link to the controller stands. */
bool agent_wire_is_up(const struct agent_wire *wire);
uint64_t agent_wire_generation(const struct agent_wire *wire);

/* Sends one wire message. -ENOTCONN without a courier; -EAGAIN: `writable` will be called. */
int agent_wire_send(struct agent_wire *wire, const void *data, size_t size_bytes) BL_CHECKED;

/* Asks for a new connection; `up` tells when it stands. Kept until a courier is there to ask. */
void agent_wire_reconnect(struct agent_wire *wire);

#endif
