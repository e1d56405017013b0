/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/ssh_agent.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"

enum {
    ANSWER_MS = 10 * 1000,
    PERSON_MS = 120 * 1000,
    SAY_AFTER_MS = 2 * 1000,
    HEAD_BYTES = 4,
};

/* How long one exchange may take; `person` is set while a person may have to confirm. */
struct limit {
    struct bl_mono say_at, end;
    bool person, said;
};

int ctl_ssh_agent_find(struct ctl_ssh_agent *ret_agent, struct bl_error *err)
{
    const char *path = getenv("SSH_AUTH_SOCK");

    if (path == NULL || path[0] == '\0') {
        return bl_fail(err, -ENOENT,
                       "no ssh-agent here (SSH_AUTH_SOCK is not set): start one, and 'ssh-add' the "
                       "key");
    }
    *ret_agent = (struct ctl_ssh_agent){path, ANSWER_MS, PERSON_MS, SAY_AFTER_MS};

    return 0;
}

static int open_socket(const char *path, int *ret_fd, struct bl_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    BL_AUTO_FD int fd = -1;

    if (strlen(path) >= sizeof(address.sun_path))
        return bl_fail(err, -ENAMETOOLONG, "the path in SSH_AUTH_SOCK is too long");
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        return bl_fail(err, -errno, "ssh-agent at '%.100s' (SSH_AUTH_SOCK): %s", path,
                       strerror(errno));
    }
    *ret_fd = BL_TAKE_FD(fd);

    return 0;
}

static void say_what_it_waits_for(struct limit *limit, struct bl_mono now)
{
    limit->said = true;
    (void)fprintf(stderr,
                  "belay: ssh-agent has not signed yet: confirm in its window, or touch the token; "
                  "waiting for %lld s more\n",
                  (long long)((limit->end.ms - now.ms + 999) / 1000));
}

/* Until the socket is ready for `events`. -ETIMEDOUT. */
static int wait_until_ready(int fd, short events, struct limit *limit, struct bl_error *err)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = events};
        struct bl_mono now = bl_mono_now();
        bool says_first = limit->person && !limit->said;
        int64_t wait_ms;
        int r;

        if (bl_mono_reached(now, limit->end))
            return bl_fail(err, -ETIMEDOUT,
                           limit->person ? "ssh-agent has not signed in time: was it confirmed?"
                                         : "ssh-agent does not answer");
        if (says_first && bl_mono_reached(now, limit->say_at)) {
            say_what_it_waits_for(limit, now);
            says_first = false;
        }
        wait_ms =
            (says_first && limit->say_at.ms < limit->end.ms ? limit->say_at.ms : limit->end.ms) -
            now.ms;
        r = poll(&ready, 1, (int)wait_ms);
        if (r > 0)
            return 0;
        if (r < 0 && errno != EINTR)
            return bl_fail(err, -errno, "wait for ssh-agent: %s", strerror(errno));
    }
}

static int send_all(int fd, const struct proto_buffer *request, struct limit *limit,
                    struct bl_error *err)
{
    for (size_t sent = 0; sent < request->size_bytes;) {
        ssize_t n = send(fd, request->data + sent, request->size_bytes - sent, MSG_NOSIGNAL);

        if (n >= 0) {
            sent += (size_t)n;
            continue;
        }
        if (errno == EAGAIN) {
            int r = wait_until_ready(fd, POLLOUT, limit, err);

            if (r < 0)
                return r;
        } else if (errno != EINTR) {
            return bl_fail(err, -errno, "write to ssh-agent: %s", strerror(errno));
        }
    }

    return 0;
}

static int receive(int fd, uint8_t *to, size_t size_bytes, struct limit *limit,
                   struct bl_error *err)
{
    for (size_t got = 0; got < size_bytes;) {
        ssize_t n = recv(fd, to + got, size_bytes - got, 0);

        if (n == 0)
            return bl_fail(err, -EBADMSG, "ssh-agent hung up within its answer");
        if (n > 0) {
            got += (size_t)n;
            continue;
        }
        if (errno == EAGAIN) {
            int r = wait_until_ready(fd, POLLIN, limit, err);

            if (r < 0)
                return r;
        } else if (errno != EINTR) {
            return bl_fail(err, -errno, "read from ssh-agent: %s", strerror(errno));
        }
    }

