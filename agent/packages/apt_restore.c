/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/packages/apt.h"
#include "agent/packages/conffile.h"
#include "common/text.h"

/*
 * The way back tries from gentle to rough, and looks at the package database after each attempt:
 * what the tools say counts for nothing. Nothing that fails here ends the way back early.
 */
enum {
    ATTEMPT_MS = 2 * 60 * 1000,  /* what every attempt gets, whatever the one before it took */
    UNBOUND_MS = 20 * 60 * 1000, /* the same, when the phase has no deadline: a script may hang */
};

struct restoration {
    struct agent_packages_job *job;
    const struct agent_packages_way_back *way_back;
    bool is_unbound;   /* the phase has no deadline of its own */
    bool *off;         /* is package i not yet what it was? */
    const char *words; /* about the first that is not */
};

static void grant_time(struct restoration *r)
{
    struct bl_mono now = bl_mono_now();
    struct bl_mono least = bl_mono_after(now, ATTEMPT_MS);

    if (r->is_unbound) {
        r->job->deadline = bl_mono_after(now, UNBOUND_MS);
    } else if (r->job->deadline.ms < least.ms) {
        r->job->deadline = least;
    }
}

static int look(struct restoration *r, struct bl_error *err)
{
    return agent_packages_apt_compare(r->job, r->way_back, AGENT_PACKAGES_BEFORE, r->off, &r->words,
                                      err);
}

/* Runs to the log; how it ended is in the log and, what matters, in the package database. */
static int run(struct restoration *r, struct agent_packages_args args, struct bl_error *err)
{
    struct agent_packages_command command = {
        .args = args, .to_log = true, .patience = AGENT_PACKAGES_STOP_SCRIPTS};
    struct agent_packages_output output;
    int result;

    grant_time(r);
    result = agent_packages_run(r->job, &command, &output, err);
    if (result < 0)
        return result;
    (void)dprintf(r->job->log_fd, "(exit code %d)\n", output.status);

    return 0;
}

static int run_words(struct restoration *r, const char *const *argv, struct bl_error *err)
{
    struct agent_packages_args args = {0};
    int result = agent_packages_args_add_all(r->job, &args, argv, err);

    return result < 0 ? result : run(r, args, err);
}

static int attempt_apt(struct restoration *r, struct bl_error *err)
{
    /*
     * --reinstall: of a half-installed package apt knows only the version, and would call it done.
     */
    static const char *const install[] = {
        "--reinstall", "--allow-downgrades", "--allow-change-held-packages", "install", "--", NULL};
    struct agent_packages_args args;
    int result;

    if ((result = agent_packages_apt_begin(r->job, AGENT_PACKAGES_APT_FILES, &args, err)) < 0 ||
        (result = agent_packages_args_add_all(r->job, &args, install, err)) < 0 ||
        (result = agent_packages_apt_add_backward(r->job, &args, r->way_back, r->off, err)) < 0)
        return result;

    return run(r, args, err);
}

/* All former packages that are off in one call, then the new ones away. */
static int attempt_dpkg(struct restoration *r, const char *force, struct bl_error *err)
{
    const char *head[] = {AGENT_PACKAGES_DPKG, force, "--auto-deconfigure",
                          "--install",         "--",  NULL};
    const char *remove[] = {AGENT_PACKAGES_DPKG, force, "--remove", "--", NULL};
    struct agent_packages_args install_args = {0}, remove_args = {0};
    uint32_t install_count = 0, remove_count = 0;
    int result;

    if ((result = agent_packages_args_add_all(r->job, &install_args, head, err)) < 0 ||
        (result = agent_packages_args_add_all(r->job, &remove_args, remove, err)) < 0)
        return result;
    for (uint32_t i = 0; i < r->way_back->former_count; i++) {
        const struct agent_packages_former *former = &r->way_back->former[i];

        if (!r->off[i])
            continue;
        if (former->from[0] == '\0') {
            result = agent_packages_apt_add_package(r->job, &remove_args, former->name,
                                                    former->arch, "", err);
            remove_count++;
        } else {
            result =
                agent_packages_args_format(r->job, &install_args, err, "%s/%s/%s", r->job->job_path,
                                           AGENT_PACKAGES_FORMER_DIR, former->former_file);
            install_count++;
        }
        if (result < 0)
            return result;
    }
    if (install_count > 0)
        result = run(r, install_args, err);
    if (result >= 0 && remove_count > 0)
        result = run(r, remove_args, err);

    return result;
}

/*
 * dpkg wrote down what it did before it was interrupted; any command that opens the database for
 * writing takes these notes over, and this one does nothing else. `dpkg --configure -a` would run
 * the very scripts that we are about to get rid of, and may hang in them.
 */
