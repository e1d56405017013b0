/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/apt.h"
#include "common/file.h"
#include "common/text.h"

/*
 * dpkg-repack packs a configuration file as it lies on the host. Where a person has edited it, dpkg
 * would from then on take the edit for what the package brought, and the next upgrade would replace
 * it without a word. So an edited file is packed as something that nobody has: dpkg then sees that
 * the file on the host differs, keeps it now and at every upgrade to come; the host's own file is
 * put back byte for byte at the end of the way back anyway.
 */
#define REBUILT_DIR "rebuilt"
#define TREE        "tree"

static const char placeholder[] =
    "# The original of this file was not to be had when its package was rebuilt.\n";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    return remove(path);
}

static int run_in(struct agent_packages_job *job, const char *directory, const char *const *argv,
                  struct agent_packages_output *ret_output, struct bl_error *err)
{
    struct agent_packages_command command = {.directory = directory,
                                             .patience = AGENT_PACKAGES_STOP_TOOL};
    int r = agent_packages_args_add_all(job, &command.args, argv, err);

    return r < 0 ? r : agent_packages_run(job, &command, ret_output, err);
}

/* Opens the directory of `path` below `root_fd`; a link on the way could lead out to the host. */
static int open_parent(int root_fd, const char *path, const char **ret_name, struct bl_error *err)
{
    BL_AUTO_FD int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);

    while (fd >= 0) {
        char part[NAME_MAX + 1];
        size_t length;
        int next_fd;

        path += strspn(path, "/");
        length = strcspn(path, "/");
        if (path[length] == '\0') {
            *ret_name = path;
            return BL_TAKE_FD(fd);
        }
        if (bl_text_format(part, sizeof(part), "%.*s", (int)length, path) < 0)
            return bl_fail(err, -ENAMETOOLONG, "'%s': name too long", path);
        next_fd = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        bl_close_fd(&fd);
        fd = next_fd;
        path += length;
    }

    return bl_fail(err, -errno, "'%s': %s", path, strerror(errno));
}

static int mask_file(int tree_fd, const char *path, struct bl_error *err)
{
    BL_AUTO_FD int parent_fd = -1;
    const char *name;
    struct stat st;

    parent_fd = open_parent(tree_fd, path, &name, err);
    if (parent_fd < 0)
        return parent_fd;
    if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return bl_fail(err, -EUCLEAN, "'%s' is no plain file in the rebuilt package", path);

    return bl_file_replace_mode(parent_fd, name, placeholder, strlen(placeholder),
                                st.st_mode & 07777, err);
}

/* The lines "??5?????? c /path" of `dpkg --verify`. Returns how many files were masked. */
static int mask_edited(struct agent_packages_job *job, int tree_fd, const char *verified,
                       struct bl_error *err)
{
    struct agent_packages_line line;
    int count = 0;

    while (agent_packages_next_line(&verified, &line)) {
        const char *path = memchr(line.text, '/', line.length);
        const char *text;
        int r;

        if (line.length < 12 || line.text[2] != '5' || path == NULL ||
            memchr(line.text, 'c', (size_t)(path - line.text)) == NULL)
            continue;
        r = agent_packages_memory_copy(job->memory, path, line.length - (size_t)(path - line.text),
                                       &text, err);
        if (r < 0)
            return r;
        r = mask_file(tree_fd, text, err);
        if (r < 0)
            return r;
        count++;
    }

    return count;
}

static int find_edited(struct agent_packages_job *job, const struct agent_packages_wanted *wanted,
                       const char **ret_lines, struct bl_error *err)
{
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    const char *head[] = {AGENT_PACKAGES_DPKG, "--verify", NULL};
    struct agent_packages_output output;
    int r;

    if ((r = agent_packages_args_add_all(job, &command.args, head, err)) < 0 ||
        (r = agent_packages_args_format(job, &command.args, err, "%s:%s", wanted->name,
                                        wanted->arch)) < 0 ||
        (r = agent_packages_run(job, &command, &output, err)) < 0)
        return r;
    *ret_lines = output.text;

    return 0;
}

