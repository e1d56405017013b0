/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/keep.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/packages/command.h"
#include "agent/packages/settings.h"
#include "agent/packages/way_back.h"
#include "common/file.h"
#include "common/text.h"

#define PATHS     "paths"
#define SETTINGS  "settings"
#define AFTER     "settings.after"
#define START     "settings.start"
#define SYSTEMCTL "/usr/bin/systemctl"

enum {
    NAME_BYTES = 64,
    RESERVE_BYTES = 64 * 1024 * 1024, /* of room that copies must leave */
};

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

static void record_name(const char *what, char ret_name[NAME_BYTES])
{
    (void)snprintf(ret_name, NAME_BYTES, "way-back.%s", what);
}

/* ---- keeping ----------------------------------------------------------------------------- */

static int check_room(struct agent_packages_job *job, const struct agent_packages_paths *tops,
                      struct bl_error *err)
{
    struct agent_packages_tree sizes;
    uint64_t bytes = 0, free_bytes;
    struct statvfs room;
    int r;

    r = agent_packages_tree_list(job, tops, AGENT_PACKAGES_SIZES, NULL, &sizes, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < sizes.entries_count; i++)
        bytes += sizes.entries[i].size_bytes;
    if (fstatvfs(job->job_fd, &room) < 0)
        return bl_fail(err, -errno, "look for room: %s", strerror(errno));
    free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
    if (free_bytes < bytes + RESERVE_BYTES)
        return agent_packages_fail(job, err, "no_space", "make room, or name fewer paths", -ENOSPC,
                                   "the paths to keep take %llu MiB, and %llu MiB are free",
                                   (unsigned long long)(bytes >> 20),
                                   (unsigned long long)(free_bytes >> 20));

    return 0;
}

/* Copies of a former time; nothing refers to them. */
static void forget_copies(struct agent_packages_job *job, const char *copies)
{
    BL_AUTO_FD int fd = -1;
    BL_CLEANUP(close_directory) DIR *directory = NULL;
    struct bl_error unused = {0};
    const struct dirent *entry;

    fd = bl_dir_open(job->job_fd, copies, &unused);
    directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (directory == NULL)
        return;
    fd = -1; /* closedir() closes it */
    while ((entry = readdir(directory)) != NULL)
        (void)unlinkat(dirfd(directory), entry->d_name, 0);
}

/* The record goes from one set of copies to the other in one step. */
static int keep_tops(struct agent_packages_job *job, const char *what,
                     const struct agent_packages_paths *tops, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_packages_tree former, tree;
    struct bl_error unused = {0};
    char name[NAME_BYTES];
    const char *copies;
    bool is_second;
    int r;

    record_name(what, name);
    r = agent_packages_tree_load(job, name, &arena, &former, &unused);
    is_second =
        r >= 0 && former.copies[0] != '\0' && former.copies[strlen(former.copies) - 1] == '0';
    r = agent_packages_memory_format(job->memory, &copies, err, "%s/%s.%c",
                                     AGENT_PACKAGES_FORMER_DIR, what, is_second ? '1' : '0');
    if (r < 0)
        return r;
    forget_copies(job, copies);
    r = bl_dir_make(job->job_fd, AGENT_PACKAGES_FORMER_DIR, 0700, err);
    if (r < 0 ||
        (r = agent_packages_tree_list(job, tops, AGENT_PACKAGES_DIGESTS, copies, &tree, err)) < 0)
        return r;

    return agent_packages_tree_save(job, name, &tree, err);
}

/* What a person can do about a path that cannot be kept. */
static const char *remedy_of(int code)
{
    switch (code) {
    case -EXDEV:
        return "name the paths on each file system by themselves";
    case -ELOOP:
        return "name the path that the link leads to";
    case -EMSGSIZE:
        return "name less below `change.revert_paths`";
    default:
        return "look at that path, or take it out of the plan";
    }
}

static int keep_paths(struct agent_packages_job *job, const struct agent_txn_task *task,
                      struct bl_error *err)
{
    struct agent_packages_paths tops = {0};
    int r = 0;

    for (uint32_t i = 0; r >= 0 && i < task->keep_count; i++)
        r = agent_packages_paths_add(job, &tops, task->keep[i].text, strlen(task->keep[i].text),
                                     err);
    if (r < 0 || (r = check_room(job, &tops, err)) < 0 ||
        (r = keep_tops(job, PATHS, &tops, err)) < 0)
        return agent_packages_job_pass(job, "no_way_back", remedy_of(r), r);

    return 0;
}

static int keep_settings(struct agent_packages_job *job, struct bl_error *err)
{
    struct agent_packages_paths tops = {0};
    int r;

    if ((r = agent_packages_settings_tops(job, &tops, err)) < 0 ||
        (r = keep_tops(job, SETTINGS, &tops, err)) < 0)
        return agent_packages_job_pass(job, "no_way_back", "look at that path", r);

    return 0;
}

