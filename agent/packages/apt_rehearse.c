/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/packages/apt.h"
#include "common/file.h"

enum {
    STATUS_BYTES_MAX = 64 * 1024 * 1024
};

#define REHEARSAL_STATUS "rehearsal.status"

int agent_packages_apt_add_package(struct agent_packages_job *job, struct agent_packages_args *args,
                                   const char *name, const char *arch, const char *suffix,
                                   struct bl_error *err)
{
    bool plain = arch[0] == '\0' || strcmp(arch, "all") == 0;

    return agent_packages_args_format(job, args, err, "%s%s%s%s", name, plain ? "" : ":",
                                      plain ? "" : arch, suffix);
}

int agent_packages_apt_add_forward(struct agent_packages_job *job, struct agent_packages_args *args,
                                   const struct agent_packages_way_back *way_back,
                                   struct bl_error *err)
{
    for (uint32_t i = 0; i < way_back->former_count; i++) {
        const struct agent_packages_former *former = &way_back->former[i];
        int r;

        if (former->to[0] == '\0') {
            r = agent_packages_apt_add_package(job, args, former->name, former->arch, "-", err);
        } else {
            r = agent_packages_args_format(job, args, err, "%s/%s/%s", job->job_path,
                                           AGENT_PACKAGES_NEW_DIR, former->new_file);
        }
        if (r < 0)
            return r;
    }

    return 0;
}

int agent_packages_apt_add_backward(struct agent_packages_job *job,
                                    struct agent_packages_args *args,
                                    const struct agent_packages_way_back *way_back,
                                    const bool *only, struct bl_error *err)
{
    for (uint32_t i = 0; i < way_back->former_count; i++) {
        const struct agent_packages_former *former = &way_back->former[i];
        int r;

        if (only != NULL && !only[i])
            continue;
        if (former->from[0] == '\0') {
            r = agent_packages_apt_add_package(job, args, former->name, former->arch, "-", err);
        } else {
            r = agent_packages_args_format(job, args, err, "%s/%s/%s", job->job_path,
                                           AGENT_PACKAGES_FORMER_DIR, former->former_file);
        }
        if (r < 0)
            return r;
    }

    return 0;
}

/*
 * apt leaves the architecture of a removed package out when it is the native one, and dpkg does not
 * know a package that is installed in the rehearsal only: take it from what was expected.
 */
static void complete_archs(const struct agent_packages_changes *wanted,
                           struct agent_packages_changes *found)
{
    for (uint32_t i = 0; i < found->count; i++) {
        for (uint32_t j = 0; j < wanted->count && found->list[i].arch[0] == '\0'; j++) {
            if (strcmp(found->list[i].name, wanted->list[j].name) == 0)
                found->list[i].arch = wanted->list[j].arch;
        }
    }
    agent_packages_changes_sort(found);
}

static int rehearse(struct agent_packages_job *job, struct agent_packages_args *args,
                    const struct agent_packages_changes *wanted, const char *code,
                    struct bl_error *err)
{
    struct agent_packages_changes found;
    const char *text;
    char words[200];
    int r;

    r = agent_packages_apt_simulate(job, args, &found, &text, err);
    if (r < 0)
        return r;
    complete_archs(wanted, &found);
    if (!agent_packages_changes_equal(wanted, &found, words, sizeof(words))) {
        return agent_packages_fail(job, err, code, "see the log of the phase", -EPROTO, "%s",
                                   words);
    }

    return 0;
}

int agent_packages_apt_rehearse_forward(struct agent_packages_job *job,
                                        const struct agent_packages_way_back *way_back,
                                        struct bl_error *err)
{
    static const char *const install[] = {"-s", "--allow-downgrades", "install", "--", NULL};
    struct agent_packages_args args;
    struct agent_packages_changes wanted;
    int r;

    if ((r = agent_packages_apt_begin(job, AGENT_PACKAGES_APT_FILES, &args, err)) < 0 ||
        (r = agent_packages_args_add_all(job, &args, install, err)) < 0 ||
        (r = agent_packages_apt_add_forward(job, &args, way_back, err)) < 0 ||
        (r = agent_packages_way_back_changes(job, way_back, &wanted, err)) < 0 ||
        (r = rehearse(job, &args, &wanted, "change_not_rehearsed", err)) < 0)
        return agent_packages_job_pass(job, "change_not_rehearsed", "see the log of the phase", r);

    return 0;
}

/* The stanza that dpkg's database would hold of this package file. */
static int stanza_of(struct agent_packages_job *job, const char *file, const char **ret_stanza,
                     struct bl_error *err)
{
    const char *argv[] = {AGENT_PACKAGES_DPKG_DEB, "-f", NULL, NULL};
    struct agent_packages_output output;
    int r;

    r = agent_packages_memory_format(job->memory, &argv[2], err, "%s/%s/%s", job->job_path,
                                     AGENT_PACKAGES_NEW_DIR, file);
    if (r < 0)
        return r;
    r = agent_packages_ask(job, argv, &output, err);
    if (r < 0)
        return r;
    if (output.status != 0)
        return agent_packages_apt_blame(job, "dpkg-deb -f", &output, err);

