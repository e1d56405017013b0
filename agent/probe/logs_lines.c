/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/logs_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"

enum {
    CHUNK_BYTES = 64 * 1024,
    READ_BYTES_MAX = 64 * 1024 * 1024, /* in one go; whoever logs more is told so */
    PATH_BYTES = PROTO_TEXT_BYTES_MAX + 3,
};

/* ---- lines --------------------------------------------------------------------------------- */

int agent_logs_lines_init(struct agent_logs_lines *lines, const struct proto_log_check *check,
                          struct bl_error *err)
{
    int r = 0;

    if (check->bad[0] != '\0')
        r = bl_pattern_compile(check->bad, &lines->bad, err);
    if (r >= 0 && check->good[0] != '\0')
        r = bl_pattern_compile(check->good, &lines->good, err);

    return r;
}

void agent_logs_lines_release(struct agent_logs_lines *lines)
{
    bl_pattern_release(&lines->bad);
    bl_pattern_release(&lines->good);
}

void agent_logs_lines_take(struct agent_logs_lines *lines, const char *line, size_t line_bytes)
{
    if (lines->bad.is_ready && bl_pattern_matches(&lines->bad, line, line_bytes) &&
        lines->bad_count++ == 0)
        bl_text_escape(lines->bad_line, sizeof(lines->bad_line), line, line_bytes);
    if (lines->good.is_ready && !lines->good_seen)
        lines->good_seen = bl_pattern_matches(&lines->good, line, line_bytes);
}

void agent_logs_lines_end(struct agent_logs_lines *lines)
{
    if (lines->line_bytes > 0)
        agent_logs_lines_take(lines, lines->line, lines->line_bytes);
    lines->line_bytes = 0;
}

void agent_logs_lines_feed(struct agent_logs_lines *lines, const char *data, size_t bytes)
{
    while (bytes > 0) {
        const char *end = memchr(data, '\n', bytes);
        size_t part = end != NULL ? (size_t)(end - data) : bytes;
        size_t room = sizeof(lines->line) - lines->line_bytes;
        size_t kept = part < room ? part : room;

        memcpy(lines->line + lines->line_bytes, data, kept);
        lines->line_bytes += kept;
        if (end != NULL)
            agent_logs_lines_end(lines);
        part += end != NULL ? 1 : 0;
        data += part;
        bytes -= part;
    }
}

/* ---- files --------------------------------------------------------------------------------- */

/*
 * Each part of the path from its directory's descriptor. Not by openat2(), which the sandbox refuses:
 * a filter cannot look at its flags.
 */
