/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/desk/connect.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"
#include "controller/desk/wire.h"

enum {
    CONNECT_MS_MAX = 10 * 1000, /* to the end of the handshake */
    WELCOME_MS_MAX = 10 * 1000,
    HEARTBEAT_MS = 10 * 1000,
    HEARTBEAT_MS_MAX = 30 * 1000,
    SEALED_BYTES = 64, /* libzmq's limit is for the sealed frame */
    USERS = 2,         /* the caller and the thread */
};

#define MONITOR_ADDRESS "inproc://desk-monitor"

struct ctl_desk_line {
    pthread_mutex_t lock; /* of `users` and `end_text` */
    unsigned users;
    char end_text[CTL_DESK_END_TEXT_BYTES];

    /* The rest is the thread's. */
    void *context, *socket, *monitor;
    int fd;
    uint8_t out[CTL_DESK_WINDOW_BYTES]; /* from the controller, not yet taken by the caller */
    size_t out_bytes, taken_bytes, credit_bytes;
};

static void close_sockets(struct ctl_desk_line *line)
{
    if (line->socket != NULL) {
        (void)zmq_socket_monitor(line->socket, NULL, 0);
        (void)zmq_close(line->socket);
    }
    if (line->monitor != NULL)
        (void)zmq_close(line->monitor);
    if (line->context != NULL)
        (void)zmq_ctx_term(line->context);
    line->socket = line->monitor = line->context = NULL;
    bl_close_fd(&line->fd);
}

static void drop(struct ctl_desk_line *line)
{
    bool is_last;

    (void)pthread_mutex_lock(&line->lock);
    is_last = --line->users == 0;
    (void)pthread_mutex_unlock(&line->lock);
    if (!is_last)
        return;
    close_sockets(line);
    (void)pthread_mutex_destroy(&line->lock);
    free(line);
}

struct ctl_desk_line *ctl_desk_line_release(struct ctl_desk_line *line)
{
    if (line != NULL)
        drop(line);

    return NULL;
}

void ctl_desk_line_end(struct ctl_desk_line *line, char ret_text[CTL_DESK_END_TEXT_BYTES])
{
    (void)pthread_mutex_lock(&line->lock);
    bl_text_copy(ret_text, CTL_DESK_END_TEXT_BYTES, line->end_text);
    (void)pthread_mutex_unlock(&line->lock);
}

/* ---- the thread ---- */

static int say(struct ctl_desk_line *line, uint8_t kind, const void *data, size_t size_bytes)
{
    uint8_t message[CTL_DESK_MESSAGE_BYTES_MAX];

    message[0] = kind;
    memcpy(message + 1, data, size_bytes);

    return zmq_send(line->socket, message, 1 + size_bytes, ZMQ_DONTWAIT) < 0 ? -errno : 0;
}

/* "CODE\nSENTENCE"; only the sentence is for people. */
static void keep_end(struct ctl_desk_line *line, const char *data, size_t size_bytes)
{
    const char *text = memchr(data, '\n', size_bytes);
    const size_t skip = text == NULL ? 0 : (size_t)(text - data) + 1;

    (void)pthread_mutex_lock(&line->lock);
    bl_text_escape(line->end_text, sizeof(line->end_text), data + skip, size_bytes - skip);
    (void)pthread_mutex_unlock(&line->lock);
}

