/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/packages/apt.h"
#include "common/text.h"

static int run_words(struct agent_packages_restoration *r, const char *const *argv,
                     struct bl_error *err)
{
    struct agent_packages_args args = {0};
    int result = agent_packages_args_add_all(r->job, &args, argv, err);

    return result < 0 ? result : agent_packages_restoration_run(r, args, err);
}

static int attempt_apt(struct agent_packages_restoration *r, struct bl_error *err)
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

    return agent_packages_restoration_run(r, args, err);
}

/* All former packages that are off in one call, then the new ones away. */
static int attempt_dpkg(struct agent_packages_restoration *r, const char *force,
                        struct bl_error *err)
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
        result = agent_packages_restoration_run(r, install_args, err);
    if (result >= 0 && remove_count > 0)
        result = agent_packages_restoration_run(r, remove_args, err);

    return result;
}

/*
 * dpkg wrote down what it did before it was interrupted; any command that opens the database for
 * writing takes these notes over, and this one does nothing else. `dpkg --configure -a` would run
 * the very scripts that we are about to get rid of, and may hang in them.
 */
static int take_over_updates(struct agent_packages_restoration *r, struct bl_error *err)
{
    static const char *const argv[] = {AGENT_PACKAGES_DPKG, "--set-selections", NULL};

    return run_words(r, argv, err);
}

static int configure_rest(struct agent_packages_restoration *r, struct bl_error *err)
{
    static const char *const argv[] = {AGENT_PACKAGES_DPKG, "--force-confdef,confold",
                                       "--configure", "-a", NULL};
    bool clean;
    int result = agent_packages_apt_audit(r->job, &clean, err);

    return result < 0 || clean ? result : run_words(r, argv, err);
}

static int bring_packages_back(struct agent_packages_restoration *r, struct bl_error *err)
{
    static const char *const forces[] = {
        "--force-confdef,confold,downgrade,hold",
        "--force-confdef,confold,downgrade,hold,depends,breaks,conflicts,overwrite,"
        "remove-reinstreq",
    };
    int result = agent_packages_restoration_look(r, err);

    if (result <= 0)
        return result;
    result = take_over_updates(r, err);
    if (result >= 0)
        result = agent_packages_restoration_look(r, err);
    if (result > 0 && (result = attempt_apt(r, err)) >= 0)
        result = agent_packages_restoration_look(r, err);
    for (size_t i = 0; result > 0 && i < sizeof(forces) / sizeof(forces[0]); i++) {
        result = attempt_dpkg(r, forces[i], err);
        if (result >= 0)
            result = agent_packages_restoration_look(r, err);
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
static int purge_new(struct agent_packages_restoration *r, struct bl_error *err)
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
            (result = agent_packages_restoration_run(r, args, err)) < 0)
            return result;
    }

    return 0;
}

int (*const agent_packages_apt_restore_steps[])(struct agent_packages_restoration *,
                                                struct bl_error *) = {
    bring_packages_back, purge_new, configure_rest, NULL};
