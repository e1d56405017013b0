/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_DESK_TALK_H
#define CTL_DAEMON_DESK_TALK_H

#include "controller/daemon/desk.h"
#include "controller/daemon/link.h"
#include "controller/daemon/refusal.h"
#include "controller/daemon/zap.h"

/* What desks say, apart from the sockets that it comes in by. For desk.c and desk_talk.c alone. */
enum {
    CTL_DESK_TALKS_MAX = CTL_CONTROL_DESK_CLIENTS_MAX,
    CTL_DESK_CONNECTIONS_MAX = 512, /* those in the midst of a handshake included */
    CTL_DESK_SOURCES = 3,
};

struct ctl_desk_talk {
    struct ctl_desk_door *door;
    struct ctl_desk *desk; /* NULL: this place is free */
    struct ctl_link_peer peer;
    int fd; /* our end; the other is a client of the control socket */
    unsigned slot;
    bool is_closed; /* the client has ended: its slot may be another's, its last words may wait */
    sd_event_source *io;
    uint8_t *in; /* from the desk, not yet taken by the client */
    size_t in_bytes;
    size_t taken_bytes;  /* by the client, and not yet told to the desk */
    size_t credit_bytes; /* that may be sent to the desk */
    struct bl_mono active;
};

struct ctl_desk_connection {
    int fd;               /* a number only: libzmq's */
    struct bl_mono since; /* it came, or its last conversation was there */
};

struct ctl_desk_door {
    struct ctl_control *control;
    struct ctl_desks *desks;
    struct ctl_zap *zap;
    void *context, *router, *monitor;
    sd_event_source *io[CTL_DESK_SOURCES], *pump, *tick;
    struct ctl_desk_talk talks[CTL_DESK_TALKS_MAX];
    struct ctl_desk_connection connections[CTL_DESK_CONNECTIONS_MAX];
    uint32_t connection_count;
    struct ctl_refusals refusals;
    char endpoint[300];
};

/* Ends a connection of this door, which libzmq has no call for. */
void ctl_desk_cut(const struct ctl_desk_door *door, int fd);

/* `sender` is what CURVE proved; it is looked up anew for each message. */
void ctl_desk_take(struct ctl_desk_door *door, const uint8_t sender[CTL_DESK_ID_BYTES],
                   const struct ctl_link_peer *peer, const uint8_t *data, size_t size_bytes);

/* The one over this connection, or NULL. */
struct ctl_desk_talk *ctl_desk_talk_of_fd(struct ctl_desk_door *door, int fd);
/* Ends it: the desk is told why, or is gone. */
void ctl_desk_talk_end(struct ctl_desk_talk *talk, const char *code, const char *text);
void ctl_desk_talk_free(struct ctl_desk_talk *talk);

#endif
