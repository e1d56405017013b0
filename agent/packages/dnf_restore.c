/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/packages/dnf.h"

/*
 * rpm has no half installed packages: an interrupted transaction leaves packages that are in the
 * database twice, old and new, and one whose files are partly unpacked while the database knows only
 * the old version. Both are first made what they are nearest to, the new version whole, by a word in
 * the database alone; then they go back the ordinary way, which takes the files of the new version
 * off and puts those of the old one on. So no script of the new version's installation runs again.
 */

/* "rpm VERB --justdb": changes what is written of a package, and nothing else. */
static int begin_word(struct agent_packages_restoration *r, const char *verb,
                      struct agent_packages_args *args, struct bl_error *err)
{
    const char *const head[] = {AGENT_PACKAGES_RPM, verb,       "--justdb", "--noscripts",
                                "--notriggers",     "--nodeps", NULL};

    return agent_packages_args_add_all(r->job, args, head, err);
}

static int drop_twins(struct agent_packages_restoration *r, struct bl_error *err)
{
    struct agent_packages_args args = {0};
    struct agent_packages_rpms rpms;
    const char **names;
    uint32_t count = 0;
    int result;

    if ((result = agent_packages_dnf_former_names(r->job, r->way_back, &names, err)) < 0 ||
        (result = agent_packages_dnf_installed(r->job, names, r->way_back->former_count, &rpms,
                                               err)) < 0 ||
        (result = begin_word(r, "-e", &args, err)) < 0)
        return result;
    for (uint32_t i = 0; i < r->way_back->former_count; i++) {
        const struct agent_packages_former *former = &r->way_back->former[i];

        if (former->from[0] == '\0' || former->to[0] == '\0' ||
            agent_packages_dnf_find(&rpms, former->name, former->from_arch, former->from) == NULL ||
            agent_packages_dnf_find(&rpms, former->name, former->arch, former->to) == NULL)
            continue;
        result = agent_packages_dnf_add_exact(r->job, &args, former->name, former->from,
                                              former->from_arch, err);
        if (result < 0)
            return result;
        count++;
    }

    return count == 0 ? 0 : agent_packages_restoration_run(r, args, err);
}

/* What stands as before, but not with the files as before, was being unpacked. */
static int name_damaged(struct agent_packages_restoration *r, struct bl_error *err)
{
    struct agent_packages_args args = {0};
    uint32_t count = 0;
    int result;

    if ((result = agent_packages_restoration_look(r, err)) < 0 ||
        (result = begin_word(r, "-U", &args, err)) < 0 ||
        (result = agent_packages_args_add(r->job, &args, "--oldpackage", err)) < 0)
        return result;
    for (uint32_t i = 0; i < r->way_back->former_count; i++) {
        const struct agent_packages_former *former = &r->way_back->former[i];
        bool damaged = false;

        if (r->off[i] || former->from[0] == '\0' || former->to[0] == '\0')
            continue;
        result = agent_packages_dnf_is_damaged(r->job, former->name, former->from,
                                               former->from_arch, &damaged, err);
        if (result < 0)
            return result;
        if (!damaged)
            continue;
        result = agent_packages_args_format(r->job, &args, err, "%s/%s/%s", r->job->job_path,
                                            AGENT_PACKAGES_NEW_DIR, former->new_file);
        if (result < 0)
            return result;
        agent_packages_job_note(r->job, "%s was found with other files than its own", former->name);
        count++;
    }

    return count == 0 ? 0 : agent_packages_restoration_run(r, args, err);
}

/* The former packages that are off; nothing when none is. */
static int install_former(struct agent_packages_restoration *r, struct agent_packages_args args,
                          struct bl_error *err)
{
    int result = agent_packages_dnf_add_former(r->job, &args, r->way_back, r->off, err);

    return result <= 0 ? result : agent_packages_restoration_run(r, args, err);
}

/* The new packages that were not there; nothing when none is. */
static int erase_new(struct agent_packages_restoration *r, struct agent_packages_args args,
                     struct bl_error *err)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < r->way_back->former_count; i++) {
        const struct agent_packages_former *former = &r->way_back->former[i];
        int result;

        if (!r->off[i] || former->from[0] != '\0')
            continue;
        result = agent_packages_dnf_add_exact(r->job, &args, former->name, former->to, former->arch,
                                              err);
        if (result < 0)
            return result;
        count++;
    }

    return count == 0 ? 0 : agent_packages_restoration_run(r, args, err);
}

static int attempt_dnf(struct agent_packages_restoration *r, struct bl_error *err)
{
    static const char *const install[] = {"-y", "--allowerasing", "install", "--", NULL};
    static const char *const remove[] = {"-y", "remove", "--", NULL};
    struct agent_packages_args args;
    int result;

    if ((result = agent_packages_dnf_begin(r->job, AGENT_PACKAGES_DNF_FILES, &args, err)) < 0 ||
        (result = agent_packages_args_add_all(r->job, &args, install, err)) < 0 ||
        (result = install_former(r, args, err)) < 0 ||
        (result = agent_packages_restoration_look(r, err)) <= 0 ||
        (result = agent_packages_dnf_begin(r->job, AGENT_PACKAGES_DNF_FILES, &args, err)) < 0 ||
        (result = agent_packages_args_add_all(r->job, &args, remove, err)) < 0)
        return result;

    return erase_new(r, args, err);
}

static int attempt_rpm(struct agent_packages_restoration *r, const char *const *install,
                       const char *const *erase, struct bl_error *err)
{
    struct agent_packages_args install_args = {0}, erase_args = {0};
    int result;

    if ((result = agent_packages_args_add_all(r->job, &install_args, install, err)) < 0 ||
        (result = install_former(r, install_args, err)) < 0 ||
        (result = agent_packages_args_add_all(r->job, &erase_args, erase, err)) < 0)
        return result;

    return erase_new(r, erase_args, err);
}

static int bring_packages_back(struct agent_packages_restoration *r, struct bl_error *err)
{
    static const char *const installs[][8] = {
        {AGENT_PACKAGES_RPM, "-U", "--oldpackage", "--replacepkgs", "--", NULL},
        {AGENT_PACKAGES_RPM, "-U", "--oldpackage", "--force", "--nodeps", "--", NULL},
        {AGENT_PACKAGES_RPM, "-U", "--oldpackage", "--force", "--nodeps", "--noscripts", "--",
         NULL},
    };
    static const char *const erases[][6] = {
        {AGENT_PACKAGES_RPM, "-e", "--", NULL},
        {AGENT_PACKAGES_RPM, "-e", "--nodeps", "--", NULL},
        {AGENT_PACKAGES_RPM, "-e", "--nodeps", "--noscripts", "--", NULL},
    };
    int result = agent_packages_restoration_look(r, err);

    if (result <= 0)
        return result;
    if ((result = attempt_dnf(r, err)) >= 0)
        result = agent_packages_restoration_look(r, err);
    for (size_t i = 0; result > 0 && i < sizeof(installs) / sizeof(installs[0]); i++) {
        result = attempt_rpm(r, installs[i], erases[i], err);
        if (result >= 0)
            result = drop_twins(r, err);
        if (result >= 0)
            result = agent_packages_restoration_look(r, err);
    }

    return result < 0 ? result : 0;
}

int (*const agent_packages_dnf_restore_steps[])(struct agent_packages_restoration *,
                                                struct bl_error *) = {
    drop_twins, name_damaged, bring_packages_back, agent_packages_dnf_sweep_pieces, NULL};
