/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/command.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/process.h"
#include "agent/packages/progress.h"
#include "common/spawn.h"

enum {
    CAPTURE_BYTES = 16 * 1024 * 1024,
    LOG_TAIL_BYTES = 1024 * 1024,
    LOOK_MS = 60 * 1000,
    WATCH_MS = 1000,         /* between two looks at how far it is */
    PATIENCE_MS = 10 * 1000, /* between two signals */
    PATIENCE_ROUNDS_MAX = 60,
    TERM_ROUNDS = 2, /* then SIGKILL */
};

/* Nothing of our own environment: unit, person and host must not change what a script sees. */
static const char *const environment[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "TERM=dumb",
    "LC_ALL=C.UTF-8",
    "DEBIAN_FRONTEND=noninteractive",
    "DEBCONF_NONINTERACTIVE_SEEN=true",
    "APT_LISTCHANGES_FRONTEND=none",
    "APT_LISTBUGS_FRONTEND=none",
    "NEEDRESTART_SUSPEND=1",
    "LVM_SUPPRESS_FD_WARNINGS=1",
    "PYTHONUNBUFFERED=1", /* what dnf says is in the log when it is killed */
};
enum {
    ENVIRONMENT_COUNT = sizeof(environment) / sizeof(environment[0])
};

int agent_packages_args_add(struct agent_packages_job *job, struct agent_packages_args *args,
                            const char *text, struct bl_error *err)
{
    void *place;
    int r;

    r = agent_packages_memory_append(job->memory, &args->items, args->count, sizeof(*args->items),
                                     &place, err);
    if (r < 0)
        return r;
    args->items[args->count] = text;
    args->count++;

    /* Room for the NULL that ends the list; it is zeroed. */
    return agent_packages_memory_append(job->memory, &args->items, args->count,
                                        sizeof(*args->items), &place, err);
}

int agent_packages_args_add_all(struct agent_packages_job *job, struct agent_packages_args *args,
                                const char *const *texts, struct bl_error *err)
{
    for (; *texts != NULL; texts++) {
        int r = agent_packages_args_add(job, args, *texts, err);

        if (r < 0)
            return r;
    }

    return 0;
}

int agent_packages_args_format(struct agent_packages_job *job, struct agent_packages_args *args,
                               struct bl_error *err, const char *fmt, ...)
{
    char buffer[AGENT_TXN_PATH_BYTES_MAX];
    const char *text;
    va_list list;
    int length, r;

    va_start(list, fmt);
    length = vsnprintf(buffer, sizeof(buffer), fmt, list);
    va_end(list);
    if (length < 0 || (size_t)length >= sizeof(buffer))
        return bl_fail(err, -EMSGSIZE, "an argument longer than %zu bytes", sizeof(buffer));

    r = agent_packages_memory_copy(job->memory, buffer, (size_t)length, &text, err);
    if (r < 0)
        return r;

    return agent_packages_args_add(job, args, text, err);
}

static void log_command(const struct agent_packages_job *job, const char *const *argv)
{
    /* The log is for people: a line that cannot be written must not stop a way back. */
    (void)dprintf(job->log_fd, "+");
    for (; *argv != NULL; argv++)
        (void)dprintf(job->log_fd, " %s", *argv);
    (void)dprintf(job->log_fd, "\n");
}

int agent_packages_signal(enum agent_packages_patience patience, int round)
{
    if (patience == AGENT_PACKAGES_WAIT)
        return 0;

    return round < TERM_ROUNDS ? SIGTERM : SIGKILL;
}

/* One round of asking whatever keeps the tool from ending. */
static void nudge(const struct agent_packages_command *command, const struct bl_child *child,
                  int round)
{
    int number = agent_packages_signal(command->patience, round);

    if (number == 0)
        return;
    if (command->patience == AGENT_PACKAGES_STOP_SCRIPTS) {
        agent_packages_process_end_scripts(child->pid, number);
    } else {
        (void)pidfd_send_signal(child->pid_fd, number, NULL, 0);
    }
}

/* As bl_spawn_wait(); one that is watched is looked at meanwhile. */
static int wait_for(struct agent_packages_job *job, const struct agent_packages_command *command,
                    struct bl_child *child, int64_t wait_ms, struct bl_exit *ret_end,
                    struct bl_error *err)
{
    struct bl_mono end = bl_mono_after(bl_mono_now(), wait_ms);

    if (!command->is_watched)
        return bl_spawn_wait(child, wait_ms, ret_end, err);
    for (;;) {
        int64_t left_ms = end.ms - bl_mono_now().ms;
        int64_t slice_ms = wait_ms < 0 || left_ms > WATCH_MS ? WATCH_MS : left_ms;
        int r = bl_spawn_wait(child, slice_ms > 0 ? slice_ms : 0, ret_end, err);

        if (r != -ETIMEDOUT)
            return r;
        agent_packages_progress_look(job, child->pid, child->output, child->output_bytes);
        if (wait_ms >= 0 && bl_mono_reached(bl_mono_now(), end))
            return r;
        *err = (struct bl_error){0};
    }
}

