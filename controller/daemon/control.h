/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_CONTROL_H
#define CTL_DAEMON_CONTROL_H

#include <jansson.h>

#include "controller/daemon/ask.h"
#include "controller/daemon/engine.h"

/*
 * The local socket that people's commands come in by: docs/control.md. Who may open it is the file
 * system's business (group belay); who did is read from the kernel and goes into the audit.
 */
enum {
    CTL_CONTROL_REQUEST_BYTES_MAX = 4 * 1024 * 1024,
    CTL_CONTROL_ANSWER_BYTES_MAX = 64 * 1024 * 1024,
    CTL_CONTROL_CLIENTS_MAX = 64,
    CTL_CONTROL_DESK_CLIENTS_MAX = 16, /* beside those: desks never take the local places */
};

struct ctl_control;
struct ctl_client;
struct ctl_desk;

/* A request under way, as its verb sees it. */
struct ctl_call {
    struct ctl_control *control;
    struct ctl_client *client;
    struct ctl_engine *engine;
    const json_t *request;
    int64_t uid; /* CTL_UID_DESK: somebody at `desk` */
    const struct ctl_desk *desk;
};

/* One row of the closed table of verbs. The turn is open when `run` is called, and ends after. */
struct ctl_verb {
    const char *name;
    const char *keys; /* all that may stand in a request besides "verb", between blanks */
    void (*run)(struct ctl_call *call);
    bool is_for_desks; /* may be asked for over the admin endpoint as well */
};

extern const struct ctl_verb ctl_verbs[];
extern const size_t ctl_verb_count;

/* `engine` is borrowed for the control's life; its watcher is taken. */
int ctl_control_open(struct ctl_engine *engine, struct ctl_control **ret_control,
                     struct bl_error *err) BL_CHECKED;
struct ctl_control *ctl_control_close(struct ctl_control *control);

/* ---- for the admin endpoint ---- */

/* A client on `*fd`, which is taken. -EBUSY: too many; *ret_slot names it until it is closed. */
int ctl_control_add_desk(struct ctl_control *control, int *fd, struct ctl_desk *desk,
                         unsigned *ret_slot) BL_CHECKED;
/* Whether this client is getting a stream, which may say nothing for hours. */
bool ctl_control_desk_streams(const struct ctl_control *control, unsigned slot);

/* ---- for verbs: each call ends in exactly one of these, or begins a stream ---- */

/* Takes `answer`, an object; "ok" is added. NULL means that memory ran out. */
void ctl_reply(struct ctl_call *call, json_t *answer);
void ctl_refuse(struct ctl_call *call, const char *code, const char *next, const char *fmt, ...)
    BL_PRINTF(4, 5);
/* As "ambiguous"; takes `candidates`, a list of texts. */
void ctl_refuse_ambiguous(struct ctl_call *call, const char *text, json_t *candidates);
/* A failure of ours, as "internal": the daemon ends, and the next one reads what is on disk. */
void ctl_reply_failure(struct ctl_call *call, const struct bl_error *err);

/* Frames of a stream; `end` closes it. The client may be gone: then they are dropped. */
void ctl_stream_send(struct ctl_client *client, json_t *frame, bool end);
/* The client's question to hosts, ended with the client. */
void ctl_stream_set_asking(struct ctl_client *client, struct ctl_asking *asking);
/* The client gets the status of this rollout at each change until it is final. */
void ctl_stream_watch(struct ctl_call *call, struct ctl_run *run);

#endif
