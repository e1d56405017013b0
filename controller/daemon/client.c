/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/file.h"
#include "common/text.h"
#include "controller/daemon/log.h"
#include "controller/daemon/view.h"

enum {
    READ_BYTES = 64 * 1024,
    ERROR_BYTES_MAX = 512,
    WATCH_MS_MIN = 100,      /* between two documents to one who watches */
    WATCH_HOSTS_PER_MS = 10, /* large documents come less often */
    WATCH_ACCURACY_US = 5 * 1000,
};

void ctl_client_close(struct ctl_client *client)
{
    struct ctl_control *control = client->control;

    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++) {
        if (control->clients[i] == client)
            control->clients[i] = NULL;
    }
    client->asking = ctl_asking_free(client->asking);
    (void)sd_event_source_disable_unref(client->watch_timer);
    (void)sd_event_source_disable_unref(client->io);
    bl_close_fd(&client->fd);
    free(client->in.data);
    free(client->out.data);
    free(client);
}

static int make_room(struct ctl_client_bytes *bytes, size_t more_bytes, size_t bytes_max)
{
    size_t wanted_bytes = bytes->size_bytes + more_bytes, capacity_bytes;
    uint8_t *data;

    if (wanted_bytes <= bytes->capacity_bytes)
        return 0;
    if (wanted_bytes > bytes_max)
        return -EMSGSIZE;
    capacity_bytes = 2 * wanted_bytes < bytes_max ? 2 * wanted_bytes : bytes_max;
    data = realloc(bytes->data, capacity_bytes);
    if (data == NULL)
        return -ENOMEM;
    bytes->data = data;
    bytes->capacity_bytes = capacity_bytes;

    return 0;
}

/* Below 0: the client is gone. */
int ctl_client_flush(struct ctl_client *client)
{
    struct ctl_client_bytes *out = &client->out;
    uint32_t wanted = client->streaming ? 0 : EPOLLIN;

    while (out->done_bytes < out->size_bytes) {
        ssize_t n = send(client->fd, out->data + out->done_bytes, out->size_bytes - out->done_bytes,
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return sd_event_source_set_io_events(client->io, EPOLLOUT);
        if (n < 0)
            return -errno;
        out->done_bytes += (size_t)n;
    }
    out->size_bytes = out->done_bytes = 0;
    if (client->closing)
        return -ECONNRESET;

    return sd_event_source_set_io_events(client->io, wanted);
}

static int queue_frame(struct ctl_client *client, const json_t *frame)
{
    const size_t bytes_max = CTL_CONTROL_ANSWER_BYTES_MAX + CTL_CLIENT_HEAD_BYTES;
    size_t frame_bytes = json_dumpb(frame, NULL, 0, JSON_COMPACT);
    struct ctl_client_bytes *out = &client->out;
    int r;

    if (frame_bytes == 0 || frame_bytes > CTL_CONTROL_ANSWER_BYTES_MAX)
        return -EMSGSIZE;
    r = make_room(out, CTL_CLIENT_HEAD_BYTES + frame_bytes, 2 * bytes_max);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < CTL_CLIENT_HEAD_BYTES; i++)
        out->data[out->size_bytes + i] = (uint8_t)(frame_bytes >> (8 * i));
    out->size_bytes += CTL_CLIENT_HEAD_BYTES;
    out->size_bytes +=
        json_dumpb(frame, (char *)out->data + out->size_bytes, frame_bytes, JSON_COMPACT);

    return 0;
}

static void queue_or_give_up(struct ctl_client *client, json_t *frame)
{
    if (frame == NULL || queue_frame(client, frame) < 0) {
        ctl_log(CTL_LOG_WARNING, "control socket: an answer did not fit; closing");
        client->closing = true;
    }
    json_decref(frame);
}

/* ---- what verbs answer with ---- */

void ctl_reply(struct ctl_call *call, json_t *answer)
{
    if (answer != NULL && json_object_set_new(answer, "ok", json_true()) < 0) {
        json_decref(answer);
        answer = NULL;
    }
    queue_or_give_up(call->client, answer);
}

void ctl_refuse(struct ctl_call *call, const char *code, const char *next, const char *fmt, ...)
{
    char error[ERROR_BYTES_MAX], clean[ERROR_BYTES_MAX];
    va_list arguments;

    va_start(arguments, fmt);
    (void)vsnprintf(error, sizeof(error), fmt, arguments);
    va_end(arguments);
    bl_text_escape(clean, sizeof(clean), error, strlen(error));
    queue_or_give_up(call->client, json_pack("{s:b, s:s, s:s, s:s}", "ok", 0, "code", code, "error",
                                             clean, "next", next));
}

void ctl_refuse_ambiguous(struct ctl_call *call, const char *text, json_t *candidates)
{
    queue_or_give_up(call->client,
                     json_pack("{s:b, s:s, s:o, s:s, s:o}", "ok", 0, "code", "ambiguous", "error",
                               json_sprintf("'%.64s' may mean several: name one", text), "next", "",
                               "candidates", candidates));
}

