/* SPDX-License-Identifier: Apache-2.0 */
#include "common/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"

enum {
    FD_COUNT_MAX = 3 + BL_SPAWN_EXTRA_MAX,
    FD_PARKED = FD_COUNT_MAX + 1, /* above every number that the program's descriptors get */
    DROPPED_BYTES_MAX = 64 * 1024,
};

struct pipe_pair {
    int read_fd;
    int write_fd;
};

static void close_pair(struct pipe_pair *pair)
{
    bl_close_fd(&pair->read_fd);
    bl_close_fd(&pair->write_fd);
}

static int open_pair(struct pipe_pair *ret_pair, struct bl_error *err)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return bl_fail(err, -errno, "make a pipe: %s", strerror(errno));
    *ret_pair = (struct pipe_pair){.read_fd = fds[0], .write_fd = fds[1]};

    return 0;
}

/* In the child: a former handler must not stay ignored or blocked in the program. */
static void reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;

    /* Some numbers can't be set; these have their default anyway. */
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &action, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * In the child: makes fds[i] descriptor i and marks all others for closing. They are parked above
 * the range first, since one may sit on the number that another needs.
 */
static bool place_fds(int fds[FD_COUNT_MAX], unsigned fd_count, int *report_fd)
{
    *report_fd = fcntl(*report_fd, F_DUPFD_CLOEXEC, FD_PARKED);
    if (*report_fd < 0)
        return false;
    for (unsigned i = 0; i < fd_count; i++) {
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_PARKED);
        if (fds[i] < 0)
            return false;
    }
    for (unsigned i = 0; i < fd_count; i++) {
        if (dup3(fds[i], (int)i, 0) < 0)
            return false;
    }

    return close_range(fd_count, UINT_MAX, CLOSE_RANGE_CLOEXEC) == 0;
}

static bool become(uid_t uid, gid_t gid)
{
    if (uid == 0)
        return true;

    return setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
           setresuid(uid, uid, uid) == 0;
}

BL_NORETURN static void run_child(const struct bl_spawn *spawn, int fds[FD_COUNT_MAX],
                                  unsigned fd_count, int report_fd)
{
    static const char *const empty[] = {NULL};
    const char *const *env = spawn->env != NULL ? spawn->env : empty;
    int failure;

    reset_signals();
    if ((!spawn->own_group || setpgid(0, 0) == 0) && place_fds(fds, fd_count, &report_fd) &&
        become(spawn->uid, spawn->gid)) {
        char **argv_plain;
        char **env_plain;

        /* execve takes no const for reasons of 1978; it changes nothing. */
        memcpy(&argv_plain, &spawn->argv, sizeof(argv_plain));
        memcpy(&env_plain, &env, sizeof(env_plain));
        (void)execve(spawn->argv[0], argv_plain, env_plain);
    }
    failure = errno;
    /* When even this fails, the parent sees an exit status of 127. */
    (void)!write(report_fd, &failure, sizeof(failure));
    _exit(127);
}

/* Waits until the child has executed its program, or tells why it has not. */
static int await_exec(int report_fd, pid_t pid, const char *program, struct bl_error *err)
{
    int failure = 0;
    ssize_t n;

    do {
        n = read(report_fd, &failure, sizeof(failure));
    } while (n < 0 && errno == EINTR);
    if (n == 0)
        return 0;

    (void)waitpid(pid, NULL, 0);
    if (n != (ssize_t)sizeof(failure))
        return bl_fail(err, -EIO, "start '%s': no word from the child", program);

    return bl_fail(err, -failure, "start '%s': %s", program, strerror(failure));
}

static int fork_child(const struct bl_spawn *spawn, int fds[FD_COUNT_MAX], struct bl_child *child,
                      struct bl_error *err)
{
    BL_CLEANUP(close_pair) struct pipe_pair report = {-1, -1};
    int r;

    r = open_pair(&report, err);
    if (r < 0)
        return r;

