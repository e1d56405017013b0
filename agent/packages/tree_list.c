/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/tree.h"
#include "agent/packages/tree_walk.h"
#include "agent/packages/tree_xattr.h"
#include "common/file.h"
#include "common/text.h"

enum {
    PIECE_BYTES = 64 * 1024,
    NUMBER_BYTES = 24,
};

struct listing {
    struct agent_packages_job *job;
    enum agent_packages_depth depth;
    int copies_fd;  /* -1: nothing is copied */
    uint64_t mount; /* of the top that is being listed */
    uint64_t size_bytes;
    struct agent_packages_tree tree;
};

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

static int add_entry(struct listing *l, const char *path, const struct stat *st,
                     enum agent_packages_entry_kind kind, struct agent_packages_entry **ret_entry,
                     struct bl_error *err)
{
    struct agent_packages_entry *entry;
    void *place;
    int r;

    if (l->tree.entries_count >= AGENT_PACKAGES_TREE_ENTRIES_MAX)
        return bl_fail(err, -EMSGSIZE, "more than %d files to keep",
                       AGENT_PACKAGES_TREE_ENTRIES_MAX);
    r = agent_packages_memory_append(l->job->memory, &l->tree.entries, l->tree.entries_count,
                                     sizeof(*entry), &place, err);
    if (r < 0)
        return r;
    entry = place;
    *entry = (struct agent_packages_entry){.kind = kind,
                                           .mode = st->st_mode & 07777,
                                           .uid = st->st_uid,
                                           .gid = st->st_gid,
                                           .number = l->tree.entries_count,
                                           .target = ""};
    r = agent_packages_memory_copy(l->job->memory, path, strlen(path), &entry->path, err);
    if (r < 0)
        return r;
    l->tree.entries_count++;
    *ret_entry = entry;

    return 0;
}

/* Reads to the end: what is hashed is what is copied, whoever writes to the file meanwhile. */
static int read_through(int from_fd, int to_fd, uint64_t bytes_max,
                        struct agent_packages_entry *entry, struct bl_error *err)
{
    crypto_generichash_state state;
    uint8_t piece[PIECE_BYTES];

    (void)crypto_generichash_init(&state, NULL, 0, PROTO_HASH_BYTES);
    entry->size_bytes = 0;
    for (;;) {
        ssize_t n = read(from_fd, piece, sizeof(piece));
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bl_fail(err, -errno, "read: %s", strerror(errno));
        if (n == 0)
            break;
        entry->size_bytes += (uint64_t)n;
        if (entry->size_bytes > bytes_max)
            return bl_fail(err, -EMSGSIZE, "more than %llu MiB to keep",
                           (unsigned long long)(AGENT_PACKAGES_TREE_BYTES_MAX >> 20));
        (void)crypto_generichash_update(&state, piece, (size_t)n);
        if (to_fd >= 0 && (r = bl_fd_write(to_fd, piece, (size_t)n, err)) < 0)
            return r;
    }
    (void)crypto_generichash_final(&state, entry->digest, PROTO_HASH_BYTES);

    return 0;
}

static int read_file(struct listing *l, int fd, const struct stat *st,
                     struct agent_packages_entry *entry, struct bl_error *err)
{
    BL_AUTO_FD int copy_fd = -1;
    char number[NUMBER_BYTES];
    int r = 0;

