/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/walk.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/tree_walk.h"
#include "agent/packages/tree_xattr.h"
#include "agent/snapshot/place.h"
#include "common/file.h"
#include "common/text.h"

enum {
    DEPTH_MAX = 128,
    PIECE_BYTES = 64 * 1024,
    EMPTY_SUBVOLUME_INODE =
        2, /* btrfs: where a subvolume of the tree was that the snapshot lacks */
};

static enum agent_snapshot_thing thing_of(const struct stat *st)
{
    switch (st->st_mode & S_IFMT) {
    case S_IFREG:
        return AGENT_SNAPSHOT_FILE;
    case S_IFDIR:
        return AGENT_SNAPSHOT_DIRECTORY;
    case S_IFLNK:
        return AGENT_SNAPSHOT_LINK;
    default:
        return AGENT_SNAPSHOT_OTHER;
    }
}

/* ---- one thing ---------------------------------------------------------------------------- */

static int hash_content(int fd, crypto_generichash_state *state, struct bl_error *err)
{
    uint8_t piece[PIECE_BYTES];

    for (;;) {
        ssize_t n = read(fd, piece, sizeof(piece));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? 0 : bl_fail(err, -errno, "read: %s", strerror(errno));
        (void)crypto_generichash_update(state, piece, (size_t)n);
    }
}

static int hash_opened(struct agent_packages_job *job, int fd, bool is_file,
                       crypto_generichash_state *state, struct bl_error *err)
{
    AGENT_PACKAGES_AUTO_MEMORY memory = {0};
    struct agent_packages_job own = *job;
    struct proto_bytes xattrs;
    int r;

    own.memory = &memory; /* it is for one file, of very many */
    r = agent_packages_xattrs_read(&own, fd, &xattrs, err);
    if (r < 0)
        return r;
    if (xattrs.size_bytes > 0)
        (void)crypto_generichash_update(state, xattrs.data, xattrs.size_bytes);

    return is_file ? hash_content(fd, state, err) : 0;
}

static int hash_link(int dir_fd, const char *name, crypto_generichash_state *state,
                     struct bl_error *err)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(dir_fd, name, target, sizeof(target));

    if (length < 0)
        return bl_fail(err, -errno, "read link: %s", strerror(errno));
    (void)crypto_generichash_update(state, (const uint8_t *)target, (size_t)length);

    return 0;
}

int agent_snapshot_digest(struct agent_packages_job *job, int dir_fd, const char *name,
                          uint8_t ret_digest[PROTO_HASH_BYTES],
                          enum agent_snapshot_thing *ret_thing, struct bl_error *err)
{
    BL_AUTO_FD int fd = -1;
    crypto_generichash_state state;
    struct stat st;
    uint64_t head[4];
    int r = 0;

    memset(ret_digest, 0, PROTO_HASH_BYTES);
    *ret_thing = AGENT_SNAPSHOT_NOTHING;
    if (dir_fd < 0)
        return 0;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : bl_fail(err, -errno, "stat: %s", strerror(errno));
    *ret_thing = thing_of(&st);
    head[0] = *ret_thing;
    head[1] = *ret_thing == AGENT_SNAPSHOT_LINK ? 0 : st.st_mode & 07777;
    head[2] = st.st_uid;
    head[3] = st.st_gid;
    (void)crypto_generichash_init(&state, NULL, 0, PROTO_HASH_BYTES);
    (void)crypto_generichash_update(&state, (const uint8_t *)head, sizeof(head));
    if (*ret_thing == AGENT_SNAPSHOT_LINK) {
        r = hash_link(dir_fd, name, &state, err);
    } else if (*ret_thing != AGENT_SNAPSHOT_OTHER) {
        fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
            return bl_fail(err, -errno, "open: %s", strerror(errno));
        r = hash_opened(job, fd, *ret_thing == AGENT_SNAPSHOT_FILE, &state, err);
    }
    (void)crypto_generichash_final(&state, ret_digest, PROTO_HASH_BYTES);

    return r;
}

int agent_snapshot_open_parent(const struct agent_snapshot_pair *pair, int top_fd, const char *path,
                               const char **ret_name, struct bl_error *err)
{
    size_t top_length = strcmp(pair->path, "/") == 0 ? 0 : strlen(pair->path);
    int r = agent_packages_tree_open_parent_at(top_fd, path + top_length, /* make= */ false,
                                               ret_name, err);

    if (r == -ELOOP)
        err->code = -ENOENT;

    return r == -ELOOP ? -ENOENT : r;
}

