/* SPDX-License-Identifier: Apache-2.0 */
#include "common/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"

static int judge(int fd, const char *what, uid_t owner, struct stat *ret_status,
                 struct bl_error *err)
{
    if (fstat(fd, ret_status) < 0)
        return bl_fail(err, -errno, "look at %s: %s", what, strerror(errno));
    if (ret_status->st_uid != owner)
        return bl_fail(err, -EPERM, "%s does not belong to root", what);
    if ((ret_status->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return bl_fail(err, -EPERM, "others than root can write to %s", what);

    return 0;
}

/* Takes the folders of `path` one by one, and no link: each could be replaced by who may write above it. */
static int open_folder(int root_fd, const char *path, uid_t owner, int *ret_fd,
                       struct bl_error *err)
{
    BL_AUTO_FD int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;
    int r;

    if (fd < 0)
        return bl_fail(err, -errno, "open the root directory: %s", strerror(errno));
    r = judge(fd, "the root directory", owner, &status, err);
    if (r < 0)
        return r;
    while (*path != '\0') {
        const char *end = strchrnul(path, '/');
        char name[NAME_MAX + 1];
        int next;

        if (end == path || (size_t)(end - path) > NAME_MAX)
            return bl_fail(err, -EINVAL, "'%s' is no path", path);
        (void)snprintf(name, sizeof(name), "%.*s", (int)(end - path), path);
        next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return bl_fail(err, -errno, "folder '%s': %s", name, strerror(errno));
        bl_close_fd(&fd);
        fd = next;
        r = judge(fd, name, owner, &status, err);
        if (r < 0)
            return r;
        path = *end == '/' ? end + 1 : end;
    }
    *ret_fd = BL_TAKE_FD(fd);

    return 0;
}

int bl_program_check(int root_fd, const char *path, const char *name, uid_t owner,
                     struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1, fd = -1;
    struct stat status;
    int r;

    if (!bl_text_is_name(name))
        return bl_fail(err, -EPERM, "this is no name of a program");
    r = open_folder(root_fd, path, owner, &dir_fd, err);
    if (r < 0)
        return r;
    /* Without blocking: a FIFO in its place must not hold anybody up. */
    fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ELOOP)
        return bl_fail(err, -EPERM, "%s is a link", name);
    if (fd < 0)
        return bl_fail(err, -errno, "%s: %s", name, strerror(errno));
    r = judge(fd, name, owner, &status, err);
    if (r < 0)
        return r;
    if (!S_ISREG(status.st_mode))
        return bl_fail(err, -EPERM, "%s is no regular file", name);
    if ((status.st_mode & S_IXUSR) == 0)
        return bl_fail(err, -EPERM, "%s is not executable", name);
    /* By us, who need not be its owner: belayd is user belay. */
    if (faccessat(dir_fd, name, X_OK, 0) < 0)
        return bl_fail(err, -EPERM, "%s can't be executed by this user: %s", name, strerror(errno));

    return 0;
}

void bl_program_last_line(const char *output, size_t output_bytes, const char **ret_line,
                          size_t *ret_bytes)
{
    size_t end = output_bytes, start;

    while (end > 0 && strchr("\n\r\t ", output[end - 1]) != NULL)
        end--;
    start = end;
    while (start > 0 && output[start - 1] != '\n')
        start--;
    *ret_line = output + start;
    *ret_bytes = end - start;
}
