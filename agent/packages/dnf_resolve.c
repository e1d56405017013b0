/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "agent/packages/dnf.h"

/*
 * "-y": a repository whose metadata is to be signed has its key where the host's configuration says;
 * it goes into the private cache, never into the host's package database.
 */
static int update(struct agent_packages_job *job, int directory_fd, struct bl_error *err)
{
    static const char *const makecache[] = {"-y", "--refresh", "makecache", NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_STOP_TOOL};
    struct agent_packages_repository_fault fault;
    struct agent_packages_output output;
    int r;

    if ((r = agent_packages_dnf_begin(job, AGENT_PACKAGES_DNF_REPOSITORIES, &command.args, err)) <
            0 ||
        (r = agent_packages_args_add_all(job, &command.args, makecache, err)) < 0 ||
        (r = agent_packages_run(job, &command, &output, err)) < 0)
        return r;
    if (output.status != 0 && agent_packages_find_repository_fault(output.text, &fault))
        return agent_packages_blame_repository(job, "dnf makecache", &fault, err);
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
    return agent_packages_refresh(job, "dnf/cache", /* anew= */ false, update, err);
}

int agent_packages_dnf_refresh_anew(struct agent_packages_job *job, struct bl_error *err)
{
    return agent_packages_refresh(job, "dnf/cache", /* anew= */ true, update, err);
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

        if (change->action == PROTO_ACTION_INSTALL && former != NULL &&
            strcmp(former->arch, change->arch) == 0) {
            return agent_packages_fail(
                job, err, "installonly_package", "exclude it in the plan, or install it by hand",
                -EPERM, "%s would be installed beside the version that is there", change->name);
        }
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
    if (r == -EPERM) {
        return agent_packages_job_pass(
            job, "not_only_packages",
            "do that on the host by hand first: a plan changes packages, "
            "no groups and no module streams",
            r);
    }
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
