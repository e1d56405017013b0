/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/transfer.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"

enum {
    PIECE_BYTES = 64 * 1024
};

static int copy_bytes(int from_fd, int to_fd, const char *source, struct bl_error *err)
{
    char piece[PIECE_BYTES];

    for (;;) {
        ssize_t n = read(from_fd, piece, sizeof(piece));
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bl_fail(err, -errno, "read '%s': %s", source, strerror(errno));
        if (n == 0)
            return 0;
        r = bl_fd_write(to_fd, piece, (size_t)n, err);
        if (r < 0)
            return bl_wrap(err, "copy '%s'", source);
    }
}

static int fill(int from_fd, int dir_fd, const char *temp, const char *source, mode_t mode,
                struct bl_error *err)
{
    BL_AUTO_FD int to_fd = -1;
    int r;

    to_fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to_fd < 0)
        return bl_fail(err, -errno, "create '%s': %s", temp, strerror(errno));
    r = copy_bytes(from_fd, to_fd, source, err);
    if (r < 0)
        return r;
    if (fchmod(to_fd, mode) < 0 || fsync(to_fd) < 0)
        return bl_fail(err, -errno, "sync '%s': %s", temp, strerror(errno));

    return 0;
}

int agent_packages_transfer(const char *source, int dir_fd, const char *name, mode_t mode,
                            struct bl_error *err)
{
    BL_AUTO_FD int from_fd = -1;
    char temp[NAME_MAX + 1];
    struct stat st;
    int r;

    r = bl_text_format(temp, sizeof(temp), "%s.new", name);
    if (r < 0)
        return bl_fail(err, -ENAMETOOLONG, "'%s': name too long", name);
    from_fd = open(source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (from_fd < 0)
        return bl_fail(err, -errno, "open '%s': %s", source, strerror(errno));
    if (fstat(from_fd, &st) < 0 || !S_ISREG(st.st_mode))
        return bl_fail(err, -EUCLEAN, "'%s' is no plain file", source);

    r = fill(from_fd, dir_fd, temp, source, mode, err);
    if (r < 0) {
        /* A full disk must not stay full because of us. */
        (void)unlinkat(dir_fd, temp, 0);
        return r;
    }
    if (renameat(dir_fd, temp, dir_fd, name) < 0)
        return bl_fail(err, -errno, "rename '%s' to '%s': %s", temp, name, strerror(errno));
    if (fsync(dir_fd) < 0)
        return bl_fail(err, -errno, "sync the directory of '%s': %s", name, strerror(errno));

    return 0;
}
