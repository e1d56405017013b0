/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "agent/packages/conffile.h"
#include "agent/packages/tools.h"

enum {
    ATTEMPT_MS = 2 * 60 * 1000,  /* what every attempt gets, whatever the one before it took */
    UNBOUND_MS = 20 * 60 * 1000, /* the same, when the phase has no deadline: a script may hang */
};

static void grant_time(struct agent_packages_restoration *r)
{
    struct bl_mono now = bl_mono_now();
    struct bl_mono least = bl_mono_after(now, ATTEMPT_MS);

    if (r->is_unbound) {
        r->job->deadline = bl_mono_after(now, UNBOUND_MS);
    } else if (r->job->deadline.ms < least.ms) {
        r->job->deadline = least;
    }
}

int agent_packages_restoration_look(struct agent_packages_restoration *r, struct bl_error *err)
{
    return agent_packages_compare(r->job, r->tools, r->way_back, AGENT_PACKAGES_BEFORE, r->off,
                                  &r->words, err);
}

int agent_packages_restoration_run(struct agent_packages_restoration *r,
                                   struct agent_packages_args args, struct bl_error *err)
{
    struct agent_packages_command command = {
        .args = args, .to_log = true, .patience = AGENT_PACKAGES_STOP_SCRIPTS, .is_watched = true};
    struct agent_packages_output output;
    int result;

    grant_time(r);
    result = agent_packages_run(r->job, &command, &output, err);
    if (result < 0)
        return result;
    (void)dprintf(r->job->log_fd, "(exit code %d)\n", output.status);

    return 0;
}

/* Files of packages that stay behind as "config-files" are left alone: dpkg would miss them. */
static int put_conffiles_back(struct agent_packages_restoration *r, struct bl_error *err)
{
    struct bl_error first = {0};

    for (uint32_t i = 0; i < r->way_back->kept_count; i++) {
        const struct agent_packages_kept *kept = &r->way_back->kept[i];
        struct bl_error own = {0};
        int result = agent_packages_conffile_restore(r->job, kept, &own);

        if (result > 0)
            agent_packages_job_note(r->job, "put back: %s", kept->path);
        if (result < 0) {
            agent_packages_job_find(r->job, "restore_incomplete", own.text, "");
            first = first.code == 0 ? own : first;
        }
    }
    if (first.code == 0)
        return 0;
    *err = first;

    return first.code;
}

/* What fails is kept, and the rest goes on; the first failure is the one to tell. */
static void keep_first(struct bl_error *first, struct bl_error *own)
{
    if (first->code == 0)
        *first = *own;
    *own = (struct bl_error){0};
}

static void take_steps(struct agent_packages_restoration *r, struct bl_error *first)
{
    struct bl_error own = {0};

    for (size_t i = 0; r->tools->restore_steps[i] != NULL; i++) {
        if (r->tools->restore_steps[i](r, &own) < 0)
            keep_first(first, &own);
    }
    if (put_conffiles_back(r, &own) < 0)
        keep_first(first, &own);
    if (r->tools->set_marks(r->job, r->way_back, AGENT_PACKAGES_BEFORE, &own) < 0)
        keep_first(first, &own);
}

int agent_packages_restore(struct agent_packages_job *job, const struct agent_packages_tools *tools,
                           const struct agent_packages_way_back *way_back, struct bl_error *err)
{
    struct agent_packages_restoration r = {.job = job,
                                           .tools = tools,
                                           .way_back = way_back,
                                           .is_unbound = job->deadline.ms == 0,
                                           .words = ""};
    struct bl_error first = {0};
    void *place;
    bool clean;
    int result;

    result = agent_packages_memory_take(job->memory, (way_back->former_count + 1) * sizeof(bool),
                                        &place, err);
    if (result < 0)
        return result;
    r.off = place;
    result =
        agent_packages_progress_of_change(job, way_back, tools->parse_progress, job->log_fd, err);
    if (result < 0)
        return result;
    take_steps(&r, &first);
    agent_packages_progress_end(job);

    /* What an attempt complained of on the way no longer matters; what is now does. */
    job->code = NULL;
    result = agent_packages_restoration_look(&r, err);
    if (result < 0)
        return result;
    job->result->packages_done = way_back->former_count - (uint32_t)result;
    if (result > 0) {
        return agent_packages_fail(job, err, "restore_incomplete", "see the log of the phase",
                                   -EPROTO, "%s", r.words);
    }
    if (first.code != 0) {
        return agent_packages_fail(job, err, "restore_incomplete", "see the log of the phase",
                                   first.code, "%.200s", first.text);
    }
    result = tools->audit(job, &clean, err);
    if (result < 0)
        return result;
    if (!clean) {
        return agent_packages_fail(job, err, "restore_incomplete", tools->audit_remedy, -EPROTO,
                                   "the package database has half done packages");
    }

    return 0;
}
