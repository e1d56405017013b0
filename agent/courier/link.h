/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_COURIER_LINK_H
#define AGENT_COURIER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * The connection to the controller. Each connection is a ZeroMQ socket of its own: nothing that was
 * queued for a lost one can slip into the next, and "a new connection" (design rule 2) is
 * something this file does rather than something it infers. Retries are its own too, since libzmq
 * starts its back-off afresh whenever TCP connects, and would knock without end at a door that
 * refuses the key.
 *
 * Handlers may call agent_link_start, _stop, _restart and _send, but not agent_link_free.
 */
enum {
    AGENT_LINK_KEY_BYTES = 32,
    AGENT_LINK_KEY_TEXT_BYTES = 41, /* Z85 and a NUL */
};

struct agent_link_config {
    const char *endpoint; /* "tcp://HOST:PORT" */
    uint8_t server_key[AGENT_LINK_KEY_BYTES];
    uint8_t secret_key[AGENT_LINK_KEY_BYTES];
    size_t message_bytes_max;
};

struct agent_link_handler {
    void *userdata;
    /* A connection stands: CURVE is through, both sides know each other's key. */
    void (*up)(void *userdata, uint64_t generation);
    /* What `up` announced is gone. Another one will be tried for. */
    void (*lost)(void *userdata);
    /* False: no room now; the link keeps this message, and calls again after agent_link_resume. */
    bool (*message)(void *userdata, const void *data, size_t size_bytes);
    /* A send that failed with -EAGAIN may be tried again. */
    void (*writable)(void *userdata);
};

struct agent_link;

/* Borrows `config`, `handler` and `event` for the link's life. The link is idle at first. */
int agent_link_new(const struct agent_link_config *config, const struct agent_link_handler *handler,
                   sd_event *event, struct agent_link **ret_link, struct bl_error *err) BL_CHECKED;
struct agent_link *agent_link_free(struct agent_link *link);

/* Begins to build a connection and goes on trying until told to stop. Harmless when begun. */
void agent_link_start(struct agent_link *link);
/* Drops the connection without calling `lost` and stays idle. */
void agent_link_stop(struct agent_link *link);
/* Drops the connection (`lost` is called if it stood) and builds a new one at once. */
void agent_link_restart(struct agent_link *link);

/* Call when the handler can take messages again. */
void agent_link_resume(struct agent_link *link);

/* -ENOTCONN when no connection stands; -EAGAIN when its queue is full: wait for `writable`. */
int agent_link_send(struct agent_link *link, const void *data, size_t size_bytes) BL_CHECKED;

/*
 * Sets what every socket towards a controller needs: keys, limits, heartbeats, no lingering.
 * `socket` is a ZeroMQ socket; used by the enrolment too.
 */
int agent_link_configure(void *socket, const struct agent_link_config *config, struct bl_error *err)
    BL_CHECKED;

/* How long to wait before try `attempt` (1 = the first after a loss); `chance` is any number. */
int64_t agent_link_backoff_ms(unsigned attempt, uint32_t chance);

#endif
