/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/tree.h"
#include "agent/packages/tree_walk.h"
#include "agent/packages/tree_xattr.h"
#include "common/file.h"
#include "common/text.h"

/* What is being made has this name until it is whole; one that was left behind is of no use. */
#define UNFINISHED ".belay-unfinished"

struct putting {
    struct agent_packages_job *job;
    const struct agent_packages_tree *before;
    struct bl_error first;
    int done_count;
};

/* Owner first: it takes away capabilities and set-user-id. The mode before the ACL, which has both. */
int agent_packages_tree_dress(struct agent_packages_job *job, int fd,
                              const struct agent_packages_entry *entry, struct bl_error *err)
{
    if (fchown(fd, (uid_t)entry->uid, (gid_t)entry->gid) < 0 || fchmod(fd, (mode_t)entry->mode) < 0)
        return bl_fail(err, -errno, "give owner and mode: %s", strerror(errno));

    return agent_packages_xattrs_write(job, fd, &entry->xattrs, err);
}

static int dress(struct putting *p, int fd, const struct agent_packages_entry *entry,
                 struct bl_error *err)
{
    int r = agent_packages_tree_dress(p->job, fd, entry, err);

    if (r < 0)
        return r;
    if (fsync(fd) < 0)
        return bl_fail(err, -errno, "sync: %s", strerror(errno));

    return 0;
}

static int finish(int dir_fd, const char *name, struct bl_error *err)
{
    if (renameat(dir_fd, UNFINISHED, dir_fd, name) < 0 || fsync(dir_fd) < 0)
        return bl_fail(err, -errno, "put it in its place: %s", strerror(errno));

    return 0;
}