int agent_packages_keep(struct agent_packages_job *job, const struct agent_txn_task *task,
                        struct bl_error *err)
{
    int r = keep_paths(job, task, err);

    return r < 0 ? r : keep_settings(job, err);
}

/* The tops of a tree as paths, and those of another tree with them. */
static int tops_of(struct agent_packages_job *job, const struct agent_packages_tree *tree,
                   struct agent_packages_paths *tops, struct bl_error *err)
{
    int r = 0;

    for (uint32_t i = 0; r >= 0 && i < tree->tops_count; i++)
        r = agent_packages_paths_add(job, tops, tree->tops[i].text, strlen(tree->tops[i].text),
                                     err);
    agent_packages_paths_sort(tops);

    return r;
}

static uint32_t count_differences(const struct agent_packages_tree *before,
                                  const struct agent_packages_tree *now)
{
    struct agent_packages_tree_pair pair = {0};
    uint32_t count = 0;

    while (agent_packages_tree_next(before, now, &pair))
        count += agent_packages_entry_difference(pair.before, pair.now) != NULL ? 1 : 0;

    return count;
}

static int keep_changed(struct agent_packages_job *job, const char *what,
                        struct agent_packages_paths *tops, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_packages_tree before, now;
    char name[NAME_BYTES];
    uint32_t count;
    int r;

    record_name(what, name);
    if ((r = agent_packages_tree_load(job, name, &arena, &before, err)) < 0 ||
        (r = tops_of(job, &before, tops, err)) < 0 ||
        (r = agent_packages_tree_list(job, tops, AGENT_PACKAGES_DIGESTS, NULL, &now, err)) < 0)
        return r;
    count = count_differences(&before, &now);
    if (count == 0)
        return 0;
    agent_packages_job_note(job,
                            "%u of the kept %s changed since staging and are kept as they are "
                            "now",
                            count, what);

    return keep_tops(job, what, tops, err);
}

int agent_packages_keep_again(struct agent_packages_job *job, struct bl_error *err)
{
    struct agent_packages_paths paths = {0}, settings = {0};
    int r;

    if ((r = keep_changed(job, PATHS, &paths, err)) < 0 ||
        (r = agent_packages_settings_tops(job, &settings, err)) < 0 ||
        (r = keep_changed(job, SETTINGS, &settings, err)) < 0)
        return agent_packages_job_pass(job, "no_way_back", remedy_of(r), r);

    return 0;
}

/* ---- the way back ------------------------------------------------------------------------ */

/* The settings as they were, and all else that tells whose they are. */
struct settings {
    struct agent_packages_tree before, after, start, now;
};

static int list_settings(struct agent_packages_job *job, const struct agent_packages_tree *before,
                         const struct agent_packages_tree *after,
                         struct agent_packages_tree *ret_now, struct bl_error *err)
{
    struct agent_packages_paths tops = {0};
    int r;

    if ((r = agent_packages_settings_tops(job, &tops, err)) < 0 ||
        (r = tops_of(job, before, &tops, err)) < 0 || (r = tops_of(job, after, &tops, err)) < 0)
        return r;

    return agent_packages_tree_list(job, &tops, AGENT_PACKAGES_DIGESTS, NULL, ret_now, err);
}

static int save_settings(struct agent_packages_job *job, const char *name, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_packages_tree before, now;
    char before_name[NAME_BYTES];
    int r;

    record_name(SETTINGS, before_name);
    if ((r = agent_packages_tree_load(job, before_name, &arena, &before, err)) < 0 ||
        (r = list_settings(job, &before, &before, &now, err)) < 0)
        return r;

    return agent_packages_tree_save(job, name, &now, err);
}

void agent_packages_keep_note_after(struct agent_packages_job *job)
{
    struct bl_error err = {0};

    if (save_settings(job, AFTER, &err) < 0)
        agent_packages_job_note(job, "the settings after the change are not recorded: %s",
                                err.text);
}

int agent_packages_keep_begin_restore(struct agent_packages_job *job, struct bl_error *err)
{
    int r = bl_file_exists(job->job_fd, START, err);

    return r != 0 ? r : save_settings(job, START, err);
}

static int load_settings(struct agent_packages_job *job, struct proto_arena *arena,
                         struct settings *ret_settings, struct bl_error *err)
{
    struct settings s;
    char name[NAME_BYTES];
    int r;

