/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/courier/link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/random.h"

enum {
    HEARTBEAT_MS = 10 * 1000,
    SILENT_MS_MAX = 30 * 1000,    /* without a heartbeat's answer: the connection is dead */
    HANDSHAKE_MS_MAX = 15 * 1000, /* as long as belayd gives while a whole fleet comes back */
    CONNECT_MS_MAX = 10 * 1000,
    /* Above both together: a guard, should libzmq ever not tell how a try ended. */
    TRY_MS_MAX = 30 * 1000,
    BACKOFF_MS_FIRST = 500,
    BACKOFF_MS_MAX = 30 * 1000,
    /*
     * A wanted new connection waits a moment, so that the controller sees the old one end first:
     * two at once with one key look like a cloned host.
     */
    RESTART_MS = 100,
    QUEUE_MESSAGES_MAX = 64,
    CURVE_BYTES_MAX = 64,   /* MAXMSGSIZE counts the sealed frame: 33 bytes more than the message */
    PUMP_MESSAGES_MAX = 64, /* per turn of the event loop */
};

enum link_state {
    LINK_IDLE = 1,
    LINK_WAITING,    /* for the next try */
    LINK_CONNECTING, /* TCP and CURVE are under way */
    LINK_UP,
};

struct agent_link {
    const struct agent_link_config *config;
    struct agent_link_handler handler;
    sd_event *event;
    void *zmq;
    void *socket, *monitor;                  /* NULL unless CONNECTING or UP */
    sd_event_source *socket_io, *monitor_io; /* same */
    sd_event_source *timer;                  /* WAITING: the next try; CONNECTING: its end */
    sd_event_source *again;                  /* looks at the socket in the next turn of the loop */
    enum link_state state;
    uint64_t generation; /* of the newest connection */
    unsigned attempts;   /* since a connection stood */
    uint64_t monitors;   /* made so far; each needs an address of its own */
    bool blocked;        /* a send failed with -EAGAIN, `writable` is owed */
    bool held;           /* `message` could not be taken */
    zmq_msg_t message;   /* valid while held */
};

static void try_connection(struct agent_link *link);

int64_t agent_link_backoff_ms(unsigned attempt, uint32_t chance)
{
    int64_t most_ms = BACKOFF_MS_FIRST;

    BL_ASSERT(attempt >= 1);

    for (unsigned i = 1; i < attempt && most_ms < BACKOFF_MS_MAX; i++)
        most_ms *= 2;
    if (most_ms > BACKOFF_MS_MAX)
        most_ms = BACKOFF_MS_MAX;

    /* The upper half of the span, evenly: a whole fleet that lost its controller spreads out. */
    return most_ms / 2 + (int64_t)(chance % (uint32_t)(most_ms / 2 + 1));
}

static void set_timer(struct agent_link *link, int64_t after_ms)
{
    int r;

    r = sd_event_source_set_time_relative(link->timer, (uint64_t)after_ms * 1000);
    BL_ASSERT(r >= 0); /* fails only for a wrong source */
    r = sd_event_source_set_enabled(link->timer, SD_EVENT_ONESHOT);
    BL_ASSERT(r >= 0);
}

static void want_pump(struct agent_link *link)
{
    int r = sd_event_source_set_enabled(link->again, SD_EVENT_ONESHOT);

    BL_ASSERT(r >= 0);
}

/* The descriptors belong to ZeroMQ, so they leave the loop before the sockets are closed. */
static void drop_socket(struct agent_link *link)
{
    link->socket_io = sd_event_source_disable_unref(link->socket_io);
    link->monitor_io = sd_event_source_disable_unref(link->monitor_io);
    (void)sd_event_source_set_enabled(link->timer, SD_EVENT_OFF);
    (void)sd_event_source_set_enabled(link->again, SD_EVENT_OFF);
    if (link->held)
        (void)zmq_msg_close(&link->message);
    link->held = false;
    link->blocked = false;
    if (link->socket != NULL) {
        (void)zmq_socket_monitor(link->socket, NULL, 0);
        (void)zmq_close(link->socket);
    }
    link->socket = NULL;
    if (link->monitor != NULL)
        (void)zmq_close(link->monitor);
    link->monitor = NULL;
}

