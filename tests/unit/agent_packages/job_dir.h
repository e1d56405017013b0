/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_AGENT_PACKAGES_JOB_DIR_H
#define TESTS_UNIT_AGENT_PACKAGES_JOB_DIR_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/job.h"

#define JOB_NAME "00112233445566778899aabbccddeeff"

/* A job of a test's own, in a state directory below /tmp. */
struct job_dir {
    char state_dir[64], path[128];
    struct agent_packages_memory memory;
    struct agent_txn_result result;
    struct agent_packages_job job;
};

static inline void job_dir_make(struct job_dir *d)
{
    struct bl_error err = {0};

    *d = (struct job_dir){0};
    (void)snprintf(d->state_dir, sizeof(d->state_dir), "/tmp/belay-packages-XXXXXX");
    if (mkdtemp(d->state_dir) == NULL)
        abort();
    (void)snprintf(d->path, sizeof(d->path), "%s/jobs/" JOB_NAME, d->state_dir);
    d->job = (struct agent_packages_job){.memory = &d->memory,
                                         .result = &d->result,
                                         .state_dir = d->state_dir,
                                         .cache_dir = d->state_dir,
                                         .job_path = d->path};
    if (agent_txn_job_make(d->state_dir, JOB_NAME, &d->job.job_fd, &err) < 0)
        abort();
    d->job.log_fd = openat(d->job.job_fd, "log", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (d->job.log_fd < 0)
        abort();
}

static inline int job_dir_remove_one(const char *path, const struct stat *st, int type,
                                     struct FTW *walk)
{
    return remove(path);
}

static inline void job_dir_remove(struct job_dir *d)
{
    (void)close(d->job.job_fd);
    (void)close(d->job.log_fd);
    agent_packages_memory_release(&d->memory);
    (void)nftw(d->state_dir, job_dir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
