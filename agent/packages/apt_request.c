/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "agent/packages/apt.h"
#include "agent/packages/request.h"
#include "common/text.h"

/*
 * What a plan asks for, as apt's own words. A set is looked for first, with `apt-get -s upgrade`: that
 * knows holds, pins and phasing; what is picked of it is then asked for by exact versions.
 */

#define KEPT_BACK "The following packages have been kept back:"
#define DEFERRED  "The following upgrades have been deferred due to phasing:"
#define CHANGED   "The following held packages will be changed:"

struct asking {
    struct agent_packages_job *job;
    const struct agent_txn_task *task;
    const char *holds; /* as apt-mark prints them */
};

static int note_section(struct asking *a, const char *text, const char *heading, const char *what,
                        struct bl_error *err)
{
    const char *names;
    int r = agent_packages_apt_parse_section(a->job->memory, text, heading, &names, err);

    if (r >= 0 && names[0] != '\0')
        agent_packages_job_note(a->job, "%s: %s", what, names);

    return r;
}

/* One of the names of a section of apt's summary? */
static bool is_among(const char *names, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = names; *at != '\0'; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");

        if (word == length && memcmp(at, name, length) == 0)
            return true;
        at += word;
    }

    return false;
}

/* What keeps packages as they are on this host: shown, never overridden. */
static int note_holds(struct asking *a, struct bl_error *err)
{
    const char *names = "", *cursor = a->holds;
    struct agent_packages_line line;
    int r = 0;

    while (r >= 0 && agent_packages_next_line(&cursor, &line)) {
        r = agent_packages_memory_format(a->job->memory, &names, err, "%s%s%.*s", names,
                                         names[0] != '\0' ? " " : "", (int)line.length, line.text);
    }
    if (r >= 0 && names[0] != '\0')
        agent_packages_job_note(a->job, "held by apt-mark: %s", names);

    return r;
}

static int begin_cache(struct asking *a, struct agent_packages_args *args, struct bl_error *err)
{
    int r;

    if ((r = agent_packages_args_add(a->job, args, AGENT_PACKAGES_APT_CACHE, err)) < 0 ||
        (r = agent_packages_args_add(a->job, args, "-c", err)) < 0)
        return r;

    return agent_packages_args_format(a->job, args, err, "%s/repositories.conf", a->job->job_path);
}

/* Notes the host's pins. A host without any security archive cannot tell what a security update is. */
static int look_at_policy(struct asking *a, struct bl_error *err)
{
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_STOP_TOOL};
    struct agent_packages_output output;
    const char *pinned;
    int r;

    if ((r = begin_cache(a, &command.args, err)) < 0 ||
        (r = agent_packages_args_add(a->job, &command.args, "policy", err)) < 0 ||
        (r = agent_packages_run(a->job, &command, &output, err)) < 0)
        return r;
    if (output.status != 0)
        return agent_packages_apt_blame(a->job, "apt-cache policy", &output, err);
    r = agent_packages_apt_parse_pinned(a->job->memory, output.text, &pinned, err);
    if (r < 0)
        return r;
    if (pinned[0] != '\0')
        agent_packages_job_note(a->job, "pinned by apt's preferences: %s", pinned);
    if (a->task->package_set == PROTO_SET_SECURITY &&
        !agent_packages_apt_has_security(output.text)) {
        return agent_packages_fail(a->job, err, "no_security_source",
                                   "add the distribution's security archive to the sources, or ask "
                                   "for 'all' or for packages by name",
                                   -ENODATA, "none of this host's archives is a security archive");
    }

    return 0;
}

static int begin(struct asking *a, struct agent_packages_args *args, struct bl_error *err)
{
    int r = agent_packages_apt_begin(a->job, AGENT_PACKAGES_APT_REPOSITORIES, args, err);

    if (r >= 0 && a->task->ignore_phasing) {
        r = agent_packages_args_add(a->job, args, "-oAPT::Get::Always-Include-Phased-Updates=1",
                                    err);
    }

    return r < 0 ? r : agent_packages_args_add(a->job, args, "-s", err);
}

static int begin_upgrade(struct asking *a, struct agent_packages_args *args, struct bl_error *err)
{
    static const char *const careful[] = {"upgrade", "--with-new-pkgs", NULL};
    static const char *const removing[] = {"dist-upgrade", NULL};
    int r = begin(a, args, err);

    return r < 0 ? r
                 : agent_packages_args_add_all(a->job, args,
                                               a->task->allow_remove ? removing : careful, err);
}

/* Which of the packages that apt kept back are phased updates; before apt 2.7 it does not say. */
static int find_phased(struct asking *a, const char *kept, const char **ret_names,
                       struct bl_error *err)
{
    static const char *const words[] = {"show", "--no-all-versions", "--", NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_STOP_TOOL};
    struct agent_packages_output output;
    int r;