static int await(struct agent_packages_job *job, const struct agent_packages_command *command,
                 struct bl_child *child, struct agent_packages_output *output, struct bl_error *err)
{
    struct bl_exit end;
    bool has_own_time =
        command->patience == AGENT_PACKAGES_LOOK || command->patience == AGENT_PACKAGES_WAIT;
    int64_t wait_ms = has_own_time ? LOOK_MS : agent_packages_job_left_ms(job);
    int r;

    r = wait_for(job, command, child, wait_ms, &end, err);
    for (int round = 0; r == -ETIMEDOUT && round < PATIENCE_ROUNDS_MAX; round++) {
        output->late = true;
        nudge(command, child, round);
        r = wait_for(job, command, child, PATIENCE_MS, &end, err);
    }
    if (r == -ETIMEDOUT) {
        return agent_packages_fail(job, err, "change_timed_out", "see what the process waits for",
                                   r, "'%s' (process %d) does not end", command->args.items[0],
                                   (int)child->pid);
    }
    if (r < 0)
        return bl_wrap(err, "'%s'", command->args.items[0]);
    output->status = end.status;
    /* rpm ends with 1 when it is asked to end, as when a name is not installed: no answer of half a list. */
    if (output->late &&
        (command->patience == AGENT_PACKAGES_STOP_TOOL || command->patience == AGENT_PACKAGES_LOOK))
        output->status = -1;

    return 0;
}

static int read_log(struct agent_packages_job *job, off_t start, const char **ret_text,
                    struct bl_error *err)
{
    struct stat st;
    void *place;
    size_t size_bytes;
    ssize_t n;
    int r;

    if (fstat(job->log_fd, &st) < 0)
        return bl_fail(err, -errno, "stat the log: %s", strerror(errno));
    if (st.st_size - start > LOG_TAIL_BYTES)
        start = st.st_size - LOG_TAIL_BYTES;
    size_bytes = st.st_size > start ? (size_t)(st.st_size - start) : 0;

    r = agent_packages_memory_take(job->memory, size_bytes + 1, &place, err);
    if (r < 0)
        return r;
    n = pread(job->log_fd, place, size_bytes, start);
    if (n < 0)
        return bl_fail(err, -errno, "read the log: %s", strerror(errno));
    *ret_text = place;

    return 0;
}

int agent_packages_run(struct agent_packages_job *job, const struct agent_packages_command *command,
                       struct agent_packages_output *ret_output, struct bl_error *err)
{
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    const char *env[ENVIRONMENT_COUNT + 2] = {NULL};
    struct bl_spawn spawn = {
        .argv = command->args.items,
        .env = env,
        .output_fd = command->to_log ? job->log_fd : 0,
        .capture_bytes = command->to_log ? 0 : CAPTURE_BYTES,
        .extra_fds = &command->progress_fd,
        .extra_fd_count = command->progress_fd > 0 ? 1 : 0,
    };
    struct agent_packages_output output = {0};
    struct stat st;
    int r;

    memcpy(env, environment, sizeof(environment));
    env[ENVIRONMENT_COUNT] =
        job->replace_conffiles ? "UCF_FORCE_CONFFNEW=1" : "UCF_FORCE_CONFFOLD=1";
    BL_ASSERT(command->args.count > 0 && command->args.items[command->args.count] == NULL);

    log_command(job, spawn.argv);
    if (fstat(job->log_fd, &st) < 0)
        return bl_fail(err, -errno, "stat the log: %s", strerror(errno));
    if (chdir(command->directory != NULL ? command->directory : "/") < 0)
        return bl_fail(err, -errno, "enter '%s': %s", command->directory, strerror(errno));

    r = bl_spawn_start(&spawn, &child, err);
    if (r < 0)
        return r;
    r = await(job, command, &child, &output, err);
    if (r < 0)
        return r;

    if (command->to_log) {
        r = read_log(job, st.st_size, &output.text, err);
    } else {
        r = agent_packages_memory_copy(job->memory, child.output, child.output_bytes, &output.text,
                                       err);
    }
    if (r < 0)
        return r;
    if (!command->to_log && child.output_cut) {
        return bl_fail(err, -EMSGSIZE, "'%s' printed more than %d bytes", spawn.argv[0],
                       CAPTURE_BYTES);
    }
    if (!command->to_log && output.status != 0)
        (void)dprintf(job->log_fd, "%s(exit code %d)\n", output.text, output.status);
    *ret_output = output;

    return 0;
}

int agent_packages_ask(struct agent_packages_job *job, const char *const *argv,
                       struct agent_packages_output *ret_output, struct bl_error *err)
{
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    int r;

    r = agent_packages_args_add_all(job, &command.args, argv, err);
    if (r < 0)
        return r;

    return agent_packages_run(job, &command, ret_output, err);
}
