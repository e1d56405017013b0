/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/link.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "controller/cli/desk_place.h"
#include "controller/outside/out.h"

enum {
    HEAD_BYTES = 4,
};

/* What helps when a controller elsewhere can't be talked to. */
static void advise(struct ctl_cli_globals *globals, const struct ctl_desk_place *place, int r)
{
    if (r == -EKEYREJECTED)
        (void)snprintf(globals->advice, sizeof(globals->advice),
                       "'belay enroll key' on the controller itself: compare, by voice, with "
                       "'belay desk show %s'; if it was changed on purpose, write it into "
                       "desks/%s.yaml",
                       place->name, place->name);
    else if (r == -EACCES)
        (void)snprintf(
            globals->advice, sizeof(globals->advice),
            "'belay desk list' on the controller tells whether it is admitted or revoked; "
            "'belay desk show %s' here tells how it is admitted",
            place->name);
    else
        (void)snprintf(globals->advice, sizeof(globals->advice),
                       "'systemctl status belayd' on the controller, and the configuration there "
                       "whether admin.listen is set; 'belay desk show %s' tells what is asked here",
                       place->name);
}

static int open_elsewhere(struct ctl_cli_globals *globals, struct ctl_cli_link *ret_link,
                          struct bl_error *err)
{
    struct ctl_desk_place place;
    int r = ctl_desk_place_load(globals->desk, &place, err);

    if (r < 0)
        return r;
    place.to.address = place.address;
    *ret_link = (struct ctl_cli_link){.fd = -1, .globals = globals};
    r = ctl_desk_connect(&place.to, &ret_link->line, &ret_link->fd, err);
    sodium_memzero(place.to.secret_key, sizeof(place.to.secret_key));
    if (r < 0)
        advise(globals, &place, r);

    return r;
}

