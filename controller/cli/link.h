/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_LINK_H
#define CTL_CLI_LINK_H

#include <jansson.h>

#include "common/attr.h"
#include "common/error.h"
#include "controller/cli/cli.h"
#include "controller/outside/json.h"

/*
 * The desk's end of control.sock, or of the admin endpoint with --desk: docs/control.md. Answers are data of the controller: their shape
 * is never relied on, and they are read with ctl_json_text() and its like.
 */
struct ctl_cli_link {
    int fd;
    struct ctl_desk_line *line;      /* NULL: the control socket of this machine */
    struct ctl_cli_globals *globals; /* borrowed: gets the advice of a refusal */
};

enum {
    CTL_CLI_ANSWER_BYTES_MAX = 64 * 1024 * 1024,
    CTL_CLI_REQUEST_BYTES_MAX = 4 * 1024 * 1024,
};

/* -ENOTCONN whenever the controller cannot be reached: such a command ends with exit code 7. */
int ctl_cli_link_open(struct ctl_cli_globals *globals, struct ctl_cli_link *ret_link,
                      struct bl_error *err) BL_CHECKED;
void ctl_cli_link_close(struct ctl_cli_link *link);
#define CTL_CLI_AUTO_LINK BL_CLEANUP(ctl_cli_link_close) struct ctl_cli_link

/* Sends a request and takes over its reference, also on failure. */
int ctl_cli_link_send(struct ctl_cli_link *link, json_t *request, struct bl_error *err) BL_CHECKED;

/*
 * Waits for one answer. An answer with "ok": false becomes -EREMOTEIO with the controller's text;
 * what it advises to do next is kept in the globals.
 */
int ctl_cli_link_receive(struct ctl_cli_link *link, json_t **ret_answer, struct bl_error *err)
    BL_CHECKED;

/*
 * Receives a stream to its end: the host of each frame is appended to the array `hosts`, the last
 * frame comes back as `*ret_end`.
 */
int ctl_cli_link_collect_hosts(struct ctl_cli_link *link, json_t *hosts, json_t **ret_end,
                               struct bl_error *err) BL_CHECKED;

/* Opens, sends, receives one answer, closes. */
int ctl_cli_ask(struct ctl_cli_globals *globals, json_t *request, json_t **ret_answer,
                struct bl_error *err) BL_CHECKED;

/* "belay: ..." and the controller's advice; returns the exit code that belongs to the failure. */
int ctl_cli_say_failure(const struct ctl_cli_globals *globals, const struct bl_error *err);

/* The answer as JSON on standard output, without what belongs only to the socket (ok, end). */
void ctl_cli_out_answer(json_t *answer);

#endif
