/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/copy.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/snapshot/put.h"
#include "common/file.h"

#define COPY          "snapshot.boot"

#define BYTES_MAX     (UINT64_C(1) << 30)
#define RESERVE_BYTES (UINT64_C(256) << 20)

int agent_snapshot_copy_check(struct agent_packages_job *job, const char *path,
                              struct bl_error *err)
{
    struct statvfs from, to;
    uint64_t used, has;

    if (statvfs(path, &from) < 0 || fstatvfs(job->job_fd, &to) < 0)
        return bl_fail(err, -errno, "look for room: %s", strerror(errno));
    used = (uint64_t)(from.f_blocks - from.f_bfree) * from.f_frsize;
    has = (uint64_t)to.f_bavail * to.f_frsize;
    if (used <= BYTES_MAX && has >= used + RESERVE_BYTES)
        return 0;

    return agent_packages_fail(job, err, "no_space", "make room, or remove old kernels", -ENOSPC,
                               "%s holds %llu MiB, of which a copy of at most %llu MiB is kept "
                               "below %s, where %llu MiB are free",
                               path, (unsigned long long)(used >> 20),
                               (unsigned long long)(BYTES_MAX >> 20), job->state_dir,
                               (unsigned long long)(has >> 20));
}

struct copying {
    struct agent_packages_job *job;
    struct agent_snapshot_list list;
};

static int add(void *userdata, const char *path, struct bl_error *err)
{
    static const uint8_t no_digest[PROTO_HASH_BYTES];
    struct copying *copying = userdata;

    return agent_snapshot_list_add(copying->job, &copying->list, path, no_digest, err);
}

/* To make the empty copy what the original is, is to put everything back in it. */
int agent_snapshot_copy_take(struct agent_packages_job *job, const char *path, struct bl_error *err)
{
    BL_AUTO_FD int from_fd = bl_dir_open(AT_FDCWD, path, err);
    BL_AUTO_FD int to_fd = -1;
    struct copying copying = {.job = job};
    const struct agent_snapshot_finder finder = {&copying, add};
    int r;

    if (from_fd < 0)
        return from_fd;
    r = bl_dir_make(job->job_fd, COPY, 0700, err);
    if (r < 0)
        return r;
    to_fd = agent_snapshot_copy_open(job, err);
    if (to_fd < 0)
        return to_fd;
    const struct agent_snapshot_pair pair = {path, from_fd, to_fd};
    const struct agent_snapshot_put put = {.pair = &pair, .list = &copying.list};

    r = agent_snapshot_walk(job, &pair, &finder, err);
    if (r < 0)
        return r;
    agent_snapshot_list_sort(&copying.list);

    return agent_snapshot_put_back(job, &put, err);
}

int agent_snapshot_copy_open(struct agent_packages_job *job, struct bl_error *err)
{
    return bl_dir_open(job->job_fd, COPY, err);
}