    entry->size_bytes = (uint64_t)st->st_size;
    if (l->copies_fd >= 0) {
        (void)snprintf(number, sizeof(number), "%05llu", (unsigned long long)entry->number);
        copy_fd = openat(l->copies_fd, number,
                         O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (copy_fd < 0)
            return bl_fail(err, -errno, "create a copy: %s", strerror(errno));
    }
    if (l->depth == AGENT_PACKAGES_DIGESTS)
        r = read_through(fd, copy_fd, AGENT_PACKAGES_TREE_BYTES_MAX - l->size_bytes, entry, err);
    if (r < 0)
        return r;
    l->size_bytes += entry->size_bytes;
    if (l->size_bytes > AGENT_PACKAGES_TREE_BYTES_MAX)
        return bl_fail(err, -EMSGSIZE, "more than %llu MiB to keep",
                       (unsigned long long)(AGENT_PACKAGES_TREE_BYTES_MAX >> 20));
    if (copy_fd >= 0 && fsync(copy_fd) < 0)
        return bl_fail(err, -errno, "sync a copy: %s", strerror(errno));

    return 0;
}

static int list_one(struct listing *l, int dir_fd, const char *name, const char *path,
                    unsigned level, struct bl_error *err);

static int list_children(struct listing *l, int fd, const char *path, unsigned level,
                         struct bl_error *err)
{
    BL_CLEANUP(close_directory) DIR *directory = NULL;
    int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    directory = own_fd >= 0 ? fdopendir(own_fd) : NULL;
    if (directory == NULL)
        return bl_fail(err, -errno, "read '%s': %s", path, strerror(errno));
    if (level >= AGENT_PACKAGES_TREE_DEPTH_MAX)
        return bl_fail(err, -EMSGSIZE, "'%s' is nested too deep", path);
    for (;;) {
        char child[AGENT_TXN_PATH_BYTES_MAX + 1];
        const struct dirent *entry;
        int r;

        errno = 0;
        entry = readdir(directory);
        if (entry == NULL)
            return errno == 0 ? 0 : bl_fail(err, -errno, "read '%s': %s", path, strerror(errno));
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (bl_text_format(child, sizeof(child), "%s/%s", path, entry->d_name) < 0)
            return bl_fail(err, -EMSGSIZE, "'%s' holds a path that is too long", path);
        r = list_one(l, fd, entry->d_name, child, level + 1, err);
        if (r < 0)
            return r;
    }
}

static int list_link(struct listing *l, int dir_fd, const char *name, const char *path,
                     const struct stat *st, struct bl_error *err)
{
    char target[AGENT_TXN_PATH_BYTES_MAX + 1];
    struct agent_packages_entry *entry;
    ssize_t length = readlinkat(dir_fd, name, target, sizeof(target));
    struct stat plain = *st;
    int r;

    if (length < 0)
        return bl_fail(err, -errno, "read link '%s': %s", path, strerror(errno));
    if (length == sizeof(target))
        return bl_fail(err, -EMSGSIZE, "link '%s' leads too far", path);
    if (!bl_text_is_clean(target, (size_t)length))
        return bl_fail(err, -EBADMSG, "link '%s' leads to a name that is no text", path);
    plain.st_mode = 0; /* a link has no mode of its own */
    r = add_entry(l, path, &plain, AGENT_PACKAGES_ENTRY_LINK, &entry, err);

    return r < 0 ? r
                 : agent_packages_memory_copy(l->job->memory, target, (size_t)length,
                                              &entry->target, err);
}

/*
 * Which mount a file is on. The device says less: it is the same for another place of the same file system,
 * and on overlays files have another one than their directories. Kernels before 5.8 know no better.
 */
static int find_mount(int fd, bool is_directory, uint64_t fallback, uint64_t *ret_mount,
                      struct bl_error *err)
{
    struct statx stx;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0)
        return bl_fail(err, -errno, "look for its mount: %s", strerror(errno));
    if ((stx.stx_mask & STATX_MNT_ID) != 0) {
        *ret_mount = stx.stx_mnt_id;
    } else {
        *ret_mount =
            is_directory ? ((uint64_t)stx.stx_dev_major << 32 | stx.stx_dev_minor) : fallback;
    }

    return 0;
}

static int list_opened(struct listing *l, int fd, const char *path, unsigned level,
                       struct bl_error *err)
{
    struct agent_packages_entry *entry;
    struct proto_bytes xattrs;
    struct stat st;
    bool is_directory;
    uint64_t mount;
    int r;

    if (fstat(fd, &st) < 0)
        return bl_fail(err, -errno, "stat '%s': %s", path, strerror(errno));
    is_directory = S_ISDIR(st.st_mode);
    if (!is_directory && !S_ISREG(st.st_mode))
        return 0; /* it took the place of what we saw */
    r = find_mount(fd, is_directory, l->mount, &mount, err);
    if (r < 0)
        return bl_wrap(err, "'%s'", path);
    if (level == 0)
        l->mount = mount;
    if (mount != l->mount)
        return bl_fail(err, -EXDEV, "'%s' is another file system", path);
    if ((r = agent_packages_xattrs_read(l->job, fd, &xattrs, err)) < 0 ||
        (r = add_entry(l, path, &st,
                       is_directory ? AGENT_PACKAGES_ENTRY_DIRECTORY : AGENT_PACKAGES_ENTRY_FILE,
                       &entry, err)) < 0)
        return bl_wrap(err, "'%s'", path);
    entry->xattrs = xattrs;
    if (is_directory)
        return list_children(l, fd, path, level, err);
    r = read_file(l, fd, &st, entry, err);