static int digest_below(struct agent_packages_job *job, const struct agent_snapshot_pair *pair,
                        int top_fd, const char *path, uint8_t ret_digest[PROTO_HASH_BYTES],
                        enum agent_snapshot_thing *ret_thing, struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    const char *name = "";

    dir_fd = agent_snapshot_open_parent(pair, top_fd, path, &name, err);
    if (dir_fd < 0 && dir_fd != -ENOENT)
        return dir_fd;
    if (dir_fd == -ENOENT)
        *err = (struct bl_error){0};

    return agent_snapshot_digest(job, dir_fd, name, ret_digest, ret_thing, err);
}

int agent_snapshot_digest_before(struct agent_packages_job *job,
                                 const struct agent_snapshot_pair *pair, const char *path,
                                 uint8_t ret_digest[PROTO_HASH_BYTES],
                                 enum agent_snapshot_thing *ret_thing, struct bl_error *err)
{
    return digest_below(job, pair, pair->before_fd, path, ret_digest, ret_thing, err);
}

int agent_snapshot_digest_now(struct agent_packages_job *job,
                              const struct agent_snapshot_pair *pair, const char *path,
                              uint8_t ret_digest[PROTO_HASH_BYTES],
                              enum agent_snapshot_thing *ret_thing, struct bl_error *err)
{
    return digest_below(job, pair, pair->now_fd, path, ret_digest, ret_thing, err);
}

/* ---- two trees ---------------------------------------------------------------------------- */

struct walk {
    struct agent_packages_job *job;
    const struct agent_snapshot_pair *pair;
    const struct agent_snapshot_finder *finder;
    dev_t before_device, now_device;
    char path[PATH_MAX];
};

struct names {
    char **list;
    size_t count;
};

static void release_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
}

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    return strcmp(*left, *right);
}

static int add_name(struct names *names, const char *name, struct bl_error *err)
{
    /* Room for twice as many whenever the count is a power of two. */
    if ((names->count & (names->count - 1)) == 0) {
        size_t room = names->count == 0 ? 1 : 2 * names->count;
        char **list = reallocarray(names->list, room, sizeof(*list));

        if (list == NULL)
            return bl_fail(err, -ENOMEM, "no memory for names");
        names->list = list;
    }
    names->list[names->count] = strdup(name);
    if (names->list[names->count] == NULL)
        return bl_fail(err, -ENOMEM, "no memory for names");
    names->count++;

    return 0;
}

/* `dir_fd` -1: none. Sorted. */
static int read_names(int dir_fd, struct names *names, struct bl_error *err)
{
    BL_CLEANUP(close_directory) DIR *directory = NULL;
    int own_fd;

    if (dir_fd < 0)
        return 0;
    own_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    directory = own_fd >= 0 ? fdopendir(own_fd) : NULL;
    if (directory == NULL)
        return bl_fail(err, -errno, "read: %s", strerror(errno));
    for (;;) {
        const struct dirent *entry;
        int r;

        errno = 0;
        entry = readdir(directory);
        if (entry == NULL)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        r = add_name(names, entry->d_name, err);
        if (r < 0)
            return r;
    }
    if (errno != 0)
        return bl_fail(err, -errno, "read: %s", strerror(errno));
    if (names->count > 0)
        qsort(names->list, names->count, sizeof(*names->list), compare_names);

    return 0;
}

/* What one name is in the two trees. */
struct sides {
    const char *name;
    int before_dir_fd, now_dir_fd;
    struct stat before, now;
    enum agent_snapshot_thing before_thing, now_thing;
};

