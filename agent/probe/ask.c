/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/ask.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"

/* "Who are the name servers of the root?": every resolver has something to say to that. */
static const uint8_t question[] = {0xbe, 0x1a, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1};

static socklen_t address_bytes(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static void note(struct agent_ask *ask, uint32_t answer)
{
    ask->answer = answer;
    bl_close_fd(&ask->fd);
}

/* That somebody refuses shows that the network works as far as there; all else shows nothing. */
static uint32_t judge(int error)
{
    if (error == 0)
        return AGENT_PROBE_ANSWERED;

    return error == ECONNREFUSED || error == ECONNRESET ? AGENT_PROBE_REFUSED : AGENT_PROBE_SILENT;
}

static void begin(struct agent_ask *ask)
{
    int type = ask->datagram ? SOCK_DGRAM : SOCK_STREAM;

    ask->answer = AGENT_PROBE_SILENT;
    ask->fd = -1;
    if (ask->address.ss_family != AF_INET && ask->address.ss_family != AF_INET6)
        return;
    ask->fd = socket(ask->address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (ask->fd < 0)
        return;
    if (connect(ask->fd, (const struct sockaddr *)&ask->address, address_bytes(&ask->address)) <
        0) {
        if (errno != EINPROGRESS)
            note(ask, judge(errno));
        return;
    }
    if (!ask->datagram)
        note(ask, AGENT_PROBE_ANSWERED);
    else if (send(ask->fd, question, sizeof(question), MSG_NOSIGNAL) < 0)
        note(ask, judge(errno));
}

static void finish(struct agent_ask *ask)
{
    int error = 0;
    socklen_t error_bytes = sizeof(error);

    if (getsockopt(ask->fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes) < 0)
        error = errno;
    note(ask, judge(error));
}

/* How many are still being asked; their descriptors and places go to the tables. */
static nfds_t collect(struct agent_ask *asks, uint32_t ask_count, struct pollfd *fds,
                      struct agent_ask **places)
{
    nfds_t count = 0;

    for (uint32_t i = 0; i < ask_count; i++) {
        if (asks[i].fd < 0)
            continue;
        fds[count] =
            (struct pollfd){.fd = asks[i].fd, .events = asks[i].datagram ? POLLIN : POLLOUT};
        places[count++] = &asks[i];
    }

    return count;
}

int agent_ask_all(struct agent_ask *asks, uint32_t ask_count, int64_t timeout_ms,
                  struct bl_error *err)
{
    struct bl_mono deadline = bl_mono_after(bl_mono_now(), timeout_ms);
    struct pollfd fds[AGENT_ASK_MAX];
    struct agent_ask *places[AGENT_ASK_MAX];
    nfds_t count;
    int r = 0;

    BL_ASSERT(ask_count <= AGENT_ASK_MAX);

    for (uint32_t i = 0; i < ask_count; i++)
        begin(&asks[i]);
    while (r >= 0 && (count = collect(asks, ask_count, fds, places)) > 0) {
        int64_t left_ms = deadline.ms - bl_mono_now().ms;

        if (left_ms <= 0)
            break;
        if (poll(fds, count, (int)left_ms) < 0 && errno != EINTR)
            r = bl_fail(err, -errno, "poll: %s", strerror(errno));
        for (nfds_t i = 0; r >= 0 && i < count; i++)
            if (fds[i].revents != 0)
                finish(places[i]);
    }
    for (uint32_t i = 0; i < ask_count; i++)
        bl_close_fd(&asks[i].fd);

    return r;
}
