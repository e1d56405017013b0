/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "agent/packages/dnf.h"
#include "common/text.h"

/*
 * "-y": a repository whose metadata is to be signed has its key where the host's configuration says;
 * it goes into the private cache, never into the host's package database.
 */
static int update(struct agent_packages_job *job, int directory_fd, struct bl_error *err)
{
    static const char *const makecache[] = {"-y", "--refresh", "makecache", NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_STOP_TOOL};
    struct agent_packages_output output;
    int r;

    if ((r = agent_packages_dnf_begin(job, AGENT_PACKAGES_DNF_REPOSITORIES, &command.args, err)) <
            0 ||
        (r = agent_packages_args_add_all(job, &command.args, makecache, err)) < 0 ||
        (r = agent_packages_run(job, &command, &output, err)) < 0)
        return r;
    if (output.status != 0) {
        r = agent_packages_dnf_blame(job, "dnf makecache", &output, err);
        if (strcmp(job->code, "no_space") != 0 && strcmp(job->code, "lock_held") != 0) {
            job->code = "refresh_failed";
            job->remedy = "see that `dnf makecache` is clean";
        }
        return r;
    }

    return 0;
}

int agent_packages_dnf_refresh(struct agent_packages_job *job, struct bl_error *err)
{
    return agent_packages_refresh(job, "dnf/cache", update, err);
}

/* "NAME" or "NAME-VERSION" of what was asked for; locked packages stay out, with a note. */
static int add_requests(struct agent_packages_job *job, const struct agent_txn_task *task,
                        struct agent_packages_args *args, uint32_t *ret_count, struct bl_error *err)
{
    const char *locks;
    int r;

    r = agent_packages_dnf_locks(job, &locks, err);
    if (r < 0)
        return r;
    *ret_count = 0;
    for (uint32_t i = 0; i < task->packages_count; i++) {
        const struct proto_package *package = &task->packages[i];
        size_t length = strcspn(package->name, ":");
        const char *arch = package->name + length;
        const char *name;

        if (!bl_text_is_package_name(package->name) ||
            (package->version[0] != '\0' && !bl_text_is_version(package->version))) {
            return agent_packages_fail(job, err, "bad_task", NULL, -EINVAL,
                                       "a request that is no package");
        }
        r = agent_packages_memory_copy(job->memory, package->name, length, &name, err);
        if (r < 0)
            return r;
        if (agent_packages_dnf_is_locked(locks, name)) {
            agent_packages_job_note(job, "%s is held by versionlock and stays as it is", name);
            continue;
        }
        r = agent_packages_args_format(job, args, err, "%s%s%s%s%s", name,
                                       package->version[0] != '\0' ? "-" : "", package->version,
                                       arch[0] != '\0' ? "." : "", arch[0] != '\0' ? arch + 1 : "");
        if (r < 0)
            return r;
        (*ret_count)++;
    }

    return 0;
}

/* The package that the change starts from: of the same name, where it is one that changes. */
static const struct agent_packages_rpm *find_former(const struct agent_packages_rpms *rpms,
                                                    const struct proto_change *change)
{
    const struct agent_packages_rpm *found = NULL;

    for (uint32_t i = 0; i < rpms->count; i++) {
        const struct agent_packages_rpm *rpm = &rpms->list[i];

        if (strcmp(rpm->name, change->name) != 0)
            continue;
        if (strcmp(rpm->arch, change->arch) == 0)
            return rpm;
        /* A package may go from "noarch" to the native architecture and back. */
        if (strcmp(rpm->arch, "noarch") == 0 || strcmp(change->arch, "noarch") == 0)
            found = rpm;
    }

    return found;
}

/* dnf's table does not say which version a change starts from. */
static int complete(struct agent_packages_job *job, struct agent_packages_changes *changes,
                    struct bl_error *err)
{
    struct agent_packages_rpms rpms;
    const char **names;
    int r;

