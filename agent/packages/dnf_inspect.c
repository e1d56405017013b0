/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/packages/dnf.h"

/* The lines of `rpm -qc`, which may also be messages. */
static int add_lines(struct agent_packages_job *job, const char *text,
                     struct agent_packages_paths *paths, struct bl_error *err)
{
    struct agent_packages_line line;

    while (agent_packages_next_line(&text, &line)) {
        int r = agent_packages_paths_add(job, paths, line.text, line.length, err);

        if (r < 0)
            return r;
    }

    return 0;
}

/* The configuration files of installed packages. */
static int registered_conffiles(struct agent_packages_job *job, const char *const *names,
                                uint32_t name_count, struct agent_packages_paths *paths,
                                struct bl_error *err)
{
    static const char *const head[] = {AGENT_PACKAGES_RPM, "-qc", "--", NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    struct agent_packages_output output;
    int r;

    if (name_count == 0)
        return 0;
    r = agent_packages_args_add_all(job, &command.args, head, err);
    for (uint32_t i = 0; r >= 0 && i < name_count; i++)
        r = agent_packages_args_add(job, &command.args, names[i], err);
    if (r < 0)
        return r;
    r = agent_packages_run(job, &command, &output, err);

    return r < 0 ? r : add_lines(job, output.text, paths, err);
}

int agent_packages_dnf_conffiles(struct agent_packages_job *job,
                                 const struct agent_packages_way_back *way_back,
                                 struct agent_packages_paths *ret_paths, struct bl_error *err)
{
    static const char *const head[] = {AGENT_PACKAGES_RPM, "-qpc", "--nosignature", "--", NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    struct agent_packages_paths paths = {0};
    struct agent_packages_output output;
    const char **names;
    uint32_t fixed;
    int r;

    if ((r = agent_packages_dnf_former_names(job, way_back, &names, err)) < 0 ||
        (r = registered_conffiles(job, names, way_back->former_count, &paths, err)) < 0 ||
        (r = agent_packages_args_add_all(job, &command.args, head, err)) < 0)
        return r;
    fixed = command.args.count;
    r = agent_packages_dnf_add_new(job, &command.args, way_back, err);
    if (r < 0)
        return r;
    if (command.args.count > fixed) {
        r = agent_packages_run(job, &command, &output, err);
        if (r < 0)
            return r;
        if (output.status != 0)
            return agent_packages_dnf_blame(job, "rpm -qpc", &output, err);
        r = add_lines(job, output.text, &paths, err);
        if (r < 0)
            return r;
    }
    agent_packages_paths_sort(&paths);
    *ret_paths = paths;

    return 0;
}

/* Of a package that is there more than once, the version the change is to, or any. */
static const struct agent_packages_rpm *pick(const struct agent_packages_rpms *rpms,
                                             const struct proto_change *change, uint32_t *ret_count)
{
    const struct agent_packages_rpm *found = NULL;

    *ret_count = 0;
    for (uint32_t i = 0; i < rpms->count; i++) {
        const struct agent_packages_rpm *rpm = &rpms->list[i];

        if (strcmp(rpm->name, change->name) != 0)
            continue;
        (*ret_count)++;
        if (found == NULL || strcmp(rpm->version, change->to) == 0)
            found = rpm;
    }

    return found;
}

static int take_inventory(struct agent_packages_job *job,
                          const struct agent_packages_changes *changes,
                          const struct agent_packages_rpms *rpms, struct bl_error *err)
{
    struct agent_txn_result *result = job->result;
    const char *reasons, *locks;
    int r;

    if ((r = agent_packages_dnf_reasons(job, &reasons, err)) < 0 ||
        (r = agent_packages_dnf_locks(job, &locks, err)) < 0)
        return r;
    result->inventory_count = 0;
    result->inventory = NULL;
    for (uint32_t i = 0; i < changes->count; i++) {
        const struct proto_change *change = &changes->list[i];
        uint32_t count;
        const struct agent_packages_rpm *rpm = pick(rpms, change, &count);
        const char *arch = rpm != NULL ? rpm->arch : change->arch;
        /* An interrupted change left both; of the packages that may be there often, not. */
        bool is_twice = count > 1 && change->from[0] != '\0' &&
                        agent_packages_dnf_find(rpms, change->name, arch, change->from) != NULL &&
                        agent_packages_dnf_find(rpms, change->name, arch, change->to) != NULL;
        void *place;

        r = agent_packages_memory_append(job->memory, &result->inventory, result->inventory_count,
                                         sizeof(*result->inventory), &place, err);
        if (r < 0)
            return r;
        *(struct agent_txn_item *)place = (struct agent_txn_item){
            .name = change->name,
            .arch = arch,
            .version = rpm != NULL ? rpm->version : "",
            .status = rpm == NULL ? AGENT_TXN_STATUS_ABSENT
                      : is_twice  ? AGENT_TXN_STATUS_HALF
                                  : AGENT_TXN_STATUS_OK,
            .held = agent_packages_dnf_is_locked(locks, change->name),
            .automatic = agent_packages_dnf_is_automatic(reasons, change->name, arch),
        };
        result->inventory_count++;
    }

    return 0;
}

static int verify_lines(struct agent_packages_job *job, struct agent_packages_args names,
                        const char **ret_text, struct bl_error *err)
{
    struct agent_packages_command command = {.args = names, .patience = AGENT_PACKAGES_LOOK};
    struct agent_packages_output output;
    int r = agent_packages_run(job, &command, &output, err);

    if (r < 0)
        return r;
    *ret_text = output.text;

    return 0;
}

static int begin_verify(struct agent_packages_job *job, struct agent_packages_args *args,
                        struct bl_error *err)
{
    static const char *const head[] = {AGENT_PACKAGES_RPM, "-V", "--nodeps",
                                       "--noscript",       "--", NULL};

