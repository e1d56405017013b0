/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"

enum {
    PROCESSES_MAX = 16384,
    STAT_BYTES = 512,
    UNKNOWN_HOLDER_POLL_MS = 200,
    OWN_PATIENCE_MS = 30 * 1000,
    OWN_TERM_MS = 10 * 1000, /* from the first SIGTERM to SIGKILL */
    NAME_BYTES = 32,
    PID_BYTES_MAX = 64,
    COMMAND_BYTES = 4096,
};

struct process {
    pid_t pid, parent;
    char name[NAME_BYTES];
    uint64_t start_ticks; /* since the machine started */
    bool below;           /* descends from the ancestor */
};

/* No memory to ask for when time is over; this program has one thread. */
static struct process all_processes[PROCESSES_MAX];

static ssize_t read_proc(pid_t pid, const char *what, char *ret_text, size_t size_bytes)
{
    BL_AUTO_FD int fd = -1;
    char path[64];
    ssize_t n;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    n = read(fd, ret_text, size_bytes - 1);
    if (n >= 0)
        ret_text[n] = '\0';

    return n;
}

/* The number in place `field` behind the name of a line of /proc/PID/stat; the state is in place 1. */
static uint64_t stat_number(const char *behind_name, unsigned field)
{
    uint64_t number = 0;

    for (unsigned i = 1; i < field && *behind_name != '\0'; i++)
        behind_name += strcspn(behind_name, " ") + (strchr(behind_name, ' ') != NULL ? 1 : 0);
    for (; *behind_name >= '0' && *behind_name <= '9'; behind_name++)
        number = number * 10 + (uint64_t)(*behind_name - '0');

    return number;
}

/* "12 (name) S 1 ...": the name may hold blanks and brackets, so its end is the last ')'. */
static bool read_process(pid_t pid, struct process *ret_process)
{
    char text[STAT_BYTES];
    const char *open_bracket, *close_bracket;
    size_t length;

    if (read_proc(pid, "stat", text, sizeof(text)) <= 0)
        return false;
    open_bracket = strchr(text, '(');
    close_bracket = strrchr(text, ')');
    if (open_bracket == NULL || close_bracket == NULL || strlen(close_bracket) < 4)
        return false;
    *ret_process = (struct process){.pid = pid,
                                    .parent = (pid_t)stat_number(close_bracket + 2, 2),
                                    .start_ticks = stat_number(close_bracket + 2, 20)};
    length = (size_t)(close_bracket - open_bracket) - 1;
    if (length >= sizeof(ret_process->name))
        length = sizeof(ret_process->name) - 1;
    memcpy(ret_process->name, open_bracket + 1, length);

    return true;
}

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

static size_t list_processes(struct process *processes, size_t count_max)
{
    BL_CLEANUP(close_directory) DIR *directory = opendir("/proc");
    const struct dirent *entry;
    size_t count = 0;

    while (directory != NULL && count < count_max && (entry = readdir(directory)) != NULL) {
        struct bl_error unused = {0};
        uint64_t pid;

        if (bl_text_to_u64(entry->d_name, INT32_MAX, &pid, &unused) == 0 &&
            read_process((pid_t)pid, &processes[count]))
            count++;
    }

    return count;
}

/* The list comes in no order, so descent is looked for until nothing new is found. */
static void mark_descendants(struct process *processes, size_t count, pid_t ancestor)
{
    bool found = true;

    while (found) {
        found = false;
        for (size_t i = 0; i < count; i++) {
            bool below = processes[i].parent == ancestor;

            for (size_t j = 0; j < count && !below; j++)
                below = processes[j].below && processes[j].pid == processes[i].parent;
            found = found || (below && !processes[i].below);
            processes[i].below = processes[i].below || below;
        }
    }
}

static bool is_package_manager(const char *name)
{
    static const char *const names[] = {"apt-get",    "dpkg",  "dpkg-deb",
                                        "dpkg-split", "dnf-3", "rpm"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }

    return false;
}

/* The number may belong to somebody else by now: hold the process, look again, then signal it. */
static void signal_process(const struct process *process, int number)
{
    BL_AUTO_FD int fd = pidfd_open(process->pid, 0);
    struct process now;

    if (fd < 0 || !read_process(process->pid, &now) || now.parent != process->parent ||
        strcmp(now.name, process->name) != 0)
        return;
    (void)pidfd_send_signal(fd, number, NULL, 0);
}

void agent_packages_process_end_scripts(pid_t ancestor, int number)
{
    size_t count = list_processes(all_processes, PROCESSES_MAX);

    mark_descendants(all_processes, count, ancestor);
    for (size_t i = 0; i < count; i++) {
        if (all_processes[i].below && !is_package_manager(all_processes[i].name))
            signal_process(&all_processes[i], number);
    }
}

