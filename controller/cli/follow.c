/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/follow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "controller/cli/status_view.h"

enum {
    TICK_MS = 1000,
    RETRY_MS = 500,
    PATIENCE_MS = 5 * 60 * 1000,
};

enum waited {
    WAIT_TIME = 0,
    WAIT_LINK,
    WAIT_SIGNAL,
};

struct session {
    struct ctl_cli_globals *globals;
    const struct ctl_follower *follower;
    char rollout[64]; /* as typed, then the id of the first document: "latest" may change */
    int signal_fd;
    int ended_by; /* the signal that ended the looking on */
    json_t *last;
    uint64_t documents_count;
};

/*
 * Signals become readable: who looks on ends with them and nothing else does, and a screen that has
 * to be given back is given back.
 */
static int catch_signals(const struct ctl_follower *follower, int *ret_fd, struct bl_error *err)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    if (follower->tick != NULL)
        (void)sigaddset(&set, SIGWINCH);
    if (follower->suspended != NULL)
        (void)sigaddset(&set, SIGTSTP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return bl_fail(err, -errno, "block signals: %s", strerror(errno));
    *ret_fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (*ret_fd < 0)
        return bl_fail(err, -errno, "wait for signals: %s", strerror(errno));

    return 0;
}

/* WAIT_SIGNAL when it ends the looking on, else WAIT_TIME: something was seen to. */
static int take_signal(struct session *session, struct bl_error *err)
{
    const struct ctl_follower *follower = session->follower;
    struct signalfd_siginfo info;
    ssize_t n = read(session->signal_fd, &info, sizeof(info));

    if (n != (ssize_t)sizeof(info))
        return bl_fail(err, -EIO, "read a signal: %s", n < 0 ? strerror(errno) : "cut off");
    if (info.ssi_signo == SIGWINCH)
        return WAIT_TIME;
    if (info.ssi_signo == SIGTSTP) {
        follower->suspended(follower->context);
        return WAIT_TIME;
    }
    session->ended_by = (int)info.ssi_signo;

    return WAIT_SIGNAL;
}

/* Waits for the link (-1: for nothing), a signal or the time: enum waited, or below 0. */
static int wait_for(struct session *session, int link_fd, int timeout_ms, struct bl_error *err)
{
    struct pollfd fds[2] = {{.fd = session->signal_fd, .events = POLLIN},
                            {.fd = link_fd, .events = POLLIN}};
    int r = poll(fds, 2, timeout_ms);

    if (r < 0)
        return errno == EINTR ? WAIT_TIME : bl_fail(err, -errno, "wait: %s", strerror(errno));
    if (fds[0].revents != 0)
        return take_signal(session, err);

    return fds[1].revents != 0 ? WAIT_LINK : WAIT_TIME;
}

static void take_document(struct session *session, json_t *document)
{
    const char *id = ctl_json_text(document, "rollout");

    json_decref(session->last);
    session->last = document;
    session->documents_count++;
    if (id[0] != '\0')
        (void)snprintf(session->rollout, sizeof(session->rollout), "%s", id);
    session->follower->show(session->follower->context, document);
}

static void tick(const struct session *session)
{
    if (session->follower->tick != NULL && session->last != NULL)
        session->follower->tick(session->follower->context);
}

/* One connection's worth of documents. 1: the rollout ended, 2: a signal, -ENOTCONN: lost it. */
static int read_documents(struct session *session, struct ctl_cli_link *link, struct bl_error *err)
{
    for (;;) {
        json_t *document = NULL;
        bool is_end;
        int r = wait_for(session, link->fd, TICK_MS, err);

        if (r < 0 || r == WAIT_SIGNAL)
            return r;
        if (r == WAIT_TIME) {
            tick(session);
            continue;
        }
        r = ctl_cli_link_receive(link, &document, err);
        if (r < 0)
            return r;
        is_end = ctl_json_bool(document, "end") || ctl_json_bool(document, "final") ||
                 (session->follower->until_held && ctl_view_exit_code(document) == CTL_CLI_WAITS);
        take_document(session, document);
        if (is_end)
            return 1;
    }
}

static int connect_and_read(struct session *session, struct bl_error *err)
{
    CTL_CLI_AUTO_LINK link = {.fd = -1};
    int r;

    r = ctl_cli_link_open(session->globals, &link, err);
    if (r < 0)
        return r;
    r = ctl_cli_link_send(
        &link, json_pack("{s:s, s:s}", "verb", "watch", "rollout", session->rollout), err);
    if (r < 0)
        return r;

    return read_documents(session, &link, err);
}

static void tell_away(const struct session *session)
{
    if (session->follower->away != NULL)
        session->follower->away(session->follower->context);
    else
        (void)fputs("belay: the controller went away; the rollout goes on, waiting for it\n",
                    stderr);
}

static int follow(struct session *session, struct bl_error *err)
{
    struct bl_mono give_up = {0};
    bool is_away = false;

    for (;;) {
        const uint64_t before = session->documents_count;
        int r = connect_and_read(session, err);

        if (r >= 0)
            return r == 1 ? 0 : session->ended_by;
        /* Who was let in knew the key to be right: one that is busy or full now is waited for. */
        if ((r != -ENOTCONN && r != -EKEYREJECTED && r != -EBUSY) || session->last == NULL)
            return r;
        if (!is_away || session->documents_count != before) {
            tell_away(session);
            give_up = bl_mono_after(bl_mono_now(), PATIENCE_MS);
            is_away = true;
        }
        if (bl_mono_reached(bl_mono_now(), give_up))
            return r;
        r = wait_for(session, -1, RETRY_MS, err);
        if (r < 0)
            return r;
        if (r == WAIT_SIGNAL)
            return session->ended_by;
        tick(session);
    }
}

int ctl_follow(struct ctl_cli_globals *globals, const char *rollout,
               const struct ctl_follower *follower, json_t **ret_last, struct bl_error *err)
{
    struct session session = {.globals = globals, .follower = follower, .signal_fd = -1};
    BL_AUTO_FD int signal_fd = -1;
    int r;

    if (strlen(rollout) >= sizeof(session.rollout))
        return bl_fail(err, -EINVAL, "'%.60s...' is no rollout", rollout);
    (void)snprintf(session.rollout, sizeof(session.rollout), "%s", rollout);
    r = catch_signals(follower, &signal_fd, err);
    if (r < 0)
        return r;
    session.signal_fd = signal_fd;
    r = follow(&session, err);
    *ret_last = session.last;

    return r;
}