static bool flush_out(struct ctl_desk_line *line)
{
    uint8_t credit[CTL_DESK_CREDIT_BYTES];
    ssize_t n;

    if (line->out_bytes > 0) {
        n = send(line->fd, line->out, line->out_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        line->out_bytes -= (size_t)n;
        line->taken_bytes += (size_t)n;
        memmove(line->out, line->out + n, line->out_bytes);
    }
    if (line->taken_bytes < CTL_DESK_WINDOW_BYTES / 2)
        return true;
    ctl_desk_put_credit(credit, (uint32_t)line->taken_bytes);
    line->taken_bytes = 0;

    return say(line, CTL_DESK_CREDIT, credit, sizeof(credit)) >= 0;
}

/* False: the conversation is over. */
static bool take_message(struct ctl_desk_line *line, const uint8_t *data, size_t size_bytes)
{
    if (size_bytes == 0)
        return false;
    if (data[0] == CTL_DESK_DATA && size_bytes - 1 <= sizeof(line->out) - line->out_bytes) {
        memcpy(line->out + line->out_bytes, data + 1, size_bytes - 1);
        line->out_bytes += size_bytes - 1;
        return flush_out(line);
    }
    if (data[0] == CTL_DESK_CREDIT && size_bytes == 1 + CTL_DESK_CREDIT_BYTES) {
        line->credit_bytes += ctl_desk_get_credit(data + 1);
        return true;
    }
    if (data[0] == CTL_DESK_END)
        keep_end(line, (const char *)data + 1, size_bytes - 1);

    return false;
}

static bool receive_all(struct ctl_desk_line *line)
{
    uint8_t message[CTL_DESK_MESSAGE_BYTES_MAX];
    int n;

    while ((n = zmq_recv(line->socket, message, sizeof(message), ZMQ_DONTWAIT)) >= 0) {
        if ((size_t)n > sizeof(message) || !take_message(line, message, (size_t)n))
            return false;
    }

    return true;
}

/* False: the caller closed its end, or the link failed. */
static bool pass_on(struct ctl_desk_line *line)
{
    uint8_t chunk[CTL_DESK_CHUNK_BYTES_MAX];
    size_t wanted_bytes = line->credit_bytes < sizeof(chunk) ? line->credit_bytes : sizeof(chunk);
    ssize_t n = recv(line->fd, chunk, wanted_bytes, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    line->credit_bytes -= (size_t)n;

    return say(line, CTL_DESK_DATA, chunk, (size_t)n) >= 0;
}

static void carry(struct ctl_desk_line *line)
{
    for (;;) {
        const short fd_events = (short)((line->credit_bytes > 0 ? ZMQ_POLLIN : 0) |
                                        (line->out_bytes > 0 ? ZMQ_POLLOUT : 0) | ZMQ_POLLERR);
        zmq_pollitem_t items[] = {{.socket = line->socket, .events = ZMQ_POLLIN},
                                  {.socket = line->monitor, .events = ZMQ_POLLIN},
                                  {.fd = line->fd, .events = fd_events}};

        if (zmq_poll(items, 3, -1) < 0 && errno != EINTR)
            return;
        if ((items[0].revents & ZMQ_POLLIN) != 0 && !receive_all(line))
            return;
        if (items[1].revents != 0) {
            /* It ended; what came before that is still to be read. */
            (void)receive_all(line);
            return;
        }
        if ((items[2].revents & ZMQ_POLLOUT) != 0 && !flush_out(line))
            return;
        if ((items[2].revents & ZMQ_POLLIN) != 0 && !pass_on(line))
            return;
        if ((items[2].revents & ZMQ_POLLERR) != 0)
            return;
    }
}

/* What is still to be read is handed over before the end: it may be the answer. */
static void hand_over_rest(struct ctl_desk_line *line)
{
    size_t done_bytes = 0;

    while (done_bytes < line->out_bytes) {
        ssize_t n =
            send(line->fd, line->out + done_bytes, line->out_bytes - done_bytes, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            return;
        done_bytes += n > 0 ? (size_t)n : 0;
    }
}

static void *run(void *userdata)
{
    struct ctl_desk_line *line = userdata;

    carry(line);
    hand_over_rest(line);
    close_sockets(line);
    drop(line);

    return NULL;
}

/* ---- opening ---- */

static int set_options(void *socket, const struct ctl_desk_address *address, struct bl_error *err)
{
    const int64_t message_bytes_max = CTL_DESK_MESSAGE_BYTES_MAX + SEALED_BYTES;
    const struct {
        int option, value;
    } options[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_IPV6, 1},
        {ZMQ_RECONNECT_IVL, -1}, /* a conversation does not outlive its connection */
        {ZMQ_CONNECT_TIMEOUT, CONNECT_MS_MAX},
        {ZMQ_HANDSHAKE_IVL, CONNECT_MS_MAX},
        {ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS},
        {ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_MS_MAX},
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (zmq_setsockopt(socket, options[i].option, &options[i].value, sizeof(int)) < 0)
            return bl_fail(err, -errno, "ZeroMQ option %d: %s", options[i].option,
                           zmq_strerror(errno));
    }
    if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_bytes_max, sizeof(message_bytes_max)) < 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, address->controller_key, CTL_DESK_KEY_BYTES) <
            0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, address->public_key, CTL_DESK_KEY_BYTES) < 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, address->secret_key, CTL_DESK_KEY_BYTES) < 0)
        return bl_fail(err, -errno, "keys of a socket: %s", zmq_strerror(errno));

    return 0;
}

static int open_sockets(struct ctl_desk_line *line, const struct ctl_desk_address *address,
                        struct bl_error *err)
{
    const int none = 0;
    int r;

    line->context = zmq_ctx_new();
    line->socket = line->context == NULL ? NULL : zmq_socket(line->context, ZMQ_DEALER);
    line->monitor = line->socket == NULL ? NULL : zmq_socket(line->context, ZMQ_PAIR);
    if (line->monitor == NULL)
        return bl_fail(err, -errno, "ZeroMQ: %s", zmq_strerror(errno));
    r = set_options(line->socket, address, err);
    if (r < 0)
        return r;
    if (zmq_setsockopt(line->monitor, ZMQ_LINGER, &none, sizeof(none)) < 0 ||
        zmq_socket_monitor(line->socket, MONITOR_ADDRESS,
                           ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                               ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_CLOSED |
                               ZMQ_EVENT_DISCONNECTED) < 0 ||
        zmq_connect(line->monitor, MONITOR_ADDRESS) < 0)
        return bl_fail(err, -errno, "monitor of the link: %s", zmq_strerror(errno));
    if (zmq_connect(line->socket, address->address) < 0)
        return bl_fail(err, -EINVAL, "'%.120s': %s", address->address, zmq_strerror(errno));