    return agent_packages_args_add_all(job, args, head, err);
}

int agent_packages_dnf_is_damaged(struct agent_packages_job *job, const char *name,
                                  const char *version, const char *arch, bool *ret_damaged,
                                  struct bl_error *err)
{
    struct agent_packages_args args = {0};
    struct agent_packages_line line, path;
    const char *text;
    int r;

    if ((r = begin_verify(job, &args, err)) < 0 ||
        (r = agent_packages_dnf_add_exact(job, &args, name, version, arch, err)) < 0 ||
        (r = verify_lines(job, args, &text, err)) < 0)
        return r;
    *ret_damaged = false;
    while (agent_packages_next_line(&text, &line))
        *ret_damaged = *ret_damaged || agent_packages_dnf_parse_verified(&line, &path);

    return 0;
}

static int verify(struct agent_packages_job *job, struct bl_error *err)
{
    struct agent_packages_args args = {0};
    struct agent_packages_line line, path;
    const char *text;
    uint32_t count = 0;
    int r;

    r = begin_verify(job, &args, err);
    for (uint32_t i = 0; r >= 0 && i < job->result->inventory_count; i++) {
        const struct agent_txn_item *item = &job->result->inventory[i];

        if (item->status == AGENT_TXN_STATUS_ABSENT)
            continue;
        r = agent_packages_dnf_add_exact(job, &args, item->name, item->version, item->arch, err);
        count++;
    }
    if (r < 0 || count == 0)
        return r;
    r = verify_lines(job, args, &text, err);
    if (r < 0)
        return r;
    while (agent_packages_next_line(&text, &line)) {
        if (agent_packages_dnf_parse_verified(&line, &path))
            agent_packages_paths_find_changed(job, path.text, path.length);
    }

    return 0;
}

int agent_packages_dnf_inspect(struct agent_packages_job *job,
                               const struct agent_packages_changes *changes, bool verify_files,
                               struct bl_error *err)
{
    struct agent_packages_paths paths = {0};
    struct agent_packages_rpms rpms;
    const char **names;
    int r;

    if ((r = agent_packages_dnf_change_names(job, changes, &names, err)) < 0 ||
        (r = agent_packages_dnf_installed(job, names, changes->count, &rpms, err)) < 0 ||
        (r = take_inventory(job, changes, &rpms, err)) < 0 ||
        (r = registered_conffiles(job, names, changes->count, &paths, err)) < 0)
        return r;
    agent_packages_paths_sort(&paths);
    if ((r = agent_packages_paths_report(job, &paths, err)) < 0 ||
        (r = agent_packages_dnf_audit(job, &job->result->audit_clean, err)) < 0)
        return r;

    return verify_files ? verify(job, err) : 0;
}
