/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/desk_talk.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>

#include "common/check.h"
#include "common/file.h"
#include "common/text.h"
#include "controller/daemon/client.h"
#include "controller/desk/wire.h"

/* ---- what libzmq does not do: ending one connection ---- */

static uint16_t local_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t address_bytes = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &address_bytes) < 0)
        return 0;
    if (address.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&address)->sin_port);

    return address.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)&address)->sin6_port)
                                         : 0;
}

/*
 * libzmq may have closed this descriptor already, and a host's connection may have its number
 * since. So it is ended only if it is one of this door's: at worst another desk comes again.
 */
void ctl_desk_cut(const struct ctl_desk_door *door, int fd)
{
    const char *colon = strrchr(door->endpoint, ':');
    uint64_t port = 0;
    struct bl_error err = {0};

    if (fd >= 0 && bl_text_to_u64(colon + 1, UINT16_MAX, &port, &err) >= 0 &&
        local_port(fd) == port)
        (void)shutdown(fd, SHUT_RDWR);
}

/* ---- conversations ---- */

static int send_message(struct ctl_desk_talk *talk, uint8_t kind, const void *data,
                        size_t size_bytes)
{
    void *router = talk->door->router;
    const struct ctl_link_peer *peer = &talk->peer;
    uint8_t message[1 + CTL_DESK_CHUNK_BYTES_MAX];

    BL_ASSERT(size_bytes <= CTL_DESK_CHUNK_BYTES_MAX);
    message[0] = kind;
    memcpy(message + 1, data, size_bytes);
    if (zmq_send(router, peer->routing_id, peer->routing_id_bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) <
            0 ||
        zmq_send(router, message, 1 + size_bytes, ZMQ_DONTWAIT) < 0)
        return -errno;

    return 0;
}

void ctl_desk_talk_free(struct ctl_desk_talk *talk)
{
    (void)sd_event_source_disable_unref(talk->io);
    bl_close_fd(&talk->fd);
    free(talk->in);
    if (talk->desk != NULL)
        talk->desk->conversations--;
    *talk = (struct ctl_desk_talk){.door = talk->door, .fd = -1};
}

/* "CODE\nSENTENCE" to a desk; a conversation need not be there yet. */
static void tell_end(struct ctl_desk_talk *talk, const char *code, const char *text)
{
    char reason[CTL_DESK_REASON_BYTES_MAX];
    const int bytes = snprintf(reason, sizeof(reason), "%s\n%s", code, text);

    if (bytes > 0 && (size_t)bytes < sizeof(reason))
        (void)send_message(talk, CTL_DESK_END, reason, (size_t)bytes);
}

void ctl_desk_talk_end(struct ctl_desk_talk *talk, const char *code, const char *text)
{
    tell_end(talk, code, text);
    ctl_desk_talk_free(talk);
}

static uint32_t wanted_events(const struct ctl_desk_talk *talk)
{
    return (talk->credit_bytes > 0 ? EPOLLIN : 0) | (talk->in_bytes > 0 ? EPOLLOUT : 0);
}

