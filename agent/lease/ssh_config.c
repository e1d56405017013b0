/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/ssh_config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/lease/ssh_block.h"
#include "agent/lease/ssh_text.h"
#include "common/file.h"

/* The first of the directory, since the first value that sshd reads wins. */
#define DROP_IN "00-belay-lock.conf"

enum {
    CONFIG_BYTES_MAX = 1024 * 1024,
    EDIT_TRIES = 5, /* somebody else may be writing at the same time */
};

/* The main file as it is right now, behind all links. */
struct main_file {
    char path[PATH_MAX];
    const char *name; /* in it */
    int dir_fd;
    struct stat seen;
    char *text;
    size_t text_bytes;
};

static void release_main(struct main_file *file)
{
    bl_close_fd(&file->dir_fd);
    free(file->text);
}
#define AUTO_MAIN BL_CLEANUP(release_main) struct main_file

static int read_main(const struct agent_lease_places *places, struct main_file *file,
                     struct bl_error *err)
{
    BL_AUTO_FD int fd = -1;
    char *slash;

    /* A name that is changed meanwhile is seen by bl_file_edit, which compares the files. */
    if (realpath(places->sshd_config, file->path) == NULL)
        return bl_fail(err, -errno, "find '%s': %s", places->sshd_config, strerror(errno));
    slash = strrchr(file->path, '/');
    *slash = '\0';
    file->name = slash + 1;
    file->dir_fd = bl_dir_open(AT_FDCWD, slash == file->path ? "/" : file->path, err);
    if (file->dir_fd < 0)
        return file->dir_fd;
    fd = openat(file->dir_fd, file->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &file->seen) < 0)
        return bl_fail(err, -errno, "open '%s': %s", places->sshd_config, strerror(errno));
    if (!S_ISREG(file->seen.st_mode))
        return bl_fail(err, -EPROTO, "'%s' is not a regular file", places->sshd_config);

    return bl_fd_read(fd, CONFIG_BYTES_MAX, &file->text, &file->text_bytes, err);
}

int agent_ssh_config_find_place(const struct agent_lease_places *places,
                                enum agent_ssh_place *ret_place, struct bl_error *err)
{
    AUTO_MAIN file = {.dir_fd = -1};
    int r;

    r = read_main(places, &file, err);
    if (r < 0)
        return r;
    *ret_place = agent_ssh_text_includes(file.text, places->sshd_lock_dir) &&
                         access(places->sshd_lock_dir, F_OK) == 0
                     ? AGENT_SSH_DROP_IN
                     : AGENT_SSH_MAIN_FILE;

    return 0;
}

/* ---- a file of its own --------------------------------------------------------------------- */

static int write_drop_in(const struct agent_lease_places *places, const char *lock,
                         struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = bl_dir_open(AT_FDCWD, places->sshd_lock_dir, err);

    if (dir_fd < 0)
        return dir_fd;

    return bl_file_replace_mode(dir_fd, DROP_IN, lock, strlen(lock), 0644, err);
}

static int has_drop_in(const struct agent_lease_places *places, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = bl_dir_open(AT_FDCWD, places->sshd_lock_dir, err);

    if (dir_fd == -ENOENT)
        return 0;

    return dir_fd < 0 ? dir_fd : bl_file_exists(dir_fd, DROP_IN, err);
}

static int remove_drop_in(const struct agent_lease_places *places, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = bl_dir_open(AT_FDCWD, places->sshd_lock_dir, err);

    if (dir_fd == -ENOENT)
        return 1;

    return dir_fd < 0 ? dir_fd : bl_file_remove(dir_fd, DROP_IN, err);
}

/* ---- the main file ------------------------------------------------------------------------- */

static int add_block(const struct agent_lease_places *places, const char *lock,
                     struct bl_error *err)
{
    AUTO_MAIN file = {.dir_fd = -1};
    BL_AUTO_FREE char *locked = NULL;
    size_t locked_bytes;
    int r;

