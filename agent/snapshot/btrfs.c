/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/btrfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/snapshot/walk.h"
#include "common/file.h"
#include "common/text.h"

enum {
    TOP_INODE = 256, /* of the first directory of every subvolume */
};

static int check_top(int fd, const char *path, struct bl_error *err)
{
    struct statfs fs;
    struct stat st;

    if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
        return bl_fail(err, -errno, "look at '%s': %s", path, strerror(errno));
    if (fs.f_type != BTRFS_SUPER_MAGIC || st.st_ino != TOP_INODE)
        return bl_fail(err, -EOPNOTSUPP, "'%s' is not the top of a btrfs subvolume", path);

    return 0;
}

int agent_snapshot_btrfs_check(const char *path, struct bl_error *err)
{
    BL_AUTO_FD int fd = bl_dir_open(AT_FDCWD, path, err);

    return fd < 0 ? fd : check_top(fd, path, err);
}

/* The directory of the snapshots; only root may look into it. */
static int open_folder(int top_fd, bool make, struct bl_error *err)
{
    int r = make ? bl_dir_make(top_fd, AGENT_SNAPSHOT_FOLDER, 0700, err) : 0;

    return r < 0 ? r : bl_dir_open(top_fd, AGENT_SNAPSHOT_FOLDER, err);
}

static int destroy(int folder_fd, const char *name, struct bl_error *err)
{
    struct btrfs_ioctl_vol_args args = {0};

    if (bl_text_format(args.name, sizeof(args.name), "%s", name) < 0)
        return bl_fail(err, -ENAMETOOLONG, "a snapshot's name is too long");
    if (ioctl(folder_fd, BTRFS_IOC_SNAP_DESTROY, &args) < 0 && errno != ENOENT)
        return bl_fail(err, -errno, "remove the snapshot '%s': %s", name, strerror(errno));

    return 0;
}

int agent_snapshot_btrfs_take(const char *path, const char *name, struct bl_error *err)
{
    BL_AUTO_FD int top_fd = bl_dir_open(AT_FDCWD, path, err);
    BL_AUTO_FD int folder_fd = -1;
    struct btrfs_ioctl_vol_args_v2 args = {.flags = BTRFS_SUBVOL_RDONLY};
    int r;

    if (top_fd < 0)
        return top_fd;
    if ((r = check_top(top_fd, path, err)) < 0)
        return r;
    folder_fd = open_folder(top_fd, /* make= */ true, err);
    if (folder_fd < 0)
        return folder_fd;
    r = destroy(folder_fd, name, err);
    if (r < 0)
        return r;
    if (bl_text_format(args.name, sizeof(args.name), "%s", name) < 0)
        return bl_fail(err, -ENAMETOOLONG, "a snapshot's name is too long");
    args.fd = top_fd;
    /* The kernel writes out what is dirty, and returns when its transaction is on the disk. */
    if (ioctl(folder_fd, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0)
        return bl_fail(err, -errno, "take a snapshot of '%s': %s", path, strerror(errno));

    return 0;
}

int agent_snapshot_btrfs_open(const char *path, const char *name, struct bl_error *err)
{
    BL_AUTO_FD int top_fd = bl_dir_open(AT_FDCWD, path, err);
    BL_AUTO_FD int folder_fd = -1;
    BL_AUTO_FD int fd = -1;
    __u64 flags = 0;
    int r;

    if (top_fd < 0)
        return top_fd;
    folder_fd = open_folder(top_fd, /* make= */ false, err);
    if (folder_fd < 0)
        return folder_fd;
    fd = bl_dir_open(folder_fd, name, err);
    if (fd < 0)
        return fd;
    r = check_top(fd, name, err);
    if (r < 0)
        return r;
    if (ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) < 0)
        return bl_fail(err, -errno, "look at the snapshot of '%s': %s", path, strerror(errno));
    if ((flags & BTRFS_SUBVOL_RDONLY) == 0)
        return bl_fail(err, -EUCLEAN, "somebody made the snapshot of '%s' writable", path);

    return BL_TAKE_FD(fd);
}

int agent_snapshot_btrfs_remove(const char *path, const char *name, struct bl_error *err)
{
    BL_AUTO_FD int top_fd = bl_dir_open(AT_FDCWD, path, err);
    BL_AUTO_FD int folder_fd = -1;
    int r;

    if (top_fd < 0)
        return top_fd;
    folder_fd = open_folder(top_fd, /* make= */ false, err);
    if (folder_fd == -ENOENT) {
        *err = (struct bl_error){0};
        return 0;
    }
    if (folder_fd < 0)
        return folder_fd;
    r = destroy(folder_fd, name, err);
    if (r < 0)
        return r;
    /* Another job's may lie there. */
    if (unlinkat(top_fd, AGENT_SNAPSHOT_FOLDER, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY)
        return bl_fail(err, -errno, "remove '%s': %s", AGENT_SNAPSHOT_FOLDER, strerror(errno));

    return 0;
}
