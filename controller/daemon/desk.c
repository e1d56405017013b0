/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/hex.h"
#include "common/text.h"
#include "controller/daemon/client.h"
#include "controller/daemon/desk_talk.h"
#include "controller/daemon/log.h"
#include "controller/daemon/setup.h"
#include "controller/daemon/socket.h"
#include "controller/desk/wire.h"

enum {
    TURN_MESSAGES_MAX = 64,
    TURN_EVENTS_MAX = 256,
    TICK_MS = 1000,
    TICK_ACCURACY_US = 100 * 1000,
    SILENT_MS_MAX = 20 * 1000, /* a connection that begins no conversation */
};

#define MONITOR_ADDRESS "inproc://desk-monitor"

enum source {
    SOURCE_ZAP,
    SOURCE_MONITOR,
    SOURCE_ROUTER,
};

static void add_connection(struct ctl_desk_door *door, int fd)
{
    if (door->connection_count == CTL_DESK_CONNECTIONS_MAX) {
        ctl_desk_cut(door, fd);
        return;
    }
    door->connections[door->connection_count++] =
        (struct ctl_desk_connection){.fd = fd, .since = bl_mono_now()};
}

static void remove_connection(struct ctl_desk_door *door, int fd)
{
    for (uint32_t i = 0; i < door->connection_count; i++) {
        if (door->connections[i].fd == fd) {
            door->connections[i] = door->connections[--door->connection_count];
            return;
        }
    }
}

/* ---- the loop ---- */

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct ctl_desk_door *door = userdata;
    const struct bl_mono now = bl_mono_now();

    for (uint32_t i = 0; i < door->connection_count; i++) {
        struct ctl_desk_connection *one = &door->connections[i];

        if (ctl_desk_talk_of_fd(door, one->fd) != NULL)
            one->since = now;
        else if (now.ms - one->since.ms > SILENT_MS_MAX)
            ctl_desk_cut(door, one->fd); /* it is taken off the list when its end is told */
    }
    for (unsigned i = 0; i < CTL_DESK_TALKS_MAX; i++) {
        struct ctl_desk_talk *one = &door->talks[i];

        if (one->desk == NULL)
            continue;
        if (one->io != NULL && (!one->is_closed || one->credit_bytes > 0))
            (void)sd_event_source_set_enabled(one->io,
                                              SD_EVENT_ON); /* its line may have room again */
        if (!one->is_closed && ctl_control_desk_streams(door->control, one->slot))
            one->active = now; /* what the stream said last must still get out when it ends */
        else if (now.ms - one->active.ms > CTL_DESK_IDLE_MS_MAX)
            ctl_desk_talk_end(one, "idle", "nothing was asked for a minute");
    }
    (void)sd_event_source_set_time(source, usec + (uint64_t)TICK_MS * 1000);

    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* False: nothing waits. */
static bool read_monitor(struct ctl_desk_door *door)
{
    struct ctl_desk_talk *talk;
    uint16_t event;
    int fd;

    if (!ctl_socket_read_event(door->monitor, &event, &fd))
        return false;
    if (event == ZMQ_EVENT_ACCEPTED)
        add_connection(door, fd);
    if (event != ZMQ_EVENT_DISCONNECTED)
        return true;
    remove_connection(door, fd);
    talk = ctl_desk_talk_of_fd(door, fd);
    if (talk != NULL)
        ctl_desk_talk_free(talk);

    return true;
}

