/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/packages/conffile.h"
#include "agent/packages/half.h"
#include "agent/packages/tools.h"
#include "common/file.h"
#include "common/text.h"

struct collection {
    struct agent_packages_job *job;
    const struct agent_packages_tools *tools;
    struct agent_packages_way_back *way_back;
    bool only_looks; /* what is found is not copied */
};

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

bool agent_packages_is_requested(const struct agent_txn_task *task, const char *name)
{
    for (uint32_t i = 0; i < task->packages_count; i++) {
        const char *requested = task->packages[i].name;
        size_t length = strcspn(requested, ":");

        if (strlen(name) == length && memcmp(name, requested, length) == 0)
            return true;
    }

    return false;
}

/* What was fetched, once more by its own words, and how much room it takes. */
static int measure_new(struct collection *c, struct bl_error *err)
{
    struct agent_packages_job *job = c->job;

    for (uint32_t i = 0; i < c->way_back->former_count; i++) {
        struct agent_packages_former *former = &c->way_back->former[i];
        struct agent_packages_wanted wanted = {former->name, former->arch, former->to};
        struct agent_packages_file file;
        const char *path;
        int r;

        if (former->to[0] == '\0')
            continue;
        if ((r = c->tools->file_name(job, &wanted, &former->new_file, err)) < 0 ||
            (r = agent_packages_memory_format(job->memory, &path, err, "%s/%s/%s", job->job_path,
                                              AGENT_PACKAGES_NEW_DIR, former->new_file)) < 0 ||
            (r = c->tools->read_file(job, path, &file, err)) < 0)
            return r;
        if (strcmp(file.name, former->name) != 0 || strcmp(file.version, former->to) != 0 ||
            strcmp(file.arch, former->arch) != 0) {
            return agent_packages_fail(job, err, "fetch_failed", NULL, -EBADMSG,
                                       "'%s' is another package", former->new_file);
        }
        job->result->installed_bytes += (int64_t)file.installed_kib * 1024;
        job->result->download_bytes += file.size_bytes;
    }

    return 0;
}

static struct agent_packages_wanted wanted_of(const struct agent_packages_former *former)
{
    return (struct agent_packages_wanted){former->name, former->from_arch, former->from};
}

/* 1 when the former package now lies in way-back/. Any trouble with one source is no more than that. */
static int try_source(struct collection *c, const struct agent_packages_former *former,
                      const char *directory)
{
    struct agent_packages_wanted wanted = wanted_of(former);
    struct bl_error unused = {0};
    const char *path;

    if (agent_packages_memory_format(c->job->memory, &path, &unused, "%s/%s", directory,
                                     former->former_file) < 0 ||
        bl_file_exists(AT_FDCWD, path, &unused) != 1)
        return 0;
    if (c->only_looks)
        return 1;

    return agent_packages_adopt(c->job, c->tools, path, &wanted, AGENT_PACKAGES_FORMER_DIR,
                                &unused) == 0
               ? 1
               : 0;
}

static int try_caches(struct collection *c, const struct agent_packages_former *former,
                      const struct agent_packages_paths *caches)
{
    for (uint32_t i = 0; i < caches->count; i++) {
        if (try_source(c, former, caches->list[i]) > 0)
            return 1;
    }

    return 0;
}

/* Earlier jobs brought the very version that is installed now: their files serve again. */
static int try_other_jobs(struct collection *c, const struct agent_packages_former *former)
{
    BL_CLEANUP(close_directory) DIR *jobs = NULL;
    const struct dirent *entry;
    char path[AGENT_TXN_PATH_BYTES_MAX];

    if (bl_text_format(path, sizeof(path), "%s/jobs", c->job->state_dir) < 0)
        return 0;
    jobs = opendir(path);
    while (jobs != NULL && (entry = readdir(jobs)) != NULL) {
        static const char *const kinds[] = {AGENT_PACKAGES_NEW_DIR, AGENT_PACKAGES_FORMER_DIR};

        if (!agent_txn_job_is_valid(entry->d_name))
            continue;
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            if (bl_text_format(path, sizeof(path), "%s/jobs/%s/%s", c->job->state_dir,
                               entry->d_name, kinds[i]) >= 0 &&
                try_source(c, former, path) > 0)
                return 1;
        }
    }

    return 0;
}

