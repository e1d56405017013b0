/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/outside/child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/check.h"
#include "common/file.h"
#include "common/spawn.h"

enum {
    TIMER_ACCURACY_US = 10 * 1000,
};

struct ctl_child {
    struct bl_child process;
    sd_event_source *end_source, *output_source, *timer;
    int64_t grace_ms;
    bool timed_out;
    ctl_child_fn ended;
    void *userdata;
};

/* Its leader is a zombie at least, until it is waited for: the number can't be another's. */
static void signal_group(const struct ctl_child *child, int number)
{
    (void)kill(-child->process.pid, number);
}

static void drop_sources(struct ctl_child *child)
{
    child->end_source = sd_event_source_disable_unref(child->end_source);
    child->output_source = sd_event_source_disable_unref(child->output_source);
    child->timer = sd_event_source_disable_unref(child->timer);
}

struct ctl_child *ctl_child_free(struct ctl_child *child)
{
    if (child == NULL)
        return NULL;
    drop_sources(child);
    if (child->process.pid_fd >= 0) {
        signal_group(child, SIGKILL);
        (void)waitid(P_PIDFD, (id_t)child->process.pid_fd, &(siginfo_t){0}, WEXITED);
    }
    bl_child_release(&child->process);
    free(child);

    return NULL;
}

static void tell_end(struct ctl_child *child, const struct bl_exit *ended)
{
    struct ctl_child_end end = {
        .result = CTL_CHILD_EXITED,
        .status = ended->status,
        .output = child->process.output,
        .output_bytes = child->process.output_bytes,
    };

    if (child->timed_out) {
        end.result = CTL_CHILD_TIMED_OUT;
        end.status = 0;
    } else if (ended->status < 0) {
        end.result = CTL_CHILD_KILLED;
        end.status = ended->by;
    }
    child->ended(child->userdata, &end);
}

/* Takes what was written, and the end when it has come. */
static int on_news(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct ctl_child *child = userdata;
    siginfo_t info = {0};
    struct bl_exit ended = {0};
    struct bl_error err = {0};
    int r;

    if (waitid(P_PIDFD, (id_t)child->process.pid_fd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid != 0)
        signal_group(child, SIGKILL); /* who is left of it; the leader is beyond that */
    r = bl_spawn_wait(&child->process, 0, &ended, &err);
    if (r == -ETIMEDOUT) {
        if (child->process.capture_fd < 0) /* closed by all who had it, and it still runs */
            child->output_source = sd_event_source_disable_unref(child->output_source);
        return 0;
    }
    drop_sources(child);
    if (r < 0) /* nobody knows how it ended */
        ended = (struct bl_exit){.status = -1};
    tell_end(child, &ended);
    (void)ctl_child_free(child);

    return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct ctl_child *child = userdata;
    const bool is_first = !child->timed_out;

    child->timed_out = true;
    signal_group(child, is_first ? SIGTERM : SIGKILL);
    if (is_first) {
        (void)sd_event_source_set_time_relative(source, (uint64_t)child->grace_ms * 1000);
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }

    return 0;
}

/* In memory, not a pipe: nobody waits for the program to read. */
static int make_input(const struct ctl_child_program *program, int *ret_fd, struct bl_error *err)
{
    BL_AUTO_FD int fd = memfd_create("belay-input", MFD_CLOEXEC);
    int r;

    if (fd < 0)
        return bl_fail(err, -errno, "input: %s", strerror(errno));
    r = bl_fd_write(fd, program->input, program->input_bytes, err);
    if (r < 0)
        return r;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return bl_fail(err, -errno, "input: %s", strerror(errno));
    *ret_fd = BL_TAKE_FD(fd);

    return 0;
}

static int spawn(const struct ctl_child_program *program, struct bl_child *ret_process,
                 struct bl_error *err)
{
    BL_AUTO_FD int input_fd = -1;
    int r = 0;

    if (program->input != NULL)
        r = make_input(program, &input_fd, err);
    if (r < 0)
        return r;

    return bl_spawn_start(&(struct bl_spawn){.argv = program->argv,
                                             .env = program->env,
                                             .stdin_fd = input_fd,
                                             .capture_bytes = CTL_CHILD_OUTPUT_BYTES_MAX,
                                             .own_group = true},
                          ret_process, err);
}

static int watch(sd_event *event, struct ctl_child *child, int64_t limit_ms, struct bl_error *err)
{
    int r;

    r = sd_event_add_io(event, &child->end_source, child->process.pid_fd, EPOLLIN, on_news, child);
    if (r >= 0)
        r = sd_event_add_io(event, &child->output_source, child->process.capture_fd, EPOLLIN,
                            on_news, child);
    if (r >= 0)
        r = sd_event_add_time_relative(event, &child->timer, CLOCK_BOOTTIME,
                                       (uint64_t)limit_ms * 1000, TIMER_ACCURACY_US, on_time,
                                       child);
    if (r < 0)
        return bl_fail(err, r, "watch a program: %s", strerror(-r));

    return 0;
}

int ctl_child_start(sd_event *event, const struct ctl_child_program *program, ctl_child_fn ended,
                    void *userdata, struct ctl_child **ret_child, struct bl_error *err)
{
    struct ctl_child *child;
    int r;

    BL_ASSERT(program->limit_ms > 0);
    if (program->input_bytes > CTL_CHILD_INPUT_BYTES_MAX)
        return bl_fail(err, -EMSGSIZE, "%zu bytes of input are too many", program->input_bytes);
    child = calloc(1, sizeof(*child));
    if (child == NULL)
        return bl_fail(err, -ENOMEM, "no memory");
    child->process = BL_CHILD_NONE;
    child->grace_ms = program->grace_ms > 0 ? program->grace_ms : CTL_CHILD_GRACE_MS;
    child->ended = ended;
    child->userdata = userdata;
    r = spawn(program, &child->process, err);
    if (r >= 0)
        r = watch(event, child, program->limit_ms, err);
    if (r < 0) {
        (void)ctl_child_free(child);
        return r;
    }
    *ret_child = child;

    return 0;
}