int ctl_cli_link_open(struct ctl_cli_globals *globals, struct ctl_cli_link *ret_link,
                      struct bl_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t path_bytes = strlen(globals->socket);
    BL_AUTO_FD int fd = -1;

    if (globals->desk != NULL)
        return open_elsewhere(globals, ret_link, err);
    /* Else a slip of the pen would talk to another controller than the one that was meant. */
    if (globals->config_missing)
        return bl_fail(err, -ENOENT, "there is no configuration '%.120s'", globals->config);
    _Static_assert(sizeof(globals->socket) <= sizeof(address.sun_path), "checked by the options");
    memcpy(address.sun_path, globals->socket, path_bytes + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return bl_fail(err, -errno, "make a socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        globals->socket_denied = errno == EACCES;
        return bl_fail(err, -ENOTCONN, "cannot reach the controller at '%.100s': %s",
                       globals->socket, strerror(errno));
    }

    *ret_link = (struct ctl_cli_link){.fd = BL_TAKE_FD(fd), .globals = globals};
    return 0;
}

void ctl_cli_link_close(struct ctl_cli_link *link)
{
    bl_close_fd(&link->fd);
    link->line = ctl_desk_line_release(link->line);
}

/* A desk is told why its connection was ended; a local one is not. */
static int fail_ended(const struct ctl_cli_link *link, struct bl_error *err)
{
    char text[CTL_DESK_END_TEXT_BYTES] = "";

    if (link->line != NULL)
        ctl_desk_line_end(link->line, text);
    if (text[0] != '\0')
        return bl_fail(err, -ENOTCONN, "the controller closed the connection: %s", text);

    return bl_fail(err, -ENOTCONN, "the controller closed the connection");
}

static int send_all(int fd, const void *data, size_t size_bytes, struct bl_error *err)
{
    size_t done_bytes = 0;

    while (done_bytes < size_bytes) {
        ssize_t n =
            send(fd, (const char *)data + done_bytes, size_bytes - done_bytes, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bl_fail(err, -ENOTCONN, "the controller went away: %s", strerror(errno));
        done_bytes += (size_t)n;
    }

    return 0;
}

static int receive_all(const struct ctl_cli_link *link, void *data, size_t size_bytes,
                       struct bl_error *err)
{
    size_t done_bytes = 0;

    while (done_bytes < size_bytes) {
        ssize_t n = recv(link->fd, (char *)data + done_bytes, size_bytes - done_bytes, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bl_fail(err, -ENOTCONN, "the controller went away: %s", strerror(errno));
        if (n == 0)
            return fail_ended(link, err);
        done_bytes += (size_t)n;
    }

    return 0;
}

int ctl_cli_link_send(struct ctl_cli_link *link, json_t *request, struct bl_error *err)
{
    CTL_AUTO_JSON *owned = request;
    BL_AUTO_FREE char *text = NULL;
    uint8_t head[HEAD_BYTES];
    size_t text_bytes;
    int r;

    text = owned == NULL ? NULL : json_dumps(owned, JSON_COMPACT);
    if (text == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for the request");
    text_bytes = strlen(text);
    if (text_bytes > CTL_CLI_REQUEST_BYTES_MAX) {
        return bl_fail(err, -EMSGSIZE, "the request is longer than %d bytes",
                       CTL_CLI_REQUEST_BYTES_MAX);
    }
    for (unsigned i = 0; i < HEAD_BYTES; i++)
        head[i] = (uint8_t)(text_bytes >> (8 * i));
    r = send_all(link->fd, head, sizeof(head), err);
    if (r < 0)
        return r;

    return send_all(link->fd, text, text_bytes, err);
}

/* Everything here is escaped when it is shown. */
static int refusal(struct ctl_cli_globals *globals, const json_t *answer, struct bl_error *err)
{
    const char *text = ctl_json_text(answer, "error");
    const json_t *candidate;
    size_t used = 0, i;

    bl_text_copy(globals->code, sizeof(globals->code), ctl_json_text(answer, "code"));
    bl_text_copy(globals->advice, sizeof(globals->advice), ctl_json_text(answer, "next"));
    json_array_foreach (json_object_get(answer, "candidates"), i, candidate) {
        const char *name = json_string_value(candidate);

        if (used + 1 < sizeof(globals->advice)) {
            (void)snprintf(globals->advice + used, sizeof(globals->advice) - used, "%s%s",
                           i > 0 ? ", " : "one of: ", name != NULL ? name : "?");
        }
        used = strlen(globals->advice);
    }

    return bl_fail(err, -EREMOTEIO, "%s", text[0] != '\0' ? text : "the controller refused");
}

int ctl_cli_link_receive(struct ctl_cli_link *link, json_t **ret_answer, struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    CTL_AUTO_JSON *answer = NULL;
    json_error_t json_err;
    uint8_t head[HEAD_BYTES];
    size_t text_bytes = 0;
    int r;

    r = receive_all(link, head, sizeof(head), err);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < HEAD_BYTES; i++)
        text_bytes |= (size_t)head[i] << (8 * i);
    if (text_bytes > CTL_CLI_ANSWER_BYTES_MAX) {
        return bl_fail(err, -EMSGSIZE, "the controller's answer is longer than %d bytes",
                       CTL_CLI_ANSWER_BYTES_MAX);
    }
    text = malloc(text_bytes + 1);
    if (text == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for an answer of %zu bytes", text_bytes);
    r = receive_all(link, text, text_bytes, err);
    if (r < 0)
        return r;
    answer = json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES, &json_err);
    if (!json_is_object(answer))
        return bl_fail(err, -EBADMSG, "the controller's answer is not a JSON object");
    if (!json_is_true(json_object_get(answer, "ok")))
        return refusal(link->globals, answer, err);

    *ret_answer = BL_TAKE_PTR(answer);
    return 0;
}

int ctl_cli_link_collect_hosts(struct ctl_cli_link *link, json_t *hosts, json_t **ret_end,
                               struct bl_error *err)
{
    for (;;) {
        CTL_AUTO_JSON *frame = NULL;
        json_t *host;
        int r;

        r = ctl_cli_link_receive(link, &frame, err);
        if (r < 0)
            return r;
        host = json_object_get(frame, "host");
        if (host != NULL)
            (void)json_array_append(hosts, host);
        if (ctl_json_bool(frame, "end")) {
            *ret_end = BL_TAKE_PTR(frame);
            return 0;
        }
    }
}

int ctl_cli_ask(struct ctl_cli_globals *globals, json_t *request, json_t **ret_answer,
                struct bl_error *err)
{
    CTL_CLI_AUTO_LINK link = {.fd = -1};
    CTL_AUTO_JSON *owned = request;
    int r;

    r = ctl_cli_link_open(globals, &link, err);
    if (r < 0)
        return r;
    r = ctl_cli_link_send(&link, BL_TAKE_PTR(owned), err);
    if (r < 0)
        return r;

    return ctl_cli_link_receive(&link, ret_answer, err);
}

int ctl_cli_say_failure(const struct ctl_cli_globals *globals, const struct bl_error *err)
{
    int exit_code = err->code == -ENOTCONN ? CTL_CLI_UNREACHABLE : CTL_CLI_ERROR;

    (void)ctl_cli_say_error(exit_code, err);
    if ((err->code == -EREMOTEIO || globals->desk != NULL) && globals->advice[0] != '\0') {
        (void)fputs("next: ", stderr);
        ctl_out_put(stderr, globals->advice);
        (void)fputc('\n', stderr);
    }
    if (globals->desk != NULL)
        return exit_code;
    if (err->code == -ENOTCONN && globals->socket_denied) {
        (void)fputs("next: only root and the group 'belay' may use it: 'usermod -aG belay NAME', "
                    "then log in again\n",
                    stderr);
    } else if (err->code == -ENOTCONN) {
        (void)fprintf(stderr,
                      "next: 'systemctl status belayd' on the controller; another socket is "
                      "chosen with --socket, --config or BELAY_SOCKET\n");
    }

    return exit_code;
}

void ctl_cli_out_answer(json_t *answer)
{
    (void)json_object_del(answer, "ok");
    (void)json_object_del(answer, "end");
    ctl_out_json(answer, stdout);
}