/* "/bin/sh /var/lib/dpkg/info/demo.postinst configure 1.0": the part that names the script. */
static void name_script(pid_t pid, char ret_name[AGENT_PACKAGES_SCRIPT_NAME_BYTES])
{
    static const char folder[] = "/var/lib/dpkg/";
    char text[COMMAND_BYTES];
    ssize_t n = read_proc(pid, "cmdline", text, sizeof(text));

    ret_name[0] = '\0';
    for (ssize_t at = 0; at < n; at += (ssize_t)strlen(text + at) + 1) {
        if (strncmp(text + at, folder, strlen(folder)) == 0) {
            const char *name = strrchr(text + at, '/') + 1;

            bl_text_escape(ret_name, AGENT_PACKAGES_SCRIPT_NAME_BYTES, name, strlen(name));
            return;
        }
    }
}

static bool is_manager_of(const struct process *processes, size_t count, pid_t ancestor, pid_t pid)
{
    for (size_t i = 0; i < count; i++) {
        if (processes[i].pid == pid)
            return (processes[i].below || pid == ancestor) && is_package_manager(processes[i].name);
    }

    return false;
}

bool agent_packages_process_find_script(pid_t ancestor, struct agent_packages_script *ret_script)
{
    size_t count = list_processes(all_processes, PROCESSES_MAX);

    mark_descendants(all_processes, count, ancestor);
    for (size_t i = 0; i < count; i++) {
        const struct process *process = &all_processes[i];

        if (!process->below || is_package_manager(process->name) ||
            !is_manager_of(all_processes, count, ancestor, process->parent))
            continue;
        ret_script->pid = process->pid;
        name_script(process->pid, ret_script->name);
        return true;
    }

    return false;
}

/* 0: free. Otherwise the holder, or -1 when the kernel cannot tell (another pid namespace). */
static pid_t lock_holder(const struct agent_packages_job *job, const char *path)
{
    BL_AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
        return 0;

    return lock.l_pid > 0 ? lock.l_pid : -1;
}

/* The same of a file with a process id; the id of a process that is gone means nothing. */
static pid_t pid_file_holder(const struct agent_packages_job *job, const char *path)
{
    BL_AUTO_FREE char *text = NULL;
    struct bl_error unused = {0};
    struct process process;
    size_t size_bytes;
    uint64_t pid;

    if (bl_file_read(AT_FDCWD, path, PID_BYTES_MAX, &text, &size_bytes, &unused) < 0)
        return 0;
    text[strcspn(text, "\n")] = '\0';
    if (bl_text_to_u64(text, INT32_MAX, &pid, &unused) < 0 || pid == 0)
        return 0;

    return read_process((pid_t)pid, &process) ? (pid_t)pid : 0;
}

/* Is it a process that an earlier phase of this very job left behind? Its control group tells. */
static bool is_ours(const struct agent_packages_job *job, pid_t holder)
{
    const char *id = strrchr(job->job_path, '/') + 1;
    char text[8192];
    ssize_t n;

    if (read_proc(holder, "cgroup", text, sizeof(text)) > 0 && strstr(text, id) != NULL)
        return true;
    n = read_proc(holder, "cmdline", text, sizeof(text));

    return n > 0 && memmem(text, (size_t)n, job->job_path, strlen(job->job_path)) != NULL;
}

/* A package manager that an earlier phase left behind, whether it holds a lock yet or not. */
static pid_t left_behind(const struct agent_packages_job *job, const char *path)
{
    size_t count = list_processes(all_processes, PROCESSES_MAX);

    mark_descendants(all_processes, count, getpid());
    for (size_t i = 0; i < count; i++) {
        const struct process *process = &all_processes[i];

        if (!process->below && is_package_manager(process->name) && is_ours(job, process->pid))
            return process->pid;
    }

    return 0;
}

/* "since 2026-11-21 16:40:12 UTC": when the process began, which is close to when it took the lock. */
static void describe_start(const struct process *process, char *ret_text, size_t size_bytes)
{
    int64_t start_ms = (int64_t)(process->start_ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK));
    time_t start = (time_t)((bl_wall_now().ms - bl_mono_now().ms + start_ms) / 1000);
    struct tm parts;

    ret_text[0] = '\0';
    if (process->start_ticks == 0 || gmtime_r(&start, &parts) == NULL ||
        strftime(ret_text, size_bytes, " since %Y-%m-%d %H:%M:%S UTC", &parts) == 0)
        ret_text[0] = '\0';
}

/*
 * "process 812 (unattended-upgr) since ..., /usr/bin/unattended-upgrade". Of the command line only
 * the program and the script that an interpreter runs are told: the rest may be secret.
 */