    return r < 0 ? bl_wrap(err, "'%s'", path) : 0;
}

static int list_one(struct listing *l, int dir_fd, const char *name, const char *path,
                    unsigned level, struct bl_error *err)
{
    BL_AUTO_FD int fd = -1;
    struct stat st;

    if (!bl_text_is_clean(path, strlen(path)))
        return bl_fail(err, -EBADMSG, "a file with a name that is no text");
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : bl_fail(err, -errno, "stat '%s': %s", path, strerror(errno));
    if (S_ISLNK(st.st_mode))
        return list_link(l, dir_fd, name, path, &st, err);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return 0;
    fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : bl_fail(err, -errno, "open '%s': %s", path, strerror(errno));

    return list_opened(l, fd, path, level, err);
}

static int list_top(struct listing *l, const char *path, struct bl_error *err)
{
    BL_AUTO_FD int parent_fd = -1;
    const char *name;

    parent_fd = agent_packages_tree_open_parent(path, /* make= */ false, &name, err);
    if (parent_fd == -ENOENT) {
        *err = (struct bl_error){0};
        return 0;
    }

    return parent_fd < 0 ? parent_fd : list_one(l, parent_fd, name, path, 0, err);
}

static int compare_entries(const void *a, const void *b)
{
    const struct agent_packages_entry *left = a, *right = b;

    return strcmp(left->path, right->path);
}

/* Of tops that lie in one another each file counts once. */
static void sort_entries(struct agent_packages_tree *tree)
{
    uint32_t kept = 0;

    if (tree->entries_count == 0)
        return;
    qsort(tree->entries, tree->entries_count, sizeof(*tree->entries), compare_entries);
    for (uint32_t i = 1; i < tree->entries_count; i++) {
        if (strcmp(tree->entries[kept].path, tree->entries[i].path) != 0)
            tree->entries[++kept] = tree->entries[i];
    }
    tree->entries_count = kept + 1;
}

static int note_tops(struct listing *l, const struct agent_packages_paths *tops,
                     struct bl_error *err)
{
    void *place;
    int r;

    r = agent_packages_memory_take(l->job->memory,
                                   ((size_t)tops->count + 1) * sizeof(*l->tree.tops), &place, err);
    if (r < 0)
        return r;
    l->tree.tops = place;
    for (uint32_t i = 0; i < tops->count; i++)
        l->tree.tops[i].text = tops->list[i];
    l->tree.tops_count = tops->count;

    return 0;
}

int agent_packages_tree_list(struct agent_packages_job *job,
                             const struct agent_packages_paths *tops,
                             enum agent_packages_depth depth, const char *copies,
                             struct agent_packages_tree *ret_tree, struct bl_error *err)
{
    BL_AUTO_FD int copies_fd = -1;
    struct listing l = {.job = job, .depth = depth, .copies_fd = -1, .tree.copies = ""};
    int r;

    if (copies != NULL) {
        r = bl_dir_make(job->job_fd, copies, 0700, err);
        if (r < 0)
            return r;
        copies_fd = bl_dir_open(job->job_fd, copies, err);
        if (copies_fd < 0)
            return copies_fd;
        l.copies_fd = copies_fd;
        l.tree.copies = copies;
    }
    r = note_tops(&l, tops, err);
    for (uint32_t i = 0; r >= 0 && i < tops->count; i++)
        r = list_top(&l, tops->list[i], err);
    if (r < 0)
        return r;
    if (copies_fd >= 0 && fsync(copies_fd) < 0)
        return bl_fail(err, -errno, "sync '%s': %s", copies, strerror(errno));
    sort_entries(&l.tree);
    *ret_tree = l.tree;

    return 0;
}