    if ((r = agent_packages_dnf_change_names(job, changes, &names, err)) < 0 ||
        (r = agent_packages_dnf_installed(job, names, changes->count, &rpms, err)) < 0)
        return r;
    for (uint32_t i = 0; i < changes->count; i++) {
        struct proto_change *change = &changes->list[i];
        const struct agent_packages_rpm *former = find_former(&rpms, change);

        if (change->action != PROTO_ACTION_UPGRADE && change->action != PROTO_ACTION_DOWNGRADE)
            continue;
        if (former == NULL) {
            return agent_packages_fail(job, err, "resolve_failed", NULL, -EPROTO,
                                       "dnf would upgrade %s, which is not installed",
                                       change->name);
        }
        change->from = former->version;
    }

    return 0;
}

int agent_packages_dnf_simulate(struct agent_packages_job *job, struct agent_packages_args *args,
                                struct agent_packages_changes *ret_changes, const char **ret_text,
                                struct bl_error *err)
{
    struct agent_packages_command command = {.args = *args, .patience = AGENT_PACKAGES_STOP_TOOL};
    struct agent_packages_changes changes;
    struct agent_packages_output output;
    int r;

    r = agent_packages_run(job, &command, &output, err);
    if (r < 0)
        return r;
    /* Who answers "no" to dnf gets 1, like who asked for the impossible; the table tells them apart. */
    if (output.status != 0 && (output.status != 1 || strstr(output.text, "\nError: ") != NULL ||
                               strncmp(output.text, "Error: ", strlen("Error: ")) == 0 ||
                               strstr(output.text, "Transaction Summary") == NULL))
        return agent_packages_dnf_blame(job, "dnf install", &output, err);
    r = agent_packages_dnf_parse_table(job->memory, output.text, &changes, err);
    if (r < 0)
        return agent_packages_job_pass(job, "resolve_failed", NULL, r);
    agent_packages_changes_sort(&changes);
    r = complete(job, &changes, err);
    if (r < 0)
        return r;
    *ret_changes = changes;
    *ret_text = output.text;

    return 0;
}

/* dnf says the same of a package that it does not know and of a version that it does not know. */
static void tell_missing_apart(struct agent_packages_job *job, const struct agent_txn_task *task,
                               const struct bl_error *err)
{
    if (job->code == NULL || strcmp(job->code, "package_not_found") != 0)
        return;
    for (uint32_t i = 0; i < task->packages_count; i++) {
        char exact[2 * PROTO_NAME_BYTES_MAX + 2];

        if (task->packages[i].version[0] != '\0' &&
            bl_text_format(exact, sizeof(exact), "%s-%s", task->packages[i].name,
                           task->packages[i].version) >= 0 &&
            strstr(err->text, exact) != NULL)
            job->code = "version_not_found";
    }
}

int agent_packages_dnf_resolve(struct agent_packages_job *job, const struct agent_txn_task *task,
                               struct agent_packages_changes *ret_changes, struct bl_error *err)
{
    static const char *const ask[] = {"--assumeno", NULL};
    static const char *const erase[] = {"--allowerasing", NULL};
    static const char *const install[] = {"install", "--", NULL};
    struct agent_packages_args args;
    const char *text = "";
    uint32_t count;
    int r;

    if ((r = agent_packages_dnf_begin(job, AGENT_PACKAGES_DNF_REPOSITORIES, &args, err)) < 0 ||
        (r = agent_packages_args_add_all(job, &args, ask, err)) < 0 ||
        (task->allow_remove && (r = agent_packages_args_add_all(job, &args, erase, err)) < 0) ||
        (r = agent_packages_args_add_all(job, &args, install, err)) < 0 ||
        (r = add_requests(job, task, &args, &count, err)) < 0)
        return r;
    *ret_changes = (struct agent_packages_changes){0};
    if (count == 0)
        return 0;
    agent_packages_dnf_note_excludes(job);

    r = agent_packages_dnf_simulate(job, &args, ret_changes, &text, err);
    if (r < 0)
        tell_missing_apart(job, task, err);

    return r;
}