    child->pid = fork();
    if (child->pid < 0)
        return bl_fail(err, -errno, "fork: %s", strerror(errno));
    if (child->pid == 0)
        run_child(spawn, fds, (unsigned)(3 + spawn->extra_fd_count), report.write_fd);

    bl_close_fd(&report.write_fd);
    r = await_exec(report.read_fd, child->pid, spawn->argv[0], err);
    if (r < 0)
        return r;
    child->pid_fd = pidfd_open(child->pid, 0);
    if (child->pid_fd < 0)
        return bl_fail(err, -errno, "watch process %d: %s", (int)child->pid, strerror(errno));

    return 0;
}

static int prepare_capture(size_t capture_bytes, struct bl_child *child, int *ret_write_fd,
                           struct bl_error *err)
{
    BL_CLEANUP(close_pair) struct pipe_pair capture = {-1, -1};
    int r;

    child->output = calloc(1, capture_bytes + 1);
    if (child->output == NULL)
        return bl_fail(err, -ENOMEM, "no memory for %zu bytes of output", capture_bytes);
    child->output_bytes_max = capture_bytes;

    r = open_pair(&capture, err);
    if (r < 0)
        return r;
    if (fcntl(capture.read_fd, F_SETFL, O_NONBLOCK) < 0)
        return bl_fail(err, -errno, "make a pipe: %s", strerror(errno));
    child->capture_fd = BL_TAKE_FD(capture.read_fd);
    *ret_write_fd = BL_TAKE_FD(capture.write_fd);

    return 0;
}

int bl_spawn_start(const struct bl_spawn *spawn, struct bl_child *ret_child, struct bl_error *err)
{
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    BL_AUTO_FD int null_fd = -1;
    BL_AUTO_FD int write_fd = -1;
    int fds[FD_COUNT_MAX];
    int r;

    BL_ASSERT(spawn->argv[0] != NULL && spawn->argv[0][0] == '/');
    BL_ASSERT(spawn->extra_fd_count <= BL_SPAWN_EXTRA_MAX);

    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0)
        return bl_fail(err, -errno, "open '/dev/null': %s", strerror(errno));
    if (spawn->capture_bytes > 0) {
        r = prepare_capture(spawn->capture_bytes, &child, &write_fd, err);
        if (r < 0)
            return r;
    }

    fds[0] = spawn->stdin_fd > 0 ? spawn->stdin_fd : null_fd;
    fds[1] = write_fd >= 0 ? write_fd : spawn->output_fd > 0 ? spawn->output_fd : null_fd;
    fds[2] = fds[1];
    for (size_t i = 0; i < spawn->extra_fd_count; i++)
        fds[3 + i] = spawn->extra_fds[i];

    r = fork_child(spawn, fds, &child, err);
    if (r < 0)
        return r;
    *ret_child = child;
    child = BL_CHILD_NONE;

    return 0;
}

void bl_child_release(struct bl_child *child)
{
    bl_close_fd(&child->pid_fd);
    bl_close_fd(&child->capture_fd);
    free(child->output);
    *child = BL_CHILD_NONE;
}

/*
 * Takes what the pipe holds now. What is above the limit is read and dropped, so that nobody hangs.
 * A program that writes as fast as this reads never leaves the pipe empty: what is kept has its bound
 * anyway, and after so much that is dropped the caller gets its turn.
 */
static int drain(struct bl_child *child, struct bl_error *err)
{
    size_t dropped_bytes = 0;
    char spare[4096];

    while (child->capture_fd >= 0 && dropped_bytes < DROPPED_BYTES_MAX) {
        size_t room_bytes = child->output_bytes_max - child->output_bytes;
        ssize_t n;

        if (room_bytes > 0) {
            n = read(child->capture_fd, child->output + child->output_bytes, room_bytes);
        } else {
            n = read(child->capture_fd, spare, sizeof(spare));
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0)
            return bl_fail(err, -errno, "read the output: %s", strerror(errno));
        if (n == 0) {
            bl_close_fd(&child->capture_fd);
        } else if (room_bytes > 0) {
            child->output_bytes += (size_t)n;
        } else {
            child->output_cut = true;
            dropped_bytes += (size_t)n;
        }
    }

    return 0;
}

