/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/prune.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"

enum {
    DEPTH_MAX = 32, /* of a job directory: what lies deeper was not made by us */
};

static void close_dir(DIR **dir)
{
    if (*dir != NULL)
        (void)closedir(*dir);
}
#define AUTO_DIR BL_CLEANUP(close_dir) DIR

/* Takes over the descriptor. NULL with errno set. */
static DIR *open_dir(int dir_fd, const char *name)
{
    BL_AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir != NULL)
        fd = -1; /* closedir() closes it */
    return dir;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Goes on after a failure and tells the first one. Follows no link. */
static int remove_tree(int dir_fd, const char *name, unsigned depth)
{
    AUTO_DIR *dir = NULL;
    int r = 0;

    if (unlinkat(dir_fd, name, 0) == 0)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    dir = depth < DEPTH_MAX ? open_dir(dir_fd, name) : NULL;
    if (dir == NULL)
        return depth < DEPTH_MAX ? -errno : -ELOOP;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        int one = is_dots(entry->d_name) ? 0 : remove_tree(dirfd(dir), entry->d_name, depth + 1);

        r = r < 0 ? r : one;
    }
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && r == 0)
        r = -errno;

    return r;
}

bool agent_prune_has_snapshots(int jobs_fd, const char *job)
{
    AUTO_DIR *dir = open_dir(jobs_fd, job);

    return dir != NULL && faccessat(dirfd(dir), "snapshot.record", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool agent_prune_find_next(const char *state_dir, const char *after,
                           const struct agent_prune_choice *choice,
                           char ret_name[AGENT_TXN_JOB_CHARS + 1])
{
    AUTO_DIR *jobs = NULL;
    const struct dirent *entry;
    char path[AGENT_TXN_PATH_BYTES_MAX], next[AGENT_TXN_JOB_CHARS + 1] = "";

    if (bl_text_format(path, sizeof(path), "%s/jobs", state_dir) < 0)
        return false;
    jobs = open_dir(AT_FDCWD, path);
    while (jobs != NULL && (entry = readdir(jobs)) != NULL) {
        if (agent_txn_job_is_valid(entry->d_name) && strcmp(entry->d_name, after) > 0 &&
            (next[0] == '\0' || strcmp(entry->d_name, next) < 0) &&
            agent_prune_has_snapshots(dirfd(jobs), entry->d_name) &&
            choice->is_wanted(choice->userdata, dirfd(jobs), entry->d_name))
            bl_text_copy(next, sizeof(next), entry->d_name);
    }
    if (next[0] != '\0')
        bl_text_copy(ret_name, AGENT_TXN_JOB_CHARS + 1, next);

    return next[0] != '\0';
}

void agent_prune_jobs(const char *state_dir, const char *newest, const char *base)
{
    AUTO_DIR *jobs = NULL;
    char path[512];

    if (snprintf(path, sizeof(path), "%s/jobs", state_dir) >= (int)sizeof(path))
        return;
    jobs = open_dir(AT_FDCWD, path);
    if (jobs == NULL)
        return; /* there is none yet */
    for (const struct dirent *entry; (entry = readdir(jobs)) != NULL;) {
        int r;

        if (!agent_txn_job_is_valid(entry->d_name) || strcmp(entry->d_name, newest) == 0 ||
            strcmp(entry->d_name, base) == 0 || strspn(entry->d_name, "0") == AGENT_TXN_JOB_CHARS ||
            agent_prune_has_snapshots(dirfd(jobs), entry->d_name))
            continue;
        r = remove_tree(dirfd(jobs), entry->d_name, 0);
        if (r < 0)
            sd_journal_print(LOG_WARNING, "Files of job %s are left: %s", entry->d_name,
                             strerror(-r));
    }
}
