/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/conffile.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/lease/ssh_block.h"
#include "agent/packages/transfer.h"
#include "common/file.h"
#include "common/path.h"
#include "common/text.h"

enum {
    NUMBER_BYTES = 24,
    PIECE_BYTES = 64 * 1024,
    SSHD_CONFIG_BYTES_MAX = 1024 * 1024, /* the lock of SSH is in no larger file */
};

static int hash_pieces(int fd, uint8_t ret_digest[PROTO_HASH_BYTES], struct bl_error *err)
{
    crypto_generichash_state state;
    uint8_t piece[PIECE_BYTES];

    (void)crypto_generichash_init(&state, NULL, 0, PROTO_HASH_BYTES);
    for (;;) {
        ssize_t n = read(fd, piece, sizeof(piece));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bl_fail(err, -errno, "read: %s", strerror(errno));
        if (n == 0)
            break;
        (void)crypto_generichash_update(&state, piece, (size_t)n);
    }
    (void)crypto_generichash_final(&state, ret_digest, PROTO_HASH_BYTES);

    return 0;
}

/* Without the lock of SSH: a lease comes and goes while a job goes on, and no package brings it. */
static int hash_without_lock(int fd, uint8_t ret_digest[PROTO_HASH_BYTES], struct bl_error *err)
{
    BL_AUTO_FREE char *text = NULL;
    size_t text_bytes;
    int r = bl_fd_read(fd, SSHD_CONFIG_BYTES_MAX, &text, &text_bytes, err);

    if (r < 0)
        return r;
    (void)agent_ssh_block_cut(text, &text_bytes);
    (void)crypto_generichash(ret_digest, PROTO_HASH_BYTES, (const uint8_t *)text, text_bytes, NULL,
                             0);

    return 0;
}

int agent_packages_conffile_look(const char *path, struct agent_txn_conffile *ret_conffile,
                                 struct bl_error *err)
{
    BL_AUTO_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct agent_txn_conffile conffile = {.path = path};
    struct stat st;
    int r;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        *ret_conffile = conffile;
        return 0;
    }
    if (fd < 0)
        return bl_fail(err, -errno, "open '%s': %s", path, strerror(errno));
    if (fstat(fd, &st) < 0)
        return bl_fail(err, -errno, "stat '%s': %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return bl_fail(err, -EUCLEAN, "'%s' is no plain file", path);

    r = st.st_size <= SSHD_CONFIG_BYTES_MAX ? hash_without_lock(fd, conffile.digest, err)
                                            : hash_pieces(fd, conffile.digest, err);
    if (r < 0)
        return bl_wrap(err, "'%s'", path);
    conffile.present = true;
    conffile.mode = st.st_mode & 07777;
    conffile.uid = st.st_uid;
    conffile.gid = st.st_gid;
    *ret_conffile = conffile;

    return 0;
}

