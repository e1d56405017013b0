/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_CLIENT_H
#define CTL_DAEMON_CLIENT_H

#include "controller/daemon/control.h"
#include "controller/daemon/desk.h"

/*
 * One connection on the control socket: its frames in and out, and the stream it may be getting.
 * For control.c and client.c alone; verbs see no more than control.h.
 */
enum {
    CTL_CLIENT_HEAD_BYTES = 4,
    CTL_CLIENTS_MAX = CTL_CONTROL_CLIENTS_MAX + CTL_CONTROL_DESK_CLIENTS_MAX,
};

struct ctl_client_bytes {
    uint8_t *data;
    size_t size_bytes, capacity_bytes;
    size_t done_bytes; /* of `data`, already dealt with */
};

struct ctl_client {
    struct ctl_control *control;
    int fd;
    int64_t uid;
    struct ctl_desk *desk; /* NULL: it came in by the local socket */
    sd_event_source *io;
    struct ctl_client_bytes in, out;
    bool closing;   /* after what is in `out` */
    bool streaming; /* a stream is under way: further requests wait */
    struct ctl_asking *asking;
    bool watching;
    uint8_t watched[PROTO_ROLLOUT_ID_BYTES];
    sd_event_source *watch_timer;
    struct bl_mono watch_due; /* earliest instant of the next document */
};

struct ctl_control {
    struct ctl_engine *engine;
    int fd;
    sd_event_source *io;
    struct ctl_client *clients[CTL_CLIENTS_MAX]; /* local ones, then desks */
    struct ctl_desks *desks;
    struct ctl_desk_door *door; /* NULL: not configured, or its address is not there yet */
    sd_event_source *door_timer;
};

/* Ends its question to hosts, frees it, and makes room for another. */
void ctl_client_close(struct ctl_client *client);

/* Below 0: the client is gone, or was to be closed; close it. */
int ctl_client_read(struct ctl_client *client) BL_CHECKED;
int ctl_client_flush(struct ctl_client *client) BL_CHECKED;
/* Runs one request; its answer, if it is no stream, waits in `client->out` afterwards. */
void ctl_client_serve(struct ctl_client *client, const json_t *request);
/* Forgets the requests that were dealt with. */
void ctl_client_drop_done(struct ctl_client *client);

/* A document is due to everybody who watches this rollout. */
void ctl_client_tell_watchers(struct ctl_control *control, const struct ctl_run *run);

#endif
