/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/dnf.h"
#include "agent/packages/transfer.h"
#include "common/file.h"
#include "common/text.h"

/*
 * Forward: dnf solves with exactly the files of the job and lets rpm test the transaction, which finds
 * conflicts of files and a lack of room. Backward: rpm plays the change in a copy of its database, and
 * then the way back, whose outcome must be the database as it was.
 */
#define REHEARSAL_DIR "rehearsal"

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

int agent_packages_dnf_rehearse_forward(struct agent_packages_job *job,
                                        const struct agent_packages_way_back *way_back,
                                        struct bl_error *err)
{
    static const char *const test[] = {
        "-y", "--setopt=tsflags=test", "--allowerasing", "install", "--", NULL};
    struct agent_packages_args args;
    struct agent_packages_changes wanted, found;
    const char *text;
    char words[200];
    int r;

    if ((r = agent_packages_dnf_begin(job, AGENT_PACKAGES_DNF_REHEARSAL, &args, err)) < 0 ||
        (r = agent_packages_args_add_all(job, &args, test, err)) < 0 ||
        (r = agent_packages_dnf_add_new(job, &args, way_back, err)) < 0 ||
        (r = agent_packages_way_back_changes(job, way_back, &wanted, err)) < 0 ||
        (r = agent_packages_dnf_simulate(job, &args, &found, &text, err)) < 0)
        return agent_packages_job_pass(job, "change_not_rehearsed", "see the log of the phase", r);
    if (!agent_packages_changes_equal(&wanted, &found, words, sizeof(words))) {
        return agent_packages_fail(job, err, "change_not_rehearsed", "see the log of the phase",
                                   -EPROTO, "%s", words);
    }

    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    return remove(path);
}

