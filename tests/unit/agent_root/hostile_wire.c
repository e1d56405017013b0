/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent_root/hostile_wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-journal.h>

#include "agent/courier/frame.h"
#include "agent/root/phase.h"

struct hostile_seen hostile_seen;
struct hostile_peer hostile_peer;

int __real_sd_event_add_io(sd_event *loop, sd_event_source **ret, int fd, uint32_t events,
                           sd_event_io_handler_t handler, void *userdata);
int __wrap_sd_event_add_io(sd_event *loop, sd_event_source **ret, int fd, uint32_t events,
                           sd_event_io_handler_t handler, void *userdata);
sd_event_source *__real_sd_event_source_disable_unref(sd_event_source *source);
sd_event_source *__wrap_sd_event_source_disable_unref(sd_event_source *source);
ssize_t __real_recv(int fd, void *data, size_t size_bytes, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size_bytes, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
int __wrap_sd_journal_print_with_location(int priority, const char *file, const char *line,
                                          const char *function, const char *format, ...);
int __wrap_agent_units_list(struct agent_units *units, agent_units_done_fn done, void *userdata,
                            struct agent_units_call **ret_call);
int __wrap_agent_phase_start(struct agent_host *host, const struct agent_phase_job *job,
                             const struct agent_txn_task *task,
                             const struct agent_phase_caller *caller,
                             struct agent_phase **ret_phase, struct bl_error *err);

int __wrap_sd_event_add_io(sd_event *loop, sd_event_source **ret, int fd, uint32_t events,
                           sd_event_io_handler_t handler, void *userdata)
{
    int r = __real_sd_event_add_io(loop, ret, fd, events, handler, userdata);

    hostile_peer.handler = handler;
    hostile_peer.source = *ret;
    hostile_peer.userdata = userdata;
    hostile_peer.fd = fd;

    return r;
}

/* The agent hangs up. */
sd_event_source *__wrap_sd_event_source_disable_unref(sd_event_source *source)
{
    if (source == hostile_peer.source)
        hostile_peer.source = NULL;

    return __real_sd_event_source_disable_unref(source);
}

ssize_t __wrap_recv(int fd, void *data, size_t size_bytes, int flags)
{
    if (hostile_peer.data == NULL)
        return __real_recv(fd, data, size_bytes, flags);
    memcpy(data, hostile_peer.data,
           hostile_peer.size_bytes < size_bytes ? hostile_peer.size_bytes : size_bytes);

    return (ssize_t)hostile_peer.size_bytes; /* as MSG_TRUNC has it */
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    const uint8_t *kind = message->msg_iov[0].iov_base;
    const struct iovec *body = &message->msg_iov[1];

    if (*kind != AGENT_FRAME_DATA) {
        hostile_seen.wrong += *kind == AGENT_FRAME_RECONNECT ? 0 : 1;
        return 1;
    }
    hostile_seen.said[((const uint8_t *)body->iov_base)[2] % 64]++;
    if (((const uint8_t *)body->iov_base)[2] == PROTO_REPORT) {
        PROTO_AUTO_ARENA arena = {0};
        struct proto_message report;
        struct bl_error err = {0};

        if (proto_message_decode(body->iov_base, body->iov_len, &arena, &report, &err) < 0 ||
            (report.report.state != PROTO_JOB_REFUSED && report.report.state != PROTO_JOB_BLOCKED))
            hostile_seen.wrong++;
    }

    return (ssize_t)body->iov_len;
}

int __wrap_sd_journal_print_with_location(int priority, const char *file, const char *line,
                                          const char *function, const char *format, ...)
{
    hostile_seen.told_lines++;
    return 0;
}

/* A question what the host would do is all that may ever be started; it asks for units first. */
int __wrap_agent_units_list(struct agent_units *units, agent_units_done_fn done, void *userdata,
                            struct agent_units_call **ret_call)
{
    hostile_seen.queries++;

    return -EBUSY;
}

int __wrap_agent_phase_start(struct agent_host *host, const struct agent_phase_job *job,
                             const struct agent_txn_task *task,
                             const struct agent_phase_caller *caller,
                             struct agent_phase **ret_phase, struct bl_error *err)
{
    hostile_seen.wrong++;

    return bl_fail(err, -EBUSY, "nothing runs here");
}

void hostile_wire_send(const uint8_t *data, size_t size_bytes)
{
    hostile_peer.data = data;
    hostile_peer.size_bytes = size_bytes;
    (void)hostile_peer.handler(hostile_peer.source, hostile_peer.fd, EPOLLIN,
                               hostile_peer.userdata);
    hostile_peer.data = NULL;
}
