/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/packages/dnf.h"

/* "installed 1.0-1 and 2.0-1": an interrupted change leaves both in rpm's database. */
static int say_versions(struct agent_packages_job *job, const struct agent_packages_rpms *rpms,
                        const char *name, const char **ret_words, struct bl_error *err)
{
    const char *words = "absent";

    for (uint32_t i = 0; i < rpms->count; i++) {
        bool first = strcmp(words, "absent") == 0;
        int r;

        if (strcmp(rpms->list[i].name, name) != 0)
            continue;
        r = agent_packages_memory_format(job->memory, &words, err, "%s %s",
                                         first ? "installed" : words, rpms->list[i].version);
        if (r < 0)
            return r;
    }
    *ret_words = words;

    return 0;
}

int agent_packages_dnf_stand(struct agent_packages_job *job,
                             const struct agent_packages_way_back *way_back,
                             struct agent_packages_standing *ret_standings, struct bl_error *err)
{
    struct agent_packages_rpms rpms;
    const char **names;
    int r;

    if ((r = agent_packages_dnf_former_names(job, way_back, &names, err)) < 0 ||
        (r = agent_packages_dnf_installed(job, names, way_back->former_count, &rpms, err)) < 0)
        return r;
    for (uint32_t i = 0; i < way_back->former_count; i++) {
        const struct agent_packages_former *former = &way_back->former[i];
        bool wants_from = former->from[0] != '\0', wants_to = former->to[0] != '\0';
        bool has_from = wants_from && agent_packages_dnf_find(&rpms, former->name,
                                                              former->from_arch, former->from);
        bool has_to =
            wants_to && agent_packages_dnf_find(&rpms, former->name, former->arch, former->to);

        ret_standings[i].is_before = has_from == wants_from && !has_to;
        ret_standings[i].is_after = has_to == wants_to && !has_from;
        r = say_versions(job, &rpms, former->name, &ret_standings[i].words, err);
        if (r < 0)
            return r;
    }

    return 0;
}

/* dnf has no lines of progress for programs: the status file stays empty, the log tells. */
int agent_packages_dnf_change(struct agent_packages_job *job,
                              const struct agent_packages_way_back *way_back, int status_fd,
                              struct agent_packages_output *ret_output, struct bl_error *err)
{
    static const char *const install[] = {"-y", "--allowerasing", "install", "--", NULL};
    struct agent_packages_command command = {
        .to_log = true, .patience = AGENT_PACKAGES_STOP_SCRIPTS, .is_watched = true};
    int r;

    r = agent_packages_progress_of_change(job, way_back, agent_packages_dnf_parse_progress,
                                          job->log_fd, err);
    if (r < 0)
        return r;
    if ((r = agent_packages_dnf_begin(job, AGENT_PACKAGES_DNF_FILES, &command.args, err)) < 0 ||
        (r = agent_packages_args_add_all(job, &command.args, install, err)) < 0 ||
        (r = agent_packages_dnf_add_new(job, &command.args, way_back, err)) < 0)
        return r;

    return agent_packages_run(job, &command, ret_output, err);
}

/* One `dnf mark VERB`; no names, no command. */
static int mark(struct agent_packages_job *job, bool automatic, const char *reasons,
                const struct agent_packages_way_back *way_back, enum agent_packages_side side,
                struct bl_error *err)
{
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    struct agent_packages_output output = {0};
    uint32_t count = 0;
    int r;

    if ((r = agent_packages_dnf_begin(job, AGENT_PACKAGES_DNF_FILES, &command.args, err)) < 0 ||
        (r = agent_packages_args_add(job, &command.args, "mark", err)) < 0 ||
        (r = agent_packages_args_add(job, &command.args, automatic ? "remove" : "install", err)) <
            0)
        return r;
    for (uint32_t i = 0; r >= 0 && i < way_back->former_count; i++) {
        const struct agent_packages_former *former = &way_back->former[i];
        bool before = side == AGENT_PACKAGES_BEFORE;
        const char *arch = before ? former->from_arch : former->arch;

        if (!agent_packages_is_there(former, side) ||
            agent_packages_wants_automatic(former) != automatic ||
            agent_packages_dnf_is_automatic(reasons, former->name, arch) == automatic)
            continue;
        r = agent_packages_dnf_add_exact(job, &command.args, former->name,
                                         before ? former->from : former->to, arch, err);
        count++;
    }
    if (r < 0 || count == 0)
        return r;
    r = agent_packages_run(job, &command, &output, err);
    if (r < 0)
        return r;

    return output.status == 0 ? 0 : agent_packages_dnf_blame(job, "dnf mark", &output, err);
}

/* What versionlock holds it goes on holding: the change does not touch its list. */
int agent_packages_dnf_set_marks(struct agent_packages_job *job,
                                 const struct agent_packages_way_back *way_back,
                                 enum agent_packages_side side, struct bl_error *err)
{
    const char *reasons;
    int r;

    if ((r = agent_packages_dnf_reasons(job, &reasons, err)) < 0 ||
        (r = mark(job, /* automatic= */ true, reasons, way_back, side, err)) < 0)
        return r;

    return mark(job, /* automatic= */ false, reasons, way_back, side, err);
}