    if ((r = begin_cache(a, &command.args, err)) < 0 ||
        (r = agent_packages_args_add_all(a->job, &command.args, words, err)) < 0)
        return r;
    while (*kept != '\0') {
        size_t length = strcspn(kept, " ");

        r = agent_packages_args_format(a->job, &command.args, err, "%.*s", (int)length, kept);
        if (r < 0)
            return r;
        kept += length + strspn(kept + length, " ");
    }
    r = agent_packages_run(a->job, &command, &output, err);
    if (r < 0)
        return r;
    if (output.status != 0)
        return agent_packages_apt_blame(a->job, "apt-cache show", &output, err);

    return agent_packages_apt_parse_phased(a->job->memory, output.text, ret_names, err);
}

/* Of what `apt-get -s upgrade` said: the updates whose turn this host is not yet. */
static int find_deferred(struct asking *a, const char *text, const char **ret_names,
                         struct bl_error *err)
{
    const char *kept, *phased = "";
    int r;

    *ret_names = "";
    if (a->task->ignore_phasing)
        return 0;
    if ((r = agent_packages_apt_parse_section(a->job->memory, text, DEFERRED, ret_names, err)) <
            0 ||
        (r = agent_packages_apt_parse_section(a->job->memory, text, KEPT_BACK, &kept, err)) < 0 ||
        (kept[0] != '\0' && (r = find_phased(a, kept, &phased, err)) < 0))
        return r;
    if (phased[0] == '\0')
        return 0;

    return agent_packages_memory_format(a->job->memory, ret_names, err, "%s%s%s", *ret_names,
                                        (*ret_names)[0] != '\0' ? " " : "", phased);
}

/* apt defers phased updates only when it upgrades everything, not when a package is named. */
static int look_for_deferred(struct asking *a, const char **ret_names, struct bl_error *err)
{
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_STOP_TOOL};
    struct agent_packages_output output;
    int r;

    *ret_names = "";
    if (a->task->ignore_phasing)
        return 0;
    if ((r = begin_upgrade(a, &command.args, err)) < 0 ||
        (r = agent_packages_run(a->job, &command, &output, err)) < 0)
        return r;
    if (output.status != 0)
        return agent_packages_apt_blame(a->job, "apt-get -s upgrade", &output, err);

    return find_deferred(a, output.text, ret_names, err);
}

/* With these requests at the end of `args`. */
static int install(struct asking *a, struct agent_packages_args *args,
                   struct agent_packages_changes *ret_changes, struct bl_error *err)
{
    const char *text;
    int r = agent_packages_apt_simulate(a->job, args, ret_changes, &text, err);

    return r < 0 ? r : note_section(a, text, CHANGED, "held, and would be changed", err);
}

static int begin_install(struct asking *a, struct agent_packages_args *args, struct bl_error *err)
{
    static const char *const words[] = {"--allow-downgrades", "install", "--", NULL};
    int r = begin(a, args, err);

    return r < 0 ? r : agent_packages_args_add_all(a->job, args, words, err);
}

/* Exactly the upgrades of `offered` that the plan does not exclude; what is new comes with them. */
static int install_offered(struct asking *a, const struct agent_packages_changes *offered,
                           struct agent_packages_changes *ret_changes, struct bl_error *err)
{
    struct agent_packages_args args;
    uint32_t count = 0;
    int r = begin_install(a, &args, err);

    for (uint32_t i = 0; r >= 0 && i < offered->count; i++) {
        const struct proto_change *change = &offered->list[i];
        const char *suffix;

        if (change->from[0] == '\0' || change->to[0] == '\0' ||
            agent_packages_is_excluded(a->task, change->name))
            continue;
        if ((r = agent_packages_memory_format(a->job->memory, &suffix, err, "=%s", change->to)) >=
            0)
            r = agent_packages_apt_add_package(a->job, &args, change->name, change->arch, suffix,
                                               err);
        count++;
    }
    if (r < 0 || count == 0)
        return r;

    return install(a, &args, ret_changes, err);
}

static int resolve_set(struct asking *a, struct agent_packages_changes *ret_changes,
                       struct bl_error *err)
{
    struct agent_packages_changes offered;
    struct agent_packages_args args;
    const char *text, *deferred;
    uint32_t others;
    int r;

    if ((r = note_holds(a, err)) < 0 || (r = begin_upgrade(a, &args, err)) < 0 ||
        (r = agent_packages_apt_simulate(a->job, &args, &offered, &text, err)) < 0 ||
        (r = note_section(a, text, KEPT_BACK, "kept back", err)) < 0 ||
        (r = find_deferred(a, text, &deferred, err)) < 0)
        return r;
    if (deferred[0] != '\0')
        agent_packages_job_note(a->job, "deferred, phased update: %s", deferred);
    if (a->task->package_set == PROTO_SET_ALL && a->task->excludes_count == 0) {
        *ret_changes = offered;
        return 0;
    }
    if (a->task->package_set == PROTO_SET_ALL)
        return install_offered(a, &offered, ret_changes, err);
    r = agent_packages_apt_parse_security(a->job->memory, text, &offered, &others, err);
    if (r < 0)
        return agent_packages_job_pass(a->job, "resolve_failed", NULL, r);
    if (others > 0) {
        agent_packages_job_note(a->job,
                                "%u other packages have newer versions that are not from a "
                                "security archive, and stay as they are",
                                others);
    }

