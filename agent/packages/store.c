/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/process.h"
#include "agent/packages/tools.h"
#include "agent/packages/transfer.h"
#include "common/file.h"

enum {
    SHARE_MS = 10 * 60 * 1000 /* how long one job waits for another that downloads */
};

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

/* An empty place that the user of apt's downloads, where there is one, may write to; nobody else. */
static int make_incoming(struct agent_packages_job *job, const char *path, struct bl_error *err)
{
    BL_CLEANUP(close_directory) DIR *directory = NULL;
    const struct passwd *user = getpwnam("_apt");
    const struct dirent *entry;
    int r;

    r = bl_dir_make(AT_FDCWD, path, 0700, err);
    if (r < 0)
        return r;
    if (user != NULL && chown(path, user->pw_uid, (gid_t)-1) < 0)
        return bl_fail(err, -errno, "give '%s' to _apt: %s", path, strerror(errno));
    directory = opendir(path);
    if (directory == NULL)
        return bl_fail(err, -errno, "open '%s': %s", path, strerror(errno));
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != '.' && unlinkat(dirfd(directory), entry->d_name, 0) < 0)
            return bl_fail(err, -errno, "remove '%s': %s", entry->d_name, strerror(errno));
    }
    (void)dprintf(job->log_fd, "# downloads go to %s\n", path);

    return 0;
}

static bool is_as_wanted(const struct agent_packages_file *file,
                         const struct agent_packages_wanted *wanted)
{
    return strcmp(file->name, wanted->name) == 0 && strcmp(file->arch, wanted->arch) == 0 &&
           strcmp(file->version, wanted->version) == 0;
}

int agent_packages_adopt(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                         const char *source, const struct agent_packages_wanted *wanted,
                         const char *directory, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    struct agent_packages_file file;
    const char *name;
    int r;

    r = tools->read_file(job, source, &file, err);
    if (r < 0)
        return r;
    if (!is_as_wanted(&file, wanted)) {
        return bl_fail(err, -EBADMSG, "'%s' is another package than %s %s", source, wanted->name,
                       wanted->version);
    }
    r = tools->file_name(job, wanted, &name, err);
    if (r < 0)
        return r;
    r = bl_dir_make(job->job_fd, directory, 0700, err);
    if (r < 0)
        return r;
    dir_fd = bl_dir_open(job->job_fd, directory, err);
    if (dir_fd < 0)
        return dir_fd;

    return agent_packages_transfer(source, dir_fd, name, 0600, err);
}

int agent_packages_has_file(struct agent_packages_job *job,
                            const struct agent_packages_tools *tools,
                            const struct agent_packages_wanted *wanted, const char *directory,
                            struct bl_error *err)
{
    const char *name, *path;
    int r;

    r = tools->file_name(job, wanted, &name, err);
    if (r < 0)
        return r;
    r = agent_packages_memory_format(job->memory, &path, err, "%s/%s", directory, name);

    return r < 0 ? r : bl_file_exists(job->job_fd, path, err);
}

static int adopt_all(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                     const struct agent_packages_wanted *wanted, uint32_t wanted_count,
                     const char *incoming, const char *directory, struct bl_error *err)
{
    for (uint32_t i = 0; i < wanted_count; i++) {
        struct bl_error unused = {0};
        const char *name, *path;
        int r;

        if ((r = tools->file_name(job, &wanted[i], &name, err)) < 0 ||
            (r = agent_packages_memory_format(job->memory, &path, err, "%s/%s", incoming, name)) <
                0)
            return r;
        /* Which of them came is the caller's question; a full disk is everybody's. */
        if (bl_file_exists(AT_FDCWD, path, &unused) == 1 &&
            (r = agent_packages_adopt(job, tools, path, &wanted[i], directory, err)) < 0 &&
            r != -EBADMSG)
            return r;
        (void)unlink(path);
    }

    return 0;
}

static int pick_missing(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                        const struct agent_packages_wanted *wanted, uint32_t wanted_count,
                        const char *directory, struct agent_packages_wanted **ret_missing,
                        struct bl_error *err)
{
    struct agent_packages_wanted *missing;
    void *place;
    int count = 0, r;

