/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/packages/conffile.h"

int agent_packages_paths_add(struct agent_packages_job *job, struct agent_packages_paths *paths,
                             const char *text, size_t length, struct bl_error *err)
{
    void *place;
    int r;

    if (length == 0 || text[0] != '/')
        return 0;
    if (paths->count >= AGENT_TXN_LINES_MAX)
        return bl_fail(err, -EMSGSIZE, "more than %d configuration files", AGENT_TXN_LINES_MAX);
    r = agent_packages_memory_append(job->memory, &paths->list, paths->count, sizeof(*paths->list),
                                     &place, err);
    if (r < 0)
        return r;
    r = agent_packages_memory_copy(job->memory, text, length, &paths->list[paths->count], err);
    if (r < 0)
        return r;
    paths->count++;

    return 0;
}

static int compare(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;

    return strcmp(*left, *right);
}

void agent_packages_paths_sort(struct agent_packages_paths *paths)
{
    uint32_t kept = 0;

    if (paths->count > 1)
        qsort(paths->list, paths->count, sizeof(*paths->list), compare);
    for (uint32_t i = 0; i < paths->count; i++) {
        if (kept == 0 || strcmp(paths->list[kept - 1], paths->list[i]) != 0)
            paths->list[kept++] = paths->list[i];
    }
    paths->count = kept;
}

int agent_packages_paths_report(struct agent_packages_job *job,
                                const struct agent_packages_paths *paths, struct bl_error *err)
{
    struct agent_txn_result *result = job->result;

    result->conffiles_count = 0;
    result->conffiles = NULL;
    for (uint32_t i = 0; i < paths->count; i++) {
        void *place;
        int r;

        r = agent_packages_memory_append(job->memory, &result->conffiles, result->conffiles_count,
                                         sizeof(*result->conffiles), &place, err);
        if (r < 0)
            return r;
        r = agent_packages_conffile_look(paths->list[i], place, err);
        if (r < 0)
            return r;
        result->conffiles_count++;
    }

    return 0;
}

void agent_packages_paths_find_changed(struct agent_packages_job *job, const char *path,
                                       size_t length)
{
    char reason[AGENT_TXN_TEXT_BYTES_MAX];

    (void)snprintf(reason, sizeof(reason), "%.*s is not what its package brought",
                   length > 400 ? 400 : (int)length, path);
    agent_packages_job_find(job, "file_changed", reason, "");
}