/* The connection, or the try to get one, has come to an end: another one follows. */
static void try_again(struct agent_link *link, const char *why)
{
    bool was_up = link->state == LINK_UP;
    struct bl_error ignored = {0};
    uint64_t chance = 0;
    int64_t after_ms;

    drop_socket(link);
    link->state = LINK_WAITING;
    link->attempts++;
    /* Without chance the wait is merely not spread. */
    (void)!bl_random_u64(&chance, &ignored);
    after_ms = agent_link_backoff_ms(link->attempts, (uint32_t)chance);
    set_timer(link, after_ms);
    (void)fprintf(stderr, "%s%s: %s; next try in %lld ms\n", was_up ? SD_NOTICE : SD_INFO,
                  link->config->endpoint, why, (long long)after_ms);
    if (was_up)
        link->handler.lost(link->handler.userdata);
}

static void receive(struct agent_link *link)
{
    unsigned budget = PUMP_MESSAGES_MAX;

    while (link->state == LINK_UP && !link->held && budget-- > 0) {
        int r;

        r = zmq_msg_init(&link->message);
        BL_ASSERT(r == 0);
        r = zmq_msg_recv(&link->message, link->socket, ZMQ_DONTWAIT);
        if (r < 0) {
            r = -errno;
            (void)zmq_msg_close(&link->message);
            if (r != -EAGAIN && r != -EINTR)
                try_again(link, zmq_strerror(-r));
            return;
        }
        if (zmq_msg_more(&link->message)) {
            (void)zmq_msg_close(&link->message);
            try_again(link, "the controller sent a message of several frames");
            return;
        }
        /* Held first: the handler may stop or restart the link, which closes what is held. */
        link->held = true;
        agent_link_resume(link);
    }
    if (link->state == LINK_UP && !link->held)
        want_pump(link);
}

static void look_at_socket(struct agent_link *link)
{
    int events = 0;
    size_t events_bytes = sizeof(events);

    if (link->socket == NULL)
        return;
    /* Needed before the connection stands, too: reading the events makes the descriptor quiet. */
    if (zmq_getsockopt(link->socket, ZMQ_EVENTS, &events, &events_bytes) < 0) {
        try_again(link, zmq_strerror(errno));
        return;
    }
    if (link->state != LINK_UP)
        return;
    if ((events & ZMQ_POLLOUT) != 0 && link->blocked) {
        link->blocked = false;
        link->handler.writable(link->handler.userdata);
    }
    if ((events & ZMQ_POLLIN) != 0)
        receive(link);
}

static void on_connection(struct agent_link *link)
{
    if (link->state != LINK_CONNECTING)
        return;
    (void)sd_event_source_set_enabled(link->timer, SD_EVENT_OFF);
    link->state = LINK_UP;
    link->attempts = 0;
    link->generation++;
    (void)fprintf(stderr, SD_NOTICE "%s: connected\n", link->config->endpoint);
    want_pump(link);
    link->handler.up(link->handler.userdata, link->generation);
}

/* One event of the monitor: a frame with number and value, a frame with the address. */
static int read_monitor(void *monitor, uint16_t *ret_event)
{
    uint8_t frame[6];
    int more = 0;
    size_t more_bytes = sizeof(more);
    int size_bytes = zmq_recv(monitor, frame, sizeof(frame), ZMQ_DONTWAIT);

    if (size_bytes < 0)
        return -errno;
    *ret_event = 0;
    if (size_bytes == (int)sizeof(frame))
        memcpy(ret_event, frame, sizeof(*ret_event));
    while (zmq_getsockopt(monitor, ZMQ_RCVMORE, &more, &more_bytes) == 0 && more != 0)
        (void)zmq_recv(monitor, frame, sizeof(frame), ZMQ_DONTWAIT);

    return 0;
}

static void take_monitor_event(struct agent_link *link, uint16_t event)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        on_connection(link);
        return;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        try_again(link, "the controller does not accept this host's key");
        return;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        try_again(link, "no understanding with the controller: is its key right?");
        return;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        try_again(link, "the controller ended the handshake: is this host known to it?");
        return;
    case ZMQ_EVENT_CLOSED:
        if (link->state == LINK_CONNECTING)
            try_again(link, "no connection");
        return;
    case ZMQ_EVENT_DISCONNECTED:
        try_again(link, "the connection ended");
        return;
    default: /* connect delayed, connected, ...: the rest tells nothing that matters here */
        return;
    }
}

static void look_at_monitor(struct agent_link *link)
{
    void *monitor = link->monitor;
    uint16_t event = 0;

    /* A monitor of its own for each socket, so an event of a former connection can't be here. */
    while (link->monitor == monitor && monitor != NULL && read_monitor(monitor, &event) == 0)
        take_monitor_event(link, event);
}

