/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/nested.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/snapshot/place.h"
#include "agent/snapshot/walk.h"
#include "common/file.h"
#include "common/text.h"

enum {
    DEPTH_MAX = 128,
    SUBVOLUME_INODE = 256,
};

struct search {
    char path[PATH_MAX];
    uint64_t device;
};

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

static uint64_t device_of(const struct statx *stx)
{
    return (uint64_t)stx->stx_dev_major << 32 | stx->stx_dev_minor;
}

static int search_below(struct search *s, int fd, unsigned level, struct bl_error *err);

/* 1: it is what is looked for. */
static int look_at(struct search *s, int dir_fd, const char *name, unsigned level,
                   struct bl_error *err)
{
    BL_AUTO_FD int fd = -1;
    struct statx stx;

    if (agent_snapshot_is_spared(s->path) ||
        (level == 0 && strcmp(name, AGENT_SNAPSHOT_FOLDER) == 0))
        return 0;
    if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_INO | STATX_TYPE, &stx) <
        0)
        return errno == ENOENT ? 0 : bl_fail(err, -errno, "'%.400s': %s", s->path, strerror(errno));
    if (!S_ISDIR(stx.stx_mode))
        return 0;
    if (device_of(&stx) != s->device) {
        bool is_mount = (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;

        return !is_mount && stx.stx_ino == SUBVOLUME_INODE ? 1 : 0;
    }
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : bl_fail(err, -errno, "'%.400s': %s", s->path, strerror(errno));

    return search_below(s, fd, level + 1, err);
}

static int search_below(struct search *s, int fd, unsigned level, struct bl_error *err)
{
    BL_CLEANUP(close_directory) DIR *directory = NULL;
    size_t length = strlen(s->path);
    const struct dirent *entry;
    int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    directory = own_fd >= 0 ? fdopendir(own_fd) : NULL;
    if (directory == NULL || level > DEPTH_MAX)
        return bl_fail(err, -EMSGSIZE, "'%.400s' cannot be looked through", s->path);
    while ((entry = readdir(directory)) != NULL) {
        int r;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
            continue;
        if (bl_text_format(s->path + length, sizeof(s->path) - length, "%s%s",
                           length > 0 && s->path[length - 1] == '/' ? "" : "/", entry->d_name) < 0)
            return bl_fail(err, -ENAMETOOLONG, "'%.400s' holds a path that is too long", s->path);
        r = look_at(s, fd, entry->d_name, level, err);
        if (r != 0)
            return r;
        s->path[length] = '\0';
    }

    return 0;
}

int agent_snapshot_find_nested(const char *path, char *ret_path, size_t size_bytes,
                               struct bl_error *err)
{
    BL_AUTO_FD int fd = bl_dir_open(AT_FDCWD, path, err);
    struct search s = {0};
    struct statx stx;
    int r;

    if (fd < 0)
        return fd;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_INO, &stx) < 0 ||
        bl_text_format(s.path, sizeof(s.path), "%s", path) < 0)
        return bl_fail(err, -EINVAL, "'%.400s' cannot be looked through", path);
    s.device = device_of(&stx);
    r = search_below(&s, fd, 0, err);
    if (r > 0)
        bl_text_copy(ret_path, size_bytes, s.path);

    return r;
}
