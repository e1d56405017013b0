/* SPDX-License-Identifier: Apache-2.0 */
/*
 * belay-txn JOB-PHASE: one phase of one job, in a unit of its own, so that neither the agent's end
 * nor its upgrade reaches the package manager. Everything it is told lies in the job's directory.
 * Exits with 0 when a result was written, whatever the result says.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/process.h"
#include "agent/packages/progress.h"
#include "agent/txn/ballast.h"
#include "agent/txn/manager.h"
#include "agent/txn/phase.h"
#include "common/file.h"
#include "common/text.h"

enum {
    EXIT_BUSY = 75, /* another belay-txn works on this job */
    RESERVE_BYTES = 64 * 1024,
    DYING_MS = 5000,
    RETRY_MS = 2000,
};

#define RESERVE "reserve"

struct options {
    const char *state_dir, *cache_dir, *instance;
};

static int parse_options(int argc, char **argv, struct options *ret_options)
{
    static const struct option known[] = {
        {"state-dir", required_argument, NULL, 's'},
        {"cache-dir", required_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    int option;

    *ret_options = (struct options){.state_dir = "/var/lib/belay", .cache_dir = "/var/cache/belay"};
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 's') {
            ret_options->state_dir = optarg;
        } else if (option == 'c') {
            ret_options->cache_dir = optarg;
        } else {
            return -EINVAL;
        }
    }
    if (optind + 1 != argc)
        return -EINVAL;
    ret_options->instance = argv[optind];

    return 0;
}

/* Runs beside any other phase of its job, most of all the change: it touches nothing of theirs. */
static bool is_beside(uint32_t phase)
{
    return phase == AGENT_TXN_TEND;
}

/*
 * Held until the process ends; the kernel gives it back after any death, but a process that was just
 * killed may still be dying when the next one starts.
 */
static int lock_job(struct agent_packages_job *job, int *ret_fd, struct bl_error *err)
{
    char path[AGENT_TXN_PATH_BYTES_MAX];

    if (bl_text_format(path, sizeof(path), "%s/lock", job->job_path) < 0)
        return bl_fail(err, -EMSGSIZE, "'%s': path too long", job->job_path);

    return agent_packages_process_take_lock(job, path, DYING_MS, ret_fd, err);
}

static int open_log(int job_fd, uint32_t phase, int *ret_fd, struct bl_error *err)
{
    char name[AGENT_TXN_NAME_BYTES];
    int fd;

    agent_txn_file_name(phase, AGENT_TXN_FILE_LOG, name);
    fd = openat(job_fd, name,
                O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC |
                    (is_beside(phase) ? O_TRUNC : 0), /* it comes again and again */
                0600);
    if (fd < 0)
        return bl_fail(err, -errno, "open '%s': %s", name, strerror(errno));
    *ret_fd = fd;

    return 0;
}

/* Room for the result on a disk that the phase fills; on one that is full already there is none. */
static void make_reserve(int job_fd)
{
    BL_AUTO_FD int fd = openat(job_fd, RESERVE, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0 || posix_fallocate(fd, 0, RESERVE_BYTES) != 0)
        (void)unlinkat(job_fd, RESERVE, 0);
}

static int save_result(struct agent_packages_job *job, struct bl_error *err)
{
    if (!is_beside(job->result->phase))
        (void)unlinkat(job->job_fd, RESERVE, 0);
    job->result->ended_ms = bl_wall_now().ms;

    return agent_txn_result_save(job->job_fd, job->result, err);
}