static int open_plain(int dir_fd, const char *path, struct bl_error *err)
{
    BL_AUTO_FD int fd = openat(dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const char *at = path;

    while (fd >= 0) {
        const char *end = strchrnul(at, '/');
        int flags = *end == '/' ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK | O_NOCTTY;
        char name[NAME_MAX + 1];
        int next;

        if (bl_text_format(name, sizeof(name), "%.*s", (int)(end - at), at) <= 0 ||
            strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            return bl_fail(err, -EINVAL, "'%.80s' is no plain path", path);
        next = openat(fd, name, flags | O_NOFOLLOW | O_CLOEXEC);
        bl_close_fd(&fd);
        fd = next;
        if (*end == '\0')
            break;
        at = end + 1;
    }
    if (fd < 0)
        return bl_fail(err, -errno, "'%.80s': %s", path, strerror(errno));

    return BL_TAKE_FD(fd);
}

int agent_logs_open(int dir_fd, const char *path, struct bl_error *err)
{
    BL_AUTO_FD int fd = open_plain(dir_fd, path, err);
    struct stat status;

    if (fd < 0)
        return fd;
    if (fstat(fd, &status) < 0)
        return bl_fail(err, -errno, "'%.80s': %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return bl_fail(err, -EINVAL, "'%.80s' is no regular file", path);

    return BL_TAKE_FD(fd);
}

static int stat_mark(int fd, struct agent_logs_mark *ret_mark, struct bl_error *err)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return bl_fail(err, -errno, "look at a log: %s", strerror(errno));
    *ret_mark = (struct agent_logs_mark){status.st_dev, status.st_ino, (uint64_t)status.st_size};

    return 0;
}

int agent_logs_mark_file(int dir_fd, const char *path, struct agent_logs_mark *ret_mark,
                         struct bl_error *err)
{
    BL_AUTO_FD int fd = agent_logs_open(dir_fd, path, err);

    *ret_mark = (struct agent_logs_mark){0};
    if (fd == -ENOENT)
        return 0;

    return fd < 0 ? fd : stat_mark(fd, ret_mark, err);
}

static bool is_same(const struct agent_logs_mark *a, const struct agent_logs_mark *b)
{
    return a->device == b->device && a->inode == b->inode;
}

/* From at.bytes to the end as it is now. */
static int read_on(struct agent_logs_file *file, struct agent_logs_lines *lines,
                   struct bl_error *err)
{
    static char chunk[CHUNK_BYTES];
    struct agent_logs_mark end;
    uint64_t read_bytes = 0;
    int r = stat_mark(file->fd, &end, err);

    if (r < 0)
        return r;
    if (end.bytes < file->at.bytes) { /* cut, as logrotate's copytruncate does */
        agent_logs_lines_end(lines);
        file->at.bytes = 0;
    }
    while (read_bytes < READ_BYTES_MAX) {
        ssize_t bytes = pread(file->fd, chunk, sizeof(chunk), (off_t)file->at.bytes);

        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes < 0)
            return bl_fail(err, -errno, "read a log: %s", strerror(errno));
        if (bytes == 0)
            return 0;
        agent_logs_lines_feed(lines, chunk, (size_t)bytes);
        file->at.bytes += (uint64_t)bytes;
        read_bytes += (uint64_t)bytes;
    }

    return bl_fail(err, -EFBIG, "more than %d MiB were logged", READ_BYTES_MAX / 1024 / 1024);
}

/* The file of the mark, where logrotate lays it: what was written to it last still counts. */
static int read_rotated(int dir_fd, const char *path, struct agent_logs_file *file,
                        struct agent_logs_lines *lines, struct bl_error *err)
{
    struct bl_error ignored = {0};
    struct agent_logs_mark mark;
    char rotated[PATH_BYTES];
    int r;

    r = bl_text_format(rotated, sizeof(rotated), "%s.1", path);
    if (r >= 0)
        file->fd = agent_logs_open(dir_fd, rotated, &ignored);
    if (r < 0 || file->fd < 0) {
        file->fd = -1;
        return 0;
    }
    r = stat_mark(file->fd, &mark, err);
    if (r >= 0 && is_same(&mark, &file->at))
        r = read_on(file, lines, err);
    bl_close_fd(&file->fd);

    return r;
}

/* The path leads to another file than the one that was read so far. */
static int change_over(int dir_fd, const char *path, struct agent_logs_file *file, int *fd,
                       struct agent_logs_lines *lines, struct bl_error *err)
{
    int r = 0;

    if (file->fd >= 0)
        r = read_on(file, lines, err);
    else if (file->at.inode != 0)
        r = read_rotated(dir_fd, path, file, lines, err);
    bl_close_fd(&file->fd);
    agent_logs_lines_end(lines);
    if (r < 0)
        return r;
    file->fd = BL_TAKE_FD(*fd);
    r = stat_mark(file->fd, &file->at, err);
    file->at.bytes = 0;

    return r;
}

int agent_logs_read_file(int dir_fd, const char *path, struct agent_logs_file *file,
                         struct agent_logs_lines *lines, struct bl_error *err)
{
    BL_AUTO_FD int fd = agent_logs_open(dir_fd, path, err);
    struct agent_logs_mark now;
    int r;

    if (fd == -ENOENT)
        return 0; /* between two files, or not written yet */
    if (fd < 0)
        return fd;
    file->is_found = true;
    r = stat_mark(fd, &now, err);
    if (r >= 0 && !is_same(&now, &file->at))
        r = change_over(dir_fd, path, file, &fd, lines, err);
    else if (r >= 0 && file->fd < 0)
        file->fd = BL_TAKE_FD(fd);

    return r < 0 ? r : read_on(file, lines, err);
}

void agent_logs_file_release(struct agent_logs_file *file)
{
    bl_close_fd(&file->fd);
}