static int look_at(int dir_fd, const char *name, struct stat *ret_st,
                   enum agent_snapshot_thing *ret_thing, struct bl_error *err)
{
    *ret_thing = AGENT_SNAPSHOT_NOTHING;
    if (dir_fd < 0)
        return 0;
    if (fstatat(dir_fd, name, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : bl_fail(err, -errno, "stat: %s", strerror(errno));
    *ret_thing = thing_of(ret_st);

    return 0;
}

static bool is_untouched(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
           a->st_gid == b->st_gid && a->st_size == b->st_size &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Another file system lies there, or a subvolume of its own. */
static bool is_elsewhere(const struct walk *w, const struct sides *s)
{
    if (s->now_thing != AGENT_SNAPSHOT_NOTHING && s->now.st_dev != w->now_device)
        return true;

    return s->before_thing == AGENT_SNAPSHOT_DIRECTORY &&
           (s->before.st_ino == EMPTY_SUBVOLUME_INODE || s->before.st_dev != w->before_device);
}

static int compare_sides(struct walk *w, const struct sides *s, struct bl_error *err)
{
    uint8_t before[PROTO_HASH_BYTES], now[PROTO_HASH_BYTES];
    enum agent_snapshot_thing unused;
    int r;

    if (s->before_thing == AGENT_SNAPSHOT_OTHER ||
        (s->before_thing == s->now_thing && is_untouched(&s->before, &s->now)))
        return 0;
    if ((r = agent_snapshot_digest(w->job, s->before_dir_fd, s->name, before, &unused, err)) < 0 ||
        (r = agent_snapshot_digest(w->job, s->now_dir_fd, s->name, now, &unused, err)) < 0)
        return bl_wrap(err, "'%.400s'", w->path);

    return memcmp(before, now, sizeof(now)) == 0
               ? 0
               : w->finder->found(w->finder->userdata, w->path, err);
}

static int open_below(int dir_fd, const char *name, enum agent_snapshot_thing thing, int *ret_fd,
                      struct bl_error *err)
{
    if (thing != AGENT_SNAPSHOT_DIRECTORY)
        return 0;
    *ret_fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*ret_fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        return bl_fail(err, -errno, "open: %s", strerror(errno));

    return 0;
}

static int walk_directory(struct walk *w, int before_fd, int now_fd, unsigned level,
                          struct bl_error *err);

static int walk_one(struct walk *w, struct sides *s, unsigned level, struct bl_error *err)
{
    BL_AUTO_FD int before_fd = -1;
    BL_AUTO_FD int now_fd = -1;
    int r;

    if (agent_snapshot_is_spared(w->path) ||
        (level == 0 && strcmp(s->name, AGENT_SNAPSHOT_FOLDER) == 0))
        return 0;
    if ((r = look_at(s->before_dir_fd, s->name, &s->before, &s->before_thing, err)) < 0 ||
        (r = look_at(s->now_dir_fd, s->name, &s->now, &s->now_thing, err)) < 0)
        return bl_wrap(err, "'%.400s'", w->path);
    if (is_elsewhere(w, s))
        return 0;
    r = compare_sides(w, s, err);
    if (r < 0 ||
        (s->before_thing != AGENT_SNAPSHOT_DIRECTORY && s->now_thing != AGENT_SNAPSHOT_DIRECTORY))
        return r;
    if ((r = open_below(s->before_dir_fd, s->name, s->before_thing, &before_fd, err)) < 0 ||
        (r = open_below(s->now_dir_fd, s->name, s->now_thing, &now_fd, err)) < 0)
        return bl_wrap(err, "'%.400s'", w->path);

    return walk_directory(w, before_fd, now_fd, level + 1, err);
}

static int walk_directory(struct walk *w, int before_fd, int now_fd, unsigned level,
                          struct bl_error *err)
{
    BL_CLEANUP(release_names) struct names before = {0};
    BL_CLEANUP(release_names) struct names now = {0};
    size_t length = strlen(w->path), i = 0, j = 0;
    int r;

    if (level > DEPTH_MAX)
        return bl_fail(err, -EMSGSIZE, "'%.400s' is nested too deep", w->path);
    if ((r = read_names(before_fd, &before, err)) < 0 || (r = read_names(now_fd, &now, err)) < 0)
        return bl_wrap(err, "'%.400s'", w->path);
    while (i < before.count || j < now.count) {
        int order = i == before.count ? 1
                    : j == now.count  ? -1
                                      : strcmp(before.list[i], now.list[j]);
        struct sides s = {.name = order <= 0 ? before.list[i] : now.list[j],
                          .before_dir_fd = order <= 0 ? before_fd : -1,
                          .now_dir_fd = order >= 0 ? now_fd : -1};

        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
        if (bl_text_format(w->path + length, sizeof(w->path) - length, "%s%s",
                           length > 0 && w->path[length - 1] == '/' ? "" : "/", s.name) < 0)
            return bl_fail(err, -ENAMETOOLONG, "'%.400s' holds a path that is too long", w->path);
        r = walk_one(w, &s, level, err);
        if (r < 0)
            return r;
        w->path[length] = '\0';
    }

    return 0;
}

int agent_snapshot_walk(struct agent_packages_job *job, const struct agent_snapshot_pair *pair,
                        const struct agent_snapshot_finder *finder, struct bl_error *err)
{
    struct walk w = {.job = job, .pair = pair, .finder = finder};
    struct stat before, now;

    if (fstat(pair->before_fd, &before) < 0 || fstat(pair->now_fd, &now) < 0)
        return bl_fail(err, -errno, "stat '%s': %s", pair->path, strerror(errno));
    w.before_device = before.st_dev;
    w.now_device = now.st_dev;
    if (bl_text_format(w.path, sizeof(w.path), "%s", pair->path) < 0)
        return bl_fail(err, -ENAMETOOLONG, "'%s': path too long", pair->path);

    return walk_directory(&w, pair->before_fd, pair->now_fd, 0, err);
}
