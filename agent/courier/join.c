/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/courier/join.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "agent/courier/enroll.h"
#include "agent/courier/link.h"
#include "common/clock.h"

enum {
    RETRY_MS = 500,      /* for TCP; nobody else uses this socket */
    ASK_AGAIN_MS = 3000, /* while pending or silent */
};

/* What one enrolment needs while it lasts. */
struct join {
    struct agent_enroll_request request;
    void *zmq, *socket;
    struct bl_mono deadline;
    uint8_t reply[PROTO_MESSAGE_BYTES_MAX];
    size_t reply_bytes; /* 0: none yet */
};

static void release(struct join *join)
{
    explicit_bzero(join->request.secret_key, sizeof(join->request.secret_key));
    if (join->socket != NULL)
        (void)zmq_close(join->socket);
    if (join->zmq != NULL)
        (void)zmq_ctx_term(join->zmq);
}

static int read_request(int fd, struct proto_arena *arena, struct agent_enroll_request *ret_request,
                        struct bl_error *err)
{
    uint8_t record[AGENT_ENROLL_RECORD_BYTES_MAX];
    size_t used = 0;
    ssize_t n = 1;
    int r;

    while (n != 0 && used < sizeof(record)) {
        n = read(fd, record + used, sizeof(record) - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bl_fail(err, -errno, "read the request: %s", strerror(errno));
        used += (size_t)n;
    }
    r = proto_decode(&agent_enroll_request_schema, record, used, arena, ret_request, err);
    explicit_bzero(record, sizeof(record));

    return r;
}

static int open_socket(struct join *join, struct bl_error *err)
{
    struct agent_link_config config = {.endpoint = join->request.endpoint,
                                       .message_bytes_max = PROTO_MESSAGE_BYTES_MAX};
    int retry_ms = RETRY_MS, send_ms = ASK_AGAIN_MS, r;

    join->zmq = zmq_ctx_new();
    if (join->zmq != NULL)
        join->socket = zmq_socket(join->zmq, ZMQ_DEALER);
    if (join->socket == NULL)
        return bl_fail(err, -errno, "ZeroMQ: %s", zmq_strerror(errno));
    memcpy(config.server_key, join->request.server_key, sizeof(config.server_key));
    memcpy(config.secret_key, join->request.secret_key, sizeof(config.secret_key));
    r = agent_link_configure(join->socket, &config, err);
    explicit_bzero(config.secret_key, sizeof(config.secret_key));
    if (r < 0)
        return r;
    if (zmq_setsockopt(join->socket, ZMQ_RECONNECT_IVL, &retry_ms, sizeof(retry_ms)) < 0 ||
        zmq_setsockopt(join->socket, ZMQ_SNDTIMEO, &send_ms, sizeof(send_ms)) < 0 ||
        zmq_connect(join->socket, join->request.endpoint) < 0)
        return bl_fail(err, -errno, "connect to '%s': %s", join->request.endpoint,
                       zmq_strerror(errno));

    return 0;
}

static int64_t time_left_ms(const struct join *join, int64_t ms_max)
{
    int64_t left_ms = join->deadline.ms - bl_mono_now().ms;

    if (left_ms < 0)
        return 0;

    return left_ms < ms_max ? left_ms : ms_max;
}

/* Takes the reply in, if there is one and it can be one. 1: final, 0: ask again. */
static int take_reply(struct join *join)
{
    PROTO_AUTO_ARENA arena = {0};
    struct proto_message message;
    struct bl_error ignored = {0};
    uint8_t frame[PROTO_MESSAGE_BYTES_MAX];
    int n = zmq_recv(join->socket, frame, sizeof(frame), ZMQ_DONTWAIT);

    if (n < 0 || (size_t)n > sizeof(frame))
        return 0;
    /* belay-agent decodes it once more and judges it; here only PENDING has to be known. */
    if (proto_message_decode(frame, (size_t)n, &arena, &message, &ignored) < 0 ||
        message.kind != PROTO_ENROLL_REPLY)
        return 0;
    memcpy(join->reply, frame, (size_t)n);
    join->reply_bytes = (size_t)n;

    return message.enroll_reply.outcome != PROTO_ENROLL_PENDING;
}

static int ask(struct join *join, struct bl_error *err)
{
    struct proto_bytes question = join->request.message;
    zmq_pollitem_t item = {.socket = join->socket, .events = ZMQ_POLLIN};

    while (!bl_mono_reached(bl_mono_now(), join->deadline)) {
        struct bl_mono again = bl_mono_after(bl_mono_now(), ASK_AGAIN_MS);
        int64_t wait_ms;

        if (zmq_send(join->socket, question.data, question.size_bytes, 0) < 0) {
            if (errno == EAGAIN || errno == EINTR)
                continue; /* not connected yet */
            return bl_fail(err, -errno, "send: %s", zmq_strerror(errno));
        }
        while ((wait_ms = time_left_ms(join, again.ms - bl_mono_now().ms)) > 0) {
            if (zmq_poll(&item, 1, (long)wait_ms) > 0 && take_reply(join) > 0)
                return 0;
        }
    }
    if (join->reply_bytes == 0)
        return bl_fail(err, -ETIMEDOUT, "'%s' does not answer (or has another key)",
                       join->request.endpoint);

    return 0;
}

static int write_reply(const struct join *join, int fd, struct bl_error *err)
{
    size_t done = 0;

    while (done < join->reply_bytes) {
        ssize_t n = write(fd, join->reply + done, join->reply_bytes - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bl_fail(err, -errno, "write the reply: %s", strerror(errno));
        done += (size_t)n;
    }

    return 0;
}

int agent_join_carry(int request_fd, int reply_fd, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    BL_CLEANUP(release) struct join join = {0};
    int r;

    r = read_request(request_fd, &arena, &join.request, err);
    if (r < 0)
        return r;
    join.deadline = bl_mono_after(bl_mono_now(), (int64_t)join.request.wait_ms);
    r = open_socket(&join, err);
    if (r < 0)
        return r;
    r = ask(&join, err);
    if (r < 0)
        return r;

    return write_reply(&join, reply_fd, err);
}
