/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/apt.h"
#include "agent/packages/transfer.h"
#include "common/file.h"
#include "common/text.h"

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

/* An empty place that the user of apt's downloads may write to, and nobody else. */
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

int agent_packages_apt_adopt(struct agent_packages_job *job, const char *source,
                             const struct agent_packages_wanted *wanted, const char *directory,
                             struct agent_packages_file *ret_file, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    struct agent_packages_file file;
    const char *name;
    int r;

    r = agent_packages_apt_read_file(job, source, &file, err);
    if (r < 0)
        return r;
    if (!is_as_wanted(&file, wanted)) {
        return bl_fail(err, -EBADMSG, "'%s' is another package than %s %s", source, wanted->name,
                       wanted->version);
    }
    r = agent_packages_apt_file_name(job, wanted->name, wanted->version, wanted->arch, &name, err);
    if (r < 0)
        return r;
    r = bl_dir_make(job->job_fd, directory, 0700, err);
    if (r < 0)
        return r;
    dir_fd = bl_dir_open(job->job_fd, directory, err);
    if (dir_fd < 0)
        return dir_fd;
    r = agent_packages_transfer(source, dir_fd, name, 0600, err);
    if (r < 0)
        return r;
    *ret_file = file;

    return 0;
}

static int has_file(struct agent_packages_job *job, const struct agent_packages_wanted *wanted,
                    const char *directory, struct bl_error *err)
{
    const char *name, *path;
    int r;

    r = agent_packages_apt_file_name(job, wanted->name, wanted->version, wanted->arch, &name, err);
    if (r < 0)
        return r;
    r = agent_packages_memory_format(job->memory, &path, err, "%s/%s", directory, name);

    return r < 0 ? r : bl_file_exists(job->job_fd, path, err);
}

int agent_packages_apt_download(struct agent_packages_job *job,
                                const struct agent_packages_wanted *wanted, uint32_t wanted_count,
                                const char *directory, struct agent_packages_output *ret_output,
                                struct bl_error *err)
{
    BL_AUTO_FD int lock_fd = -1;
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_STOP_TOOL};
    const char *incoming, *lock;
    uint32_t missing = 0;
    int r;

    if ((r = agent_packages_memory_format(job->memory, &incoming, err, "%s/apt/incoming",
                                          job->cache_dir)) < 0 ||
        (r = agent_packages_memory_format(job->memory, &lock, err, "%s/apt/incoming.lock",
                                          job->cache_dir)) < 0 ||
        (r = agent_packages_process_take_lock(job, lock, AGENT_PACKAGES_APT_SHARE_MS, &lock_fd,
                                              err)) < 0 ||
        (r = make_incoming(job, incoming, err)) < 0 ||
        (r = agent_packages_apt_begin(job, AGENT_PACKAGES_APT_REPOSITORIES, &command.args, err)) <
            0 ||
        (r = agent_packages_args_add(job, &command.args, "download", err)) < 0)
        return r;
    for (uint32_t i = 0; i < wanted_count; i++) {
        r = has_file(job, &wanted[i], directory, err);
        if (r < 0)
            return r;
        if (r > 0)
            continue;
        r = agent_packages_args_format(job, &command.args, err, "%s:%s=%s", wanted[i].name,
                                       wanted[i].arch, wanted[i].version);
        if (r < 0)
            return r;
        missing++;
    }
    *ret_output = (struct agent_packages_output){.text = ""};
    if (missing == 0)
        return 0;

    command.directory = incoming;
    r = agent_packages_run(job, &command, ret_output, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < wanted_count; i++) {
        struct agent_packages_file file;
        struct bl_error unused = {0};
        const char *name, *path;

        if ((r = agent_packages_apt_file_name(job, wanted[i].name, wanted[i].version,
                                              wanted[i].arch, &name, err)) < 0 ||
            (r = agent_packages_memory_format(job->memory, &path, err, "%s/%s", incoming, name)) <
                0)
            return r;
        /* Which of them came is the caller's question; a full disk is everybody's. */
        if (bl_file_exists(AT_FDCWD, path, &unused) == 1 &&
            (r = agent_packages_apt_adopt(job, path, &wanted[i], directory, &file, err)) < 0 &&
            r != -EBADMSG)
            return r;
        (void)unlink(path);
    }

    return 0;
}

int agent_packages_apt_fetch(struct agent_packages_job *job,
                             const struct agent_packages_changes *changes, struct bl_error *err)
{
    struct agent_packages_output output;
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

    r = agent_packages_apt_download(job, wanted, count, AGENT_PACKAGES_NEW_DIR, &output, err);
    if (r == -ENOSPC || r == -EDQUOT)
        agent_packages_job_blame(job, "no_space", "make room for the packages");
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < count; i++) {
        r = has_file(job, &wanted[i], AGENT_PACKAGES_NEW_DIR, err);
        if (r < 0)
            return r;
        if (r == 0 && output.status != 0)
            return agent_packages_apt_blame(job, "apt-get download", &output, err);
        if (r == 0) {
            return agent_packages_fail(job, err, "fetch_failed", "see the log of the phase",
                                       -ENODATA, "%s %s could not be fetched", wanted[i].name,
                                       wanted[i].version);
        }
    }

    return 0;
}
