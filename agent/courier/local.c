/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/courier/local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "common/file.h"

enum {
    RETRY_MS_FIRST = 50,
    RETRY_MS_MAX = 2000,
};

struct agent_local {
    struct sockaddr_un address;
    struct agent_local_handler handler;
    sd_event *event;
    sd_event_source *io;    /* NULL while not connected */
    sd_event_source *retry; /* on while not connected */
    int fd;                 /* -1 while not connected */
    int64_t retry_ms;
    bool complained; /* why there is no connection has been said */
    bool blocked;    /* a send failed with -EAGAIN, `writable` is owed */
    bool held;       /* `frame` could not be taken */
    size_t frame_bytes;
    uint8_t frame[AGENT_FRAME_BYTES_MAX]; /* valid while held */
};

static void retry_later(struct agent_local *local)
{
    int r = sd_event_source_set_time_relative(local->retry, (uint64_t)local->retry_ms * 1000);

    BL_ASSERT(r >= 0);
    r = sd_event_source_set_enabled(local->retry, SD_EVENT_ONESHOT);
    BL_ASSERT(r >= 0);
    local->retry_ms = local->retry_ms * 2 < RETRY_MS_MAX ? local->retry_ms * 2 : RETRY_MS_MAX;
}

void agent_local_drop(struct agent_local *local, const char *why)
{
    if (local->fd < 0)
        return;
    (void)fprintf(stderr, SD_NOTICE "%s: %s\n", local->address.sun_path, why);
    local->io = sd_event_source_disable_unref(local->io);
    bl_close_fd(&local->fd);
    local->held = false;
    local->blocked = false;
    retry_later(local);
    local->handler.disconnected(local->handler.userdata);
}

/* Held: nothing more is read. Blocked: the end of the jam is waited for. */
static void watch(struct agent_local *local)
{
    uint32_t events = (local->held ? 0 : (uint32_t)EPOLLIN) | (local->blocked ? EPOLLOUT : 0);
    int r;

    if (local->fd < 0)
        return;
    r = sd_event_source_set_io_events(local->io, events);
    BL_ASSERT(r >= 0);
}

void agent_local_resume(struct agent_local *local)
{
    bool taken;

    if (!local->held)
        return;
    local->held = false; /* the handler may come back here: the frame is being seen to */
    taken = local->handler.frame(local->handler.userdata, local->frame[0], local->frame + 1,
                                 local->frame_bytes - 1);
    if (local->fd < 0)
        return; /* the handler hung up */
    local->held = !taken;
    watch(local);
}

static void read_frame(struct agent_local *local)
{
    ssize_t n = recv(local->fd, local->frame, sizeof(local->frame), MSG_DONTWAIT | MSG_TRUNC);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        agent_local_drop(local, strerror(errno));
        return;
    }
    if (n == 0) {
        agent_local_drop(local, "the agent hung up");
        return;
    }
    if ((size_t)n > sizeof(local->frame)) {
        agent_local_drop(local, "the agent sent a frame that is too long");
        return;
    }
    local->frame_bytes = (size_t)n;
    local->held = true;
    agent_local_resume(local);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct agent_local *local = userdata;

    if ((revents & EPOLLOUT) != 0 && local->blocked) {
        local->blocked = false;
        watch(local);
        local->handler.writable(local->handler.userdata);
    }
    if (local->fd != fd)
        return 0;
    if ((revents & EPOLLIN) != 0 && !local->held)
        read_frame(local);
    else if ((revents & (EPOLLHUP | EPOLLERR)) != 0)
        agent_local_drop(local, "the agent hung up");

    return 0;
}

static int connect_now(struct agent_local *local, struct bl_error *err)
{
    BL_AUTO_FD int fd = -1;
    int r;

    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return bl_fail(err, -errno, "socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)&local->address, sizeof(local->address)) < 0)
        return bl_fail(err, -errno, "connect: %s", strerror(errno));
    agent_frame_make_room(fd);
    r = sd_event_add_io(local->event, &local->io, fd, EPOLLIN, on_io, local);
    if (r < 0)
        return bl_fail(err, r, "watch: %s", strerror(-r));
    local->fd = BL_TAKE_FD(fd);

    return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct agent_local *local = userdata;
    struct bl_error err = {0};

    if (connect_now(local, &err) < 0) {
        if (!local->complained)
            (void)fprintf(stderr, SD_NOTICE "%s: %s; trying on\n", local->address.sun_path,
                          err.text);
        local->complained = true;
        retry_later(local);
        return 0;
    }
    local->complained = false;
    local->retry_ms = RETRY_MS_FIRST;
    local->handler.connected(local->handler.userdata);

    return 0;
}

int agent_local_new(const char *path, const struct agent_local_handler *handler, sd_event *event,
                    struct agent_local **ret_local, struct bl_error *err)
{
    struct agent_local *local;
    int r;

    if (strlen(path) >= sizeof(local->address.sun_path))
        return bl_fail(err, -ENAMETOOLONG, "'%s': too long for a socket", path);
    local = calloc(1, sizeof(*local));
    if (local == NULL)
        return bl_fail(err, -ENOMEM, "no memory for courier.sock");
    local->address.sun_family = AF_UNIX;
    memcpy(local->address.sun_path, path, strlen(path) + 1);
    local->handler = *handler;
    local->event = event;
    local->fd = -1;
    local->retry_ms = RETRY_MS_FIRST;
    r = sd_event_add_time_relative(event, &local->retry, CLOCK_BOOTTIME, 0, 0, on_retry, local);
    if (r < 0) {
        agent_local_free(local);
        return bl_fail(err, r, "event loop: %s", strerror(-r));
    }
    *ret_local = local;

    return 0;
}

struct agent_local *agent_local_free(struct agent_local *local)
{
    if (local == NULL)
        return NULL;
    local->io = sd_event_source_disable_unref(local->io);
    local->retry = sd_event_source_disable_unref(local->retry);
    bl_close_fd(&local->fd);
    free(local);

    return NULL;
}

int agent_local_send(struct agent_local *local, uint8_t kind, const void *body, size_t body_bytes)
{
    /* sendmsg does not write through iov_base; C has no way to say so. */
    struct iovec parts[2] = {{&kind, 1}, {(void *)(uintptr_t)body, body_bytes}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    if (local->fd < 0)
        return -ENOTCONN;
    if (sendmsg(local->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 0;
    if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
        return -errno; /* the loop sees the hang-up by itself */
    local->blocked = true;
    watch(local);

    return -EAGAIN;
}