static bool receive_one(struct ctl_desk_door *door)
{
    struct ctl_link_peer peer = {.fd = -1};
    uint8_t sender[CTL_DESK_ID_BYTES];
    struct bl_error err = {0};
    const char *user_id;
    zmq_msg_t body;
    int size_bytes;

    size_bytes = zmq_recv(door->router, peer.routing_id, sizeof(peer.routing_id), ZMQ_DONTWAIT);
    if (size_bytes < 0)
        return false;
    peer.routing_id_bytes = (size_t)size_bytes;
    (void)zmq_msg_init(&body);
    if (peer.routing_id_bytes <= sizeof(peer.routing_id) &&
        zmq_msg_recv(&body, door->router, ZMQ_DONTWAIT) >= 0 && !zmq_msg_more(&body)) {
        peer.fd = zmq_msg_get(&body, ZMQ_SRCFD);
        user_id = zmq_msg_gets(&body, "User-Id");
        if (user_id != NULL && bl_hex_decode(user_id, sender, sizeof(sender), &err) >= 0)
            ctl_desk_take(door, sender, &peer, zmq_msg_data(&body), zmq_msg_size(&body));
    } else {
        ctl_socket_drain(door->router);
    }
    (void)zmq_msg_close(&body);

    return true;
}

/* Ends before handshakes, for the reason that link.c has: numbers of descriptors come again. */
static void pump(struct ctl_desk_door *door)
{
    unsigned events = 0, messages = 0;

    while (events < TURN_EVENTS_MAX && read_monitor(door))
        events++;
    if (events < TURN_EVENTS_MAX)
        (void)ctl_zap_pump(door->zap);
    while (messages < TURN_MESSAGES_MAX && receive_one(door))
        messages++;
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
    struct ctl_desk_door *door = userdata;

    if (!ctl_socket_is_readable(ctl_zap_socket(door->zap)) &&
        !ctl_socket_is_readable(door->monitor) && !ctl_socket_is_readable(door->router))
        return 0;

    return sd_event_source_set_enabled(door->pump, SD_EVENT_ONESHOT);
}

/* ---- opening ---- */

static bool admits(void *userdata, const uint8_t key[PROTO_HOST_ID_BYTES])
{
    struct ctl_desk_door *door = userdata;

    return ctl_desk_is_admitted(ctl_desks_find(door->desks, key));
}

static void tell_refused(void *userdata, const uint8_t key[PROTO_HOST_ID_BYTES],
                         const char *address)
{
    struct ctl_desk_door *door = userdata;
    const struct ctl_desk *desk = ctl_desks_find(door->desks, key);
    char id[BL_HEX_BYTES(PROTO_HOST_ID_BYTES)], clean[128];
    uint64_t untold;

    if (!ctl_refusals_count(&door->refusals, CTL_REFUSAL_STRANGER, bl_mono_now(), &untold))
        return;
    bl_hex_encode(key, PROTO_HOST_ID_BYTES, id);
    bl_text_escape(clean, sizeof(clean), address, strlen(address));
    ctl_log(CTL_LOG_WARNING,
            "admin endpoint: %s, key %s, was turned away; %llu more since this was told last",
            clean, id, (unsigned long long)untold);
    if (desk != NULL)
        ctl_log(CTL_LOG_WARNING, "admin endpoint: that is desk '%s', which was revoked",
                desk->row.name);
}

static int open_sockets(struct ctl_desk_door *door, struct bl_error *err)
{
    const struct ctl_engine *engine = door->control->engine;
    const struct ctl_zap_handler zap_handler = {
        .userdata = door, .domain = CTL_ZAP_DOMAIN_DESK, .admits = admits, .refused = tell_refused};
    struct ctl_link_config config = {0};
    int r;

    r = ctl_zap_open(door->context, &zap_handler, &door->zap, err);
    if (r < 0)
        return r;
    r = ctl_setup_load_key(engine->config.state_dir, config.secret_key, config.public_key, err);
    if (r < 0)
        return r;
    door->router = zmq_socket(door->context, ZMQ_ROUTER);
    if (door->router == NULL)
        r = bl_fail(err, -errno, "admin endpoint: %s", zmq_strerror(errno));
    if (r >= 0)
        r = ctl_link_configure(door->router, &config, CTL_LINK_DESK, err);
    sodium_memzero(&config, sizeof(config));
    if (r < 0)
        return r;
    r = ctl_socket_monitor(door->context, door->router, MONITOR_ADDRESS,
                           ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED, "admin endpoint",
                           &door->monitor, err);
    if (r < 0)
        return r;
    if (zmq_bind(door->router, engine->config.admin_listen) < 0)
        return bl_fail(err, -errno, "listen on %s: %s", engine->config.admin_listen,
                       zmq_strerror(errno));
    bl_text_copy(door->endpoint, sizeof(door->endpoint), engine->config.admin_listen);

    return 0;
}