void ctl_reply_failure(struct ctl_call *call, const struct bl_error *err)
{
    ctl_refuse(call, "internal", "journalctl -u belayd", "%s", err->text);
    ctl_log(CTL_LOG_ERROR, "control socket: %s (%s)", err->text, err->where);
    ctl_engine_fail(call->engine, err);
}

/* ---- streams ---- */

void ctl_stream_send(struct ctl_client *client, json_t *frame, bool end)
{
    if (frame != NULL && json_object_set_new(frame, "ok", json_true()) < 0) {
        json_decref(frame);
        frame = NULL;
    }
    if (end && frame != NULL)
        (void)json_object_set_new(frame, "end", json_true());
    queue_or_give_up(client, frame);
    if (end) {
        client->streaming = false;
        client->watching = false;
        client->asking = ctl_asking_free(client->asking);
    }
    /* Whoever is gone is noticed by the loop, which may not be surprised by a freed client here. */
    (void)sd_event_source_set_io_events(client->io, EPOLLOUT);
}

void ctl_stream_set_asking(struct ctl_client *client, struct ctl_asking *asking)
{
    client->asking = asking;
    client->streaming = true;
}

static void send_watched(struct ctl_client *client, const struct ctl_run *run)
{
    struct ctl_engine *engine = client->control->engine;
    bool is_final = ctl_rollout_is_final(&run->rollout);
    int64_t pause_ms = WATCH_MS_MIN + run->rollout.host_count / WATCH_HOSTS_PER_MS;

    client->watch_due = bl_mono_after(bl_mono_now(), pause_ms);
    ctl_stream_send(client, ctl_view_status(engine, run), is_final);
}

static int on_watch_due(sd_event_source *source, uint64_t usec, void *userdata);

static void arm_watch(struct ctl_client *client)
{
    struct ctl_engine *engine = client->control->engine;
    const uint64_t due_us = (uint64_t)client->watch_due.ms * 1000;
    int enabled = SD_EVENT_OFF, r;

    if (client->watch_timer == NULL) {
        r = sd_event_add_time(engine->event, &client->watch_timer, CLOCK_BOOTTIME, due_us,
                              WATCH_ACCURACY_US, on_watch_due, client);
        if (r >= 0 && client->desk != NULL)
            r = sd_event_source_set_priority(client->watch_timer, CTL_DESK_PRIORITY);
    } else {
        (void)sd_event_source_get_enabled(client->watch_timer, &enabled);
        if (enabled != SD_EVENT_OFF)
            return;
        r = sd_event_source_set_time(client->watch_timer, due_us);
        if (r >= 0)
            r = sd_event_source_set_enabled(client->watch_timer, SD_EVENT_ONESHOT);
    }
    if (r < 0)
        client->closing = true;
}

static int on_watch_due(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct ctl_client *client = userdata;
    struct bl_error err = {0};
    struct ctl_run *run;

    if (!client->watching)
        return 0;
    /* It reads slower than things change: what it missed is in the next document as well. */
    if (client->out.size_bytes > 0) {
        client->watch_due = bl_mono_after(bl_mono_now(), WATCH_MS_MIN);
        arm_watch(client);
        return 0;
    }
    if (ctl_engine_run(client->control->engine, client->watched, &run, &err) > 0)
        send_watched(client, run);

    return 0;
}

void ctl_client_tell_watchers(struct ctl_control *control, const struct ctl_run *run)
{
    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++) {
        struct ctl_client *client = control->clients[i];

        if (client != NULL && client->watching &&
            memcmp(client->watched, run->id, sizeof(run->id)) == 0)
            arm_watch(client);
    }
}

void ctl_stream_watch(struct ctl_call *call, struct ctl_run *run)
{
    struct ctl_client *client = call->client;

    memcpy(client->watched, run->id, sizeof(client->watched));
    client->watching = client->streaming = true;
    send_watched(client, run);
}

void ctl_client_drop_done(struct ctl_client *client)
{
    struct ctl_client_bytes *in = &client->in;

    memmove(in->data, in->data + in->done_bytes, in->size_bytes - in->done_bytes);
    in->size_bytes -= in->done_bytes;
    in->done_bytes = 0;
}

int ctl_client_read(struct ctl_client *client)
{
    struct ctl_client_bytes *in = &client->in;
    ssize_t n;
    int r;

    r = make_room(in, READ_BYTES,
                  CTL_CONTROL_REQUEST_BYTES_MAX + CTL_CLIENT_HEAD_BYTES + READ_BYTES);
    if (r < 0)
        return r;
    n = recv(client->fd, in->data + in->size_bytes, in->capacity_bytes - in->size_bytes,
             MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if (n == 0)
        return -ECONNRESET;
    in->size_bytes += (size_t)n;

    return 0;
}
