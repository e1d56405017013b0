/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/process.h"
#include "agent/snapshot/put.h"
#include "agent/snapshot/record.h"
#include "agent/snapshot/services.h"
#include "agent/snapshot/snapshot.h"
#include "common/file.h"

#define CHANGES "snapshot.changes"
#define BACK    "snapshot.back"
#define KEPT    "snapshot.kept"
#define DONE    "snapshot.done"

enum {
    LOCKS_MAX = 4,
};

static const uint8_t no_digest[PROTO_HASH_BYTES];

struct back {
    struct agent_packages_job *job;
    const struct agent_snapshot_way_back *way_back;
    struct agent_snapshot_trees trees;
    struct agent_snapshot_list list; /* goes back */
    struct agent_snapshot_list kept; /* changed once more since: stays */
    bool is_noted;                   /* there is a list of what the change made different */
};

static void release_back(struct back *back)
{
    agent_snapshot_trees_close(&back->trees);
}

/* ---- which paths -------------------------------------------------------------------------- */

static int add_found(void *userdata, const char *path, struct bl_error *err)
{
    struct back *back = userdata;

    return agent_snapshot_list_add(back->job, &back->list, path, no_digest, err);
}

/* Everything that differs by now. */
static int find_all(struct back *back, struct bl_error *err)
{
    const struct agent_snapshot_finder finder = {back, add_found};
    int r = 0;

    for (uint32_t i = 0; r >= 0 && i < back->trees.count; i++)
        r = agent_snapshot_walk(back->job, &back->trees.pairs[i], &finder, err);
    agent_snapshot_list_sort(&back->list);

    return r;
}

static bool is_same(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, PROTO_HASH_BYTES) == 0;
}

/* One path that the change made different: it goes back, or it stays as somebody made it since. */
static int choose(struct back *back, const struct agent_snapshot_entry *entry, struct bl_error *err)
{
    const struct agent_snapshot_pair *pair = agent_snapshot_trees_find(&back->trees, entry->path);
    uint8_t before[PROTO_HASH_BYTES], now[PROTO_HASH_BYTES];
    enum agent_snapshot_thing unused;
    int r;

    if (pair == NULL)
        return bl_fail(err, -EUCLEAN, "'%.300s' is in none of the snapshots", entry->path);
    if (!back->way_back->is_late)
        return add_found(back, entry->path, err);
    if ((r = agent_snapshot_digest_before(back->job, pair, entry->path, before, &unused, err)) <
            0 ||
        (r = agent_snapshot_digest_now(back->job, pair, entry->path, now, &unused, err)) < 0)
        return bl_wrap(err, "'%.300s'", entry->path);
    if (is_same(now, entry->digest) || is_same(now, before))
        return add_found(back, entry->path, err);
    if (agent_snapshot_is_package_database(entry->path)) {
        return agent_packages_fail(
            back->job, err, "package_database_changed",
            "take the packages back by hand; what the job changed is in its report", -ESTALE,
            "'%.300s' was changed after the job: other packages would be forgotten", entry->path);
    }

    return agent_snapshot_list_add(back->job, &back->kept, entry->path, no_digest, err);
}

static int choose_noted(struct back *back, const struct agent_snapshot_list *changes,
                        struct bl_error *err)
{
    int r = 0;

    for (uint32_t i = 0; r >= 0 && i < changes->count; i++)
        r = choose(back, &changes->entries[i], err);

    return r;
}