static int make_file(struct putting *p, int dir_fd, const char *name,
                     const struct agent_packages_entry *entry, struct bl_error *err)
{
    BL_AUTO_FD int from_fd = -1;
    BL_AUTO_FD int fd = -1;
    char source[AGENT_TXN_PATH_BYTES_MAX];
    int r;

    if (bl_text_format(source, sizeof(source), "%s/%05llu", p->before->copies,
                       (unsigned long long)entry->number) < 0)
        return bl_fail(err, -EMSGSIZE, "the copy's path is too long");
    from_fd = openat(p->job->job_fd, source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from_fd < 0)
        return bl_fail(err, -errno, "open the copy: %s", strerror(errno));
    fd = openat(dir_fd, UNFINISHED, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return bl_fail(err, -errno, "create: %s", strerror(errno));
    r = bl_fd_copy(from_fd, fd, err);
    if (r < 0 || (r = dress(p, fd, entry, err)) < 0)
        return r;

    return finish(dir_fd, name, err);
}

/* Whoever owns the directory could put something else in the link's place: only the link itself changes hands. */
static int make_link(int dir_fd, const char *name, const struct agent_packages_entry *entry,
                     struct bl_error *err)
{
    BL_AUTO_FD int fd = -1;
    struct stat st;

    if (symlinkat(entry->target, dir_fd, UNFINISHED) < 0)
        return bl_fail(err, -errno, "make the link: %s", strerror(errno));
    fd = openat(dir_fd, UNFINISHED, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return bl_fail(err, -errno, "open the link: %s", strerror(errno));
    if (!S_ISLNK(st.st_mode) || st.st_nlink != 1)
        return bl_fail(err, -EUCLEAN, "somebody else works in this directory");
    if (fchownat(fd, "", (uid_t)entry->uid, (gid_t)entry->gid, AT_EMPTY_PATH) < 0)
        return bl_fail(err, -errno, "give the link its owner: %s", strerror(errno));

    return finish(dir_fd, name, err);
}

static int make_directory(struct putting *p, int dir_fd, const char *name,
                          const struct agent_packages_entry *entry, struct bl_error *err)
{
    BL_AUTO_FD int fd = -1;

    if (mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST)
        return bl_fail(err, -errno, "make the directory: %s", strerror(errno));
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return bl_fail(err, -errno, "open the directory: %s", strerror(errno));

    return dress(p, fd, entry, err);
}

/*
 * A file is made anew even if only its mode is wrong: what has its name by now may be a further name
 * of a file elsewhere, and must not give that one another owner.
 */
static int make(struct putting *p, const struct agent_packages_entry *before, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    const char *name;

    dir_fd = agent_packages_tree_open_parent(before->path, /* make= */ true, &name, err);
    if (dir_fd < 0)
        return dir_fd;
    if (unlinkat(dir_fd, UNFINISHED, 0) < 0 && errno != ENOENT)
        return bl_fail(err, -errno, "remove '" UNFINISHED "': %s", strerror(errno));
    if (before->kind == AGENT_PACKAGES_ENTRY_DIRECTORY)
        return make_directory(p, dir_fd, name, before, err);
    if (before->kind == AGENT_PACKAGES_ENTRY_LINK)
        return make_link(dir_fd, name, before, err);

    return make_file(p, dir_fd, name, before, err);
}

static int take_away(const struct agent_packages_entry *now, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    const char *name;
    int flags = now->kind == AGENT_PACKAGES_ENTRY_DIRECTORY ? AT_REMOVEDIR : 0;

    dir_fd = agent_packages_tree_open_parent(now->path, /* make= */ false, &name, err);
    if (dir_fd == -ENOENT) {
        *err = (struct bl_error){0};
        return 0;
    }
    if (dir_fd < 0)
        return dir_fd;
    if ((unlinkat(dir_fd, name, flags) < 0 && errno != ENOENT) || fsync(dir_fd) < 0)
        return bl_fail(err, -errno, "remove: %s", strerror(errno));

    return 0;
}

static void note_outcome(struct putting *p, const char *path, const char *words, int r,
                         struct bl_error *own)
{
    if (r >= 0) {
        agent_packages_job_note(p->job, "put back: %s, which %s", path, words);
        p->done_count++;
        return;
    }
    (void)bl_wrap(own, "'%s'", path);
    agent_packages_job_find(p->job, "restore_incomplete", own->text, "");
    p->first = p->first.code == 0 ? *own : p->first;
}

static bool is_concerned(const struct agent_packages_tree_choice *choice, const char *path)
{
    return choice == NULL || choice->is_concerned(choice->userdata, path);
}

/* What is in the way: new, or another kind of thing. The last first, so that directories are empty. */
static void clear_way(struct putting *p, const struct agent_packages_tree *now,
                      const struct agent_packages_tree_choice *choice)
{
    for (uint32_t i = now->entries_count; i-- > 0;) {
        const struct agent_packages_entry *entry = &now->entries[i];
        const struct agent_packages_entry *then = agent_packages_tree_find(p->before, entry->path);
        struct bl_error own = {0};
        int r;

        if ((then != NULL && then->kind == entry->kind) || !is_concerned(choice, entry->path))
            continue;
        r = take_away(entry, &own);
        if (then == NULL || r < 0)
            note_outcome(p, entry->path, "was not there before", r, &own);
    }
}

int agent_packages_tree_put_back(struct agent_packages_job *job,
                                 const struct agent_packages_tree *before,
                                 const struct agent_packages_tree *now,
                                 const struct agent_packages_tree_choice *choice,
                                 struct bl_error *err)
{
    struct putting p = {.job = job, .before = before};
    struct agent_packages_tree_pair pair = {0};

    clear_way(&p, now, choice);
    while (agent_packages_tree_next(before, now, &pair)) {
        const char *words = agent_packages_entry_difference(pair.before, pair.now);
        struct bl_error own = {0};
        int r;

        if (words == NULL || pair.before == NULL || !is_concerned(choice, pair.before->path))
            continue;
        r = make(&p, pair.before, &own);
        note_outcome(&p, pair.before->path, words, r, &own);
    }
    if (p.first.code != 0) {
        *err = p.first;
        return err->code;
    }

    return p.done_count;
}
