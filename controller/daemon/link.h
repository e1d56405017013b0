/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_LINK_H
#define CTL_DAEMON_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/attr.h"
#include "common/error.h"
#include "proto/ids.h"

/*
 * The two ROUTERs that hosts connect to, and the ZAP handler that guards them, in one event loop.
 * Who a message is from is what CURVE proved (User-Id), asked again for every single message:
 * taking a key out of the table ends what it may do at once, though its connection lives on.
 */
enum {
    CTL_LINK_ROUTING_BYTES_MAX = 255,
};

/* One connection. The routing id may be the peer's own choice, so it names no host. */
struct ctl_link_peer {
    uint8_t routing_id[CTL_LINK_ROUTING_BYTES_MAX];
    size_t routing_id_bytes; /* 0: no connection */
    int fd;                  /* names the connection in `gone`; -1 when libzmq does not tell */
};

struct ctl_link_handler {
    void *userdata;
    /* May this key speak on the fleet link? Asked at the handshake and for each message. */
    bool (*admits)(void *userdata, const uint8_t key[PROTO_HOST_ID_BYTES]);
    /* A key that was turned away: at a handshake from `address`, or "" for a message. */
    void (*refused)(void *userdata, const uint8_t key[PROTO_HOST_ID_BYTES], const char *address);
    /* A message of the fleet; `data` is valid during the call. */
    void (*message)(void *userdata, const uint8_t sender[PROTO_HOST_ID_BYTES],
                    const struct ctl_link_peer *peer, const void *data, size_t size_bytes);
    /* A message on the enrolment link, from any key. */
    void (*enroll)(void *userdata, const uint8_t sender[PROTO_HOST_ID_BYTES],
                   const struct ctl_link_peer *peer, const void *data, size_t size_bytes);
    /* The fleet connection that had this descriptor has ended. */
    void (*gone)(void *userdata, int fd);
    /* Around the messages of one turn of the loop: what they do may be stored together. */
    void (*turn_begin)(void *userdata);
    void (*turn_end)(void *userdata);
};

struct ctl_link_config {
    const char *listen, *enroll_listen; /* "tcp://ADDRESS:PORT"; port * picks a free one */
    uint8_t secret_key[PROTO_HOST_ID_BYTES];
    uint8_t public_key[PROTO_HOST_ID_BYTES];
};

enum ctl_link_door {
    CTL_LINK_FLEET = 1,
    CTL_LINK_ENROLL,
    CTL_LINK_DESK, /* only for ctl_link_configure: desk.h has the socket */
};

struct ctl_link;

/* `handler` and `event` are borrowed for the link's life, `config` for the call. */
int ctl_link_open(const struct ctl_link_config *config, const struct ctl_link_handler *handler,
                  sd_event *event, struct ctl_link **ret_link, struct bl_error *err) BL_CHECKED;
struct ctl_link *ctl_link_close(struct ctl_link *link);

/* 0; -EHOSTUNREACH: this connection is gone; -EAGAIN: the peer does not read, nothing was sent. */
int ctl_link_send(struct ctl_link *link, enum ctl_link_door door, const struct ctl_link_peer *peer,
                  const void *data, size_t size_bytes);

/* Where it listens now ("tcp://127.0.0.1:40123"); valid as long as the link. */
const char *ctl_link_endpoint(const struct ctl_link *link, enum ctl_link_door door);

/* Messages dropped so far since their sender was no longer admitted, or their form was wrong. */
uint64_t ctl_link_dropped_count(const struct ctl_link *link);

/* Gives a ROUTER its keys, its ZAP domain *enforced*, and its limits, before it is bound. */
int ctl_link_configure(void *socket, const struct ctl_link_config *config, enum ctl_link_door door,
                       struct bl_error *err) BL_CHECKED;

#endif
