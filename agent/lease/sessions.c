/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/sessions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "agent/lease/ssh_text.h"
#include "common/file.h"
#include "common/text.h"

enum {
    GROUPS_MAX = 1024,
    TTY_BYTES_MAX = 64,
    STAT_BYTES_MAX = 4096,
    TERMINALS_MAX = 64,  /* of one session */
    PTS_MAJOR_MIN = 136, /* UNIX98_PTY_SLAVE_MAJOR of the kernel, and how many of them */
    PTS_MAJOR_MAX = 143,
};

struct terminals {
    int numbers[TERMINALS_MAX];
    unsigned count;
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

/*
 * Where sshd resolves addresses, the session has a name only. It may be that of a kept address, and
 * whoever came in by the emergency way is not thrown out by mistake.
 */
static bool is_kept(const struct proto_manifest *manifest, const char *user, const char *address)
{
    if (manifest->ssh_keep_from_count > 0 && !agent_ssh_text_is_network(address))
        return true;
    for (uint32_t i = 0; i < manifest->ssh_keep_from_count; i++)
        if (agent_ssh_text_contains(manifest->ssh_keep_from[i].text, address))
            return true;

    return is_member(manifest, user);
}

/*
 * The number of the pseudo terminal that controls a process; below 0: none. /proc is asked, since
 * logind learns the terminal of an SSH session from utmp at best, which many systems have no more.
 */
static int terminal_of(pid_t pid)
{
    BL_AUTO_FREE char *stat = NULL;
    struct bl_error ignored = {0};
    char path[TTY_BYTES_MAX];
    const char *fields;
    size_t bytes;
    int device;

    if (bl_text_format(path, sizeof(path), "/proc/%d/stat", (int)pid) < 0 ||
        bl_file_read(AT_FDCWD, path, STAT_BYTES_MAX, &stat, &bytes, &ignored) < 0)
        return -1;
    fields = strrchr(stat, ')'); /* the name of a process may have any character in it */
    if (fields == NULL || sscanf(fields, ") %*c %*d %*d %*d %d", &device) != 1)
        return -1;
    if (major((dev_t)device) < PTS_MAJOR_MIN || major((dev_t)device) > PTS_MAJOR_MAX)
        return -1;

    return (int)((major((dev_t)device) - PTS_MAJOR_MIN) * 256 + minor((dev_t)device));
}

/* Whether the warning was shown. */
static bool warn_terminal(int number)
{
    BL_AUTO_FD int fd = -1;
    char path[TTY_BYTES_MAX];

    if (bl_text_format(path, sizeof(path), "/dev/pts/%d", number) < 0)
        return false;
    fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

    /* A terminal that takes no more is not worth waiting for. */
    return fd >= 0 && write(fd, warning, sizeof(warning) - 1) > 0;
}

static bool add_terminal(struct terminals *terminals, int number)
{
    for (unsigned i = 0; i < terminals->count; i++)
        if (terminals->numbers[i] == number)
            return false;
    if (terminals->count == TERMINALS_MAX)
        return false;
    terminals->numbers[terminals->count++] = number;

    return true;
}

/* Every terminal of a session, each once: it may have opened more of them. */
static bool warn(const char *session)
{
    struct terminals terminals = {0};
    const struct dirent *entry;
    DIR *proc = opendir("/proc");
    bool is_warned = false;

    while (proc != NULL && (entry = readdir(proc)) != NULL) {
        BL_AUTO_FREE char *owner = NULL;
        struct bl_error ignored = {0};
        uint64_t pid;
        int number;

        if (bl_text_to_u64(entry->d_name, INT_MAX, &pid, &ignored) < 0 || pid == 0 ||
            sd_pid_get_session((pid_t)pid, &owner) < 0 || strcmp(owner, session) != 0)
            continue;
        number = terminal_of((pid_t)pid);
        if (number >= 0 && add_terminal(&terminals, number) && warn_terminal(number))
            is_warned = true;
    }
    if (proc != NULL)
        (void)closedir(proc);

    return is_warned;
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
    BL_AUTO_FREE char *service = NULL, *host = NULL, *user = NULL;
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
    if (manifest->ssh_sessions == PROTO_SESSIONS_WARN)
        return warn(session) ? 1 : 0;
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
