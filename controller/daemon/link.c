/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/hex.h"
#include "common/text.h"
#include "controller/daemon/socket.h"
#include "controller/daemon/zap.h"
#include "proto/message.h"

enum {
    TURN_MESSAGES_MAX = 1024,
    ENDPOINT_BYTES = 300,
};

#define MONITOR_ADDRESS "inproc://fleet-monitor"

enum source {
    SOURCE_ZAP,
    SOURCE_MONITOR,
    SOURCE_FLEET,
    SOURCE_ENROLL,
    SOURCE_COUNT
};

struct ctl_link {
    const struct ctl_link_handler *handler;
    void *context;
    struct ctl_zap *zap;
    void *fleet, *enroll, *monitor;
    sd_event_source *io[SOURCE_COUNT];
    sd_event_source *pump; /* runs in the next turn although no descriptor speaks */
    uint64_t dropped_count;
    char endpoints[2][ENDPOINT_BYTES];
};

/* ---- receiving ---- */

/* The descriptor that the message came in on; libzmq calls the property deprecated but has it. */
static int source_fd(zmq_msg_t *message)
{
    return zmq_msg_get(message, ZMQ_SRCFD);
}

static void hand_over(struct ctl_link *link, enum ctl_link_door door, struct ctl_link_peer *peer,
                      zmq_msg_t *body)
{
    const struct ctl_link_handler *handler = link->handler;
    const char *user_id = zmq_msg_gets(body, "User-Id");
    uint8_t sender[PROTO_HOST_ID_BYTES];
    struct bl_error err = {0};

    if (user_id == NULL || bl_hex_decode(user_id, sender, sizeof(sender), &err) < 0) {
        link->dropped_count++;
        return;
    }
    if (door == CTL_LINK_FLEET && !handler->admits(handler->userdata, sender)) {
        link->dropped_count++;
        handler->refused(handler->userdata, sender, "");
        return;
    }
    peer->fd = source_fd(body);
    if (door == CTL_LINK_FLEET)
        handler->message(handler->userdata, sender, peer, zmq_msg_data(body), zmq_msg_size(body));
    else
        handler->enroll(handler->userdata, sender, peer, zmq_msg_data(body), zmq_msg_size(body));
}

/* False: nothing waits. A message is exactly a routing id and one frame. */
static bool receive_one(struct ctl_link *link, enum ctl_link_door door)
{
    void *socket = door == CTL_LINK_FLEET ? link->fleet : link->enroll;
    struct ctl_link_peer peer = {.fd = -1};
    zmq_msg_t body;
    int size_bytes;

    size_bytes = zmq_recv(socket, peer.routing_id, sizeof(peer.routing_id), ZMQ_DONTWAIT);
    if (size_bytes < 0)
        return false;
    peer.routing_id_bytes = (size_t)size_bytes;
    (void)zmq_msg_init(&body);
    if (peer.routing_id_bytes <= sizeof(peer.routing_id) && ctl_socket_more_follows(socket) &&
        zmq_msg_recv(&body, socket, ZMQ_DONTWAIT) >= 0 && !zmq_msg_more(&body)) {
        hand_over(link, door, &peer, &body);
    } else {
        link->dropped_count++;
        ctl_socket_drain(socket);
    }
    (void)zmq_msg_close(&body);

    return true;
}

static bool read_monitor(struct ctl_link *link)
{
    uint16_t event;
    int fd;

    if (!ctl_socket_read_event(link->monitor, &event, &fd))
        return false;
    if (event == ZMQ_EVENT_DISCONNECTED)
        link->handler->gone(link->handler->userdata, fd);

    return true;
}

/*
 * The order matters: a descriptor's number is used again for a later connection, whose handshake
 * needs our ZAP answer. So an end that is read before answering can't belong to the later one.
 */
static void pump(struct ctl_link *link)
{
    unsigned budget = TURN_MESSAGES_MAX;

    while (read_monitor(link))
        continue;
    (void)ctl_zap_pump(link->zap);
    if (!ctl_socket_is_readable(link->fleet) && !ctl_socket_is_readable(link->enroll))
        return;
    link->handler->turn_begin(link->handler->userdata);
    while (budget > 0 && receive_one(link, CTL_LINK_FLEET))
        budget--;
    while (budget > 0 && receive_one(link, CTL_LINK_ENROLL))
        budget--;
    link->handler->turn_end(link->handler->userdata);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    pump(userdata);

    return 0;
}

static int on_pump(sd_event_source *source, void *userdata)
{
    pump(userdata);

    return 0;
}

/* As ctl_socket_watch() wants it: before each sleep the sockets themselves are asked. */
static int before_sleep(sd_event_source *source, void *userdata)
{
    struct ctl_link *link = userdata;

    if (!ctl_socket_is_readable(ctl_zap_socket(link->zap)) &&
        !ctl_socket_is_readable(link->monitor) && !ctl_socket_is_readable(link->fleet) &&
        !ctl_socket_is_readable(link->enroll))
        return 0;

    return sd_event_source_set_enabled(link->pump, SD_EVENT_ONESHOT);
}

/* ---- sending ---- */

