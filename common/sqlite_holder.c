/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sqlite_holder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/attr.h"
#include "common/text.h"

/* Bytes that SQLite locks (its documents "File Locking" and "WAL-mode File Format" fix them). */
enum {
    SHM_WRITE = 120, /* in the file -shm: who writes, who checkpoints, who recovers, five readers */
    SHM_LOCKS = 8,
    DB_FIRST = 0x40000000, /* in the database itself: pending, reserved, shared */
    DB_BYTES = 512,
};

static pid_t ask(int fd, short type, off_t start, off_t bytes)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = bytes};

    if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK || lock.l_pid < 0)
        return 0;

    return lock.l_pid;
}

static pid_t look(const char *path, pid_t own)
{
    char shm_path[PATH_MAX];
    pid_t holder = 0;
    int shm, db;

    if (bl_text_format(shm_path, sizeof(shm_path), "%s-shm", path) < 0)
        return 0;
    shm = open(shm_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    db = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    for (int i = 0; i < SHM_LOCKS && (holder == 0 || holder == own); i++)
        holder = ask(shm, F_WRLCK, SHM_WRITE + i, 1);
    /* There everybody reads: only one who has it alone is in the way. */
    if (holder == 0 || holder == own)
        holder = ask(db, F_RDLCK, DB_FIRST, DB_BYTES);

    return holder == own ? 0 : holder;
}

/*
 * In a process of its own: a process that closes a file loses all its locks on it, also those that
 * SQLite took by another descriptor.
 */
pid_t bl_sqlite_holder(const char *path)
{
    const pid_t own = getpid();
    pid_t holder = 0, child;
    int answer[2];

    if (pipe2(answer, O_CLOEXEC) < 0)
        return 0;
    child = fork();
    if (child == 0) {
        holder = look(path, own);
        _exit(write(answer[1], &holder, sizeof(holder)) == (ssize_t)sizeof(holder) ? 0 : 1);
    }
    (void)close(answer[1]);
    if (child > 0) {
        if (read(answer[0], &holder, sizeof(holder)) != (ssize_t)sizeof(holder))
            holder = 0;
        (void)TEMP_FAILURE_RETRY(waitpid(child, NULL, 0));
    }
    (void)close(answer[0]);

    return holder;
}
