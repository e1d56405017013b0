/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BL_COMMON_SPAWN_H
#define BL_COMMON_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * Runs a program: by absolute path, with a list of arguments and an environment that the caller
 * gives whole. There is no shell, no search path, no inherited descriptor and no kill: a package
 * manager that is killed is worse than one that is late. A process with threads may start one, too:
 * between fork and exec nothing is called that is not safe then, unless the user is to be another.
 */
struct bl_spawn {
    const char *const *argv; /* ends with NULL; argv[0] is the absolute path */
    const char *const *env;  /* "NAME=value", ends with NULL; NULL: empty */
    int stdin_fd;            /* 0 or less: /dev/null */
    int output_fd;           /* standard output and error; 0 or less: /dev/null */
    size_t capture_bytes;    /* above 0: both are captured instead, the first so many bytes */
    const int *extra_fds;    /* become descriptors 3, 4, ... of the program */
    size_t extra_fd_count;   /* at most BL_SPAWN_EXTRA_MAX */
    uid_t uid;               /* 0: stay who we are; else become this user ... */
    gid_t gid;               /* ... and this group, without others */
    bool own_group; /* it leads a process group of its own, which can be ended as a whole */
};

enum {
    BL_SPAWN_EXTRA_MAX = 4
};

struct bl_child {
    pid_t pid;
    int pid_fd;
    int capture_fd;
    char *output;        /* what was captured, with a NUL behind; NULL without capture */
    size_t output_bytes; /* without the NUL */
    size_t output_bytes_max;
    bool output_cut; /* the program wrote more than was asked for */
};

struct bl_exit {
    int status; /* 0..255; -1 when a signal ended it */
    int by;     /* that signal, else 0 */
};

/* Frees and closes; does not end the program, nor wait for it. */
void bl_child_release(struct bl_child *child);
#define BL_AUTO_CHILD BL_CLEANUP(bl_child_release) struct bl_child
#define BL_CHILD_NONE                  \
    (struct bl_child)                  \
    {                                  \
        .pid_fd = -1, .capture_fd = -1 \
    }

/* Starts it. That it could not be executed (ENOENT, EACCES, ...) is told here, not at the wait. */
int bl_spawn_start(const struct bl_spawn *spawn, struct bl_child *ret_child, struct bl_error *err)
    BL_CHECKED;

/*
 * Waits for the program's own end, not for the end of its output: a grandchild may hold that open.
 * Collects the captured output meanwhile. -ETIMEDOUT after `timeout_ms` (below 0: none): it still
 * runs then, and the caller decides; waiting again is allowed.
 */
int bl_spawn_wait(struct bl_child *child, int64_t timeout_ms, struct bl_exit *ret_exit,
                  struct bl_error *err) BL_CHECKED;

/*
 * Both, for programs that must end with 0: anything else is -EPROTO with the output's last line.
 * Start with BL_CHILD_NONE. Once the program was started *ret_child is filled, after a failure too:
 * with -ETIMEDOUT it still runs, otherwise what it printed is there.
 */
int bl_spawn_run(const struct bl_spawn *spawn, int64_t timeout_ms, struct bl_child *ret_child,
                 struct bl_error *err) BL_CHECKED;

#endif
