/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <zmq.h>

bool ctl_socket_more_follows(void *socket)
{
    int more = 0;
    size_t more_bytes = sizeof(more);

    return zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_bytes) == 0 && more != 0;
}

void ctl_socket_drain(void *socket)
{
    uint8_t byte;

    while (ctl_socket_more_follows(socket) &&
           zmq_recv(socket, &byte, sizeof(byte), ZMQ_DONTWAIT) >= 0)
        continue;
}

bool ctl_socket_is_readable(void *socket)
{
    int events = 0;
    size_t events_bytes = sizeof(events);

    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &events_bytes) == 0 &&
           (events & ZMQ_POLLIN) != 0;
}

int ctl_socket_watch(void *socket, sd_event *event, sd_event_io_handler_t on_io, void *userdata,
                     sd_event_source **ret_source, struct bl_error *err)
{
    int fd = -1, r;
    size_t fd_bytes = sizeof(fd);

    if (zmq_getsockopt(socket, ZMQ_FD, &fd, &fd_bytes) < 0)
        return bl_fail(err, -errno, "ZMQ_FD: %s", zmq_strerror(errno));
    r = sd_event_add_io(event, ret_source, fd, EPOLLIN, on_io, userdata);
    if (r < 0)
        return bl_fail(err, r, "event loop: %s", strerror(-r));

    return 0;
}

int ctl_socket_monitor(void *context, void *socket, const char *address, int events,
                       const char *what, void **ret_monitor, struct bl_error *err)
{
    const int none = 0;

    *ret_monitor = zmq_socket(context, ZMQ_PAIR);
    if (*ret_monitor == NULL || zmq_socket_monitor(socket, address, events) < 0)
        return bl_fail(err, -errno, "monitor of the %s: %s", what, zmq_strerror(errno));
    /* No limit: an end that was lost would show a connection as open for ever. */
    if (zmq_setsockopt(*ret_monitor, ZMQ_RCVHWM, &none, sizeof(none)) < 0 ||
        zmq_setsockopt(*ret_monitor, ZMQ_LINGER, &none, sizeof(none)) < 0 ||
        zmq_connect(*ret_monitor, address) < 0)
        return bl_fail(err, -errno, "monitor of the %s: %s", what, zmq_strerror(errno));

    return 0;
}

/* One event is two frames: number and value, then the address. */
bool ctl_socket_read_event(void *monitor, uint16_t *ret_event, int *ret_fd)
{
    uint8_t frame[6];
    uint16_t event;
    int32_t value;
    int size_bytes = zmq_recv(monitor, frame, sizeof(frame), ZMQ_DONTWAIT);

    if (size_bytes < 0)
        return false;
    ctl_socket_drain(monitor);
    *ret_event = 0;
    *ret_fd = -1;
    if (size_bytes != (int)sizeof(frame))
        return true;
    memcpy(&event, frame, sizeof(event));
    memcpy(&value, frame + sizeof(event), sizeof(value));
    *ret_event = event;
    *ret_fd = value;

    return true;
}