int ctl_link_send(struct ctl_link *link, enum ctl_link_door door, const struct ctl_link_peer *peer,
                  const void *data, size_t size_bytes)
{
    void *socket = door == CTL_LINK_FLEET ? link->fleet : link->enroll;

    if (peer->routing_id_bytes == 0)
        return -EHOSTUNREACH;
    if (zmq_send(socket, peer->routing_id, peer->routing_id_bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return -errno;
    if (zmq_send(socket, data, size_bytes, ZMQ_DONTWAIT) < 0)
        return -errno;

    return 0;
}

const char *ctl_link_endpoint(const struct ctl_link *link, enum ctl_link_door door)
{
    return link->endpoints[door - 1];
}

uint64_t ctl_link_dropped_count(const struct ctl_link *link)
{
    return link->dropped_count;
}

/* ---- opening ---- */

static bool asks_for_any_port(const char *listen)
{
    const char *colon = strrchr(listen, ':');

    return colon != NULL && (strcmp(colon, ":0") == 0 || strcmp(colon, ":*") == 0);
}

static int open_door(struct ctl_link *link, const struct ctl_link_config *config,
                     enum ctl_link_door door, struct bl_error *err)
{
    void **socket = door == CTL_LINK_FLEET ? &link->fleet : &link->enroll;
    const char *listen = door == CTL_LINK_FLEET ? config->listen : config->enroll_listen;
    size_t endpoint_bytes = ENDPOINT_BYTES;
    int r;

    *socket = zmq_socket(link->context, ZMQ_ROUTER);
    if (*socket == NULL)
        return bl_fail(err, -errno, "socket: %s", zmq_strerror(errno));
    r = ctl_link_configure(*socket, config, door, err);
    if (r >= 0 && door == CTL_LINK_FLEET)
        r = ctl_socket_monitor(link->context, link->fleet, MONITOR_ADDRESS, ZMQ_EVENT_DISCONNECTED,
                               "fleet link", &link->monitor, err);
    if (r < 0)
        return r;
    if (zmq_bind(*socket, listen) < 0)
        return bl_fail(err, -errno, "listen on %s: %s", listen, zmq_strerror(errno));
    /* What was asked for reads better than how libzmq writes it, unless it asked for any port. */
    bl_text_copy(link->endpoints[door - 1], ENDPOINT_BYTES, listen);
    if (asks_for_any_port(listen) &&
        zmq_getsockopt(*socket, ZMQ_LAST_ENDPOINT, link->endpoints[door - 1], &endpoint_bytes) < 0)
        return bl_fail(err, -errno, "where %s is: %s", listen, zmq_strerror(errno));

    return 0;
}

static int watch(struct ctl_link *link, sd_event *event, struct bl_error *err)
{
    void *const sockets[SOURCE_COUNT] = {
        [SOURCE_ZAP] = ctl_zap_socket(link->zap),
        [SOURCE_MONITOR] = link->monitor,
        [SOURCE_FLEET] = link->fleet,
        [SOURCE_ENROLL] = link->enroll,
    };
    int r = 0;

    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        r = ctl_socket_watch(sockets[i], event, on_io, link, &link->io[i], err);
        if (r < 0)
            return r;
    }
    r = sd_event_add_defer(event, &link->pump, on_pump, link);
    if (r >= 0)
        r = sd_event_source_set_enabled(link->pump, SD_EVENT_ONESHOT);
    if (r >= 0)
        r = sd_event_source_set_prepare(link->io[SOURCE_FLEET], before_sleep);
    if (r < 0)
        return bl_fail(err, r, "event loop: %s", strerror(-r));

    return 0;
}

static int open_all(struct ctl_link *link, const struct ctl_link_config *config, sd_event *event,
                    struct bl_error *err)
{
    const struct ctl_zap_handler zap_handler = {
        .userdata = link->handler->userdata,
        .domain = CTL_ZAP_DOMAIN_FLEET,
        .has_enrol = true,
        .admits = link->handler->admits,
        .refused = link->handler->refused,
    };
    int r;

    link->context = zmq_ctx_new();
    if (link->context == NULL)
        return bl_fail(err, -errno, "ZeroMQ: %s", zmq_strerror(errno));
    r = ctl_zap_open(link->context, &zap_handler, &link->zap, err);
    if (r >= 0)
        r = open_door(link, config, CTL_LINK_FLEET, err);
    if (r >= 0)
        r = open_door(link, config, CTL_LINK_ENROLL, err);
    if (r >= 0)
        r = watch(link, event, err);

    return r;
}

int ctl_link_open(const struct ctl_link_config *config, const struct ctl_link_handler *handler,
                  sd_event *event, struct ctl_link **ret_link, struct bl_error *err)
{
    struct ctl_link *link = calloc(1, sizeof(*link));
    int r;

    if (link == NULL)
        return bl_fail(err, -ENOMEM, "link: no memory");
    link->handler = handler;
    r = open_all(link, config, event, err);
    if (r < 0) {
        (void)ctl_link_close(link);
        return r;
    }
    *ret_link = link;

    return 0;
}

struct ctl_link *ctl_link_close(struct ctl_link *link)
{
    if (link == NULL)
        return NULL;
    link->pump = sd_event_source_disable_unref(link->pump);
    for (size_t i = 0; i < SOURCE_COUNT; i++)
        link->io[i] = sd_event_source_disable_unref(link->io[i]);
    if (link->fleet != NULL) {
        (void)zmq_socket_monitor(link->fleet, NULL, 0);
        (void)zmq_close(link->fleet);
    }
    if (link->monitor != NULL)
        (void)zmq_close(link->monitor);
    if (link->enroll != NULL)
        (void)zmq_close(link->enroll);
    (void)ctl_zap_close(link->zap);
    if (link->context != NULL)
        (void)zmq_ctx_term(link->context);
    free(link);

    return NULL;
}