/* The last resort: a package made of the installed files. */
static int try_rebuild(struct collection *c, struct agent_packages_former *former,
                       struct bl_error *err)
{
    struct agent_packages_wanted wanted = wanted_of(former);
    int r = c->tools->rebuild(c->job, &wanted, err);

    if (r <= 0)
        return r;
    former->rebuilt = true;
    agent_packages_job_note(c->job, "%s %s was rebuilt from the installed files", former->name,
                            former->from);

    return 1;
}

static bool is_there(struct collection *c, const struct agent_packages_former *former)
{
    char path[AGENT_TXN_PATH_BYTES_MAX];

    return bl_text_format(path, sizeof(path), "%s/%s/%s", c->job->job_path,
                          AGENT_PACKAGES_FORMER_DIR, former->former_file) >= 0 &&
           access(path, R_OK) == 0;
}

/* All that are missing in one go, then one by one, since one that is gone spoils the lot. */
static int download_former(struct collection *c, const struct agent_packages_wanted *wanted,
                           uint32_t count, struct bl_error *err)
{
    struct agent_packages_output output;
    int r;

    if (count == 0)
        return 0;
    r = agent_packages_download(c->job, c->tools, wanted, count, /* former= */ true, &output, err);
    for (uint32_t i = 0; r >= 0 && count > 1 && output.status != 0 && i < count; i++) {
        struct agent_packages_output single;

        r = agent_packages_download(c->job, c->tools, &wanted[i], 1, /* former= */ true, &single,
                                    err);
    }

    return r;
}

static int find_former(struct collection *c, struct bl_error *err)
{
    struct agent_packages_wanted *wanted;
    struct agent_packages_paths caches = {0};
    uint32_t count = 0;
    void *place;
    int r;

    r = agent_packages_memory_take(c->job->memory,
                                   (c->way_back->former_count + 1) * sizeof(*wanted), &place, err);
    if (r < 0)
        return r;
    wanted = place;
    r = c->tools->list_caches(c->job, &caches, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < c->way_back->former_count; i++) {
        struct agent_packages_former *former = &c->way_back->former[i];
        struct agent_packages_wanted one = wanted_of(former);

        if (former->from[0] == '\0')
            continue;
        r = c->tools->file_name(c->job, &one, &former->former_file, err);
        if (r < 0)
            return r;
        if (!is_there(c, former) && try_caches(c, former, &caches) == 0 &&
            try_other_jobs(c, former) == 0)
            wanted[count++] = one;
    }

    return download_former(c, wanted, count, err);
}

int agent_packages_half_find_files(struct agent_packages_job *job,
                                   const struct agent_packages_tools *tools,
                                   const struct agent_packages_halves *halves, struct bl_error *err)
{
    struct agent_packages_way_back wanted = {0};
    struct collection c = {.job = job, .tools = tools, .way_back = &wanted};
    void *place;
    int r = agent_packages_memory_take(
        job->memory, ((size_t)halves->count + 1) * sizeof(*wanted.former), &place, err);

    if (r < 0)
        return r;
    wanted.former = place;
    for (uint32_t i = 0; i < halves->count; i++) {
        const struct agent_packages_half *half = &halves->list[i];

        if (half->needs_archive) {
            wanted.former[wanted.former_count++] = (struct agent_packages_former){
                .name = half->name, .from_arch = half->arch, .from = half->version};
        }
    }

    return wanted.former_count == 0 ? 0 : find_former(&c, err);
}

/* Every former package lies in way-back/ and is the right one; otherwise all that are missing are named. */
static int prove_former(struct collection *c, struct bl_error *err)
{
    uint32_t missing = 0;
    const char *first = "";

    for (uint32_t i = 0; i < c->way_back->former_count; i++) {
        struct agent_packages_former *former = &c->way_back->former[i];
        char reason[256];
        int r = 1;

        if (former->from[0] == '\0')
            continue;
        if (!is_there(c, former))
            r = try_rebuild(c, former, err);
        if (r < 0)
            return r;
        if (r > 0)
            continue;
        (void)snprintf(reason, sizeof(reason), "%s %s is in no cache and in no repository",
                       former->name, former->from);
        agent_packages_job_find(c->job, "no_way_back", reason, c->tools->former_remedy);
        first = missing == 0 ? former->name : first;
        missing++;
    }
    if (missing == 0)
        return 0;

    return agent_packages_fail(c->job, err, "no_way_back", c->tools->former_remedy, -ENODATA,
                               "the former version of %s%s is nowhere to be had", first,
                               missing > 1 ? " (and others)" : "");
}