static int take_over_updates(struct restoration *r, struct bl_error *err)
{
    static const char *const argv[] = {AGENT_PACKAGES_DPKG, "--set-selections", NULL};

    return run_words(r, argv, err);
}

static int configure_rest(struct restoration *r, struct bl_error *err)
{
    static const char *const argv[] = {AGENT_PACKAGES_DPKG, "--force-confdef,confold",
                                       "--configure", "-a", NULL};
    bool clean;
    int result = agent_packages_apt_audit(r->job, &clean, err);

    return result < 0 || clean ? result : run_words(r, argv, err);
}

static int bring_packages_back(struct restoration *r, struct bl_error *err)
{
    static const char *const forces[] = {
        "--force-confdef,confold,downgrade,hold",
        "--force-confdef,confold,downgrade,hold,depends,breaks,conflicts,overwrite,"
        "remove-reinstreq",
    };
    int result = look(r, err);

    if (result <= 0)
        return result;
    result = take_over_updates(r, err);
    if (result >= 0)
        result = look(r, err);
    if (result > 0 && (result = attempt_apt(r, err)) >= 0)
        result = look(r, err);
    for (size_t i = 0; result > 0 && i < sizeof(forces) / sizeof(forces[0]); i++) {
        result = attempt_dpkg(r, forces[i], err);
        if (result >= 0)
            result = look(r, err);
    }

    return result < 0 ? result : 0;
}

static bool has_postrm(const struct agent_packages_former *former)
{
    char path[AGENT_TXN_PATH_BYTES_MAX];

    if (bl_text_format(path, sizeof(path), "%s/%s.postrm", AGENT_PACKAGES_INFO_DIR, former->name) >=
            0 &&
        access(path, F_OK) == 0)
        return true;

    return bl_text_format(path, sizeof(path), "%s/%s:%s.postrm", AGENT_PACKAGES_INFO_DIR,
                          former->name, former->arch) >= 0 &&
           access(path, F_OK) == 0;
}

/*
 * A package that was not here at all is purged when that only removes its configuration files. Where
 * a script would run it stays removed: such scripts delete data, and it may not all be of this job.
 */
static int purge_new(struct restoration *r, struct bl_error *err)
{
    for (uint32_t i = 0; i < r->way_back->former_count; i++) {
        const struct agent_packages_former *former = &r->way_back->former[i];
        struct agent_packages_stanza_key key = {former->name, former->arch};
        struct agent_packages_args args = {0};
        struct agent_packages_state state;
        const char *head[] = {AGENT_PACKAGES_DPKG, "--purge", "--", NULL};
        int result;

        if (former->from[0] != '\0' || former->residual || r->off[i])
            continue;
        result = agent_packages_apt_states(r->job, &key, 1, &state, err);
        if (result < 0)
            return result;
        if (strcmp(state.status, "config-files") != 0)
            continue;
        if (has_postrm(former)) {
            agent_packages_job_note(r->job, "%s is removed; its configuration stays", former->name);
            continue;
        }
        if ((result = agent_packages_args_add_all(r->job, &args, head, err)) < 0 ||
            (result = agent_packages_apt_add_package(r->job, &args, former->name, former->arch, "",
                                                     err)) < 0 ||
            (result = run(r, args, err)) < 0)
            return result;
    }

    return 0;
}

/* Files of packages that stay behind as "config-files" are left alone: dpkg would miss them. */
static int put_conffiles_back(struct restoration *r, struct bl_error *err)
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

int agent_packages_apt_restore(struct agent_packages_job *job,
                               const struct agent_packages_way_back *way_back, struct bl_error *err)
{
    static int (*const steps[])(struct restoration *, struct bl_error *) = {
        bring_packages_back, purge_new, configure_rest, put_conffiles_back};
    struct restoration r = {
        .job = job, .way_back = way_back, .is_unbound = job->deadline.ms == 0, .words = ""};
    struct bl_error first = {0}, own = {0};
    void *place;
    bool clean;
    int result;

    result = agent_packages_memory_take(job->memory, (way_back->former_count + 1) * sizeof(bool),
                                        &place, err);
    if (result < 0)
        return result;
    r.off = place;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (steps[i](&r, &own) < 0)
            keep_first(&first, &own);
    }
    if (agent_packages_apt_set_marks(job, way_back, AGENT_PACKAGES_BEFORE, &own) < 0)
        keep_first(&first, &own);

    /* What an attempt complained of on the way no longer matters; what is now does. */
    job->code = NULL;
    result = look(&r, err);
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
    result = agent_packages_apt_audit(job, &clean, err);
    if (result < 0)
        return result;
    if (!clean) {
        return agent_packages_fail(job, err, "restore_incomplete", "see `dpkg --audit`", -EPROTO,
                                   "the package database has half done packages");
    }

    return 0;
}