    r = agent_packages_memory_take(job->memory, (wanted_count + 1) * sizeof(*missing), &place, err);
    if (r < 0)
        return r;
    missing = place;
    for (uint32_t i = 0; i < wanted_count; i++) {
        r = agent_packages_has_file(job, tools, &wanted[i], directory, err);
        if (r < 0)
            return r;
        if (r == 0)
            missing[count++] = wanted[i];
    }
    *ret_missing = missing;

    return count;
}

int agent_packages_download(struct agent_packages_job *job,
                            const struct agent_packages_tools *tools,
                            const struct agent_packages_wanted *wanted, uint32_t wanted_count,
                            bool former, struct agent_packages_output *ret_output,
                            struct bl_error *err)
{
    BL_AUTO_FD int lock_fd = -1;
    const char *directory = former ? AGENT_PACKAGES_FORMER_DIR : AGENT_PACKAGES_NEW_DIR;
    struct agent_packages_wanted *missing;
    const char *incoming, *lock;
    int r;

    *ret_output = (struct agent_packages_output){.text = ""};
    if ((r = agent_packages_memory_format(job->memory, &incoming, err, "%s/incoming",
                                          job->cache_dir)) < 0 ||
        (r = agent_packages_memory_format(job->memory, &lock, err, "%s/incoming.lock",
                                          job->cache_dir)) < 0 ||
        (r = agent_packages_process_take_lock(job, lock, SHARE_MS, &lock_fd, err)) < 0 ||
        (r = make_incoming(job, incoming, err)) < 0 ||
        (r = pick_missing(job, tools, wanted, wanted_count, directory, &missing, err)) <= 0)
        return r;
    wanted_count = (uint32_t)r;

    agent_packages_progress_of_download(job, incoming, wanted_count, 0, tools->parse_download_size);
    r = tools->download(job, missing, wanted_count, former, incoming, ret_output, err);
    agent_packages_progress_end(job);
    if (r < 0)
        return r;

    return adopt_all(job, tools, missing, wanted_count, incoming, directory, err);
}

/* All of them, or none counts. `*ret_passes`: worth another try. */
static int fetch_once(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                      const struct agent_packages_wanted *wanted, uint32_t count, bool *ret_passes,
                      struct bl_error *err)
{
    struct agent_packages_repository_fault fault = {0};
    struct agent_packages_output output;
    int r;

    *ret_passes = false;
    r = agent_packages_download(job, tools, wanted, count, /* former= */ false, &output, err);
    if (r == -ENOSPC || r == -EDQUOT)
        agent_packages_job_blame(job, "no_space", "make room for the packages");
    for (uint32_t i = 0; r >= 0 && i < count; i++) {
        r = agent_packages_has_file(job, tools, &wanted[i], AGENT_PACKAGES_NEW_DIR, err);
        if (r != 0)
            continue;
        if (agent_packages_find_repository_fault(output.text, &fault)) {
            *ret_passes = fault.passes;
            return agent_packages_blame_repository(job, tools->download_words, &fault, err);
        }
        if (output.status != 0)
            return tools->blame(job, tools->download_words, &output, err);
        return agent_packages_fail(job, err, "fetch_failed", "see the log of the phase", -ENODATA,
                                   "%s %s could not be fetched", wanted[i].name, wanted[i].version);
    }

    return r < 0 ? r : 0;
}

int agent_packages_fetch(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                         const struct agent_packages_changes *changes, struct bl_error *err)
{
    struct agent_packages_wanted *wanted;
    uint32_t count = 0;
    void *place;
    int r;

    r = agent_packages_memory_take(job->memory, (changes->count + 1) * sizeof(*wanted), &place,
                                   err);
    if (r < 0)
        return r;
    wanted = place;
    for (uint32_t i = 0; i < changes->count; i++) {
        if (changes->list[i].action != PROTO_ACTION_REMOVE) {
            wanted[count++] = (struct agent_packages_wanted){
                changes->list[i].name, changes->list[i].arch, changes->list[i].to};
        }
    }

    for (int attempt = 0;; attempt++) {
        bool passes;

        r = fetch_once(job, tools, wanted, count, &passes, err);
        if (r >= 0 || !passes || !agent_packages_await_retry(job, attempt, err))
            return r;
        r = tools->refresh_anew(job, err);
        if (r < 0)
            return r;
    }
}
