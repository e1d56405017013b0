/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/sessions.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "agent/lease/ssh_text.h"
#include "common/file.h"
#include "common/text.h"

enum {
    GROUPS_MAX = 1024,
    TTY_BYTES_MAX = 64,
};

static const char warning[] =
    "\r\nbelay: this host is being upgraded; new SSH logins are closed meanwhile. "
    "This session stays, but services may restart.\r\n";

static bool is_member(const struct proto_manifest *manifest, const char *user)
{
    const struct passwd *entry;
    gid_t gids[GROUPS_MAX];
    int gids_count = GROUPS_MAX;

    entry = getpwnam(user);
    if (entry == NULL || getgrouplist(user, entry->pw_gid, gids, &gids_count) < 0)
        return false;
    for (uint32_t i = 0; i < manifest->ssh_keep_groups_count; i++) {
        const struct group *group = getgrnam(manifest->ssh_keep_groups[i].text);

        for (int j = 0; group != NULL && j < gids_count; j++)
            if (gids[j] == group->gr_gid)
                return true;
    }

    return false;
}

static bool is_kept(const struct proto_manifest *manifest, const char *user, const char *address)
{
    for (uint32_t i = 0; i < manifest->ssh_keep_from_count; i++)
        if (agent_ssh_text_contains(manifest->ssh_keep_from[i].text, address))
            return true;

    return is_member(manifest, user);
}

/*
 * Whether the warning was shown. The terminal's name comes from logind, which got it from sshd: only
 * pts/N will do.
 */
static bool warn(const char *tty)
{
    BL_AUTO_FD int fd = -1;
    char path[TTY_BYTES_MAX];

    if (strncmp(tty, "pts/", 4) != 0 || tty[4 + strspn(tty + 4, "0123456789")] != '\0' ||
        bl_text_format(path, sizeof(path), "/dev/%s", tty) < 0)
        return false;
    fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

    /* A terminal that takes no more is not worth waiting for. */
    return fd >= 0 && write(fd, warning, sizeof(warning) - 1) > 0;
}

static int end(sd_bus *bus, const char *session, struct bl_error *err)
{
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    int r = sd_bus_call_method(bus, "org.freedesktop.login1", "/org/freedesktop/login1",
                               "org.freedesktop.login1.Manager", "TerminateSession", &bus_error,
                               NULL, "s", session);

    if (r < 0)
        r = bl_fail(err, r, "end session '%s': %s", session,
                    sd_bus_error_is_set(&bus_error) ? bus_error.message : strerror(-r));
    sd_bus_error_free(&bus_error);

    return r;
}

/* 1 when the session was treated, 0 when it is none of ours or has no terminal to be warned on. */
static int treat(const struct proto_manifest *manifest, sd_bus *bus, const char *session,
                 struct bl_error *err)
{
    BL_AUTO_FREE char *service = NULL, *host = NULL, *tty = NULL, *user = NULL;
    uid_t uid;
    const struct passwd *entry;
    int r;

    if (sd_session_get_service(session, &service) < 0 || strcmp(service, "sshd") != 0)
        return 0;
    if (sd_session_get_remote_host(session, &host) < 0)
        host = strdup("");
    if (sd_session_get_uid(session, &uid) < 0)
        return 0; /* it just ended */
    entry = getpwuid(uid);
    user = strdup(entry != NULL ? entry->pw_name : "");
    if (host == NULL || user == NULL)
        return bl_fail(err, -ENOMEM, "no memory for a session");
    if (is_kept(manifest, user, host))
        return 0;
    if (manifest->ssh_sessions == PROTO_SESSIONS_WARN) {
        if (sd_session_get_tty(session, &tty) < 0)
            return 0;
        return warn(tty) ? 1 : 0;
    }
    r = end(bus, session, err);

    return r < 0 ? r : 1;
}

static void free_list(char ***list)
{
    for (char **item = *list; item != NULL && *item != NULL; item++)
        free(*item);
    free(*list);
}

int agent_sessions_treat(const struct proto_manifest *manifest, unsigned *ret_count,
                         struct bl_error *err)
{
    BL_CLEANUP(free_list) char **sessions = NULL;
    sd_bus *bus = NULL;
    unsigned count = 0;
    int r, first_failure = 0;

    *ret_count = 0;
    if (manifest->ssh_sessions == PROTO_SESSIONS_KEEP)
        return 0;
    r = sd_get_sessions(&sessions);
    if (r < 0)
        return bl_fail(err, -EOPNOTSUPP, "logind does not tell the sessions: %s", strerror(-r));
    if (manifest->ssh_sessions == PROTO_SESSIONS_END) {
        r = sd_bus_open_system(&bus);
        if (r < 0)
            return bl_fail(err, -EOPNOTSUPP, "reach logind: %s", strerror(-r));
    }
    /* One session that does not end does not save the others. */
    for (char **session = sessions; session != NULL && *session != NULL; session++) {
        r = treat(manifest, bus, *session, err);
        if (r < 0 && first_failure == 0)
            first_failure = r;
        if (r > 0)
            count++;
    }
    (void)sd_bus_flush_close_unref(bus);
    *ret_count = count;

    return first_failure;
}