/* Takes the package apart, masks, and builds it anew over the first. */
static int mask_package(struct agent_packages_job *job, const char *directory, const char *file,
                        const char *edited, struct bl_error *err)
{
    BL_AUTO_FD int tree_fd = -1;
    const char *unpack[] = {AGENT_PACKAGES_DPKG_DEB, "-R", file, TREE, NULL};
    const char *build[] = {AGENT_PACKAGES_DPKG_DEB, "-b", TREE, file, NULL};
    struct agent_packages_output output;
    const char *tree;
    int r;

    if ((r = run_in(job, directory, unpack, &output, err)) < 0 ||
        (r = agent_packages_memory_format(job->memory, &tree, err, "%s/%s", directory, TREE)) < 0)
        return r;
    if (output.status != 0) /* a package of half of its files looks whole from outside */
        return agent_packages_apt_blame(job, "dpkg-deb -R", &output, err);
    tree_fd = bl_dir_open(AT_FDCWD, tree, err);
    if (tree_fd < 0)
        return tree_fd;
    r = mask_edited(job, tree_fd, edited, err);
    if (r <= 0)
        return r;
    (void)dprintf(job->log_fd, "# %d edited configuration files are masked\n", r);
    r = run_in(job, directory, build, &output, err);
    if (r < 0)
        return r;
    if (output.status != 0)
        return agent_packages_apt_blame(job, "dpkg-deb -b", &output, err);

    return 0;
}

static int rebuild(struct agent_packages_job *job, const struct agent_packages_wanted *wanted,
                   const char *directory, struct bl_error *err)
{
    const char *repack[] = {AGENT_PACKAGES_DPKG_REPACK, NULL, NULL};
    const char *colon = strchr(wanted->version, ':'); /* dpkg-deb's file names have no epoch */
    struct agent_packages_output output;
    const char *file, *path, *edited;
    int r;

    if ((r = agent_packages_memory_format(job->memory, &repack[1], err, "%s:%s", wanted->name,
                                          wanted->arch)) < 0 ||
        (r = find_edited(job, wanted, &edited, err)) < 0 ||
        (r = run_in(job, directory, repack, &output, err)) < 0 ||
        (r = agent_packages_memory_format(job->memory, &file, err, "%s_%s_%s.deb", wanted->name,
                                          colon != NULL ? colon + 1 : wanted->version,
                                          wanted->arch)) < 0 ||
        (r = agent_packages_memory_format(job->memory, &path, err, "%s/%s", directory, file)) < 0)
        return r;
    if (output.status != 0 || access(path, R_OK) < 0)
        return 0;
    if (strstr(edited, " c /") != NULL && (r = mask_package(job, directory, file, edited, err)) < 0)
        return r;
    r = agent_packages_adopt(job, &agent_packages_apt_tools, path, wanted,
                             AGENT_PACKAGES_FORMER_DIR, err);

    return r == -EBADMSG ? 0 : r < 0 ? r : 1;
}

int agent_packages_apt_repack(struct agent_packages_job *job,
                              const struct agent_packages_wanted *wanted, struct bl_error *err)
{
    char directory[AGENT_TXN_PATH_BYTES_MAX];
    int r;

    if (access(AGENT_PACKAGES_DPKG_REPACK, X_OK) < 0)
        return 0;
    if (bl_text_format(directory, sizeof(directory), "%s/" REBUILT_DIR, job->job_path) < 0)
        return bl_fail(err, -EMSGSIZE, "'%s': path too long", job->job_path);
    /* What an interruption left there would get into this package. */
    (void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    r = bl_dir_make(job->job_fd, REBUILT_DIR, 0700, err);
    if (r < 0)
        return r;
    r = rebuild(job, wanted, directory, err);
    (void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);

    return r;
}