    return agent_packages_memory_format(job->memory, ret_stanza, err,
                                        "Status: install ok installed\n%s\n", output.text);
}

/* dpkg's database as it would be after the change, in a file of the job. */
static int write_status(struct agent_packages_job *job,
                        const struct agent_packages_way_back *way_back, struct bl_error *err)
{
    BL_AUTO_FREE char *status = NULL;
    struct agent_packages_stanza_key *keys;
    const char *kept;
    size_t status_bytes, used;
    void *place = NULL;
    char *whole;
    int r;

    r = bl_file_read(AT_FDCWD, AGENT_PACKAGES_STATUS_FILE, STATUS_BYTES_MAX, &status, &status_bytes,
                     err);
    if (r < 0)
        return r;
    r = agent_packages_memory_take(job->memory, (way_back->former_count + 1) * sizeof(*keys),
                                   &place, err);
    if (r < 0)
        return r;
    keys = place;
    for (uint32_t i = 0; i < way_back->former_count; i++) {
        keys[i] = (struct agent_packages_stanza_key){way_back->former[i].name,
                                                     way_back->former[i].from_arch[0] != '\0'
                                                         ? way_back->former[i].from_arch
                                                         : way_back->former[i].arch};
    }
    r = agent_packages_apt_drop_stanzas(job->memory, status, keys, way_back->former_count, &kept,
                                        err);
    if (r < 0)
        return r;

    used = strlen(kept);
    for (uint32_t i = 0; i < way_back->former_count; i++) {
        const char *stanza = "";

        if (way_back->former[i].new_file[0] != '\0') {
            r = stanza_of(job, way_back->former[i].new_file, &stanza, err);
            if (r < 0)
                return r;
        }
        keys[i].name = stanza;
        used += strlen(stanza);
    }
    r = agent_packages_memory_take(job->memory, used + 1, &place, err);
    if (r < 0)
        return r;
    whole = place;
    used = strlen(kept);
    memcpy(whole, kept, used);
    for (uint32_t i = 0; i < way_back->former_count; i++) {
        memcpy(whole + used, keys[i].name, strlen(keys[i].name));
        used += strlen(keys[i].name);
    }

    return bl_file_replace(job->job_fd, REHEARSAL_STATUS, whole, used, err);
}

static int expect_backward(struct agent_packages_job *job,
                           const struct agent_packages_way_back *way_back,
                           struct agent_packages_changes *ret_changes, struct bl_error *err)
{
    int r = agent_packages_way_back_changes(job, way_back, ret_changes, err);

    if (r < 0)
        return r;
    for (uint32_t i = 0; i < way_back->former_count; i++) {
        const struct agent_packages_former *former = &way_back->former[i];
        bool there = former->from[0] != '\0';

        ret_changes->list[i] = (struct proto_change){
            .name = former->name,
            .arch = there ? former->from_arch : former->arch,
            .from = former->to,
            .to = former->from,
            .action = there ? PROTO_ACTION_INSTALL : PROTO_ACTION_REMOVE,
        };
    }
    agent_packages_changes_sort(ret_changes);

    return 0;
}

static int rehearse_backward(struct agent_packages_job *job,
                             const struct agent_packages_way_back *way_back, struct bl_error *err)
{
    static const char *const install[] = {
        "-s", "--allow-downgrades", "--allow-change-held-packages", "install", "--", NULL};
    struct agent_packages_args args;
    struct agent_packages_changes wanted;
    int r;

    if ((r = write_status(job, way_back, err)) < 0 ||
        (r = agent_packages_apt_begin(job, AGENT_PACKAGES_APT_FILES, &args, err)) < 0 ||
        (r = agent_packages_args_format(job, &args, err, "-oDir::State::status=%s/%s",
                                        job->job_path, REHEARSAL_STATUS)) < 0 ||
        (r = agent_packages_args_add_all(job, &args, install, err)) < 0 ||
        (r = agent_packages_apt_add_backward(job, &args, way_back, NULL, err)) < 0 ||
        (r = expect_backward(job, way_back, &wanted, err)) < 0 ||
        (r = rehearse(job, &args, &wanted, "way_back_not_rehearsed", err)) < 0)
        return r;

    return bl_file_remove(job->job_fd, REHEARSAL_STATUS, err) < 0 ? err->code : 0;
}

int agent_packages_apt_rehearse(struct agent_packages_job *job,
                                const struct agent_packages_way_back *way_back,
                                struct bl_error *err)
{
    int r;

    r = agent_packages_apt_rehearse_forward(job, way_back, err);
    if (r < 0 || way_back->by_snapshot)
        return r;
    r = rehearse_backward(job, way_back, err);
    if (r < 0) {
        job->code = r == -ENOSPC ? "no_space" : "way_back_not_rehearsed";
        return bl_wrap(err, "the way back fails in the rehearsal");
    }

    return 0;
}