/* What an interrupted way back had chosen is chosen: it may have put some of it back by now. */
static int load_former(struct back *back, struct bl_error *err)
{
    int r = agent_snapshot_list_load(back->job, BACK, &back->list, err);

    if (r >= 0)
        r = agent_snapshot_list_load(back->job, KEPT, &back->kept, err);
    if (r == -ENOENT)
        *err = (struct bl_error){0};

    return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

static int find_paths(struct back *back, struct bl_error *err)
{
    struct agent_snapshot_list changes;
    int former = load_former(back, err), r;

    if (former < 0)
        return former;
    r = agent_snapshot_list_load(back->job, CHANGES, &changes, err);
    if (r < 0 && r != -ENOENT)
        return r;
    back->is_noted = r >= 0;
    if (r == -ENOENT)
        *err = (struct bl_error){0};
    if (!back->is_noted && back->way_back->is_late) {
        return agent_packages_fail(back->job, err, "no_way_back", "take it back by hand", -ESTALE,
                                   "what the change made different was never noted");
    }
    if (!back->is_noted) {
        r = find_all(back, err);
    } else if (former == 0) {
        r = choose_noted(back, &changes, err);
    } else {
        r = 0;
    }
    if (r < 0 || (r = agent_snapshot_list_save(back->job, KEPT, &back->kept, err)) < 0)
        return r;

    return agent_snapshot_list_save(back->job, BACK, &back->list, err);
}

/* ---- going -------------------------------------------------------------------------------- */

/* 1: there is something to go back to. 0: the change never began. */
static int open_trees(struct back *back, struct proto_arena *arena, struct bl_error *err)
{
    struct agent_packages_job *job = back->job;
    struct agent_snapshot_record record;
    int r = agent_snapshot_record_load(job, arena, &record, err), gone;

    if (r == -ENOENT) {
        *err = (struct bl_error){0};
        gone = bl_file_exists(job->job_fd, AGENT_SNAPSHOT_GONE, err);
        if (gone > 0)
            r = bl_fail(err, -ENODATA, "the snapshot was removed when its time was over");
        else
            return gone;
    }
    if (r >= 0 && !record.taken)
        return 0;
    if (r >= 0)
        r = agent_snapshot_trees_open(job, &record, &back->trees, err);

    if (r >= 0)
        return 1;
    err->code = -ESTALE;

    return agent_packages_job_pass(job, "no_way_back",
                                   "nothing was touched; take the packages back by hand", -ESTALE);
}

struct locks {
    int fds[LOCKS_MAX];
};

static void release_locks(struct locks *locks)
{
    for (size_t i = 0; i < LOCKS_MAX; i++)
        bl_close_fd(&locks->fds[i]);
}

/* Nobody may begin to work on a database that is put back. */
static int take_locks(struct agent_packages_job *job, struct locks *locks, struct bl_error *err)
{
    static const char *const paths[LOCKS_MAX] = {"/var/lib/dpkg/lock-frontend",
                                                 "/var/lib/dpkg/lock", "/var/lib/rpm/.rpm.lock",
                                                 "/usr/lib/sysimage/rpm/.rpm.lock"};
    int r = 0;

    for (size_t i = 0; r >= 0 && i < LOCKS_MAX; i++) {
        if (access(paths[i], F_OK) == 0)
            r = agent_packages_process_take_lock(job, paths[i], job->lock_wait_ms, &locks->fds[i],
                                                 err);
    }

    return r;
}

static int put_back(struct back *back, struct bl_error *err)
{
    struct bl_error first = {0};

    for (uint32_t i = 0; i < back->trees.count; i++) {
        struct agent_snapshot_list own = {0};
        const struct agent_snapshot_put put = {
            .pair = &back->trees.pairs[i], .list = &own, .keeps_foreign = back->is_noted};
        struct bl_error why = {0};
        int r = 0;

        for (uint32_t j = 0; r >= 0 && j < back->list.count; j++) {
            const char *path = back->list.entries[j].path;

            if (agent_snapshot_trees_find(&back->trees, path) == put.pair)
                r = agent_snapshot_list_add(back->job, &own, path, no_digest, &why);
        }
        if (r >= 0)
            r = agent_snapshot_put_back(back->job, &put, &why);
        if (r < 0 && first.code == 0)
            first = why;
    }
    if (first.code == 0)
        return bl_file_replace(back->job->job_fd, DONE, "", 0, err);
    *err = first;

    return agent_packages_job_pass(back->job, "restore_incomplete", "see the log of the phase",
                                   first.code);
}

static int go_back(struct back *back, struct bl_error *err)
{
    const struct agent_snapshot_way_back *way_back = back->way_back;
    BL_CLEANUP(release_locks) struct locks locks = {{-1, -1, -1, -1}};
    int r;

    if ((r = take_locks(back->job, &locks, err)) < 0 || (r = find_paths(back, err)) < 0 ||
        (r = agent_snapshot_services_end(back->job, way_back->is_apt, way_back->packages,
                                         &back->list, err)) < 0)
        return r;
    /* Services write when they are ended. */
    if (!back->is_noted && ((r = find_all(back, err)) < 0 ||
                            (r = agent_snapshot_list_save(back->job, BACK, &back->list, err)) < 0))
        return r;
    r = put_back(back, err);
    release_locks(&locks);
    agent_snapshot_services_begin(back->job, &back->list);
    agent_packages_job_note(back->job, "%u paths went back to the snapshot", back->list.count);
    for (uint32_t i = 0; i < back->kept.count; i++) {
        agent_packages_job_note(back->job, "%s stays as somebody made it after the job",
                                back->kept.entries[i].path);
    }

    return r;
}

int agent_snapshot_go_back(struct agent_packages_job *job,
                           const struct agent_snapshot_way_back *way_back, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    BL_CLEANUP(release_back) struct back back = {.job = job, .way_back = way_back};
    int r = open_trees(&back, &arena, err);

    if (r == 0)
        agent_packages_job_note(job, "no snapshot was taken, so the change had not begun");

    return r <= 0 ? r : go_back(&back, err);
}

/* ---- after the change --------------------------------------------------------------------- */

static int note_one(void *userdata, const char *path, struct bl_error *err)
{
    struct back *back = userdata;
    const struct agent_snapshot_pair *pair = agent_snapshot_trees_find(&back->trees, path);
    uint8_t digest[PROTO_HASH_BYTES];
    enum agent_snapshot_thing unused;
    int r;

    if (pair == NULL)
        return bl_fail(err, -EUCLEAN, "'%.300s' is in none of the snapshots", path);
    r = agent_snapshot_digest_now(back->job, pair, path, digest, &unused, err);

    return r < 0 ? bl_wrap(err, "'%.300s'", path)
                 : agent_snapshot_list_add(back->job, &back->list, path, digest, err);
}

int agent_snapshot_note_changes(struct agent_packages_job *job, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    BL_CLEANUP(release_back) struct back back = {.job = job};
    const struct agent_snapshot_finder finder = {&back, note_one};
    int r = bl_file_exists(job->job_fd, CHANGES, err);

    if (r != 0)
        return r < 0 ? r : 0;
    r = open_trees(&back, &arena, err);

    for (uint32_t i = 0; r > 0 && i < back.trees.count; i++) {
        int walked = agent_snapshot_walk(job, &back.trees.pairs[i], &finder, err);

        r = walked < 0 ? walked : r;
    }
    if (r <= 0)
        return r;
    agent_snapshot_list_sort(&back.list);

    return agent_snapshot_list_save(job, CHANGES, &back.list, err);
}

/* ---- the proof ---------------------------------------------------------------------------- */

static void find_one(struct agent_packages_job *job, const char *code, const char *path,
                     const char *words)
{
    char reason[AGENT_TXN_TEXT_BYTES_MAX];

    (void)snprintf(reason, sizeof(reason), "%.400s %s", path, words);
    agent_packages_job_find(job, code, reason, "");
}

/* Below /var services write, and they run again; what they wrote is younger than the end of it all. */
static bool is_written_since(const struct back *back, const struct agent_snapshot_pair *pair,
                             const char *path, const struct stat *done)
{
    BL_AUTO_FD int dir_fd = -1;
    struct bl_error unused = {0};
    struct stat st;
    const char *name;

    if (strncmp(path, "/var/", strlen("/var/")) != 0 || agent_snapshot_is_package_database(path))
        return false;
    dir_fd = agent_snapshot_open_parent(pair, pair->now_fd, path, &name, &unused);
    if (dir_fd < 0 || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return true;

    return st.st_ctim.tv_sec > done->st_ctim.tv_sec ||
           (st.st_ctim.tv_sec == done->st_ctim.tv_sec &&
            st.st_ctim.tv_nsec >= done->st_ctim.tv_nsec);
}

static int prove_one(struct back *back, const char *path, const struct stat *done,
                     struct bl_error *err)
{
    const struct agent_snapshot_pair *pair = agent_snapshot_trees_find(&back->trees, path);
    uint8_t before[PROTO_HASH_BYTES], now[PROTO_HASH_BYTES];
    enum agent_snapshot_thing before_thing, now_thing;
    int r;

    if (pair == NULL)
        return bl_fail(err, -EUCLEAN, "'%.300s' is in none of the snapshots", path);
    if ((r = agent_snapshot_digest_before(back->job, pair, path, before, &before_thing, err)) < 0 ||
        (r = agent_snapshot_digest_now(back->job, pair, path, now, &now_thing, err)) < 0)
        return bl_wrap(err, "'%.300s'", path);
    if (is_same(before, now) || before_thing == AGENT_SNAPSHOT_OTHER ||
        is_written_since(back, pair, path, done))
        return 0;
    if (back->is_noted && before_thing == AGENT_SNAPSHOT_NOTHING &&
        now_thing == AGENT_SNAPSHOT_DIRECTORY)
        return 0; /* it holds what came later */
    find_one(back->job, "path_differs", path, "did not come back from the snapshot");

    return 0;
}

int agent_snapshot_prove(struct agent_packages_job *job, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    BL_CLEANUP(release_back) struct back back = {.job = job};
    struct stat done;
    int r = open_trees(&back, &arena, err);

    if (r <= 0)
        return r;
    r = load_former(&back, err);
    if (r < 0)
        return r;
    if (r == 0 || fstatat(job->job_fd, DONE, &done, AT_SYMLINK_NOFOLLOW) < 0)
        return bl_fail(err, -EPROTO, "the way back did not come to its end");
    r = bl_file_exists(job->job_fd, CHANGES, err);
    if (r < 0)
        return r;
    back.is_noted = r > 0;
    for (uint32_t i = 0; r >= 0 && i < back.list.count; i++)
        r = prove_one(&back, back.list.entries[i].path, &done, err);
    for (uint32_t i = 0; r >= 0 && i < back.kept.count; i++)
        find_one(job, "path_kept", back.kept.entries[i].path, "was changed after the job");

    return r < 0 ? r : 0;
}
