/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "agent/packages/dnf.h"
#include "agent/packages/request.h"
#include "common/text.h"

/* What a plan asks for, as dnf's own words. */

struct asking {
    struct agent_packages_job *job;
    const struct agent_txn_task *task;
    const char *locks; /* versionlock's list */
};

/* The names of all installed packages, for patterns. */
static int list_installed(struct asking *a, const char *const **ret_names, uint32_t *ret_count,
                          struct bl_error *err)
{
    static const char *const argv[] = {AGENT_PACKAGES_RPM, "-qa", "--qf",
                                       AGENT_PACKAGES_RPM_QUERY_FORMAT, NULL};
    struct agent_packages_output output;
    struct agent_packages_rpms rpms;
    const char **names;
    void *place;
    int r;

    *ret_count = 0;
    if (!agent_packages_has_pattern(a->task))
        return 0;
    r = agent_packages_ask(a->job, argv, &output, err);
    if (r < 0)
        return r;
    if (output.status != 0)
        return agent_packages_dnf_blame(a->job, "rpm -qa", &output, err);
    if ((r = agent_packages_dnf_parse_rpms(a->job->memory, output.text, &rpms, err)) < 0 ||
        (r = agent_packages_memory_take(a->job->memory, ((size_t)rpms.count + 1) * sizeof(*names),
                                        &place, err)) < 0)
        return r;
    names = place;
    for (uint32_t i = 0; i < rpms.count; i++) {
        bool is_plain = strcmp(rpms.list[i].arch, "noarch") == 0;

        r = agent_packages_memory_format(a->job->memory, &names[i], err, "%s%s%s",
                                         rpms.list[i].name, is_plain ? "" : ":",
                                         is_plain ? "" : rpms.list[i].arch);
        if (r < 0)
            return r;
    }
    *ret_names = names;
    *ret_count = rpms.count;

    return 0;
}

/* "NAME", "NAME-VERSION", "NAME.ARCH"; a locked package stays out, with a note. Returns 1 or 0. */
static int add_request(struct asking *a, struct agent_packages_args *args,
                       const struct proto_package *package, struct bl_error *err)
{
    size_t length = strcspn(package->name, ":");
    const char *arch = package->name + length;
    const char *name;
    int r;

    r = agent_packages_memory_copy(a->job->memory, package->name, length, &name, err);
    if (r < 0)
        return r;
    if (agent_packages_dnf_is_locked(a->locks, name)) {
        agent_packages_job_note(a->job, "%s is held by versionlock and stays as it is", name);
        return 0;
    }
    r = agent_packages_args_format(a->job, args, err, "%s%s%s%s%s", name,
                                   package->version[0] != '\0' ? "-" : "", package->version,
                                   arch[0] != '\0' ? "." : "", arch[0] != '\0' ? arch + 1 : "");

    return r < 0 ? r : 1;
}

/* dnf says the same of a package that it does not know and of a version that it does not know. */
static void tell_missing_apart(struct asking *a, const struct bl_error *err)
{
    if (a->job->code == NULL || strcmp(a->job->code, "package_not_found") != 0)
        return;
    for (uint32_t i = 0; i < a->task->packages_count; i++) {
        char exact[2 * PROTO_NAME_BYTES_MAX + 2];

        if (a->task->packages[i].version[0] != '\0' &&
            bl_text_format(exact, sizeof(exact), "%s-%s", a->task->packages[i].name,
                           a->task->packages[i].version) >= 0 &&
            strstr(err->text, exact) != NULL)
            a->job->code = "version_not_found";
    }
}

static int begin(struct asking *a, struct agent_packages_args *args, struct bl_error *err)
{
    int r;

    if ((r = agent_packages_dnf_begin(a->job, AGENT_PACKAGES_DNF_REPOSITORIES, args, err)) < 0 ||
        (r = agent_packages_args_add(a->job, args, "--assumeno", err)) < 0)
        return r;
    if (a->task->allow_remove)
        r = agent_packages_args_add(a->job, args, "--allowerasing", err);
    for (uint32_t i = 0; r >= 0 && i < a->task->excludes_count; i++) {
        r = agent_packages_args_format(a->job, args, err, "--exclude=%s",
                                       a->task->excludes[i].text);
    }

    return r;
}