    record_name(SETTINGS, name);
    r = agent_packages_tree_load(job, name, arena, &s.before, err);
    if (r < 0)
        return r;
    r = agent_packages_tree_load(job, START, arena, &s.start, err);
    if (r < 0)
        return r;
    /* The change was interrupted, and the way back began at once: all is the change's. */
    r = agent_packages_tree_load(job, AFTER, arena, &s.after, err);
    if (r == -ENOENT) {
        *err = (struct bl_error){0};
        s.after = s.start;
        r = 0;
    }
    if (r >= 0)
        r = list_settings(job, &s.before, &s.after, &s.now, err);
    if (r < 0)
        return r;
    *ret_settings = s;

    return 0;
}

static bool is_touched(void *userdata, const char *path)
{
    const struct settings *s = userdata;
    const struct agent_packages_setting setting = {
        .before = agent_packages_tree_find(&s->before, path),
        .after = agent_packages_tree_find(&s->after, path),
        .start = agent_packages_tree_find(&s->start, path),
        .now = agent_packages_tree_find(&s->now, path),
    };

    return agent_packages_setting_is_touched(&setting);
}

static int reload_units(struct agent_packages_job *job, struct bl_error *err)
{
    static const char *const argv[] = {SYSTEMCTL, "daemon-reload", NULL};
    struct agent_packages_output output;
    int r = agent_packages_ask(job, argv, &output, err);

    if (r < 0)
        return r;
    if (output.status != 0)
        return bl_fail(err, -EPROTO, SYSTEMCTL " daemon-reload ended with %d", output.status);

    return 0;
}

static int put_settings_back(struct agent_packages_job *job, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct settings s;
    const struct agent_packages_tree_choice choice = {is_touched, &s};
    int r;

    r = load_settings(job, &arena, &s, err);
    if (r < 0)
        return r;
    r = agent_packages_tree_put_back(job, &s.before, &s.now, &choice, err);

    return r <= 0 ? r : reload_units(job, err);
}

static int put_paths_back(struct agent_packages_job *job, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_packages_tree before, now;
    struct agent_packages_paths tops = {0};
    char name[NAME_BYTES];
    int r;

    record_name(PATHS, name);
    if ((r = agent_packages_tree_load(job, name, &arena, &before, err)) < 0 ||
        (r = tops_of(job, &before, &tops, err)) < 0 ||
        (r = agent_packages_tree_list(job, &tops, AGENT_PACKAGES_DIGESTS, NULL, &now, err)) < 0)
        return r;

    return agent_packages_tree_put_back(job, &before, &now, NULL, err);
}

int agent_packages_keep_put_back(struct agent_packages_job *job, struct bl_error *err)
{
    struct bl_error own = {0};
    int settings = put_settings_back(job, err);
    int paths = put_paths_back(job, &own);

    if (settings >= 0 && paths < 0)
        *err = own;
    if (settings < 0 || paths < 0)
        return agent_packages_job_pass(job, "restore_incomplete", "see the log of the phase",
                                       err->code);

    return 0;
}

/* ---- the proof --------------------------------------------------------------------------- */

static void find_difference(struct agent_packages_job *job, const char *code,
                            const struct agent_packages_tree_pair *pair)
{
    const char *words = agent_packages_entry_difference(pair->before, pair->now);
    const char *path = (pair->before != NULL ? pair->before : pair->now)->path;
    char reason[AGENT_TXN_TEXT_BYTES_MAX];

    if (words == NULL)
        return;
    (void)snprintf(reason, sizeof(reason), "%.400s %s", path, words);
    agent_packages_job_find(job, code, reason, "");
}

static int prove_settings(struct agent_packages_job *job, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_packages_tree_pair pair = {0};
    struct settings s;
    int r = load_settings(job, &arena, &s, err);

    if (r < 0)
        return r;
    while (agent_packages_tree_next(&s.before, &s.now, &pair)) {
        if (is_touched(&s, (pair.before != NULL ? pair.before : pair.now)->path))
            find_difference(job, "setting_differs", &pair);
    }

    return 0;
}

static int prove_paths(struct agent_packages_job *job, struct bl_error *err)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_packages_tree_pair pair = {0};
    struct agent_packages_paths tops = {0};
    struct agent_packages_tree before, now;
    char name[NAME_BYTES];
    int r;

    record_name(PATHS, name);
    if ((r = agent_packages_tree_load(job, name, &arena, &before, err)) < 0 ||
        (r = tops_of(job, &before, &tops, err)) < 0 ||
        (r = agent_packages_tree_list(job, &tops, AGENT_PACKAGES_DIGESTS, NULL, &now, err)) < 0)
        return r;
    while (agent_packages_tree_next(&before, &now, &pair))
        find_difference(job, "path_differs", &pair);

    return 0;
}

int agent_packages_keep_prove(struct agent_packages_job *job, struct bl_error *err)
{
    int r = prove_settings(job, err);

    return r < 0 ? r : prove_paths(job, err);
}
