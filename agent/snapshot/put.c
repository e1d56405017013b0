/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/put.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/tree.h"
#include "agent/packages/tree_xattr.h"
#include "common/file.h"

enum {
    NAME_BYTES = 40,
};

struct putting {
    struct agent_packages_job *job;
    const struct agent_snapshot_put *put;
    struct bl_error first;
};

/* One path in both trees. Descriptors -1: the directory is not there. */
struct spot {
    uint32_t number;
    const char *path, *name;
    int before_dir_fd, now_dir_fd;
    struct stat before, now;
    bool is_before, is_now;
    bool is_same;
};

static void release_spot(struct spot *spot)
{
    bl_close_fd(&spot->before_dir_fd);
    bl_close_fd(&spot->now_dir_fd);
}
#define AUTO_SPOT BL_CLEANUP(release_spot) struct spot

static int look_at(const struct agent_snapshot_pair *pair, int top_fd, struct spot *spot,
                   int *ret_dir_fd, struct stat *ret_st, struct bl_error *err)
{
    *ret_dir_fd = agent_snapshot_open_parent(pair, top_fd, spot->path, &spot->name, err);
    if (*ret_dir_fd == -ENOENT) {
        *err = (struct bl_error){0};
        return 0;
    }
    if (*ret_dir_fd < 0)
        return *ret_dir_fd;
    if (fstatat(*ret_dir_fd, spot->name, ret_st, AT_SYMLINK_NOFOLLOW) == 0)
        return 1;

    return errno == ENOENT ? 0 : bl_fail(err, -errno, "stat: %s", strerror(errno));
}

static int look(struct putting *p, uint32_t number, struct spot *spot, struct bl_error *err)
{
    const struct agent_snapshot_pair *pair = p->put->pair;
    uint8_t before[PROTO_HASH_BYTES], now[PROTO_HASH_BYTES];
    enum agent_snapshot_thing before_thing, unused;
    int r;

    *spot = (struct spot){.number = number,
                          .path = p->put->list->entries[number].path,
                          .before_dir_fd = -1,
                          .now_dir_fd = -1};
    r = look_at(pair, pair->before_fd, spot, &spot->before_dir_fd, &spot->before, err);
    if (r < 0)
        return r;
    spot->is_before = r > 0;
    r = look_at(pair, pair->now_fd, spot, &spot->now_dir_fd, &spot->now, err);
    if (r < 0)
        return r;
    spot->is_now = r > 0;
    if ((r = agent_snapshot_digest(p->job, spot->before_dir_fd, spot->name, before, &before_thing,
                                   err)) < 0 ||
        (r = agent_snapshot_digest(p->job, spot->now_dir_fd, spot->name, now, &unused, err)) < 0)
        return r;
    spot->is_same = before_thing == AGENT_SNAPSHOT_OTHER || memcmp(before, now, sizeof(now)) == 0;

    return 0;
}

/* The entry that a tree's own functions take: owner, mode, attributes. */
static int describe(struct agent_packages_job *job, int fd, const struct stat *st,
                    struct agent_packages_entry *ret_entry, struct bl_error *err)
{
    *ret_entry = (struct agent_packages_entry){
        .mode = st->st_mode & 07777, .uid = st->st_uid, .gid = st->st_gid};

    return agent_packages_xattrs_read(job, fd, &ret_entry->xattrs, err);
}

static int dress(struct putting *p, int from_fd, int to_fd, const struct stat *st,
                 struct bl_error *err)
{
    AGENT_PACKAGES_AUTO_MEMORY memory = {0};
    struct agent_packages_job own = *p->job;
    struct agent_packages_entry entry;
    int r;

    own.memory = &memory;
    r = describe(&own, from_fd, st, &entry, err);

    return r < 0 ? r : agent_packages_tree_dress(&own, to_fd, &entry, err);
}

static int copy(int from_fd, int to_fd, struct bl_error *err)
{
    /* On one file system both then share the content, and nothing is written. */
    if (ioctl(to_fd, FICLONE, from_fd) == 0)
        return 0;
    return bl_fd_copy(from_fd, to_fd, err);
}

static void unfinished_name(const struct spot *spot, char ret_name[NAME_BYTES])
{
    (void)snprintf(ret_name, NAME_BYTES, AGENT_SNAPSHOT_UNFINISHED "%u", spot->number);
}