/*
 * ZMQ_FD tells of changes only; it says nothing before the events were read once, and reading or
 * sending may swallow a change. So each turn looks at both sockets until nothing is left to do.
 */
static void pump(struct agent_link *link)
{
    look_at_monitor(link);
    look_at_socket(link);
}

static int on_pump(sd_event_source *source, void *userdata)
{
    pump(userdata);

    return 0;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    pump(userdata);

    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_link *link = userdata;

    if (link->state == LINK_CONNECTING)
        try_again(link, "no answer");
    else if (link->state == LINK_WAITING)
        try_connection(link);

    return 0;
}

static int set_int(void *socket, int option, int value, struct bl_error *err)
{
    if (zmq_setsockopt(socket, option, &value, sizeof(value)) < 0)
        return bl_fail(err, -errno, "ZeroMQ option %d: %s", option, zmq_strerror(errno));

    return 0;
}

static int set_keys(void *socket, const struct agent_link_config *config, struct bl_error *err)
{
    char secret_text[AGENT_LINK_KEY_TEXT_BYTES], public_text[AGENT_LINK_KEY_TEXT_BYTES];
    int r = 0;

    /* The texts, unlike the bytes, say their length themselves; libzmq copies them. */
    if (zmq_z85_encode(secret_text, config->secret_key, AGENT_LINK_KEY_BYTES) == NULL ||
        zmq_curve_public(public_text, secret_text) < 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_text, sizeof(secret_text)) < 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_text, sizeof(public_text)) < 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, config->server_key, AGENT_LINK_KEY_BYTES) < 0)
        r = bl_fail(err, -errno, "set the CURVE keys: %s", zmq_strerror(errno));
    explicit_bzero(secret_text, sizeof(secret_text));

    return r;
}

int agent_link_configure(void *socket, const struct agent_link_config *config, struct bl_error *err)
{
    const int64_t message_bytes_max = (int64_t)config->message_bytes_max + CURVE_BYTES_MAX;
    const struct {
        int option, value;
    } options[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_IPV6, 1},
        {ZMQ_IMMEDIATE, 1},
        {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS_MAX},
        {ZMQ_CONNECT_TIMEOUT, CONNECT_MS_MAX},
        {ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS},
        {ZMQ_HEARTBEAT_TIMEOUT, SILENT_MS_MAX},
        {ZMQ_HEARTBEAT_TTL, SILENT_MS_MAX},
        {ZMQ_RECONNECT_IVL, -1}, /* a connection is a socket */
        {ZMQ_SNDHWM, QUEUE_MESSAGES_MAX},
        {ZMQ_RCVHWM, QUEUE_MESSAGES_MAX},
    };
    int r;

    r = set_keys(socket, config, err);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && r >= 0; i++)
        r = set_int(socket, options[i].option, options[i].value, err);
    if (r < 0)
        return r;
    if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_bytes_max, sizeof(message_bytes_max)) < 0)
        return bl_fail(err, -errno, "limit the size of messages: %s", zmq_strerror(errno));

    return 0;
}

static int watch_socket(struct agent_link *link, void *socket, sd_event_source **ret_source,
                        struct bl_error *err)
{
    int fd = -1, r;
    size_t fd_bytes = sizeof(fd);

    if (zmq_getsockopt(socket, ZMQ_FD, &fd, &fd_bytes) < 0)
        return bl_fail(err, -errno, "ZMQ_FD: %s", zmq_strerror(errno));
    r = sd_event_add_io(link->event, ret_source, fd, EPOLLIN, on_readable, link);
    if (r < 0)
        return bl_fail(err, r, "watch a ZeroMQ socket: %s", strerror(-r));

    return 0;
}

/* The monitor comes first: it must not miss the first event of the connection. */
static int open_monitor(struct agent_link *link, struct bl_error *err)
{
    char address[64];
    int none = 0;

    (void)snprintf(address, sizeof(address), "inproc://monitor-%llu",
                   (unsigned long long)++link->monitors);
    if (zmq_socket_monitor(link->socket, address, ZMQ_EVENT_ALL) < 0)
        return bl_fail(err, -errno, "monitor the link: %s", zmq_strerror(errno));
    link->monitor = zmq_socket(link->zmq, ZMQ_PAIR);
    if (link->monitor == NULL ||
        zmq_setsockopt(link->monitor, ZMQ_LINGER, &none, sizeof(none)) < 0 ||
        zmq_connect(link->monitor, address) < 0)
        return bl_fail(err, -errno, "read the link's monitor: %s", zmq_strerror(errno));

    return watch_socket(link, link->monitor, &link->monitor_io, err);
}