static int resolve_named(struct asking *a, struct agent_packages_changes *ret_changes,
                         struct bl_error *err)
{
    static const char *const install[] = {"install", "--", NULL};
    struct agent_packages_requests requests;
    struct agent_packages_args args;
    const char *const *names = NULL;
    const char *text;
    uint32_t name_count, count = 0;
    int r;

    if ((r = list_installed(a, &names, &name_count, err)) < 0 ||
        (r = agent_packages_expand(a->job, a->task, names, name_count, &requests, err)) < 0 ||
        (r = begin(a, &args, err)) < 0 ||
        (r = agent_packages_args_add_all(a->job, &args, install, err)) < 0)
        return r;
    for (uint32_t i = 0; i < requests.count; i++) {
        r = add_request(a, &args, &requests.list[i], err);
        if (r < 0)
            return r;
        count += (uint32_t)r;
    }
    if (count == 0)
        return 0;
    r = agent_packages_dnf_simulate(a->job, &args, ret_changes, &text, err);
    if (r < 0)
        tell_missing_apart(a, err);

    return r;
}

static int note_locks(struct asking *a, struct bl_error *err)
{
    const char *names = "", *cursor = a->locks;
    struct agent_packages_line line;
    int r = 0;

    while (r >= 0 && agent_packages_next_line(&cursor, &line)) {
        if (line.length == 0 || line.text[0] == '#')
            continue;
        r = agent_packages_memory_format(a->job->memory, &names, err, "%s%s%.*s", names,
                                         names[0] != '\0' ? " " : "", (int)line.length, line.text);
    }
    if (r >= 0 && names[0] != '\0')
        agent_packages_job_note(a->job, "held by versionlock: %s", names);

    return r;
}

/* Without advisories dnf finds no security updates, which proves nothing. */
static int require_advisories(struct asking *a, struct bl_error *err)
{
    static const char *const ask[] = {"-q", "updateinfo", "list", "--all", NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_STOP_TOOL};
    struct agent_packages_output output;
    int r;

    if ((r = agent_packages_dnf_begin(a->job, AGENT_PACKAGES_DNF_REPOSITORIES, &command.args,
                                      err)) < 0 ||
        (r = agent_packages_args_add_all(a->job, &command.args, ask, err)) < 0 ||
        (r = agent_packages_run(a->job, &command, &output, err)) < 0)
        return r;
    if (output.status != 0)
        return agent_packages_dnf_blame(a->job, "dnf updateinfo", &output, err);
    if (agent_packages_dnf_has_advisories(output.text))
        return 0;

    return agent_packages_fail(a->job, err, "no_security_source",
                               "use repositories with advisories, or ask for 'all' or for packages "
                               "by name",
                               -ENODATA,
                               "none of this host's repositories says what a security update is");
}

static int resolve_set(struct asking *a, struct agent_packages_changes *ret_changes,
                       struct bl_error *err)
{
    bool is_security = a->task->package_set == PROTO_SET_SECURITY;
    struct agent_packages_args args;
    const char *text;
    int r;

    if ((r = note_locks(a, err)) < 0 || (is_security && (r = require_advisories(a, err)) < 0) ||
        (r = begin(a, &args, err)) < 0 ||
        (is_security && (r = agent_packages_args_add(a->job, &args, "--security", err)) < 0) ||
        (r = agent_packages_args_add(a->job, &args, "upgrade", err)) < 0)
        return r;

    return agent_packages_dnf_simulate(a->job, &args, ret_changes, &text, err);
}

int agent_packages_dnf_resolve(struct agent_packages_job *job, const struct agent_txn_task *task,
                               struct agent_packages_changes *ret_changes, struct bl_error *err)
{
    struct asking a = {.job = job, .task = task};
    int r;

    *ret_changes = (struct agent_packages_changes){0};
    r = agent_packages_dnf_locks(job, &a.locks, err);
    if (r < 0)
        return r;
    agent_packages_dnf_note_excludes(job);

    return task->package_set == PROTO_SET_NAMED ? resolve_named(&a, ret_changes, err)
                                                : resolve_set(&a, ret_changes, err);
}