static int prepare_file(struct putting *p, const struct spot *spot, const char *unfinished,
                        struct bl_error *err)
{
    const struct timespec times[] = {spot->before.st_atim, spot->before.st_mtim};
    BL_AUTO_FD int from_fd = -1;
    BL_AUTO_FD int to_fd = -1;
    int r;

    from_fd = openat(spot->before_dir_fd, spot->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from_fd < 0)
        return bl_fail(err, -errno, "open it in the snapshot: %s", strerror(errno));
    to_fd = openat(spot->now_dir_fd, unfinished,
                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to_fd < 0)
        return bl_fail(err, -errno, "create: %s", strerror(errno));
    if ((r = copy(from_fd, to_fd, err)) < 0 ||
        (r = dress(p, from_fd, to_fd, &spot->before, err)) < 0)
        return r;
    if (futimens(to_fd, times) < 0)
        return bl_fail(err, -errno, "give its times: %s", strerror(errno));

    return 0;
}

static int prepare_link(const struct spot *spot, const char *unfinished, struct bl_error *err)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(spot->before_dir_fd, spot->name, target, sizeof(target) - 1);
    BL_AUTO_FD int fd = -1;
    struct stat st;

    if (length < 0)
        return bl_fail(err, -errno, "read the link: %s", strerror(errno));
    target[length] = '\0';
    if (symlinkat(target, spot->now_dir_fd, unfinished) < 0)
        return bl_fail(err, -errno, "make the link: %s", strerror(errno));
    /* Whoever owns the directory could put something else there: only the link changes hands. */
    fd = openat(spot->now_dir_fd, unfinished, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return bl_fail(err, -errno, "open the link: %s", strerror(errno));
    if (!S_ISLNK(st.st_mode) || st.st_nlink != 1)
        return bl_fail(err, -EUCLEAN, "somebody else works in this directory");
    if (fchownat(fd, "", spot->before.st_uid, spot->before.st_gid, AT_EMPTY_PATH) < 0)
        return bl_fail(err, -errno, "give the link its owner: %s", strerror(errno));

    return 0;
}

static int make_directory(struct putting *p, const struct spot *spot, struct bl_error *err)
{
    BL_AUTO_FD int from_fd = -1;
    BL_AUTO_FD int to_fd = -1;
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

    if (mkdirat(spot->now_dir_fd, spot->name, 0700) < 0 && errno != EEXIST)
        return bl_fail(err, -errno, "make the directory: %s", strerror(errno));
    from_fd = openat(spot->before_dir_fd, spot->name, flags);
    to_fd = openat(spot->now_dir_fd, spot->name, flags);
    if (from_fd < 0 || to_fd < 0)
        return bl_fail(err, -errno, "open the directory: %s", strerror(errno));

    return dress(p, from_fd, to_fd, &spot->before, err);
}

/* ---- the steps, each over all paths -------------------------------------------------------- */

static bool is_directory(const struct stat *st)
{
    return S_ISDIR(st->st_mode);
}

static int remove_now(struct putting *p, const struct spot *spot, struct bl_error *err)
{
    int flags = is_directory(&spot->now) ? AT_REMOVEDIR : 0;

    if (unlinkat(spot->now_dir_fd, spot->name, flags) == 0 || errno == ENOENT)
        return 0;
    if ((errno == ENOTEMPTY || errno == EBUSY) && p->put->keeps_foreign) {
        agent_packages_job_note(p->job, "%s stays: what is in it came later", spot->path);
        return 0;
    }

    return bl_fail(err, -errno, "remove: %s", strerror(errno));
}

/* A directory stands where none was, or what is no directory where one was. */
static int clear_way(struct putting *p, const struct spot *spot, struct bl_error *err)
{
    bool is_in_way = spot->is_before ? is_directory(&spot->before) != is_directory(&spot->now)
                                     : spot->before_dir_fd < 0;

    return spot->is_now && is_in_way ? remove_now(p, spot, err) : 0;
}

static int prepare(struct putting *p, const struct spot *spot, struct bl_error *err)
{
    char unfinished[NAME_BYTES];

    /* One that an interruption left may be another file's: never to be renamed. */
    unfinished_name(spot, unfinished);
    if (spot->now_dir_fd >= 0 && unlinkat(spot->now_dir_fd, unfinished, 0) < 0 && errno != ENOENT)
        return bl_fail(err, -errno, "remove '%s': %s", unfinished, strerror(errno));
    if (!spot->is_before || spot->is_same)
        return 0;
    if (spot->now_dir_fd < 0)
        return bl_fail(err, -ENOENT, "its directory is not there");
    if (is_directory(&spot->before))
        return make_directory(p, spot, err);
    if (S_ISLNK(spot->before.st_mode))
        return prepare_link(spot, unfinished, err);
    if (S_ISREG(spot->before.st_mode))
        return prepare_file(p, spot, unfinished, err);

    return 0; /* sockets and the like are made by those who use them */
}

