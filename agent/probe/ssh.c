/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/ssh.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/probe/ssh_hello.h"
#include "common/address.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"

enum {
    PAUSE_MS = 1000,
};

struct talk {
    int fd;
    bool is_connected;
    uint8_t data[AGENT_SSH_HELLO_BYTES_MAX];
    size_t data_bytes;
    struct agent_probe_ssh *answer;
    char *line;
};

static BL_PRINTF(3, 4) void end(struct talk *talk, bool speaks, const char *fmt, ...)
{
    char text[2 * AGENT_PROBE_SSH_LINE_BYTES_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    bl_text_escape(talk->line, AGENT_PROBE_SSH_LINE_BYTES_MAX + 1, text, strlen(text));
    talk->answer->speaks = speaks;
    bl_close_fd(&talk->fd);
}

static void begin(struct talk *talk)
{
    struct sockaddr_storage address;
    struct bl_error why = {0};
    socklen_t address_bytes;

    talk->fd = -1;
    talk->is_connected = false;
    talk->data_bytes = 0;
    if (bl_address_from_endpoint(talk->answer->endpoint, &address, &address_bytes, &why) < 0) {
        end(talk, false, "%s", why.text);
        return;
    }
    talk->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (talk->fd < 0 || (connect(talk->fd, (const struct sockaddr *)&address, address_bytes) < 0 &&
                         errno != EINPROGRESS))
        end(talk, false, "%s", strerror(errno));
}

/* The socket's buffer takes so few bytes in any case. */
static void greet(struct talk *talk)
{
    int error = 0;
    socklen_t error_bytes = sizeof(error);

    if (getsockopt(talk->fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes) < 0)
        error = errno;
    if (error == 0 &&
        send(talk->fd, agent_ssh_hello_version, strlen(agent_ssh_hello_version), MSG_NOSIGNAL) < 0)
        error = errno;
    talk->is_connected = true;
    if (error != 0)
        end(talk, false, "%s", strerror(error));
}

static void say_goodbye(struct talk *talk)
{
    uint8_t packet[128];
    size_t bytes = agent_ssh_hello_goodbye(packet, sizeof(packet));

    (void)send(talk->fd, packet, bytes, MSG_NOSIGNAL);
}

static void listen_to(struct talk *talk)
{
    struct agent_ssh_told told;
    ssize_t bytes = recv(talk->fd, talk->data + talk->data_bytes,
                         sizeof(talk->data) - talk->data_bytes, MSG_DONTWAIT);

    if (bytes < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (bytes < 0 && errno == ECONNRESET)
        bytes = 0; /* it went and had not read our line */
    if (bytes < 0) {
        end(talk, false, "%s", strerror(errno));
        return;
    }
    talk->data_bytes += (size_t)bytes;
    switch (agent_ssh_hello_read(talk->data, talk->data_bytes, &told)) {
    case AGENT_SSH_HELLO_WHOLE:
        say_goodbye(talk);
        end(talk, true, "%s", told.version);
        break;
    case AGENT_SSH_HELLO_WRONG:
        end(talk, false, "%s", told.wrong);
        break;
    case AGENT_SSH_HELLO_MORE:
        if (bytes == 0) {
            end(talk, false, "hangs up %s",
                told.version[0] != '\0' ? "after its version line" : "without a word");
        }
        break;
    }
}

static nfds_t collect(struct talk *talks, uint32_t count, struct pollfd *fds, struct talk **places)
{
    nfds_t used = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (talks[i].fd < 0)
            continue;
        fds[used] =
            (struct pollfd){.fd = talks[i].fd, .events = talks[i].is_connected ? POLLIN : POLLOUT};
        places[used++] = &talks[i];
    }

    return used;
}

/* Asks each that has not spoken yet. */
static int ask_round(struct talk *talks, uint32_t count, int64_t wait_ms, struct bl_error *err)
{
    struct bl_mono deadline = bl_mono_after(bl_mono_now(), wait_ms);
    struct pollfd fds[AGENT_PROBE_SSH_MAX];
    struct talk *places[AGENT_PROBE_SSH_MAX];
    nfds_t open;
    int r = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (!talks[i].answer->speaks)
            begin(&talks[i]);
    }
    while (r >= 0 && (open = collect(talks, count, fds, places)) > 0) {
        int64_t left_ms = deadline.ms - bl_mono_now().ms;

        if (left_ms <= 0)
            break;
        if (poll(fds, open, (int)left_ms) < 0 && errno != EINTR)
            r = bl_fail(err, -errno, "poll: %s", strerror(errno));
        for (nfds_t i = 0; r >= 0 && i < open; i++) {
            if (fds[i].revents == 0)
                continue;
            if (places[i]->is_connected)
                listen_to(places[i]);
            else
                greet(places[i]);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (talks[i].fd >= 0) {
            end(&talks[i], false, "%s",
                talks[i].is_connected ? "takes the connection and says nothing" : "no answer");
        }
    }

    return r;
}

static bool all_speak(const struct talk *talks, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!talks[i].answer->speaks)
            return false;
    }

    return true;
}

int agent_ssh_ask(const struct proto_text *endpoints, uint32_t count, unsigned tries,
                  int64_t wait_ms, struct agent_ssh_asks *asks, struct bl_error *err)
{
    static struct talk talks[AGENT_PROBE_SSH_MAX];

    BL_ASSERT(count <= AGENT_PROBE_SSH_MAX);

    for (uint32_t i = 0; i < count; i++) {
        asks->lines[i][0] = '\0';
        asks->answers[i] =
            (struct agent_probe_ssh){.endpoint = endpoints[i].text, .line = asks->lines[i]};
        talks[i].fd = -1;
        talks[i].answer = &asks->answers[i];
        talks[i].line = asks->lines[i];
    }
    for (unsigned i = 0; i < tries; i++) {
        int r;

        if (i > 0)
            (void)poll(NULL, 0, PAUSE_MS);
        r = ask_round(talks, count, wait_ms, err);
        if (r < 0)
            return r;
        if (all_speak(talks, count))
            break;
    }

    return 0;
}