/* A stop of the unit must not leave a change without anybody who sees its end. */
static void defer_signals(uint32_t phase)
{
    sigset_t set;

    if (phase != AGENT_TXN_UPGRADE && phase != AGENT_TXN_RESTORE && phase != AGENT_TXN_REPAIR)
        return;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

/* 1 when there is nothing to run: the phase is over, or must not be run twice. */
static int check_history(struct agent_packages_job *job, uint32_t phase, struct bl_error *err)
{
    char name[AGENT_TXN_NAME_BYTES];
    int r;

    agent_txn_file_name(phase, AGENT_TXN_FILE_RESULT, name);
    r = bl_file_exists(job->job_fd, name, err);
    if (r != 0)
        return r;
    r = agent_txn_started_load(job->job_fd, phase, err);
    if (r <= 0 || phase != AGENT_TXN_UPGRADE)
        return r < 0 ? r : 0;

    return agent_packages_fail(job, err, "dpkg_interrupted", "go back", -EPROTO,
                               "the change was interrupted and is not begun a second time");
}

static const struct agent_packages_backend *choose_backend(void)
{
    switch (agent_txn_manager_find("")) {
    case PROTO_APT:
        return &agent_packages_apt;
    case PROTO_DNF:
        return &agent_packages_dnf;
    default:
        return NULL;
    }
}

static int run(struct agent_packages_job *job, const struct options *options, uint32_t phase,
               struct bl_error *err)
{
    const struct agent_packages_backend *backend = choose_backend();
    PROTO_AUTO_ARENA arena = {0};
    struct bl_error ignored = {0};
    struct agent_txn_task task;
    int r;

    r = agent_txn_task_load(job->job_fd, phase, &arena, &task, err);
    if (r < 0)
        return agent_packages_job_pass(job, "bad_task", NULL, r);
    job->result->attempt = task.attempt;
    if (task.deadline_ms > 0)
        job->deadline = bl_mono_after(bl_mono_now(), (int64_t)task.deadline_ms);
    job->lock_wait_ms = (int64_t)task.lock_wait_ms;
    job->metadata_max_age_ms = (int64_t)task.metadata_max_age_ms;
    job->replace_conffiles = task.replace_conffiles;
    agent_packages_progress_begin(job, task.deadline_ms);

    r = agent_txn_started_save(job->job_fd, phase, err);
    if (r < 0)
        return r;
    if (!is_beside(phase))
        make_reserve(job->job_fd);
    /* The agent may be dead. Without room the package manager says best what it lacks. */
    if (phase == AGENT_TXN_RESTORE)
        (void)!agent_ballast_find_room(options->state_dir, &ignored);
    if (backend == NULL) {
        const char *reason, *remedy;

        agent_txn_manager_explain("", &reason, &remedy);
        return agent_packages_fail(job, err, "no_package_manager", remedy, -EOPNOTSUPP, "%s",
                                   reason);
    }
    r = is_beside(phase) ? 0 : backend->prepare(job, err);
    if (r < 0)
        return bl_wrap(err, "prepare '%s'", options->cache_dir);
    agent_txn_phase_run(backend, job, &task, &arena);

    r = save_result(job, err);

    return r < 0 ? r : 1;
}

/* A disk that cannot take the whole result may still take the part that decides. */
static int save_least(struct agent_packages_job *job, const struct bl_error *cause,
                      struct bl_error *err)
{
    struct agent_txn_result least = {.phase = job->result->phase,
                                     .attempt = job->result->attempt,
                                     .started_ms = job->result->started_ms};

    *job->result = least;
    agent_txn_phase_fail(job, cause);

    return save_result(job, err);
}

static int perform(const struct options *options, struct bl_error *err)
{
    AGENT_PACKAGES_AUTO_MEMORY memory = {0};
    BL_AUTO_FD int job_fd = -1;
    BL_AUTO_FD int lock_fd = -1;
    BL_AUTO_FD int log_fd = -1;
    struct agent_txn_result result = {.started_ms = bl_wall_now().ms};
    struct agent_packages_progress progress = {0};
    struct agent_packages_job job = {.memory = &memory,
                                     .result = &result,
                                     .state_dir = options->state_dir,
                                     .cache_dir = options->cache_dir,
                                     .retry_ms = RETRY_MS,
                                     .progress = &progress};
    struct bl_error cause;
    char name[AGENT_TXN_JOB_CHARS + 1];
    char path[AGENT_TXN_PATH_BYTES_MAX / 2];
    int r;

    if ((r = agent_txn_instance_parse(options->instance, name, &result.phase, err)) < 0 ||
        (r = agent_txn_job_open(options->state_dir, name, &job_fd, err)) < 0)
        return r;
    if (bl_text_format(path, sizeof(path), "%s/jobs/%s", options->state_dir, name) < 0)
        return bl_fail(err, -EMSGSIZE, "'%s': path too long", options->state_dir);
    job.job_path = path;
    job.job_fd = job_fd;
    if ((!is_beside(result.phase) && (r = lock_job(&job, &lock_fd, err)) < 0) ||
        (r = open_log(job_fd, result.phase, &log_fd, err)) < 0)
        return r;
    job.log_fd = log_fd;
    defer_signals(result.phase);

    r = check_history(&job, result.phase, err);
    if (r > 0)
        return 0;
    if (r == 0)
        r = run(&job, options, result.phase, err);
    if (r > 0)
        return 0;
    cause = *err;

    return save_least(&job, &cause, err);
}

int main(int argc, char **argv)
{
    struct options options;
    struct bl_error err = {0};
    int r;

    if (parse_options(argc, argv, &options) < 0) {
        (void)fprintf(stderr, "usage: belay-txn [--state-dir DIR] [--cache-dir DIR] JOB-PHASE\n");
        return 2;
    }
    if (sodium_init() < 0) {
        (void)fprintf(stderr, "belay-txn: libsodium does not start\n");
        return 1;
    }
    (void)umask(022);
    r = perform(&options, &err);
    if (r < 0)
        (void)fprintf(stderr, "belay-txn: %s (%s)\n", err.text, err.where);

    return r == -EAGAIN ? EXIT_BUSY : r < 0 ? 1 : 0;
}
