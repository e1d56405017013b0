/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>

#include "agent/packages/process.h"
#include "agent/packages/tools.h"
#include "common/file.h"
#include "common/text.h"

enum {
    REFRESH_MS = 60 * 1000,    /* a younger index is not fetched again */
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

int agent_packages_refresh(struct agent_packages_job *job, const char *directory,
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
    if (is_young(directory_fd))
        return 0;
    r = update(job, directory_fd, err);

    return r < 0 ? r : bl_file_replace(directory_fd, STAMP, "", 0, err);
}