    r = read_main(places, &file, err);
    if (r < 0)
        return r;
    (void)agent_ssh_block_cut(file.text, &file.text_bytes);
    r = agent_ssh_block_add(file.text, file.text_bytes, lock, &locked, &locked_bytes, err);
    if (r >= 0)
        r = bl_file_edit(file.dir_fd, file.name, &file.seen, locked, locked_bytes, err);
    if (r < 0)
        return bl_wrap(err, "%s includes no directory and can't be edited", places->sshd_config);

    return 0;
}

/* A full disk has no room for a second copy, but none is needed to make the file end earlier. */
static int truncate_main(const struct main_file *file, size_t size_bytes, struct bl_error *err)
{
    BL_AUTO_FD int fd = openat(file->dir_fd, file->name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    const struct timespec times[] = {file->seen.st_atim, file->seen.st_mtim};

    if (fd < 0 || ftruncate(fd, (off_t)size_bytes) < 0 || futimens(fd, times) < 0 || fsync(fd) < 0)
        return bl_fail(err, -errno, "shorten '%s': %s", file->name, strerror(errno));

    return 0;
}

static int cut_block(const struct agent_lease_places *places, struct bl_error *err)
{
    AUTO_MAIN file = {.dir_fd = -1};
    BL_AUTO_FREE char *cut = NULL;
    size_t cut_bytes;
    bool is_end;
    int r;

    r = read_main(places, &file, err);
    if (r == -ENOENT || r == -EPROTO)
        return 1; /* no such file: no lock in it */
    if (r < 0)
        return r;
    cut_bytes = file.text_bytes;
    cut = malloc(cut_bytes + 1);
    if (cut == NULL)
        return bl_fail(err, -ENOMEM, "no memory for sshd's configuration");
    memcpy(cut, file.text, cut_bytes + 1);
    if (!agent_ssh_block_cut(cut, &cut_bytes))
        return 1;
    is_end = memcmp(cut, file.text, cut_bytes) == 0;
    r = bl_file_edit(file.dir_fd, file.name, &file.seen, cut, cut_bytes, err);
    if ((r == -ENOSPC || r == -EDQUOT) && is_end)
        r = truncate_main(&file, cut_bytes, err);

    return r;
}

static int has_block(const struct agent_lease_places *places, struct bl_error *err)
{
    AUTO_MAIN file = {.dir_fd = -1};
    int r = read_main(places, &file, err);

    if (r == -ENOENT || r == -EPROTO)
        return 0;

    return r < 0 ? r : agent_ssh_block_is_in(file.text, file.text_bytes);
}

/* ---- both ---------------------------------------------------------------------------------- */

int agent_ssh_config_lock(const struct agent_lease_places *places, enum agent_ssh_place place,
                          const char *lock, struct bl_error *err)
{
    int r = -EAGAIN;

    if (place == AGENT_SSH_DROP_IN)
        return write_drop_in(places, lock, err);
    for (int i = 0; i < EDIT_TRIES && r == -EAGAIN; i++)
        r = add_block(places, lock, err);

    return r;
}

int agent_ssh_config_is_locked(const struct agent_lease_places *places, struct bl_error *err)
{
    int r = has_drop_in(places, err);

    return r != 0 ? r : has_block(places, err);
}

int agent_ssh_config_unlock(const struct agent_lease_places *places, struct bl_error *err)
{
    int drop_in = remove_drop_in(places, err), block = -EAGAIN, r;

    /* That one of them can't be taken away does not keep the other. */
    for (int i = 0; i < EDIT_TRIES && block == -EAGAIN; i++)
        block = cut_block(places, err);
    if (drop_in < 0 || block < 0)
        return drop_in < 0 ? drop_in : block;
    r = agent_ssh_config_is_locked(places, err);
    if (r > 0)
        return bl_fail(err, -EUCLEAN, "the lock is still in sshd's configuration");

    return r < 0 ? r : drop_in == 1 && block == 1;
}
