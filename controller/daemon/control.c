/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/control.h"

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "controller/daemon/log.h"
#include "controller/daemon/view.h"

enum {
    HEAD_BYTES = 4,
    READ_BYTES = 64 * 1024,
    BACKLOG_COUNT = 64,
    SOCKET_MODE = 0660,
    ERROR_BYTES_MAX = 512,
    WATCH_MS_MIN = 100,      /* between two documents to one who watches */
    WATCH_HOSTS_PER_MS = 10, /* large documents come less often */
    WATCH_ACCURACY_US = 5 * 1000,
};

struct bytes {
    uint8_t *data;
    size_t size_bytes, capacity_bytes;
    size_t done_bytes; /* of `data`, already dealt with */
};

struct ctl_client {
    struct ctl_control *control;
    int fd;
    int64_t uid;
    sd_event_source *io;
    struct bytes in, out;
    bool closing;   /* after what is in `out` */
    bool streaming; /* a stream is under way: further requests wait */
    struct ctl_asking *asking;
    bool watching;
    uint8_t watched[PROTO_ROLLOUT_ID_BYTES];
    sd_event_source *watch_timer;
    struct bl_mono watch_due; /* earliest instant of the next document */
};

struct ctl_control {
    struct ctl_engine *engine;
    int fd;
    sd_event_source *io;
    struct ctl_client *clients[CTL_CONTROL_CLIENTS_MAX];
};

/* ---- clients ---- */

