/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/txn/ballast.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/file.h"

#define FOLDER "agent"
#define NAME   "ballast"

enum {
    SHARE = 4, /* at most one part in so many of what is free */
};

static int open_folder(const char *state_dir, int *ret_fd, struct bl_error *err)
{
    BL_AUTO_FD int state_fd = bl_dir_open(AT_FDCWD, state_dir, err);
    int fd;

    if (state_fd < 0)
        return state_fd;
    fd = bl_dir_open(state_fd, FOLDER, err);
    if (fd < 0)
        return fd;
    *ret_fd = fd;

    return 0;
}

/* UINT64_MAX when it is not known. */
static uint64_t free_bytes_at(const char *path)
{
    struct statvfs room;

    if (statvfs(path, &room) < 0)
        return UINT64_MAX;

    return (uint64_t)room.f_bavail * room.f_frsize;
}

int agent_ballast_make(const char *state_dir, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1, fd = -1;
    struct stat status;
    int r = open_folder(state_dir, &dir_fd, err);

    if (r < 0)
        return r;
    if (fstatat(dir_fd, NAME, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        status.st_size == AGENT_BALLAST_BYTES)
        return 1;
    if (free_bytes_at(state_dir) / SHARE < AGENT_BALLAST_BYTES)
        return 0;
    fd = openat(dir_fd, NAME, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return bl_fail(err, -errno, "%s/" FOLDER "/" NAME ": %s", state_dir, strerror(errno));
    r = -posix_fallocate(fd, 0, AGENT_BALLAST_BYTES);
    if (r < 0) {
        (void)unlinkat(dir_fd, NAME, 0);
        return bl_fail(err, r, "%s/" FOLDER "/" NAME ": %s", state_dir, strerror(-r));
    }

    return 1;
}

int agent_ballast_find_room(const char *state_dir, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    struct bl_error ignored = {0};

    if (free_bytes_at(state_dir) >= AGENT_ROOM_LEAST_BYTES)
        return 0;
    if (open_folder(state_dir, &dir_fd, &ignored) >= 0)
        (void)unlinkat(dir_fd, NAME, 0);
    if (free_bytes_at(state_dir) >= AGENT_ROOM_LEAST_BYTES)
        return 0;

    return bl_fail(err, -ENOSPC, "less than %d MiB are free at %s", AGENT_ROOM_LEAST_BYTES >> 20,
                   state_dir);
}