static int collect(struct bl_child *child, struct bl_exit *ret_exit, struct bl_error *err)
{
    siginfo_t info = {0};
    int r;

    if (waitid(P_PIDFD, (id_t)child->pid_fd, &info, WEXITED) < 0)
        return bl_fail(err, -errno, "wait for process %d: %s", (int)child->pid, strerror(errno));
    bl_close_fd(&child->pid_fd);
    r = drain(child, err);
    if (r < 0)
        return r;
    bl_close_fd(&child->capture_fd);
    if (child->output != NULL)
        child->output[child->output_bytes] = '\0';

    if (info.si_code == CLD_EXITED) {
        *ret_exit = (struct bl_exit){.status = info.si_status};
    } else {
        *ret_exit = (struct bl_exit){.status = -1, .by = info.si_status};
    }

    return 0;
}

/* What poll is to be told: up to an hour at once, so that no number overflows. */
static int poll_timeout_ms(bool endless, struct bl_mono deadline)
{
    int64_t left_ms = endless ? -1 : deadline.ms - bl_mono_now().ms;

    if (endless)
        return -1;
    if (left_ms < 0)
        left_ms = 0;

    return (int)(left_ms > 3600000 ? 3600000 : left_ms);
}

int bl_spawn_wait(struct bl_child *child, int64_t timeout_ms, struct bl_exit *ret_exit,
                  struct bl_error *err)
{
    struct bl_mono deadline = bl_mono_after(bl_mono_now(), timeout_ms);
    int r;

    BL_ASSERT(child->pid_fd >= 0);

    for (;;) {
        struct pollfd watched[] = {
            {.fd = child->pid_fd, .events = POLLIN},
            {.fd = child->capture_fd, .events = POLLIN}, /* below 0: poll skips it */
        };
        int wait_ms = poll_timeout_ms(/* endless= */ timeout_ms < 0, deadline);
        int n = poll(watched, 2, wait_ms);

        if (n < 0 && errno != EINTR)
            return bl_fail(err, -errno, "poll: %s", strerror(errno));
        if (n > 0 && watched[0].revents != 0)
            return collect(child, ret_exit, err);
        if (n > 0 && watched[1].revents != 0) {
            r = drain(child, err);
            if (r < 0)
                return r;
        }
        if (timeout_ms >= 0 && bl_mono_reached(bl_mono_now(), deadline)) {
            return bl_fail(err, -ETIMEDOUT, "process %d still runs after %lld ms", (int)child->pid,
                           (long long)timeout_ms);
        }
    }
}

/* The last line that says something, fit for an error's text. */
static void last_line(const struct bl_child *child, char ret_text[160])
{
    size_t end = child->output_bytes;
    size_t start;

    while (end > 0 && (child->output[end - 1] == '\n' || child->output[end - 1] == ' '))
        end--;
    start = end;
    while (start > 0 && child->output[start - 1] != '\n')
        start--;
    bl_text_escape(ret_text, 160, child->output != NULL ? child->output + start : "", end - start);
}

int bl_spawn_run(const struct bl_spawn *spawn, int64_t timeout_ms, struct bl_child *ret_child,
                 struct bl_error *err)
{
    struct bl_exit end;
    char line[160];
    int r;

    r = bl_spawn_start(spawn, ret_child, err);
    if (r < 0)
        return r;
    r = bl_spawn_wait(ret_child, timeout_ms, &end, err);
    if (r < 0)
        return bl_wrap(err, "'%s'", spawn->argv[0]);

    last_line(ret_child, line);
    if (end.by != 0) {
        return bl_fail(err, -EPROTO, "'%s' was ended by signal %d: %s", spawn->argv[0], end.by,
                       line);
    }
    if (end.status != 0)
        return bl_fail(err, -EPROTO, "'%s' ended with %d: %s", spawn->argv[0], end.status, line);

    return 0;
}