static int watch(struct ctl_desk_door *door, struct bl_error *err)
{
    sd_event *event = door->control->engine->event;
    void *const sockets[CTL_DESK_SOURCES] = {
        [SOURCE_ZAP] = ctl_zap_socket(door->zap),
        [SOURCE_MONITOR] = door->monitor,
        [SOURCE_ROUTER] = door->router,
    };
    int r = 0;

    for (size_t i = 0; i < CTL_DESK_SOURCES && r >= 0; i++) {
        r = ctl_socket_watch(sockets[i], event, on_io, door, &door->io[i], err);
        if (r < 0)
            return r;
        r = sd_event_source_set_priority(door->io[i], CTL_DESK_PRIORITY);
    }
    if (r >= 0)
        r = sd_event_add_defer(event, &door->pump, on_pump, door);
    if (r >= 0)
        r = sd_event_source_set_priority(door->pump, CTL_DESK_PRIORITY);
    if (r >= 0)
        r = sd_event_source_set_enabled(door->pump, SD_EVENT_ONESHOT);
    if (r >= 0)
        r = sd_event_source_set_prepare(door->io[SOURCE_ROUTER], before_sleep);
    if (r >= 0)
        r = sd_event_add_time_relative(event, &door->tick, CLOCK_BOOTTIME, (uint64_t)TICK_MS * 1000,
                                       TICK_ACCURACY_US, on_tick, door);
    if (r < 0)
        return bl_fail(err, r, "event loop: %s", strerror(-r));

    return 0;
}

int ctl_desk_door_open(struct ctl_control *control, struct ctl_desks *desks,
                       struct ctl_desk_door **ret_door, struct bl_error *err)
{
    struct ctl_desk_door *door = calloc(1, sizeof(*door));
    int r = 0;

    if (door == NULL)
        return bl_fail(err, -ENOMEM, "admin endpoint: no memory");
    door->control = control;
    door->desks = desks;
    for (unsigned i = 0; i < CTL_DESK_TALKS_MAX; i++)
        door->talks[i] = (struct ctl_desk_talk){.door = door, .fd = -1};
    door->context = zmq_ctx_new();
    if (door->context == NULL)
        r = bl_fail(err, -errno, "ZeroMQ: %s", zmq_strerror(errno));
    if (r >= 0)
        r = open_sockets(door, err);
    if (r >= 0)
        r = watch(door, err);
    if (r < 0) {
        (void)ctl_desk_door_close(door);
        return r;
    }
    *ret_door = door;

    return 0;
}

struct ctl_desk_door *ctl_desk_door_close(struct ctl_desk_door *door)
{
    if (door == NULL)
        return NULL;
    for (unsigned i = 0; i < CTL_DESK_TALKS_MAX; i++)
        ctl_desk_talk_free(&door->talks[i]);
    (void)sd_event_source_disable_unref(door->tick);
    (void)sd_event_source_disable_unref(door->pump);
    for (size_t i = 0; i < CTL_DESK_SOURCES; i++)
        (void)sd_event_source_disable_unref(door->io[i]);
    if (door->router != NULL) {
        (void)zmq_socket_monitor(door->router, NULL, 0);
        (void)zmq_close(door->router);
    }
    if (door->monitor != NULL)
        (void)zmq_close(door->monitor);
    (void)ctl_zap_close(door->zap);
    if (door->context != NULL)
        (void)zmq_ctx_term(door->context);
    free(door);

    return NULL;
}

const char *ctl_desk_door_endpoint(const struct ctl_desk_door *door)
{
    return door->endpoint;
}