    return 0;
}

/* One request, one answer. `ret_answer` is malloc'd. */
static int exchange(const struct ctl_ssh_agent *agent, const struct proto_buffer *request,
                    bool person, uint8_t **ret_answer, size_t *ret_bytes, struct bl_error *err)
{
    const struct bl_mono now = bl_mono_now();
    struct limit limit = {
        .say_at = bl_mono_after(now, agent->say_after_ms),
        .end = bl_mono_after(now, person ? agent->person_ms : agent->answer_ms),
        .person = person,
    };
    BL_AUTO_FREE uint8_t *answer = NULL;
    BL_AUTO_FD int fd = -1;
    uint8_t head[HEAD_BYTES];
    size_t bytes;
    int r;

    r = open_socket(agent->socket, &fd, err);
    if (r >= 0)
        r = send_all(fd, request, &limit, err);
    if (r >= 0)
        r = receive(fd, head, sizeof(head), &limit, err);
    if (r < 0)
        return r;
    bytes = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (bytes == 0 || bytes > CTL_SSH_AGENT_MESSAGE_BYTES_MAX) {
        return bl_fail(err, -EBADMSG, "ssh-agent announces %zu bytes, allowed are %d", bytes,
                       CTL_SSH_AGENT_MESSAGE_BYTES_MAX);
    }
    answer = malloc(bytes);
    if (answer == NULL)
        return bl_fail(err, -ENOMEM, "out of memory");
    r = receive(fd, answer, bytes, &limit, err);
    if (r < 0)
        return r;
    *ret_answer = BL_TAKE_PTR(answer);
    *ret_bytes = bytes;

    return 0;
}

int ctl_ssh_agent_check(const struct ctl_ssh_agent *agent, const uint8_t key[PROTO_KEY_BYTES],
                        struct bl_error *err)
{
    PROTO_AUTO_BUFFER request = {0};
    BL_AUTO_FREE uint8_t *answer = NULL;
    size_t bytes = 0;
    bool has = false;
    int r;

    r = ctl_ssh_agent_put_list(&request, err);
    if (r >= 0)
        r = exchange(agent, &request, false, &answer, &bytes, err);
    if (r >= 0)
        r = ctl_ssh_agent_read_list(answer, bytes, key, &has, err);
    if (r >= 0 && !has)
        r = bl_fail(err, -ENOKEY,
                    "ssh-agent does not hold this key, or is locked: 'ssh-add -l' shows what it "
                    "holds, 'ssh-add FILE' adds to it");

    return r;
}

int ctl_ssh_agent_sign(const struct ctl_ssh_agent *agent, const uint8_t key[PROTO_KEY_BYTES],
                       const void *message, size_t message_bytes,
                       uint8_t ret_signature[PROTO_SIGNATURE_BYTES], struct bl_error *err)
{
    PROTO_AUTO_BUFFER request = {0};
    BL_AUTO_FREE uint8_t *answer = NULL;
    size_t bytes = 0;
    int r;

    /* First the list: a key that is not there is told apart from one that does not sign. */
    r = ctl_ssh_agent_check(agent, key, err);
    if (r >= 0)
        r = ctl_ssh_agent_put_sign(key, message, message_bytes, &request, err);
    if (r >= 0)
        r = exchange(agent, &request, true, &answer, &bytes, err);
    if (r >= 0)
        r = ctl_ssh_agent_read_signature(answer, bytes, ret_signature, err);
    if (r == -EACCES)
        return bl_fail(err, -EACCES,
                       "ssh-agent refused to sign: it was not confirmed, or the key was added for "
                       "certain hosts only (ssh-add -h)");

    return r;
}