static uint64_t look_for_leftovers(const char *path)
{
    uint64_t found = 0;

    for (unsigned i = 0; i < AGENT_PACKAGES_LEFTOVERS; i++) {
        char beside[PATH_MAX];

        if (bl_text_format(beside, sizeof(beside), "%s%s", path,
                           agent_packages_leftover_suffixes[i]) >= 0 &&
            faccessat(AT_FDCWD, beside, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            found |= UINT64_C(1) << i;
    }

    return found;
}

static int open_copies(const struct agent_packages_job *job, struct bl_error *err)
{
    int r = bl_dir_make(job->job_fd, AGENT_PACKAGES_CONFFILE_DIR, 0700, err);

    return r < 0 ? r : bl_dir_open(job->job_fd, AGENT_PACKAGES_CONFFILE_DIR, err);
}

int agent_packages_conffile_keep(struct agent_packages_job *job, const char *path,
                                 struct agent_packages_kept *kept, struct bl_error *err)
{
    BL_AUTO_FD int copies_fd = -1;
    BL_AUTO_FREE char *resolved = realpath(path, NULL);
    struct agent_txn_conffile now = {0};
    char number[NUMBER_BYTES];
    int r;

    if (resolved != NULL && !bl_text_is_clean(resolved, strlen(resolved)))
        return bl_fail(err, -EBADMSG, "a configuration file with a name that cannot be kept");
    if (resolved != NULL)
        path = resolved;
    if (strlen(path) > AGENT_TXN_PATH_BYTES_MAX) {
        return bl_fail(err, -EMSGSIZE, "a configuration file with a path of %zu bytes",
                       strlen(path));
    }
    r = agent_packages_memory_copy(job->memory, path, strlen(path), &kept->path, err);
    if (r < 0)
        return r;
    r = agent_packages_conffile_look(kept->path, &now, err);
    if (r < 0)
        return r;

    kept->leftovers = look_for_leftovers(kept->path);
    kept->present = now.present;
    if (!now.present)
        return 0;
    memcpy(kept->digest, now.digest, sizeof(kept->digest));
    kept->mode = now.mode;
    kept->uid = now.uid;
    kept->gid = now.gid;

    copies_fd = open_copies(job, err);
    if (copies_fd < 0)
        return copies_fd;
    (void)snprintf(number, sizeof(number), "%05llu", (unsigned long long)kept->number);

    return agent_packages_transfer(kept->path, copies_fd, number, 0600, err);
}

static bool is_as_kept(const struct agent_txn_conffile *now, const struct agent_packages_kept *kept)
{
    return now->present == kept->present &&
           (!now->present ||
            (memcmp(now->digest, kept->digest, sizeof(now->digest)) == 0 &&
             now->mode == kept->mode && now->uid == kept->uid && now->gid == kept->gid));
}

static int copy_back(struct agent_packages_job *job, const struct agent_packages_kept *kept,
                     struct bl_error *err)
{
    BL_AUTO_FD int dir_fd = -1;
    BL_AUTO_FD int file_fd = -1;
    char source[PATH_MAX], directory[PATH_MAX];
    const char *name = strrchr(kept->path, '/') + 1;
    int r;

    if (bl_text_format(source, sizeof(source), "%s/%s/%05llu", job->job_path,
                       AGENT_PACKAGES_CONFFILE_DIR, (unsigned long long)kept->number) < 0 ||
        bl_text_format(directory, sizeof(directory), "%.*s", (int)(name - kept->path), kept->path) <
            0)
        return bl_fail(err, -EMSGSIZE, "'%s': path too long", kept->path);
    /* The new version may have removed the directory along with the file. */
    r = bl_dir_make(AT_FDCWD, directory, 0755, err);
    if (r < 0)
        return r;
    dir_fd = bl_dir_open(AT_FDCWD, directory, err);
    if (dir_fd < 0)
        return dir_fd;

    /* Secret until it has its owner: the mode comes last. */
    r = agent_packages_transfer(source, dir_fd, name, 0600, err);
    if (r < 0)
        return r;
    file_fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file_fd < 0 || fchown(file_fd, (uid_t)kept->uid, (gid_t)kept->gid) < 0 ||
        fchmod(file_fd, (mode_t)kept->mode) < 0 || fsync(file_fd) < 0) {
        return bl_fail(err, -errno, "give '%s' its owner and mode: %s", kept->path,
                       strerror(errno));
    }

    return 0;
}

static int remove_leftovers(const struct agent_packages_kept *kept, struct bl_error *err)
{
    uint64_t ours = look_for_leftovers(kept->path) & ~kept->leftovers;

    for (unsigned i = 0; i < AGENT_PACKAGES_LEFTOVERS; i++) {
        char beside[PATH_MAX];

        if ((ours & (UINT64_C(1) << i)) == 0)
            continue;
        if (bl_text_format(beside, sizeof(beside), "%s%s", kept->path,
                           agent_packages_leftover_suffixes[i]) < 0)
            return bl_fail(err, -EMSGSIZE, "'%s': path too long", kept->path);
        if (unlink(beside) < 0 && errno != ENOENT)
            return bl_fail(err, -errno, "remove '%s': %s", beside, strerror(errno));
    }

    return 0;
}

int agent_packages_conffile_restore(struct agent_packages_job *job,
                                    const struct agent_packages_kept *kept, struct bl_error *err)
{
    struct agent_txn_conffile now = {0};
    int r;

    if (kept->path[0] != '/')
        return bl_fail(err, -EUCLEAN, "a kept file without an absolute path");
    r = agent_packages_conffile_look(kept->path, &now, err);
    if (r < 0)
        return r;
    r = remove_leftovers(kept, err);
    if (r < 0)
        return r;
    if (is_as_kept(&now, kept))
        return 0;

    if (kept->present) {
        r = copy_back(job, kept, err);
    } else if (unlink(kept->path) < 0 && errno != ENOENT) {
        r = bl_fail(err, -errno, "remove '%s': %s", kept->path, strerror(errno));
    }
    if (r < 0)
        return r;
    r = agent_packages_conffile_look(kept->path, &now, err);
    if (r < 0)
        return r;
    if (!is_as_kept(&now, kept))
        return bl_fail(err, -EUCLEAN, "'%s' is not what it was after it was put back", kept->path);

    return 1;
}

/* The copies get numbers of their own: until the record is saved, the former ones are what it means. */
int agent_packages_conffiles_keep_again(struct agent_packages_job *job,
                                        struct agent_packages_way_back *way_back,
                                        struct bl_error *err)
{
    int count = 0;

    for (uint32_t i = 0; i < way_back->kept_count; i++) {
        struct agent_packages_kept *kept = &way_back->kept[i];
        struct agent_packages_kept anew = {.number = kept->number + way_back->kept_count};
        struct agent_txn_conffile now = {0};
        int r;

        /* The lock of SSH may be in there by now; put back late, nobody would open it again. */
        if (bl_path_is_within(kept->path, "/etc/ssh"))
            continue;
        r = agent_packages_conffile_look(kept->path, &now, err);
        if (r < 0)
            return r;
        if (is_as_kept(&now, kept))
            continue;
        r = agent_packages_conffile_keep(job, kept->path, &anew, err);
        if (r < 0)
            return r;
        *kept = anew;
        agent_packages_job_note(job, "%s changed since staging and is kept as it is now",
                                kept->path);
        count++;
    }

    return count;
}

int agent_packages_conffiles_prove(struct agent_packages_job *job,
                                   const struct agent_packages_way_back *way_back,
                                   struct bl_error *err)
{
    for (uint32_t i = 0; i < way_back->kept_count; i++) {
        const struct agent_packages_kept *kept = &way_back->kept[i];
        struct agent_txn_conffile now = {0};
        char reason[AGENT_TXN_TEXT_BYTES_MAX];
        int r = agent_packages_conffile_look(kept->path, &now, err);

        if (r < 0)
            return r;
        if (is_as_kept(&now, kept))
            continue;
        (void)snprintf(reason, sizeof(reason), "%.400s %s", kept->path,
                       !kept->present ? "was not there before"
                       : now.present  ? "is not as it was"
                                      : "is gone");
        agent_packages_job_find(job, "conffile_differs", reason, "");
    }

    return 0;
}

void agent_packages_conffile_note_leftovers(struct agent_packages_job *job,
                                            const struct agent_packages_kept *kept)
{
    uint64_t ours = look_for_leftovers(kept->path) & ~kept->leftovers;

    for (unsigned i = 0; i < AGENT_PACKAGES_LEFTOVERS; i++) {
        if ((ours & (UINT64_C(1) << i)) != 0) {
            agent_packages_job_note(job, "%s%s was left beside the file that was kept", kept->path,
                                    agent_packages_leftover_suffixes[i]);
        }
    }
}
