/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/tree_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"

static int open_part(int dir_fd, const char *part, bool make)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dir_fd, part, flags);

    if (fd >= 0 || errno != ENOENT || !make)
        return fd;
    if (mkdirat(dir_fd, part, 0700) < 0 && errno != EEXIST)
        return -1;
    fd = openat(dir_fd, part, flags);
    if (fd >= 0)
        (void)fchmod(fd, 0755);

    return fd;
}

int agent_packages_tree_open_parent(const char *path, bool make, const char **ret_name,
                                    struct bl_error *err)
{
    BL_AUTO_FD int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return bl_fail(err, -errno, "open '/': %s", strerror(errno));

    return agent_packages_tree_open_parent_at(fd, path, make, ret_name, err);
}

int agent_packages_tree_open_parent_at(int top_fd, const char *path, bool make,
                                       const char **ret_name, struct bl_error *err)
{
    BL_AUTO_FD int fd = fcntl(top_fd, F_DUPFD_CLOEXEC, 0);
    const char *at = path;

    while (fd >= 0) {
        char part[NAME_MAX + 1];
        size_t length;
        int next_fd, code;

        at += strspn(at, "/");
        length = strcspn(at, "/");
        if (at[length] == '\0') {
            *ret_name = at;
            return BL_TAKE_FD(fd);
        }
        if (bl_text_format(part, sizeof(part), "%.*s", (int)length, at) < 0)
            return bl_fail(err, -ENAMETOOLONG, "'%s': name too long", path);
        next_fd = open_part(fd, part, make);
        code = errno;
        /* O_DIRECTORY makes "not a directory" of a link. */
        if (next_fd < 0 && (code == ELOOP || code == ENOTDIR))
            return bl_fail(err, -ELOOP, "'%.*s' is a link or a file, not a directory",
                           (int)(at + length - path), path);
        if (next_fd < 0)
            return bl_fail(err, -code, "open '%.*s': %s", (int)(at + length - path), path,
                           strerror(code));
        bl_close_fd(&fd);
        fd = next_fd;
        at += length;
    }

    return bl_fail(err, -errno, "open the top of '%s': %s", path, strerror(errno));
}
