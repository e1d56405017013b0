/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "agent/packages/apt.h"
#include "agent/packages/half.h"
#include "common/file.h"

/*
 * What dpkg was interrupted in is brought to its end: its notes are taken over, what was half
 * unpacked is unpacked once more from exactly the same package, what was not configured is
 * configured. Nothing gets another version by it, and nothing is removed.
 */
#define KEEP_CONFFILES "--force-confdef,confold"
#define WHOLE_STATUS   "whole.status"

enum {
    STATUS_BYTES_MAX = 64 * 1024 * 1024
};

static int add_half(struct agent_packages_job *job, const struct agent_packages_state *state,
                    struct agent_packages_halves *halves, struct bl_error *err)
{
    bool is_reinstall = strcmp(state->error, "ok") != 0;
    struct agent_packages_half half = {
        .name = state->name,
        .arch = state->arch,
        .version = state->version,
        .needs_archive = is_reinstall || strcmp(state->status, "half-installed") == 0,
    };
    int r = agent_packages_memory_format(
        job->memory, &half.words, err, "%.100s %s%s %.60s", state->name, state->status,
        is_reinstall ? ", to be reinstalled," : "", state->version);

    return r < 0 ? r : agent_packages_halves_add(job, halves, &half, err);
}

int agent_packages_apt_half_done(struct agent_packages_job *job,
                                 struct agent_packages_halves *ret_halves, struct bl_error *err)
{
    static const char *const argv[] = {AGENT_PACKAGES_DPKG_QUERY, "-W", "-f",
                                       AGENT_PACKAGES_APT_QUERY_FORMAT, NULL};
    struct agent_packages_output output;
    struct agent_packages_states states;
    int r;

    *ret_halves = (struct agent_packages_halves){0};
    if ((r = agent_packages_ask(job, argv, &output, err)) < 0 ||
        (r = agent_packages_apt_parse_states(job->memory, output.text, &states, err)) < 0)
        return r;
    for (uint32_t i = 0; i < states.count; i++) {
        const struct agent_packages_state *state = &states.list[i];
        bool is_whole = strcmp(state->status, "installed") == 0 ||
                        strcmp(state->status, "config-files") == 0 ||
                        strcmp(state->status, "not-installed") == 0;

        if (is_whole && strcmp(state->error, "ok") == 0)
            continue;
        r = add_half(job, state, ret_halves, err);
        if (r < 0)
            return r;
    }

    return 0;
}

/* Where something must be reinstalled apt plans nothing at all. */
int agent_packages_apt_assume_whole(struct agent_packages_job *job, struct bl_error *err)
{
    BL_AUTO_FREE char *status = NULL;
    const char *whole;
    size_t size_bytes;
    int r;

    if ((r = bl_file_read(AT_FDCWD, AGENT_PACKAGES_STATUS_FILE, STATUS_BYTES_MAX, &status,
                          &size_bytes, err)) < 0 ||
        (r = agent_packages_apt_make_whole(job->memory, status, &whole, err)) < 0 ||
        (r = bl_file_replace(job->job_fd, WHOLE_STATUS, whole, strlen(whole), err)) < 0)
        return r;

    return agent_packages_memory_format(job->memory, &job->assumed_status, err, "%s/" WHOLE_STATUS,
                                        job->job_path);
}

/* Only what takes the notes of the interrupted run over; see apt_restore.c. */
static int take_over_updates(struct agent_packages_job *job, struct bl_error *err)
{
    static const char *const argv[] = {AGENT_PACKAGES_DPKG, "--set-selections", NULL};
    struct agent_packages_args args = {0};
    int r = agent_packages_args_add_all(job, &args, argv, err);

    return r < 0 ? r : agent_packages_half_run(job, args, err);
}

/* Of a package that was being unpacked nobody knows which of its files are there. */
static int unpack_again(struct agent_packages_job *job, const struct agent_packages_halves *halves,
                        struct bl_error *err)
{
    static const char *const head[] = {AGENT_PACKAGES_DPKG, KEEP_CONFFILES, "--install", "--",
                                       NULL};
    struct agent_packages_args args = {0};
    uint32_t count = 0;
    int r;

    if ((r = agent_packages_half_find_files(job, &agent_packages_apt_tools, halves, err)) < 0 ||
        (r = agent_packages_args_add_all(job, &args, head, err)) < 0)
        return r;
    for (uint32_t i = 0; i < halves->count; i++) {
        const struct agent_packages_half *half = &halves->list[i];
        const struct agent_packages_wanted wanted = {half->name, half->arch, half->version};
        const char *name;

        if (!half->needs_archive)
            continue;
        r = agent_packages_has_file(job, &agent_packages_apt_tools, &wanted,
                                    AGENT_PACKAGES_FORMER_DIR, err);
        if (r < 0)
            return r;
        if (r == 0) {
            agent_packages_job_note(job, "%s %s is in no cache and in no repository", half->name,
                                    half->version);
            continue;
        }
        if ((r = agent_packages_apt_file_name(job, &wanted, &name, err)) < 0 ||
            (r = agent_packages_args_format(job, &args, err, "%s/%s/%s", job->job_path,
                                            AGENT_PACKAGES_FORMER_DIR, name)) < 0)
            return r;
        count++;
    }

    return count == 0 ? 0 : agent_packages_half_run(job, args, err);
}

int agent_packages_apt_repair(struct agent_packages_job *job,
                              const struct agent_packages_halves *halves, struct bl_error *err)
{
    static const char *const configure[] = {AGENT_PACKAGES_DPKG, KEEP_CONFFILES, "--configure",
                                            "-a", NULL};
    struct agent_packages_args args = {0};
    bool clean;
    int r;

    if ((r = take_over_updates(job, err)) < 0 || (r = unpack_again(job, halves, err)) < 0 ||
        (r = agent_packages_apt_audit(job, &clean, err)) < 0 || clean ||
        (r = agent_packages_args_add_all(job, &args, configure, err)) < 0)
        return r;

    return agent_packages_half_run(job, args, err);
}
