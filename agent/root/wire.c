/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "agent/courier/frame.h"
#include "agent/root/socket.h"
#include "common/file.h"

struct agent_wire {
    const struct agent_wire_handler *handler;
    sd_event *loop;
    sd_event_source *listen_source, *peer_source;
    int listen_fd, peer_fd;
    uid_t courier_uid;
    uint64_t generation;
    bool up;
    bool reconnect_wanted; /* asked for while no courier was there, or it had no room */
    bool wants_room;
    uint8_t frame[AGENT_FRAME_BYTES_MAX];
};

static void drop_peer(struct agent_wire *wire)
{
    bool was_up = wire->up;

    wire->peer_source = sd_event_source_disable_unref(wire->peer_source);
    bl_close_fd(&wire->peer_fd);
    wire->up = false;
    wire->wants_room = false;
    if (was_up)
        wire->handler->lost(wire->handler->userdata);
}

static int send_frame(struct agent_wire *wire, uint8_t kind, const void *data, size_t size_bytes)
{
    /* sendmsg() does not write through an iovec; the struct just has no const. */
    union {
        const void *in;
        void *out;
    } body = {.in = data};
    struct iovec parts[2] = {{.iov_base = &kind, .iov_len = 1},
                             {.iov_base = body.out, .iov_len = size_bytes}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = size_bytes > 0 ? 2 : 1};

    if (wire->peer_fd < 0)
        return -ENOTCONN;
    if (sendmsg(wire->peer_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 0;
    if (errno != EAGAIN)
        return -errno;

    wire->wants_room = true;
    (void)sd_event_source_set_io_events(wire->peer_source, EPOLLIN | EPOLLOUT);
    return -EAGAIN;
}

static void send_reconnect(struct agent_wire *wire)
{
    if (send_frame(wire, AGENT_FRAME_RECONNECT, NULL, 0) == 0)
        wire->reconnect_wanted = false;
}

/* Below 0 the packet is no frame. */
static int take_frame(struct agent_wire *wire, size_t size_bytes)
{
    const struct agent_wire_handler *handler = wire->handler;

    switch (wire->frame[0]) {
    case AGENT_FRAME_DATA:
        if (size_bytes < 2)
            return -EBADMSG;
        handler->message(handler->userdata, wire->frame + 1, size_bytes - 1);
        return 0;
    case AGENT_FRAME_UP:
        if (size_bytes != AGENT_FRAME_UP_BYTES)
            return -EBADMSG;
        wire->generation = agent_frame_decode_up(wire->frame);
        wire->up = true;
        handler->up(handler->userdata, wire->generation);
        return 0;
    case AGENT_FRAME_LOST:
        if (size_bytes != 1)
            return -EBADMSG;
        if (wire->up) {
            wire->up = false;
            handler->lost(handler->userdata);
        }
        return 0;
    default:
        return -EBADMSG;
    }
}

static int on_peer(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct agent_wire *wire = userdata;
    ssize_t n;

    if ((revents & EPOLLOUT) != 0 && wire->wants_room) {
        wire->wants_room = false;
        (void)sd_event_source_set_io_events(source, EPOLLIN);
        if (wire->reconnect_wanted)
            send_reconnect(wire);
        wire->handler->writable(wire->handler->userdata);
        if (wire->peer_fd != fd)
            return 0;
    }
    if ((revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
        return 0;

    n = recv(fd, wire->frame, sizeof(wire->frame), MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n > 0 && (size_t)n <= sizeof(wire->frame) && take_frame(wire, (size_t)n) == 0)
        return 0;
    if (n > 0)
        sd_journal_print(LOG_WARNING, "The courier sent what is no frame; its connection ends.");

    drop_peer(wire);
    return 0;
}

static int on_listen(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct agent_wire *wire = userdata;
    BL_AUTO_FD int peer_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ucred peer;
    int r;

    if (peer_fd < 0)
        return 0; /* it hung up before we came, or we are out of descriptors: try at the next */
    r = agent_socket_peer(peer_fd, &peer);
    if (r < 0 || (peer.uid != wire->courier_uid && peer.uid != 0)) {
        sd_journal_print(LOG_WARNING, "User %u tried to be the courier.",
                         r < 0 ? (unsigned)-1 : (unsigned)peer.uid);
        return 0;
    }

    drop_peer(wire);
    agent_frame_make_room(peer_fd);
    wire->peer_fd = BL_TAKE_FD(peer_fd);
    r = sd_event_add_io(wire->loop, &wire->peer_source, wire->peer_fd, EPOLLIN, on_peer, wire);
    if (r < 0) {
        drop_peer(wire);
        return 0;
    }
    if (wire->reconnect_wanted)
        send_reconnect(wire);

    return 0;
}

int agent_wire_new(const struct agent_wire_config *config, const struct agent_wire_handler *handler,
                   sd_event *loop, struct agent_wire **ret_wire, struct bl_error *err)
{
    struct agent_wire *wire = calloc(1, sizeof(*wire));
    int r;

    if (wire == NULL)
        return bl_fail(err, -ENOMEM, "no memory for the courier's socket");
    wire->handler = handler;
    wire->loop = sd_event_ref(loop);
    wire->courier_uid = config->courier_uid;
    wire->peer_fd = -1;
    wire->listen_fd = agent_socket_listen(config->path, SOCK_SEQPACKET, config->courier_gid, err);
    if (wire->listen_fd < 0) {
        r = wire->listen_fd;
        (void)agent_wire_free(wire);
        return r;
    }
    r = sd_event_add_io(loop, &wire->listen_source, wire->listen_fd, EPOLLIN, on_listen, wire);
    if (r < 0) {
        (void)agent_wire_free(wire);
        return bl_fail(err, r, "watch '%s': %s", config->path, strerror(-r));
    }

    *ret_wire = wire;
    return 0;
}

struct agent_wire *agent_wire_free(struct agent_wire *wire)
{
    if (wire == NULL)
        return NULL;
    sd_event_source_disable_unref(wire->peer_source);
    sd_event_source_disable_unref(wire->listen_source);
    bl_close_fd(&wire->peer_fd);
    bl_close_fd(&wire->listen_fd);
    sd_event_unref(wire->loop);
    free(wire);
    return NULL;
}

bool agent_wire_is_up(const struct agent_wire *wire)
{
    return wire->up;
}

uint64_t agent_wire_generation(const struct agent_wire *wire)
{
    return wire->generation;
}

int agent_wire_send(struct agent_wire *wire, const void *data, size_t size_bytes)
{
    return send_frame(wire, AGENT_FRAME_DATA, data, size_bytes);
}

void agent_wire_reconnect(struct agent_wire *wire)
{
    wire->reconnect_wanted = true;
    send_reconnect(wire);
}