static void close_client(struct ctl_client *client)
{
    struct ctl_control *control = client->control;

    for (size_t i = 0; i < CTL_CONTROL_CLIENTS_MAX; i++) {
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

static int make_room(struct bytes *bytes, size_t more_bytes, size_t bytes_max)
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
static int flush(struct ctl_client *client)
{
    struct bytes *out = &client->out;
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
    const size_t bytes_max = CTL_CONTROL_ANSWER_BYTES_MAX + HEAD_BYTES;
    size_t frame_bytes = json_dumpb(frame, NULL, 0, JSON_COMPACT);
    struct bytes *out = &client->out;
    int r;

    if (frame_bytes == 0 || frame_bytes > CTL_CONTROL_ANSWER_BYTES_MAX)
        return -EMSGSIZE;
    r = make_room(out, HEAD_BYTES + frame_bytes, 2 * bytes_max);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < HEAD_BYTES; i++)
        out->data[out->size_bytes + i] = (uint8_t)(frame_bytes >> (8 * i));
    out->size_bytes += HEAD_BYTES;
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

static int on_watch_due(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct ctl_client *client = userdata;
    struct bl_error err = {0};
    struct ctl_run *run;

    if (client->watching &&
        ctl_engine_run(client->control->engine, client->watched, &run, &err) > 0)
        send_watched(client, run);

    return 0;
}

static void arm_watch(struct ctl_client *client)
{
    struct ctl_engine *engine = client->control->engine;
    const uint64_t due_us = (uint64_t)client->watch_due.ms * 1000;
    int enabled = SD_EVENT_OFF, r;

    if (client->watch_timer == NULL) {
        r = sd_event_add_time(engine->event, &client->watch_timer, CLOCK_BOOTTIME, due_us,
                              WATCH_ACCURACY_US, on_watch_due, client);
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

static void on_run_changed(void *userdata, struct ctl_run *run)
{
    struct ctl_control *control = userdata;

    for (size_t i = 0; i < CTL_CONTROL_CLIENTS_MAX; i++) {
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

/* ---- requests ---- */

/* `keys` is "a b c"; a key is a whole word of it. */
static bool is_key_of(const char *keys, const char *key)
{
    const size_t key_bytes = strlen(key);

    for (const char *at = keys; key_bytes > 0 && (at = strstr(at, key)) != NULL; at += key_bytes) {
        if ((at == keys || at[-1] == ' ') && (at[key_bytes] == ' ' || at[key_bytes] == '\0'))
            return true;
    }

    return false;
}

static bool has_known_keys(struct ctl_call *call, const struct ctl_verb *verb)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)call->request, key, value) {
        if (strcmp(key, "verb") != 0 && (strchr(key, ' ') != NULL || !is_key_of(verb->keys, key))) {
            ctl_refuse(call, "bad_request", "", "verb '%s' has no key '%s'", verb->name, key);
            return false;
        }
    }

    return true;
}

static void run_request(struct ctl_client *client, const json_t *request)
{
    struct ctl_call call = {
        .control = client->control,
        .client = client,
        .engine = client->control->engine,
        .request = request,
        .uid = client->uid,
    };
    const char *name = json_string_value(json_object_get(request, "verb"));

    if (name == NULL) {
        ctl_refuse(&call, "bad_request", "", "a request is an object with the text 'verb'");
        client->closing = true;
        return;
    }
    for (size_t i = 0; i < ctl_verb_count; i++) {
        if (strcmp(ctl_verbs[i].name, name) != 0)
            continue;
        if (!has_known_keys(&call, &ctl_verbs[i]) || !ctl_engine_begin(call.engine))
            return;
        ctl_verbs[i].run(&call);
        (void)ctl_engine_end(call.engine);
        return;
    }
    ctl_refuse(&call, "unknown_verb", "", "there is no verb '%.64s'", name);
}

static uint32_t frame_bytes_of(const uint8_t *head)
{
    uint32_t frame_bytes = 0;

    for (unsigned i = 0; i < HEAD_BYTES; i++)
        frame_bytes |= (uint32_t)head[i] << (8 * i);

    return frame_bytes;
}

/* One request out of the buffer. False: none is whole, or the next one has to wait. */
static bool take_request(struct ctl_client *client)
{
    struct bytes *in = &client->in;
    size_t left_bytes = in->size_bytes - in->done_bytes;
    struct ctl_call refusal = {.control = client->control, .client = client};
    json_error_t json_err;
    uint32_t frame_bytes;
    json_t *request;

    if (client->closing || client->streaming || left_bytes < HEAD_BYTES)
        return false;
    frame_bytes = frame_bytes_of(in->data + in->done_bytes);
    if (frame_bytes > CTL_CONTROL_REQUEST_BYTES_MAX) {
        ctl_refuse(&refusal, "too_large", "", "a request has at most %d bytes",
                   CTL_CONTROL_REQUEST_BYTES_MAX);
        client->closing = true;
        return false;
    }
    if (left_bytes < HEAD_BYTES + frame_bytes)
        return false;
    request = json_loadb((const char *)in->data + in->done_bytes + HEAD_BYTES, frame_bytes,
                         JSON_REJECT_DUPLICATES, &json_err);
    in->done_bytes += HEAD_BYTES + frame_bytes;
    if (!json_is_object(request)) {
        ctl_refuse(&refusal, "bad_request", "", "not a JSON object: %s", json_err.text);
        client->closing = true;
    } else {
        run_request(client, request);
    }
    json_decref(request);

    return true;
}

static void drop_done(struct bytes *in)
{
    memmove(in->data, in->data + in->done_bytes, in->size_bytes - in->done_bytes);
    in->size_bytes -= in->done_bytes;
    in->done_bytes = 0;
}

/* 0: nothing more for now; below 0: gone. */
static int read_some(struct ctl_client *client)
{
    struct bytes *in = &client->in;
    ssize_t n;
    int r;

    r = make_room(in, READ_BYTES, CTL_CONTROL_REQUEST_BYTES_MAX + HEAD_BYTES + READ_BYTES);
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

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct ctl_client *client = userdata;
    int r = 0;

    if ((revents & EPOLLIN) != 0)
        r = read_some(client);
    else if ((revents & (EPOLLHUP | EPOLLERR)) != 0)
        r = -ECONNRESET;
    if (r >= 0) {
        while (take_request(client))
            continue;
        drop_done(&client->in);
        r = flush(client);
    }
    if (r < 0)
        close_client(client);

    return 0;
}

/* ---- the socket ---- */

static int64_t peer_uid(int fd)
{
    struct ucred credentials;
    socklen_t credentials_bytes = sizeof(credentials);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &credentials_bytes) < 0)
        return -1;

    return credentials.uid;
}

static void refuse_client(int fd)
{
    static const char text[] = "{\"ok\":false,\"code\":\"busy\",\"error\":\"too many connections\","
                               "\"next\":\"\"}";
    const uint8_t head[HEAD_BYTES] = {sizeof(text) - 1};

    (void)send(fd, head, sizeof(head), MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int add_client(struct ctl_control *control, int *fd)
{
    struct ctl_client **place = NULL, *client;

    for (size_t i = 0; i < CTL_CONTROL_CLIENTS_MAX && place == NULL; i++) {
        if (control->clients[i] == NULL)
            place = &control->clients[i];
    }
    if (place == NULL) {
        refuse_client(*fd);
        return -EBUSY;
    }
    client = calloc(1, sizeof(*client));
    if (client == NULL)
        return -ENOMEM;
    client->control = control;
    client->fd = -1;
    client->uid = peer_uid(*fd);
    if (sd_event_add_io(control->engine->event, &client->io, *fd, EPOLLIN, on_client, client) < 0) {
        free(client);
        return -ENOMEM;
    }
    client->fd = BL_TAKE_FD(*fd);
    *place = client;

    return 0;
}

static int on_accept(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    BL_AUTO_FD int client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (client_fd >= 0 && add_client(userdata, &client_fd) < 0)
        ctl_log(CTL_LOG_WARNING, "control socket: a connection was turned away");

    return 0;
}

/* Only a socket that nobody answers is removed: another daemon's is left alone. */
static int remove_stale(const struct sockaddr_un *address, struct bl_error *err)
{
    BL_AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return bl_fail(err, -errno, "socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
        return bl_fail(err, -EADDRINUSE, "'%s' is another daemon's", address->sun_path);
    if (errno == ECONNREFUSED && unlink(address->sun_path) < 0)
        return bl_fail(err, -errno, "remove '%s': %s", address->sun_path, strerror(errno));

    return 0;
}

static int give_to_group(const struct ctl_config *config, struct bl_error *err)
{
    const struct group *group;
    struct stat status;

    if (chmod(config->control_socket, SOCKET_MODE) < 0)
        return bl_fail(err, -errno, "'%s': %s", config->control_socket, strerror(errno));
    if (config->socket_group[0] == '\0')
        return 0;
    group = getgrnam(config->socket_group);
    if (group == NULL) {
        ctl_log(CTL_LOG_WARNING, "there is no group '%s': only the daemon's own may use '%s'",
                config->socket_group, config->control_socket);
        return 0;
    }
    /* As a service it has this group already, and no system call to change it with. */
    if (stat(config->control_socket, &status) == 0 && status.st_gid == group->gr_gid)
        return 0;
    if (chown(config->control_socket, (uid_t)-1, group->gr_gid) < 0)
        ctl_log(CTL_LOG_WARNING, "'%s' can't be given to group '%s': %s", config->control_socket,
                config->socket_group, strerror(errno));

    return 0;
}

static int listen_there(struct ctl_control *control, struct bl_error *err)
{
    const struct ctl_config *config = &control->engine->config;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t umask_before;
    int r;

    bl_text_copy(address.sun_path, sizeof(address.sun_path), config->control_socket);
    r = remove_stale(&address, err);
    if (r < 0)
        return r;
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->fd < 0)
        return bl_fail(err, -errno, "socket: %s", strerror(errno));
    umask_before = umask(0177); /* nobody gets in before the group is set */
    r = bind(control->fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    (void)umask(umask_before);
    if (r < 0)
        return bl_fail(err, r, "'%s': %s", config->control_socket, strerror(-r));
    r = give_to_group(config, err);
    if (r >= 0 && listen(control->fd, BACKLOG_COUNT) < 0)
        r = bl_fail(err, -errno, "'%s': %s", config->control_socket, strerror(errno));

    return r;
}

int ctl_control_open(struct ctl_engine *engine, struct ctl_control **ret_control,
                     struct bl_error *err)
{
    struct ctl_control *control = calloc(1, sizeof(*control));
    int r;

    if (control == NULL)
        return bl_fail(err, -ENOMEM, "no memory");
    control->engine = engine;
    control->fd = -1;
    r = listen_there(control, err);
    if (r >= 0 &&
        sd_event_add_io(engine->event, &control->io, control->fd, EPOLLIN, on_accept, control) < 0)
        r = bl_fail(err, -ENOMEM, "event loop");
    if (r < 0) {
        bl_close_fd(&control->fd);
        free(control);
        return r;
    }
    engine->watcher = (struct ctl_engine_watcher){.userdata = control, .changed = on_run_changed};
    *ret_control = control;

    return 0;
}

struct ctl_control *ctl_control_close(struct ctl_control *control)
{
    if (control == NULL)
        return NULL;
    for (size_t i = 0; i < CTL_CONTROL_CLIENTS_MAX; i++) {
        if (control->clients[i] != NULL)
            close_client(control->clients[i]);
    }
    control->engine->watcher = (struct ctl_engine_watcher){0};
    (void)sd_event_source_disable_unref(control->io);
    if (control->fd >= 0)
        (void)unlink(control->engine->config.control_socket);
    bl_close_fd(&control->fd);
    free(control);

    return NULL;
}
