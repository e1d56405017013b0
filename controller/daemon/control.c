/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/control.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "controller/daemon/client.h"
#include "controller/daemon/log.h"

enum {
    BACKLOG_COUNT = 64,
    SOCKET_MODE = 0660,
    ANSWERS_WAITING_BYTES_MAX = 4 * 1024 * 1024,
    DOOR_AGAIN_US = 5 * 1000 * 1000,
};

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

/* A commit that failed takes the answer with it: nobody is told of what may not be stored. */
static void end_turn(struct ctl_call *call, size_t answered_bytes)
{
    struct ctl_client_bytes *out = &call->client->out;

    if (call->engine->failed || ctl_engine_end(call->engine))
        return;
    out->size_bytes = answered_bytes;
    ctl_refuse(call, "internal", "journalctl -u belayd",
               "the store failed: whether this was kept is seen when belayd is back");
}

/* Refused ones count, too; and what was on its way when its desk was revoked is not heard any more. */
static bool is_heard(struct ctl_call *call)
{
    struct ctl_desk *desk = call->client->desk;

    if (desk == NULL)
        return true;
    if (ctl_desk_is_admitted(desk)) {
        if (ctl_desk_may_ask(desk, bl_mono_now()))
            return true;
        ctl_refuse(call, "too_many_requests", "", "this desk asks too often: wait a few seconds");
    }
    call->client->closing = true;

    return false;
}

/* What a desk may not ask for: a stolen key of one opens no more. */
static bool is_open_to(struct ctl_call *call, const struct ctl_verb *verb)
{
    if (call->desk == NULL || verb->is_for_desks)
        return true;
    ctl_refuse(call, "not_from_desk", "on the controller itself, without --desk",
               "'%s' can't be asked for from another desk", verb->name);

    return false;
}

static void run_verb(struct ctl_call *call, const struct ctl_verb *verb)
{
    struct ctl_client *client = call->client;
    const struct bl_mono began = bl_mono_now();
    size_t answered_bytes; /* before this request */

    if (!is_open_to(call, verb) || !has_known_keys(call, verb) || !ctl_engine_begin(call->engine))
        return;
    answered_bytes = client->out.size_bytes;
    call->engine->asking_desk = client->desk != NULL ? client->desk->row.id : NULL;
    verb->run(call);
    call->engine->asking_desk = NULL;
    end_turn(call, answered_bytes);
    if (client->desk != NULL) {
        const struct bl_mono now = bl_mono_now();

        ctl_desk_pay(client->desk, now, now.ms - began.ms);
    }
}

void ctl_client_serve(struct ctl_client *client, const json_t *request)
{
    struct ctl_call call = {
        .control = client->control,
        .client = client,
        .engine = client->control->engine,
        .request = request,
        .uid = client->uid,
        .desk = client->desk,
    };
    const char *name = json_string_value(json_object_get(request, "verb"));

    if (!is_heard(&call))
        return;
    if (name == NULL) {
        ctl_refuse(&call, "bad_request", "", "a request is an object with the text 'verb'");
        client->closing = true;
        return;
    }
    for (size_t i = 0; i < ctl_verb_count; i++) {
        if (strcmp(ctl_verbs[i].name, name) == 0) {
            run_verb(&call, &ctl_verbs[i]);
            return;
        }
    }
    ctl_refuse(&call, "unknown_verb", "", "there is no verb '%.64s'", name);
}

static uint32_t frame_bytes_of(const uint8_t *head)
{
    uint32_t frame_bytes = 0;

    for (unsigned i = 0; i < CTL_CLIENT_HEAD_BYTES; i++)
        frame_bytes |= (uint32_t)head[i] << (8 * i);

    return frame_bytes;
}

/* One request out of the buffer. False: none is whole, or the next one has to wait. */
static bool take_request(struct ctl_client *client)
{
    struct ctl_client_bytes *in = &client->in;
    size_t left_bytes = in->size_bytes - in->done_bytes;
    struct ctl_call refusal = {.control = client->control, .client = client};
    json_error_t json_err;
    uint32_t frame_bytes;
    json_t *request;

    if (client->closing || client->streaming || left_bytes < CTL_CLIENT_HEAD_BYTES)
        return false;
    frame_bytes = frame_bytes_of(in->data + in->done_bytes);
    if (frame_bytes > CTL_CONTROL_REQUEST_BYTES_MAX) {
        ctl_refuse(&refusal, "too_large", "", "a request has at most %d bytes",
                   CTL_CONTROL_REQUEST_BYTES_MAX);
        client->closing = true;
        return false;
    }
    if (left_bytes < CTL_CLIENT_HEAD_BYTES + frame_bytes)
        return false;
    request = json_loadb((const char *)in->data + in->done_bytes + CTL_CLIENT_HEAD_BYTES,
                         frame_bytes, JSON_REJECT_DUPLICATES, &json_err);
    in->done_bytes += CTL_CLIENT_HEAD_BYTES + frame_bytes;
    if (!json_is_object(request)) {
        ctl_refuse(&refusal, "bad_request", "", "not a JSON object: %s", json_err.text);
        client->closing = true;
    } else {
        ctl_client_serve(client, request);
    }
    json_decref(request);

    return true;
}

/* False: as many answers wait as may; the other requests come when those are read. */
static bool has_room(const struct ctl_client *client)
{
    return client->out.size_bytes - client->out.done_bytes < ANSWERS_WAITING_BYTES_MAX;
}

