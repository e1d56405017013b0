/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/errand/parts.h"
#include "agent/errand/run.h"
#include "common/file.h"
#include "common/spawn.h"
#include "common/text.h"

enum {
    CAPTURE_BYTES = 64 * 1024,
    PATH_BYTES = 512,
    VALUE_BYTES = 256,
};

/* ---- may it be run? ---------------------------------------------------------------------- */

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

int agent_errand_check_hook(int root_fd, const char *path, const char *name, uid_t owner,
                            struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1, fd = -1;
    struct stat status;
    int r;

    if (!bl_text_is_name(name))
        return bl_fail(err, -EPERM, "this is no name of a hook");
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

    return 0;
}

/* ---- what it printed --------------------------------------------------------------------- */

/* The last line that is not empty, as bytes within `output`. */
static void find_last_line(const char *output, size_t output_bytes, const char **ret_line,
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

static void keep_output(const struct bl_child *child, struct agent_errand_told *told)
{
    const char *line = "";
    size_t line_bytes = 0;

    if (child->output == NULL)
        return;
    find_last_line(child->output, child->output_bytes, &line, &line_bytes);
    bl_text_escape(told->line, sizeof(told->line), line, line_bytes);
    bl_text_escape(told->output, sizeof(told->output), child->output, child->output_bytes);
}

/* ---- run --------------------------------------------------------------------------------- */

static int spawn_hook(const struct agent_errand_task *task, const char *path,
                      struct bl_child *child, struct bl_error *err)
{
    char rollout[VALUE_BYTES], plan[VALUE_BYTES], stage[VALUE_BYTES];
    const char *const argv[] = {path, NULL};
    const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                               "LC_ALL=C.UTF-8",
                               "HOME=/root",
                               rollout,
                               plan,
                               stage,
                               NULL};
    const struct bl_spawn spawn = {.argv = argv, .env = env, .capture_bytes = CAPTURE_BYTES};

    (void)snprintf(rollout, sizeof(rollout), "BELAY_ROLLOUT=%s", task->rollout);
    (void)snprintf(plan, sizeof(plan), "BELAY_PLAN=%s", task->plan);
    (void)snprintf(stage, sizeof(stage), "BELAY_STAGE=%s", task->stage);

    return bl_spawn_start(&spawn, child, err);
}

static void refuse(struct agent_errand_result *result, struct agent_errand_told *told,
                   const char *why)
{
    result->end = AGENT_ERRAND_REFUSED;
    bl_text_escape(told->line, sizeof(told->line), why, strlen(why));
}

void agent_errand_do_hook(const struct agent_errand_task *task,
                          const struct agent_errand_places *places,
                          struct agent_errand_result *result, struct agent_errand_told *told)
{
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    struct bl_error err = {0};
    struct bl_exit ended = {0};
    char path[PATH_BYTES];
    int r;

    result->line = told->line;
    result->output = told->output;
    r = agent_errand_check_hook(places->root_fd, places->hooks, task->hook, places->owner, &err);
    if (r >= 0)
        r = bl_text_format(path, sizeof(path), "%s/%s/%s", places->root, places->hooks, task->hook);
    if (r >= 0)
        r = spawn_hook(task, path, &child, &err);
    if (r < 0) {
        refuse(result, told, err.text);
        return;
    }
    r = bl_spawn_wait(&child, (int64_t)task->timeout_ms, &ended, &err);
    keep_output(&child, told);
    if (r < 0) {
        result->end = AGENT_ERRAND_TIMED_OUT;
    } else if (ended.status < 0) {
        result->end = AGENT_ERRAND_KILLED;
        result->status = (uint64_t)ended.by;
    } else {
        result->end = AGENT_ERRAND_EXITED;
        result->status = (uint64_t)ended.status;
    }
}