static int keep_conffiles(struct collection *c, struct bl_error *err)
{
    struct agent_packages_job *job = c->job;
    struct agent_packages_paths paths = {0};
    int r;

    r = c->tools->conffiles(job, c->way_back, &paths, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < paths.count; i++) {
        struct agent_packages_kept *kept;
        void *place;

        r = agent_packages_memory_append(job->memory, &c->way_back->kept, c->way_back->kept_count,
                                         sizeof(*kept), &place, err);
        if (r < 0)
            return r;
        kept = place;
        kept->number = i;
        r = agent_packages_conffile_keep(job, paths.list[i], kept, err);
        if (r < 0)
            return agent_packages_job_pass(job, "no_way_back", "look at that file", r);
        c->way_back->kept_count++;
    }

    return 0;
}

int agent_packages_collect(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                           struct agent_packages_way_back *way_back, struct bl_error *err)
{
    struct collection c = {.job = job, .tools = tools, .way_back = way_back};
    int r;

    r = measure_new(&c, err);
    if (r >= 0 && !way_back->by_snapshot &&
        ((r = find_former(&c, err)) < 0 || (r = prove_former(&c, err)) < 0 ||
         (r = keep_conffiles(&c, err)) < 0)) {
        if (r == -ENOSPC || r == -EDQUOT)
            agent_packages_job_blame(job, "no_space", "make room for the way back");
        return r;
    }

    return r;
}

/* The former packages of `changes` that lie nowhere on this host. */
static int find_elsewhere(struct collection *c, const struct agent_packages_changes *changes,
                          struct agent_packages_wanted *ret_wanted, uint32_t *ret_count,
                          struct bl_error *err)
{
    struct agent_packages_paths caches = {0};
    int r = c->tools->list_caches(c->job, &caches, err);

    *ret_count = 0;
    for (uint32_t i = 0; r >= 0 && i < changes->count; i++) {
        const struct proto_change *change = &changes->list[i];
        struct agent_packages_former former = {
            .name = change->name, .from_arch = change->arch, .from = change->from};
        struct agent_packages_wanted one = wanted_of(&former);

        if (change->from[0] == '\0')
            continue;
        r = c->tools->file_name(c->job, &one, &former.former_file, err);
        if (r >= 0 && try_caches(c, &former, &caches) == 0 && try_other_jobs(c, &former) == 0)
            ret_wanted[(*ret_count)++] = one;
    }

    return r;
}

int agent_packages_foresee(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                           const struct agent_packages_changes *changes, struct bl_error *err)
{
    struct collection c = {.job = job, .tools = tools, .only_looks = true};
    struct agent_packages_wanted *wanted;
    bool *offered;
    uint32_t count;
    void *place;
    int r;

    r = agent_packages_memory_take(job->memory, ((size_t)changes->count + 1) * sizeof(*wanted),
                                   &place, err);
    if (r < 0)
        return r;
    wanted = place;
    r = agent_packages_memory_take(job->memory, ((size_t)changes->count + 1) * sizeof(*offered),
                                   &place, err);
    if (r < 0)
        return r;
    offered = place;
    if ((r = find_elsewhere(&c, changes, wanted, &count, err)) < 0 || count == 0 ||
        (r = tools->find_offered(job, wanted, count, offered, err)) < 0)
        return r;
    for (uint32_t i = 0; i < count; i++) {
        if (!offered[i]) {
            agent_packages_job_note(
                job,
                "no way back: %s %s is in no cache and in no repository, so staging will fail, "
                "unless the plan says `revert: filesystem`; %s",
                wanted[i].name, wanted[i].version, tools->former_remedy);
        }
    }

    return 0;
}