    return install_offered(a, &offered, ret_changes, err);
}

/* The names of all installed packages, for patterns. */
static int list_installed(struct asking *a, const char *const **ret_names, uint32_t *ret_count,
                          struct bl_error *err)
{
    static const char format[] = AGENT_PACKAGES_APT_QUERY_FORMAT;
    static const char *const argv[] = {AGENT_PACKAGES_DPKG_QUERY, "-W", "-f", format, NULL};
    struct agent_packages_output output;
    struct agent_packages_states states;
    const char **names;
    uint32_t count = 0;
    void *place;
    int r;

    *ret_count = 0;
    if (!agent_packages_has_pattern(a->task))
        return 0;
    if ((r = agent_packages_ask(a->job, argv, &output, err)) < 0)
        return r;
    if (output.status != 0)
        return agent_packages_apt_blame(a->job, "dpkg-query", &output, err);
    if ((r = agent_packages_apt_parse_states(a->job->memory, output.text, &states, err)) < 0 ||
        (r = agent_packages_memory_take(a->job->memory, (states.count + 1) * sizeof(*names), &place,
                                        err)) < 0)
        return r;
    names = place;
    for (uint32_t i = 0; i < states.count; i++) {
        const struct agent_packages_state *state = &states.list[i];
        bool is_plain = strcmp(state->arch, "all") == 0;

        if (agent_packages_apt_status(state) == AGENT_TXN_STATUS_ABSENT)
            continue;
        r = agent_packages_memory_format(a->job->memory, &names[count], err, "%s%s%s", state->name,
                                         is_plain ? "" : ":", is_plain ? "" : state->arch);
        if (r < 0)
            return r;
        count++;
    }
    *ret_names = names;
    *ret_count = count;

    return 0;
}

/* False, with a note, for a package that the host or its distribution keeps as it is for now. */
static bool may_change(struct asking *a, const struct proto_package *package, const char *deferred)
{
    char name[PROTO_NAME_BYTES_MAX + 1];
    size_t length = strcspn(package->name, ":");
    const char *arch = package->name[length] == ':' ? package->name + length + 1 : "";

    /* apt names the architecture of its notices and marks only when it is a foreign one. */
    if (bl_text_format(name, sizeof(name), "%.*s", (int)length, package->name) < 0)
        return true;
    if (agent_packages_apt_is_marked(a->holds, name, arch)) {
        agent_packages_job_note(a->job, "%s is held and stays as it is", package->name);
        return false;
    }
    if (package->version[0] == '\0' &&
        (is_among(deferred, package->name) || is_among(deferred, name))) {
        agent_packages_job_note(a->job, "%s stays as it is: deferred, phased update",
                                package->name);
        return false;
    }

    return true;
}

static int resolve_named(struct asking *a, struct agent_packages_changes *ret_changes,
                         struct bl_error *err)
{
    struct agent_packages_requests requests;
    struct agent_packages_args args;
    const char *const *names = NULL;
    const char *deferred;
    uint32_t name_count, count = 0;
    int r;

    if ((r = look_for_deferred(a, &deferred, err)) < 0 ||
        (r = list_installed(a, &names, &name_count, err)) < 0 ||
        (r = agent_packages_expand(a->job, a->task, names, name_count, &requests, err)) < 0 ||
        (r = begin_install(a, &args, err)) < 0)
        return r;
    for (uint32_t i = 0; i < requests.count; i++) {
        const struct proto_package *package = &requests.list[i];

        if (!may_change(a, package, deferred))
            continue;
        r = agent_packages_args_format(a->job, &args, err, "%s%s%s", package->name,
                                       package->version[0] != '\0' ? "=" : "", package->version);
        if (r < 0)
            return r;
        count++;
    }

    return count == 0 ? 0 : install(a, &args, ret_changes, err);
}

int agent_packages_apt_resolve(struct agent_packages_job *job, const struct agent_txn_task *task,
                               struct agent_packages_changes *ret_changes, struct bl_error *err)
{
    struct asking a = {.job = job, .task = task, .holds = ""};
    int r;

    *ret_changes = (struct agent_packages_changes){0};
    if ((r = agent_packages_apt_marks(job, "showhold", &a.holds, err)) < 0 ||
        (r = look_at_policy(&a, err)) < 0)
        return r;

    return task->package_set == PROTO_SET_NAMED ? resolve_named(&a, ret_changes, err)
                                                : resolve_set(&a, ret_changes, err);
}