static int rename_one(struct putting *p, const struct spot *spot, struct bl_error *err)
{
    char unfinished[NAME_BYTES];

    if (!spot->is_before || is_directory(&spot->before) || spot->now_dir_fd < 0)
        return 0;
    unfinished_name(spot, unfinished);
    if (renameat(spot->now_dir_fd, unfinished, spot->now_dir_fd, spot->name) == 0 ||
        errno == ENOENT)
        return 0;

    return bl_fail(err, -errno, "put it in its place: %s", strerror(errno));
}

static int remove_one(struct putting *p, const struct spot *spot, struct bl_error *err)
{
    return !spot->is_before && spot->is_now ? remove_now(p, spot, err) : 0;
}

static void fail_one(struct putting *p, const char *path, struct bl_error *own)
{
    (void)bl_wrap(own, "'%.300s'", path);
    agent_packages_job_find(p->job, "restore_incomplete", own->text, "");
    p->first = p->first.code == 0 ? *own : p->first;
}

typedef int (*step_fn)(struct putting *p, const struct spot *spot, struct bl_error *err);

static void run_step(struct putting *p, step_fn step, bool is_backward)
{
    uint32_t count = p->put->list->count;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = is_backward ? count - 1 - i : i;
        AUTO_SPOT spot = {.before_dir_fd = -1, .now_dir_fd = -1};
        struct bl_error own = {0};

        if (look(p, number, &spot, &own) < 0 || step(p, &spot, &own) < 0)
            fail_one(p, p->put->list->entries[number].path, &own);
    }
}

/* Between two renames nothing else is done than the next one: not even looking at the file. */
static void rename_all(struct putting *p)
{
    const struct agent_snapshot_pair *pair = p->put->pair;

    for (uint32_t i = 0; i < p->put->list->count; i++) {
        AUTO_SPOT spot = {.number = i,
                          .path = p->put->list->entries[i].path,
                          .before_dir_fd = -1,
                          .now_dir_fd = -1};
        struct bl_error own = {0};
        int r = look_at(pair, pair->before_fd, &spot, &spot.before_dir_fd, &spot.before, &own);

        spot.is_before = r > 0;
        if (r > 0)
            r = look_at(pair, pair->now_fd, &spot, &spot.now_dir_fd, &spot.now, &own);
        if (r < 0 || rename_one(p, &spot, &own) < 0)
            fail_one(p, spot.path, &own);
    }
}

static int prove(struct putting *p, const struct spot *spot, struct bl_error *err)
{
    if (spot->is_same || (!spot->is_before && is_directory(&spot->now) && p->put->keeps_foreign))
        return 0;

    return bl_fail(err, -EPROTO, "is not as it was");
}

int agent_snapshot_put_back(struct agent_packages_job *job, const struct agent_snapshot_put *put,
                            struct bl_error *err)
{
    struct putting p = {.job = job, .put = put};

    run_step(&p, clear_way, /* is_backward= */ true);
    run_step(&p, prepare, /* is_backward= */ false);
    if (syncfs(put->pair->now_fd) < 0)
        return bl_fail(err, -errno, "write out '%s': %s", put->pair->path, strerror(errno));
    rename_all(&p);
    run_step(&p, remove_one, /* is_backward= */ true);
    if (syncfs(put->pair->now_fd) < 0)
        return bl_fail(err, -errno, "write out '%s': %s", put->pair->path, strerror(errno));
    run_step(&p, prove, /* is_backward= */ false);
    if (p.first.code == 0)
        return 0;
    *err = p.first;

    return err->code;
}

bool agent_snapshot_is_of(const struct agent_snapshot_pair *pairs, uint32_t pairs_count,
                          uint32_t which, const char *path)
{
    size_t longest = 0;
    uint32_t found = pairs_count;

    for (uint32_t i = 0; i < pairs_count; i++) {
        size_t length = strcmp(pairs[i].path, "/") == 0 ? 0 : strlen(pairs[i].path);

        if (strncmp(path, pairs[i].path, length) == 0 && path[length] == '/' &&
            (found == pairs_count || length > longest)) {
            longest = length;
            found = i;
        }
    }

    return found == which;
}