    return 0;
}

/* The next event of the link, or 0 when none came in time. */
static uint16_t next_event(const struct ctl_desk_line *line, struct bl_mono until)
{
    const int64_t left_ms = until.ms - bl_mono_now().ms;
    zmq_pollitem_t item = {.socket = line->monitor, .events = ZMQ_POLLIN};
    uint8_t frame[6] = {0};
    uint16_t event = 0;

    if (zmq_poll(&item, 1, left_ms > 0 ? (long)left_ms : 0) <= 0 ||
        zmq_recv(line->monitor, frame, sizeof(frame), ZMQ_DONTWAIT) != (int)sizeof(frame))
        return 0;
    (void)zmq_recv(line->monitor, NULL, 0, ZMQ_DONTWAIT); /* the address */
    memcpy(&event, frame, sizeof(event));

    return event;
}

static int shake_hands(const struct ctl_desk_line *line, const char *address, struct bl_error *err)
{
    const struct bl_mono until = bl_mono_after(bl_mono_now(), CONNECT_MS_MAX);
    bool is_connected = false;

    for (;;) {
        const uint16_t event = next_event(line, until);

        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            return 0;
        if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
            return bl_fail(err, -EACCES, "the controller at '%.120s' does not admit this desk",
                           address);
        if (event == ZMQ_EVENT_CONNECTED) {
            is_connected = true;
            continue;
        }
        if (is_connected)
            return bl_fail(err, -EKEYREJECTED,
                           "who answers at '%.120s' does not have the controller's key, or has no "
                           "time or room for another desk: ask again first",
                           address);

        return bl_fail(err, -ENOTCONN, "cannot reach the controller at '%.120s'", address);
    }
}

static int greet(struct ctl_desk_line *line, const char *address, struct bl_error *err)
{
    const uint8_t version = CTL_DESK_VERSION;
    zmq_pollitem_t item = {.socket = line->socket, .events = ZMQ_POLLIN};
    uint8_t message[CTL_DESK_MESSAGE_BYTES_MAX];
    int n = -1;

    if (say(line, CTL_DESK_HELLO, &version, sizeof(version)) >= 0 &&
        zmq_poll(&item, 1, WELCOME_MS_MAX) > 0)
        n = zmq_recv(line->socket, message, sizeof(message), ZMQ_DONTWAIT);
    if (n == 2 && message[0] == CTL_DESK_WELCOME && message[1] == CTL_DESK_VERSION)
        return 0;
    if (n > 0 && (size_t)n <= sizeof(message) && message[0] == CTL_DESK_END) {
        keep_end(line, (const char *)message + 1, (size_t)n - 1);
        return bl_fail(err, -EBUSY, "the controller turned this desk away: %s", line->end_text);
    }

    return bl_fail(err, -ENOTCONN, "the controller at '%.120s' does not answer", address);
}

/* Signals are for the caller: a thread that took one would keep it from a signalfd. */
static int start(struct ctl_desk_line *line, struct bl_error *err)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;
    int r;

    (void)sigfillset(&all);
    if (pthread_attr_init(&attributes) != 0)
        return bl_fail(err, -ENOMEM, "thread: no memory");
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    line->users = USERS;
    r = pthread_create(&thread, &attributes, run, line);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (r != 0) {
        line->users = 1;
        return bl_fail(err, -r, "thread: %s", strerror(r));
    }

    return 0;
}

int ctl_desk_connect(const struct ctl_desk_address *address, struct ctl_desk_line **ret_line,
                     int *ret_fd, struct bl_error *err)
{
    struct ctl_desk_line *line = calloc(1, sizeof(*line));
    int fds[2] = {-1, -1}, r;

    if (line == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    (void)pthread_mutex_init(&line->lock, NULL);
    line->users = 1;
    line->fd = -1;
    line->credit_bytes = CTL_DESK_WINDOW_BYTES;
    r = open_sockets(line, address, err);
    if (r >= 0)
        r = shake_hands(line, address->address, err);
    if (r >= 0)
        r = greet(line, address->address, err);
    if (r >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        r = bl_fail(err, -errno, "make a socket: %s", strerror(errno));
    line->fd = fds[0];
    if (r >= 0)
        r = start(line, err);
    if (r < 0) {
        bl_close_fd(&fds[1]);
        (void)ctl_desk_line_release(line);
        return r;
    }
    *ret_line = line;
    *ret_fd = fds[1];

    return 0;
}