/* Hands the client what the desk sent, and lets the desk send as much again. */
static int flush_in(struct ctl_desk_talk *talk)
{
    ssize_t n;

    if (talk->in_bytes > 0) {
        n = send(talk->fd, talk->in, talk->in_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (n > 0) {
            talk->in_bytes -= (size_t)n;
            talk->taken_bytes += (size_t)n;
            memmove(talk->in, talk->in + n, talk->in_bytes);
        }
    }
    if (talk->taken_bytes >= CTL_DESK_WINDOW_BYTES / 2) {
        uint8_t credit[CTL_DESK_CREDIT_BYTES];

        ctl_desk_put_credit(credit, (uint32_t)talk->taken_bytes);
        talk->taken_bytes = 0;
        return send_message(talk, CTL_DESK_CREDIT, credit, sizeof(credit));
    }

    return 0;
}

enum {
    LINE_IS_FULL = 2,
};

/* 1: all is well, or LINE_IS_FULL; 0: the client is closed and all was read; below 0: the desk is gone. */
static int pass_on(struct ctl_desk_talk *talk)
{
    uint8_t chunk[CTL_DESK_CHUNK_BYTES_MAX];
    size_t wanted_bytes = talk->credit_bytes < sizeof(chunk) ? talk->credit_bytes : sizeof(chunk);
    ssize_t n = recv(talk->fd, chunk, wanted_bytes, MSG_DONTWAIT | MSG_PEEK);
    int r;

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 1 : 0;
    if (n == 0)
        return 0;
    r = send_message(talk, CTL_DESK_DATA, chunk, (size_t)n);
    if (r < 0)
        return r == -EAGAIN ? LINE_IS_FULL : -EHOSTUNREACH;
    if (recv(talk->fd, chunk, (size_t)n, MSG_DONTWAIT) != n) /* what was looked at */
        return -EHOSTUNREACH;
    talk->credit_bytes -= (size_t)n;
    talk->active = bl_mono_now();

    return 1;
}

/*
 * That a client has ended is told for ever, and that its words wait, too: while nothing may be passed
 * on nobody listens, until the desk gives credit or the tick looks again.
 */
static void watch(struct ctl_desk_talk *talk, bool is_full, bool has_ended)
{
    bool is_idle;

    talk->is_closed = talk->is_closed || has_ended;
    is_idle = is_full || (talk->is_closed && talk->credit_bytes == 0);
    (void)sd_event_source_set_io_events(talk->io, wanted_events(talk));
    (void)sd_event_source_set_enabled(talk->io, is_idle ? SD_EVENT_OFF : SD_EVENT_ON);
}

static int on_conversation(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct ctl_desk_talk *talk = userdata;
    int r = 1;

    if ((revents & EPOLLOUT) != 0 && flush_in(talk) < 0)
        r = 0;
    /* What the client said last is read before its end is heeded. */
    if (r > 0 && talk->credit_bytes > 0 && (revents & (EPOLLIN | EPOLLHUP)) != 0)
        r = pass_on(talk);
    if (r == 0)
        ctl_desk_talk_end(talk, "closed", "belayd has ended this conversation");
    else if (r < 0)
        ctl_desk_talk_free(talk);
    else
        watch(talk, r == LINE_IS_FULL, (revents & (EPOLLHUP | EPOLLERR)) != 0);

    return 0;
}

static struct ctl_desk_talk *conversation_of(struct ctl_desk_door *door,
                                             const struct ctl_link_peer *peer)
{
    for (unsigned i = 0; i < CTL_DESK_TALKS_MAX; i++) {
        struct ctl_desk_talk *one = &door->talks[i];

        if (one->desk != NULL && one->peer.routing_id_bytes == peer->routing_id_bytes &&
            memcmp(one->peer.routing_id, peer->routing_id, peer->routing_id_bytes) == 0)
            return one;
    }

    return NULL;
}

static int join(struct ctl_desk_talk *talk, struct ctl_desk *desk)
{
    struct ctl_control *control = talk->door->control;
    int fds[2], r;

    talk->in = malloc(CTL_DESK_WINDOW_BYTES);
    if (talk->in == NULL ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return -ENOMEM;
    talk->fd = fds[0];
    r = ctl_control_add_desk(control, &fds[1], desk, &talk->slot);
    bl_close_fd(&fds[1]);
    if (r >= 0)
        r = sd_event_add_io(control->engine->event, &talk->io, talk->fd, EPOLLIN, on_conversation,
                            talk);
    if (r >= 0)
        r = sd_event_source_set_priority(talk->io, CTL_DESK_PRIORITY);

    return r;
}

/* A new conversation in the place of a former one of this connection. */
static void begin(struct ctl_desk_door *door, struct ctl_desk *desk,
                  const struct ctl_link_peer *peer, const uint8_t *data, size_t size_bytes)
{
    struct ctl_desk_talk refused = {.door = door, .peer = *peer, .fd = -1};
    struct ctl_desk_talk *place = conversation_of(door, peer);
    const uint8_t version = CTL_DESK_VERSION;

    if (place != NULL)
        ctl_desk_talk_free(place);
    for (unsigned i = 0; place == NULL && i < CTL_DESK_TALKS_MAX; i++) {
        if (door->talks[i].desk == NULL)
            place = &door->talks[i];
    }
    if (size_bytes != 1 || data[0] != CTL_DESK_VERSION) {
        tell_end(&refused, "version", "belayd and this belay are of different versions");
        return;
    }
    if (!ctl_desk_may_ask(desk, bl_mono_now())) {
        tell_end(&refused, "too_many_requests", "this desk asks too often: wait a few seconds");
        return;
    }
    if (place == NULL || desk->conversations == CTL_DESK_CONVERSATIONS_MAX) {
        tell_end(&refused, "busy", "too many connections of desks");
        return;
    }
    *place = (struct ctl_desk_talk){.door = door,
                                    .peer = *peer,
                                    .fd = -1,
                                    .credit_bytes = CTL_DESK_WINDOW_BYTES,
                                    .active = bl_mono_now()};
    place->desk = desk;
    desk->conversations++;
    if (join(place, desk) < 0)
        ctl_desk_talk_end(place, "busy", "belayd has no room for another desk");
    else if (send_message(place, CTL_DESK_WELCOME, &version, sizeof(version)) < 0)
        ctl_desk_talk_free(place);
}

/* False: it broke the rules, or the client is gone. */
static bool take_data(struct ctl_desk_talk *talk, const uint8_t *data, size_t size_bytes)
{
    if (size_bytes > CTL_DESK_WINDOW_BYTES - talk->in_bytes)
        return false;
    memcpy(talk->in + talk->in_bytes, data, size_bytes);
    talk->in_bytes += size_bytes;

    return flush_in(talk) >= 0;
}

static bool take_credit(struct ctl_desk_talk *talk, const uint8_t *data, size_t size_bytes)
{
    uint32_t credit_bytes;

    if (size_bytes != CTL_DESK_CREDIT_BYTES)
        return false;
    credit_bytes = ctl_desk_get_credit(data);
    if (credit_bytes > CTL_DESK_WINDOW_BYTES - talk->credit_bytes)
        return false;
    talk->credit_bytes += credit_bytes;

    return true;
}

void ctl_desk_take(struct ctl_desk_door *door, const uint8_t sender[CTL_DESK_ID_BYTES],
                   const struct ctl_link_peer *peer, const uint8_t *data, size_t size_bytes)
{
    struct ctl_desk_talk *talk = conversation_of(door, peer);
    struct ctl_desk *desk = ctl_desks_find(door->desks, sender);
    bool is_sound;

    if (!ctl_desk_is_admitted(desk) || size_bytes == 0 || (talk != NULL && talk->desk != desk)) {
        ctl_desk_cut(door, peer->fd);
        return;
    }
    desk->last_seen = bl_wall_now();
    if (data[0] == CTL_DESK_HELLO) {
        begin(door, desk, peer, data + 1, size_bytes - 1);
        return;
    }
    if (talk == NULL)
        return; /* it has ended, and the desk was told */
    talk->active = bl_mono_now();
    if (data[0] == CTL_DESK_DATA)
        is_sound = take_data(talk, data + 1, size_bytes - 1);
    else
        is_sound = data[0] == CTL_DESK_CREDIT && take_credit(talk, data + 1, size_bytes - 1);
    if (is_sound)
        watch(talk, false, false);
    else
        ctl_desk_talk_end(talk, "closed", "belayd has ended this conversation");
}

void ctl_desk_door_cut(struct ctl_desk_door *door, const struct ctl_desk *desk)
{
    if (door == NULL)
        return;
    for (unsigned i = 0; i < CTL_DESK_TALKS_MAX; i++) {
        struct ctl_desk_talk *one = &door->talks[i];
        const int fd = one->peer.fd;

        if (one->desk != desk)
            continue;
        ctl_desk_talk_free(one);
        ctl_desk_cut(door, fd);
    }
}

struct ctl_desk_talk *ctl_desk_talk_of_fd(struct ctl_desk_door *door, int fd)
{
    for (unsigned i = 0; i < CTL_DESK_TALKS_MAX; i++) {
        if (door->talks[i].desk != NULL && door->talks[i].peer.fd == fd)
            return &door->talks[i];
    }

    return NULL;
}