static int open_socket(struct agent_link *link, struct bl_error *err)
{
    int r;

    link->socket = zmq_socket(link->zmq, ZMQ_DEALER);
    if (link->socket == NULL)
        return bl_fail(err, -errno, "socket: %s", zmq_strerror(errno));
    r = agent_link_configure(link->socket, link->config, err);
    if (r < 0)
        return r;
    r = open_monitor(link, err);
    if (r < 0)
        return r;
    r = watch_socket(link, link->socket, &link->socket_io, err);
    if (r < 0)
        return r;
    if (zmq_connect(link->socket, link->config->endpoint) < 0)
        return bl_fail(err, -errno, "connect: %s", zmq_strerror(errno));

    return 0;
}

static void try_connection(struct agent_link *link)
{
    struct bl_error err = {0};

    link->state = LINK_CONNECTING;
    if (open_socket(link, &err) < 0) {
        try_again(link, err.text);
        return;
    }
    set_timer(link, TRY_MS_MAX);
    want_pump(link);
}

int agent_link_new(const struct agent_link_config *config, const struct agent_link_handler *handler,
                   sd_event *event, struct agent_link **ret_link, struct bl_error *err)
{
    struct agent_link *link = calloc(1, sizeof(*link));
    int r;

    if (link == NULL)
        return bl_fail(err, -ENOMEM, "no memory for the link");
    link->config = config;
    link->handler = *handler;
    link->event = event;
    link->state = LINK_IDLE;
    /* Rises within a life by one a connection, and from life to life by the clock. */
    link->generation = (uint64_t)bl_wall_now().ms;
    link->zmq = zmq_ctx_new();
    if (link->zmq == NULL) {
        r = bl_fail(err, -errno, "ZeroMQ: %s", zmq_strerror(errno));
        agent_link_free(link);
        return r;
    }
    r = sd_event_add_time_relative(event, &link->timer, CLOCK_BOOTTIME, 0, 0, on_timer, link);
    if (r >= 0)
        r = sd_event_source_set_enabled(link->timer, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_defer(event, &link->again, on_pump, link);
    if (r >= 0)
        r = sd_event_source_set_enabled(link->again, SD_EVENT_OFF);
    if (r < 0) {
        agent_link_free(link);
        return bl_fail(err, r, "event loop: %s", strerror(-r));
    }
    *ret_link = link;

    return 0;
}

struct agent_link *agent_link_free(struct agent_link *link)
{
    if (link == NULL)
        return NULL;
    drop_socket(link);
    link->timer = sd_event_source_disable_unref(link->timer);
    link->again = sd_event_source_disable_unref(link->again);
    if (link->zmq != NULL)
        (void)zmq_ctx_term(link->zmq);
    free(link);

    return NULL;
}

void agent_link_start(struct agent_link *link)
{
    if (link->state == LINK_IDLE)
        try_connection(link);
}

void agent_link_stop(struct agent_link *link)
{
    drop_socket(link);
    link->state = LINK_IDLE;
}

void agent_link_restart(struct agent_link *link)
{
    bool was_up = link->state == LINK_UP;

    if (link->state == LINK_IDLE)
        return;
    drop_socket(link);
    link->attempts = 0;
    link->state = LINK_WAITING;
    set_timer(link, RESTART_MS);
    if (was_up)
        link->handler.lost(link->handler.userdata);
}

void agent_link_resume(struct agent_link *link)
{
    if (!link->held)
        return;
    if (!link->handler.message(link->handler.userdata, zmq_msg_data(&link->message),
                               zmq_msg_size(&link->message)))
        return;
    if (!link->held)
        return; /* the handler dropped the connection, and the message with it */
    (void)zmq_msg_close(&link->message);
    link->held = false;
    want_pump(link);
}

int agent_link_send(struct agent_link *link, const void *data, size_t size_bytes)
{
    if (link->state != LINK_UP)
        return -ENOTCONN;
    want_pump(link);
    if (zmq_send(link->socket, data, size_bytes, ZMQ_DONTWAIT) >= 0)
        return 0;
    if (errno != EAGAIN)
        return -errno;
    link->blocked = true;

    return -EAGAIN;
}
