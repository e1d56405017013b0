/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_COURIER_LOCAL_H
#define AGENT_COURIER_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "agent/courier/frame.h"
#include "common/attr.h"
#include "common/error.h"

/*
 * The courier's end of courier.sock. It connects, and connects again whenever belay-agent has
 * closed it (a restart, mostly), at growing distances of at most two seconds.
 *
 * Handlers may call every function here but agent_local_free.
 */
struct agent_local_handler {
    void *userdata;
    void (*connected)(void *userdata);
    void (*disconnected)(void *userdata);
    /*
     * A frame, kind and body apart. False: no room now; the frame is kept, nothing more is read,
     * and this is called again after agent_local_resume.
     */
    bool (*frame)(void *userdata, uint8_t kind, const uint8_t *body, size_t body_bytes);
    /* A send that failed with -EAGAIN may be tried again. */
    void (*writable)(void *userdata);
};

struct agent_local;

/* Borrows `path` and `event` for its life. The first try to connect comes with the event loop. */
int agent_local_new(const char *path, const struct agent_local_handler *handler, sd_event *event,
                    struct agent_local **ret_local, struct bl_error *err) BL_CHECKED;
struct agent_local *agent_local_free(struct agent_local *local);

/* -ENOTCONN; -EAGAIN when the agent is slow to read: wait for `writable`. */
int agent_local_send(struct agent_local *local, uint8_t kind, const void *body, size_t body_bytes)
    BL_CHECKED;

/* Call when the handler can take frames again. */
void agent_local_resume(struct agent_local *local);

/* Hangs up on an agent that breaks the protocol or does not read, and connects anew later. */
void agent_local_drop(struct agent_local *local, const char *why);

#endif