static int serve(struct ctl_client *client)
{
    bool was_full, took;
    int r;

    do {
        was_full = !has_room(client);
        took = false;
        while (has_room(client) && take_request(client))
            took = true;
        ctl_client_drop_done(client);
        r = ctl_client_flush(client);
    } while (r >= 0 && (took || was_full) && client->out.size_bytes == 0);

    return r;
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct ctl_client *client = userdata;
    int r = 0;

    if ((revents & EPOLLIN) != 0)
        r = ctl_client_read(client);
    else if ((revents & (EPOLLHUP | EPOLLERR)) != 0)
        r = -ECONNRESET;
    if (r >= 0)
        r = serve(client);
    if (r < 0)
        ctl_client_close(client);

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
    const uint8_t head[CTL_CLIENT_HEAD_BYTES] = {sizeof(text) - 1};

    (void)send(fd, head, sizeof(head), MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int join(struct ctl_control *control, struct ctl_client **place, int *fd, int64_t uid,
                struct ctl_desk *desk)
{
    struct ctl_client *client = calloc(1, sizeof(*client));

    if (client == NULL)
        return -ENOMEM;
    client->control = control;
    client->fd = -1;
    client->uid = uid;
    client->desk = desk;
    if (sd_event_add_io(control->engine->event, &client->io, *fd, EPOLLIN, on_client, client) < 0 ||
        (desk != NULL && sd_event_source_set_priority(client->io, CTL_DESK_PRIORITY) < 0)) {
        (void)sd_event_source_disable_unref(client->io);
        free(client);
        return -ENOMEM;
    }
    client->fd = BL_TAKE_FD(*fd);
    *place = client;

    return 0;
}

static int add_client(struct ctl_control *control, int *fd)
{
    const int64_t uid = peer_uid(*fd);

    if (uid < 0)
        return -EPERM; /* nobody acts without a name */
    for (size_t i = 0; i < CTL_CONTROL_CLIENTS_MAX; i++) {
        if (control->clients[i] == NULL)
            return join(control, &control->clients[i], fd, uid, NULL);
    }
    refuse_client(*fd);

    return -EBUSY;
}

int ctl_control_add_desk(struct ctl_control *control, int *fd, struct ctl_desk *desk,
                         unsigned *ret_slot)
{
    for (unsigned i = CTL_CONTROL_CLIENTS_MAX; i < CTL_CLIENTS_MAX; i++) {
        *ret_slot = i;
        if (control->clients[i] == NULL)
            return join(control, &control->clients[i], fd, CTL_UID_DESK, desk);
    }

    return -EBUSY;
}

bool ctl_control_desk_streams(const struct ctl_control *control, unsigned slot)
{
    return control->clients[slot] != NULL && control->clients[slot]->streaming;
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

static void on_run_changed(void *userdata, struct ctl_run *run)
{
    ctl_client_tell_watchers(userdata, run);
}

static bool is_not_there_yet(int r)
{
    return r == -EADDRNOTAVAIL || r == -EADDRINUSE || r == -ENODEV;
}

/* An address may come later than belayd: network.target waits for none. */
static int on_door_due(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct ctl_control *control = userdata;
    struct bl_error err = {0};
    int r = ctl_desk_door_open(control, control->desks, &control->door, &err);

    if (is_not_there_yet(r) && sd_event_source_set_time_relative(source, DOOR_AGAIN_US) >= 0 &&
        sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) >= 0)
        return 0;
    if (r < 0)
        ctl_log(CTL_LOG_ERROR,
                "admin endpoint: %s: no desk can come in until 'systemctl restart belayd'",
                err.text);
    else
        ctl_log(CTL_LOG_NOTICE, "admin endpoint: its address is there now, desks can come in");

    return 0;
}

static int open_desks(struct ctl_control *control, struct bl_error *err)
{
    int r;

    control->desks = calloc(1, sizeof(*control->desks));
    if (control->desks == NULL)
        return bl_fail(err, -ENOMEM, "no memory");
    r = ctl_desks_load(control->desks, control->engine->store, err);
    if (r < 0 || control->engine->config.admin_listen[0] == '\0')
        return r;
    r = ctl_desk_door_open(control, control->desks, &control->door, err);
    if (is_not_there_yet(r)) {
        /* Hosts come first: they do not go without a controller for want of people's address. */
        ctl_log(CTL_LOG_ERROR, "admin endpoint: %s: no desk can come in yet; tried again",
                err->text);
        r = sd_event_add_time_relative(control->engine->event, &control->door_timer, CLOCK_BOOTTIME,
                                       DOOR_AGAIN_US, 0, on_door_due, control);
        return r < 0 ? bl_fail(err, r, "event loop: %s", strerror(-r)) : 0;
    }

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
    if (r >= 0)
        r = open_desks(control, err);
    if (r < 0) {
        (void)sd_event_source_disable_unref(control->io);
        bl_close_fd(&control->fd);
        free(control->desks);
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
    control->door_timer = sd_event_source_disable_unref(control->door_timer);
    control->door = ctl_desk_door_close(control->door);
    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++) {
        if (control->clients[i] != NULL)
            ctl_client_close(control->clients[i]);
    }
    control->engine->watcher = (struct ctl_engine_watcher){0};
    (void)sd_event_source_disable_unref(control->io);
    if (control->fd >= 0)
        (void)unlink(control->engine->config.control_socket);
    bl_close_fd(&control->fd);
    free(control->desks);
    free(control);

    return NULL;
}