/* Nobody writes meanwhile: the lock of rpm's transactions is held. */
static int copy_database(struct agent_packages_job *job, const char *database, struct bl_error *err)
{
    BL_CLEANUP(close_directory) DIR *directory = NULL;
    BL_AUTO_FD int lock_fd = -1;
    BL_AUTO_FD int copy_fd = -1;
    const struct dirent *entry;
    char path[AGENT_TXN_PATH_BYTES_MAX];
    int r;

    if ((r = bl_dir_make(job->job_fd, REHEARSAL_DIR, 0700, err)) < 0 ||
        (r = bl_text_format(path, sizeof(path), "%s/.rpm.lock", database)) < 0 ||
        (r = agent_packages_process_take_lock(job, path, job->lock_wait_ms, &lock_fd, err)) < 0)
        return r;
    copy_fd = bl_dir_open(job->job_fd, REHEARSAL_DIR, err);
    if (copy_fd < 0)
        return copy_fd;
    directory = opendir(database);
    if (directory == NULL)
        return bl_fail(err, -errno, "open '%s': %s", database, strerror(errno));
    while ((entry = readdir(directory)) != NULL) {
        struct stat st;

        /* What is shared in memory belongs to the original. */
        if (entry->d_name[0] == '.' || strncmp(entry->d_name, "__db", 4) == 0 ||
            strstr(entry->d_name, "-shm") != NULL ||
            bl_text_format(path, sizeof(path), "%s/%s", database, entry->d_name) < 0 ||
            lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        r = agent_packages_transfer(path, copy_fd, entry->d_name, 0600, err);
        if (r < 0)
            return bl_wrap(err, "copy rpm's database");
    }

    return 0;
}

/* Begins "rpm --dbpath COPY MORE" */
static int begin_in_copy(struct agent_packages_job *job, const char *const *more,
                         struct agent_packages_args *args, struct bl_error *err)
{
    int r;

    *args = (struct agent_packages_args){0};
    if ((r = agent_packages_args_add(job, args, AGENT_PACKAGES_RPM, err)) < 0 ||
        (r = agent_packages_args_add(job, args, "--dbpath", err)) < 0 ||
        (r = agent_packages_args_format(job, args, err, "%s/" REHEARSAL_DIR, job->job_path)) < 0)
        return r;

    return agent_packages_args_add_all(job, args, more, err);
}

static int run_in_copy(struct agent_packages_job *job, const struct agent_packages_args *args,
                       const char *what, const char **ret_text, struct bl_error *err)
{
    struct agent_packages_command command = {.args = *args, .patience = AGENT_PACKAGES_STOP_TOOL};
    struct agent_packages_output output;
    int r;

    r = agent_packages_run(job, &command, &output, err);
    if (r < 0)
        return r;
    if (output.status != 0)
        return agent_packages_dnf_blame(job, what, &output, err);
    if (ret_text != NULL)
        *ret_text = output.text;

    return 0;
}

/* The packages that are only on one side go first: their conflicts with the others go with them. */
static int erase_in_copy(struct agent_packages_job *job,
                         const struct agent_packages_way_back *way_back,
                         enum agent_packages_side to_side, struct bl_error *err)
{
    static const char *const erase[] = {"-e",       "--justdb", "--noscripts", "--notriggers",
                                        "--nodeps", "--",       NULL};
    struct agent_packages_args args;
    uint32_t count = 0;
    int r = begin_in_copy(job, erase, &args, err);

    for (uint32_t i = 0; r >= 0 && i < way_back->former_count; i++) {
        const struct agent_packages_former *former = &way_back->former[i];
        bool forward = to_side == AGENT_PACKAGES_AFTER;

        if (agent_packages_is_there(former, to_side))
            continue;
        r = agent_packages_dnf_add_exact(job, &args, former->name,
                                         forward ? former->from : former->to,
                                         forward ? former->from_arch : former->arch, err);
        count++;
    }
    if (r < 0 || count == 0)
        return r;

    return run_in_copy(job, &args, "rpm -e", NULL, err);
}

static int list_copy(struct agent_packages_job *job, const char **ret_text, struct bl_error *err)
{
    static const char *const list[] = {"-qa", "--qf", AGENT_PACKAGES_RPM_QUERY_FORMAT, NULL};
    struct agent_packages_args args;
    int r = begin_in_copy(job, list, &args, err);

    return r < 0 ? r : run_in_copy(job, &args, "rpm -qa", ret_text, err);
}

static int install_in_copy(struct agent_packages_job *job,
                           const struct agent_packages_way_back *way_back,
                           enum agent_packages_side to_side, struct bl_error *err)
{
    static const char *const install[] = {"-U",           "--justdb", "--noscripts", "--notriggers",
                                          "--oldpackage", "--",       NULL};
    struct agent_packages_args args;
    uint32_t fixed;
    int r = begin_in_copy(job, install, &args, err);

    if (r < 0)
        return r;
    fixed = args.count;
    if (to_side == AGENT_PACKAGES_AFTER) {
        r = agent_packages_dnf_add_new(job, &args, way_back, err);
    } else {
        r = agent_packages_dnf_add_former(job, &args, way_back, NULL, err);
    }
    if (r < 0 || args.count == fixed)
        return r < 0 ? r : 0;

    return run_in_copy(job, &args, "rpm -U", NULL, err);
}

static int compare_lists(struct agent_packages_job *job, const char *before, const char *after,
                         struct bl_error *err)
{
    struct agent_packages_rpms was, is;
    int r;

    if ((r = agent_packages_dnf_parse_rpms(job->memory, before, &was, err)) < 0 ||
        (r = agent_packages_dnf_parse_rpms(job->memory, after, &is, err)) < 0)
        return r;
    for (uint32_t i = 0; i < was.count; i++) {
        const struct agent_packages_rpm *rpm = &was.list[i];

        if (agent_packages_dnf_find(&is, rpm->name, rpm->arch, rpm->version) == NULL)
            return bl_fail(err, -EPROTO, "%s %s would not be back", rpm->name, rpm->version);
    }

    return was.count == is.count
               ? 0
               : bl_fail(err, -EPROTO, "%u packages instead of %u would be installed", is.count,
                         was.count);
}

static int rehearse_backward(struct agent_packages_job *job,
                             const struct agent_packages_way_back *way_back, struct bl_error *err)
{
    const char *database, *before, *after;
    int r;

    if ((r = agent_packages_dnf_database(job, &database, err)) < 0 ||
        (r = copy_database(job, database, err)) < 0 || (r = list_copy(job, &before, err)) < 0 ||
        (r = erase_in_copy(job, way_back, AGENT_PACKAGES_AFTER, err)) < 0 ||
        (r = install_in_copy(job, way_back, AGENT_PACKAGES_AFTER, err)) < 0 ||
        (r = erase_in_copy(job, way_back, AGENT_PACKAGES_BEFORE, err)) < 0 ||
        (r = install_in_copy(job, way_back, AGENT_PACKAGES_BEFORE, err)) < 0 ||
        (r = list_copy(job, &after, err)) < 0)
        return r;

    return compare_lists(job, before, after, err);
}

int agent_packages_dnf_rehearse(struct agent_packages_job *job,
                                const struct agent_packages_way_back *way_back,
                                struct bl_error *err)
{
    char directory[AGENT_TXN_PATH_BYTES_MAX];
    int r;

    r = agent_packages_dnf_rehearse_forward(job, way_back, err);
    if (r < 0 || way_back->by_snapshot)
        return r;
    if (bl_text_format(directory, sizeof(directory), "%s/" REHEARSAL_DIR, job->job_path) < 0)
        return bl_fail(err, -EMSGSIZE, "'%s': path too long", job->job_path);
    /* What an interruption left there would get into this rehearsal. */
    (void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    r = rehearse_backward(job, way_back, err);
    (void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (r < 0) {
        job->code = r == -ENOSPC ? "no_space" : "way_back_not_rehearsed";
        return bl_wrap(err, "the way back fails in the rehearsal");
    }

    return 0;
}