static void describe_holder(pid_t holder, char *ret_text, size_t size_bytes)
{
    struct process process;
    char line[256] = "", program[256], since[48];
    const char *script, *told = line;
    ssize_t n;

    if (holder <= 0 || !read_process(holder, &process)) {
        (void)snprintf(ret_text, size_bytes, "a process that cannot be seen from here");
        return;
    }
    n = read_proc(holder, "cmdline", line, sizeof(line));
    script = n > 0 ? line + strlen(line) + 1 : line;
    if (n > 0 && script < line + n && script[0] == '/')
        told = script;
    bl_text_escape(program, sizeof(program), told, strlen(told));
    describe_start(&process, since, sizeof(since));
    /* The path last: it may be long, and what is too long is cut. */
    (void)snprintf(ret_text, size_bytes, "process %d (%s)%s%s%s", (int)holder, process.name, since,
                   program[0] != '\0' ? ", " : "", program);
}

/* Until the holder ends or `wait_ms` is over; a lock may also be given up by a living process. */
static void await_holder(pid_t holder, int64_t wait_ms)
{
    BL_AUTO_FD int fd = holder > 0 ? pidfd_open(holder, 0) : -1;
    struct pollfd watched = {.fd = fd, .events = POLLIN};

    if (wait_ms > UNKNOWN_HOLDER_POLL_MS)
        wait_ms = UNKNOWN_HOLDER_POLL_MS;
    (void)poll(&watched, 1, (int)wait_ms);
}

static int64_t at_most(int64_t value, int64_t most)
{
    return value < most ? value : most;
}

/* How one looks for who holds a lock. */
typedef pid_t (*find_holder)(const struct agent_packages_job *job, const char *path);

static int await_free(struct agent_packages_job *job, const char *path, find_holder find,
                      int64_t wait_ms, bool end_own, struct bl_error *err)
{
    struct bl_mono start = bl_mono_now();
    struct bl_mono end = bl_mono_after(start, wait_ms);
    struct bl_mono own_end = bl_mono_after(start, at_most(wait_ms / 2, OWN_PATIENCE_MS));
    struct bl_mono own_kill = bl_mono_after(own_end, at_most(wait_ms / 4, OWN_TERM_MS));

    if (job->deadline.ms != 0 && job->deadline.ms < end.ms)
        end = job->deadline;
    for (;;) {
        pid_t holder = find(job, path);
        struct bl_mono now = bl_mono_now();

        if (holder == 0)
            return 0;
        if (bl_mono_reached(now, end)) {
            char words[384];

            describe_holder(holder, words, sizeof(words));
            return agent_packages_fail(job, err, "lock_held", "wait for that process to end",
                                       -EAGAIN, "'%s' is held by %s", path, words);
        }
        if (end_own && holder > 0 && bl_mono_reached(now, own_end) && is_ours(job, holder)) {
            agent_packages_process_end_scripts(holder,
                                               bl_mono_reached(now, own_kill) ? SIGKILL : SIGTERM);
            own_end = bl_mono_after(now, at_most(wait_ms / 16, 1000));
        }
        await_holder(holder, end.ms - now.ms);
    }
}

int agent_packages_process_await_lock(struct agent_packages_job *job, const char *path,
                                      int64_t wait_ms, bool end_own, struct bl_error *err)
{
    return await_free(job, path, lock_holder, wait_ms, end_own, err);
}

int agent_packages_process_await_pid_file(struct agent_packages_job *job, const char *path,
                                          int64_t wait_ms, bool end_own, struct bl_error *err)
{
    return await_free(job, path, pid_file_holder, wait_ms, end_own, err);
}

int agent_packages_process_await_left_behind(struct agent_packages_job *job, int64_t wait_ms,
                                             struct bl_error *err)
{
    return await_free(job, job->job_path, left_behind, wait_ms, /* end_own= */ true, err);
}

int agent_packages_process_take_lock(struct agent_packages_job *job, const char *path,
                                     int64_t wait_ms, int *ret_fd, struct bl_error *err)
{
    for (;;) {
        BL_AUTO_FD int fd = -1;
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int r;

        r = agent_packages_process_await_lock(job, path, wait_ms, /* end_own= */ false, err);
        if (r < 0)
            return r;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return bl_fail(err, -errno, "open '%s': %s", path, strerror(errno));
        if (fcntl(fd, F_SETLK, &lock) == 0) {
            *ret_fd = BL_TAKE_FD(fd);
            return 0;
        }
        if (errno != EAGAIN && errno != EACCES)
            return bl_fail(err, -errno, "lock '%s': %s", path, strerror(errno));
    }
}
