/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/request.h"

#include <string.h>

#include "common/text.h"

static bool matches_any(const char *const *globs, size_t glob_count, const char *name)
{
    for (size_t i = 0; i < glob_count; i++) {
        if (bl_text_matches(globs[i], name))
            return true;
    }

    return false;
}

bool agent_packages_is_kernel(const char *name)
{
    static const char *const kernels[] = {"linux-image-*", "kernel", "kernel-core", "kernel-rt*"};

    return matches_any(kernels, sizeof(kernels) / sizeof(kernels[0]), name);
}

bool agent_packages_is_excluded(const struct agent_txn_task *task, const char *name)
{
    for (uint32_t i = 0; i < task->excludes_count; i++) {
        if (bl_text_matches(task->excludes[i].text, name))
            return true;
    }

    return false;
}

bool agent_packages_has_pattern(const struct agent_txn_task *task)
{
    for (uint32_t i = 0; i < task->packages_count; i++) {
        if (bl_text_is_package_glob(task->packages[i].name))
            return true;
    }

    return false;
}

static bool is_listed(const struct proto_package *list, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0)
            return true;
    }

    return false;
}

static int add(struct agent_packages_job *job, struct agent_packages_requests *requests,
               const char *name, const char *version, struct bl_error *err)
{
    void *place;
    int r;

    r = agent_packages_memory_append(job->memory, &requests->list, requests->count,
                                     sizeof(*requests->list), &place, err);
    if (r < 0)
        return r;
    requests->list[requests->count++] = (struct proto_package){.name = name, .version = version};

    return 0;
}

int agent_packages_expand(struct agent_packages_job *job, const struct agent_txn_task *task,
                          const char *const *installed, uint32_t installed_count,
                          struct agent_packages_requests *ret_requests, struct bl_error *err)
{
    struct agent_packages_requests requests = {0};

    for (uint32_t i = 0; i < task->packages_count; i++) {
        const struct proto_package *package = &task->packages[i];
        bool is_found = false;
        int r = 0;

        if (!bl_text_is_package_glob(package->name)) {
            r = add(job, &requests, package->name, package->version, err);
            if (r < 0)
                return r;
            continue;
        }
        for (uint32_t j = 0; r >= 0 && j < installed_count; j++) {
            char name[PROTO_NAME_BYTES_MAX + 1];

            if (bl_text_format(name, sizeof(name), "%.*s", (int)strcspn(installed[j], ":"),
                               installed[j]) < 0 ||
                !bl_text_matches(package->name, name))
                continue;
            is_found = true;
            /* Who names a package besides says more about it than a pattern does. */
            if (!is_listed(task->packages, task->packages_count, installed[j]) &&
                !is_listed(task->packages, task->packages_count, name) &&
                !is_listed(requests.list, requests.count, installed[j]) &&
                !agent_packages_is_excluded(task, name))
                r = add(job, &requests, installed[j], package->version, err);
        }
        if (r < 0)
            return r;
        if (!is_found)
            agent_packages_job_note(job, "no installed package matches '%s'", package->name);
    }
    *ret_requests = requests;

    return 0;
}
