/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"

/* The directory of `path`, opened, and its last part, which is within `path`. */
static int open_place(const char *path, int *ret_dir_fd, const char **ret_name,
                      struct bl_error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    BL_AUTO_FREE char *dir =
        slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    BL_AUTO_FD int dir_fd = -1;
    struct stat there;
    int r;

    if (dir == NULL)
        return bl_fail(err, -ENOMEM, "out of memory for '%.200s'", path);
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return bl_fail(err, -EINVAL, "'%.200s' names no file to write", path);
    r = dir_fd = bl_dir_open(AT_FDCWD, dir, err);
    if (r < 0)
        return r;
    if (fstatat(dir_fd, name, &there, 0) == 0 && S_ISDIR(there.st_mode))
        return bl_fail(err, -EISDIR, "'%.200s' is a directory: name a file in it", path);
    *ret_dir_fd = BL_TAKE_FD(dir_fd);
    *ret_name = name;

    return 0;
}

int ctl_whole_file_check(const char *path, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    const char *name;

    return open_place(path, &dir_fd, &name, err);
}

int ctl_whole_file_write(const char *path, const char *text, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    const char *name;
    int r = open_place(path, &dir_fd, &name, err);

    return r < 0 ? r : bl_file_replace(dir_fd, name, text, strlen(text), err);
}
