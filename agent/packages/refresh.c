/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/packages/process.h"
#include "agent/packages/tools.h"
#include "common/file.h"
#include "common/text.h"

enum {
    REFRESH_MS = 60 * 1000, /* a younger index is not fetched again */
    RETRIES_MAX = 3,
    SHARE_MS = 10 * 60 * 1000, /* how long one job waits for another that fetches it */
};

#define STAMP "belay-stamp"

static bool is_young(int directory_fd)
{
    struct stat st;
    int64_t age_ms;

    if (fstatat(directory_fd, STAMP, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    age_ms = bl_wall_now().ms - (int64_t)st.st_mtim.tv_sec * 1000;

    /* A stamp of the future says that the clock was set, not that the index is young. */
    return age_ms >= 0 && age_ms < REFRESH_MS;
}

bool agent_packages_await_retry(struct agent_packages_job *job, int attempt, struct bl_error *err)
{
    int64_t wait_ms = job->retry_ms << attempt;
    int64_t left_ms = agent_packages_job_left_ms(job);

    if (attempt >= RETRIES_MAX || (left_ms >= 0 && left_ms <= wait_ms))
        return false;
    (void)dprintf(job->log_fd, "# once more in %lld ms: %s\n", (long long)wait_ms, err->text);
    (void)poll(NULL, 0, (int)wait_ms);
    *err = (struct bl_error){0};
    job->code = NULL;
    job->remedy = NULL;

    return true;
}

int agent_packages_blame_repository(struct agent_packages_job *job, const char *what,
                                    const struct agent_packages_repository_fault *fault,
                                    struct bl_error *err)
{
    char words[160];

    bl_text_escape(words, sizeof(words), fault->line.text, fault->line.length);

    return agent_packages_fail(job, err, fault->code, fault->remedy,
                               fault->passes ? -EAGAIN : -EPROTO, "%s: %s", what, words);
}

int agent_packages_refresh(struct agent_packages_job *job, const char *directory, bool anew,
                           int (*update)(struct agent_packages_job *job, int directory_fd,
                                         struct bl_error *err),
                           struct bl_error *err)
{
    BL_AUTO_FD int lock_fd = -1;
    BL_AUTO_FD int directory_fd = -1;
    char path[AGENT_TXN_PATH_BYTES_MAX];
    int r;

    r = bl_text_format(path, sizeof(path), "%s/%s.lock", job->cache_dir, directory);
    if (r < 0)
        return bl_fail(err, r, "'%s': path too long", job->cache_dir);
    r = agent_packages_process_take_lock(job, path, SHARE_MS, &lock_fd, err);
    if (r < 0)
        return r;
    path[strlen(path) - strlen(".lock")] = '\0';
    directory_fd = bl_dir_open(AT_FDCWD, path, err);
    if (directory_fd < 0)
        return directory_fd;
    if (!anew && is_young(directory_fd))
        return 0;
    r = update(job, directory_fd, err);
    for (int attempt = 0; r == -EAGAIN && agent_packages_await_retry(job, attempt, err); attempt++)
        r = update(job, directory_fd, err);

    return r < 0 ? r : bl_file_replace(directory_fd, STAMP, "", 0, err);
}
