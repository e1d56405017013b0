/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/packages/apt.h"
#include "agent/packages/transfer.h"
#include "common/file.h"
#include "common/text.h"

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

static bool is_index(const char *name)
{
    return name[0] != '.' && strcmp(name, "lock") != 0 && strcmp(name, "partial") != 0 &&
           strcmp(name, "auxfiles") != 0;
}

/* A first refresh that starts from what the host has already fetched costs next to nothing. */
static int seed(struct agent_packages_job *job, int lists_fd, struct bl_error *err)
{
    BL_CLEANUP(close_directory) DIR *directory = opendir(AGENT_PACKAGES_HOST_LISTS);
    const struct dirent *entry;

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char source[AGENT_TXN_PATH_BYTES_MAX];
        struct stat st;
        int r;

        if (!is_index(entry->d_name) ||
            bl_text_format(source, sizeof(source), "%s/%s", AGENT_PACKAGES_HOST_LISTS,
                           entry->d_name) < 0 ||
            lstat(source, &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        r = agent_packages_transfer(source, lists_fd, entry->d_name, 0644, err);
        if (r < 0)
            return bl_wrap(err, "take over apt's lists");
    }
    (void)dprintf(job->log_fd, "# the lists of the host were taken over\n");

    return 0;
}

/* Fetches the index anew, from what is there. */
static int update(struct agent_packages_job *job, int lists_fd, struct bl_error *err)
{
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_STOP_TOOL};
    struct agent_packages_output output;
    struct agent_packages_repository_fault fault;
    struct agent_packages_line line;
    char words[160];
    int r;

    if (faccessat(lists_fd, "partial", F_OK, 0) < 0) {
        r = seed(job, lists_fd, err);
        if (r < 0)
            return r;
    }

    r = agent_packages_apt_begin(job, AGENT_PACKAGES_APT_REPOSITORIES, &command.args, err);
    if (r < 0)
        return r;
    r = agent_packages_args_add(job, &command.args, "update", err);
    if (r < 0)
        return r;
    r = agent_packages_run(job, &command, &output, err);
    if (r < 0)
        return r;

    /* apt warns and goes on with the old index; to plan a change with that would be a guess. */
    if (agent_packages_apt_find_refresh_failure(output.text, &line)) {
        if (agent_packages_find_repository_fault(output.text, &fault))
            return agent_packages_blame_repository(job, "apt-get update", &fault, err);
        bl_text_escape(words, sizeof(words), line.text, line.length);
        return agent_packages_fail(job, err, "refresh_failed", "see that `apt-get update` is clean",
                                   -EPROTO, "apt-get update: %s", words);
    }

    return output.status == 0 ? 0 : agent_packages_apt_blame(job, "apt-get update", &output, err);
}

int agent_packages_apt_refresh(struct agent_packages_job *job, struct bl_error *err)
{
    return agent_packages_refresh(job, "apt/lists", /* anew= */ false, update, err);
}

int agent_packages_apt_refresh_anew(struct agent_packages_job *job, struct bl_error *err)
{
    return agent_packages_refresh(job, "apt/lists", /* anew= */ true, update, err);
}

static int is_older(struct agent_packages_job *job, const char *version, const char *than,
                    bool *ret_older, struct bl_error *err)
{
    const char *argv[] = {AGENT_PACKAGES_DPKG, "--compare-versions", version, "lt", than, NULL};
    struct agent_packages_output output;
    int r;

    r = agent_packages_ask(job, argv, &output, err);
    if (r < 0)
        return r;
    if (output.status != 0 && output.status != 1)
        return agent_packages_apt_blame(job, "dpkg --compare-versions", &output, err);
    *ret_older = output.status == 0;

    return 0;
}

/* What apt's lines do not say: which way a version goes, and the architecture of a removal. */
static int complete(struct agent_packages_job *job, struct agent_packages_changes *changes,
                    struct bl_error *err)
{
    for (uint32_t i = 0; i < changes->count; i++) {
        struct proto_change *change = &changes->list[i];
        struct agent_packages_stanza_key key = {change->name, change->arch};
        struct agent_packages_state state;
        bool older = false;
        int r = 0;

        if (change->action == PROTO_ACTION_UPGRADE)
            r = is_older(job, change->to, change->from, &older, err);
        if (r >= 0 && change->arch[0] == '\0')
            r = agent_packages_apt_states(job, &key, 1, &state, err);
        if (r < 0)
            return r;
        if (older)
            change->action = PROTO_ACTION_DOWNGRADE;
        if (change->arch[0] == '\0')
            change->arch = state.arch;
    }

    return 0;
}

int agent_packages_apt_simulate(struct agent_packages_job *job, struct agent_packages_args *args,
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
    if (output.status != 0)
        return agent_packages_apt_blame(job, "apt-get -s", &output, err);
    r = agent_packages_apt_parse_simulation(job->memory, output.text, &changes, err);
    if (r < 0)
        return agent_packages_job_pass(job, "resolve_failed", NULL, r);
    r = complete(job, &changes, err);
    if (r < 0)
        return r;
    agent_packages_changes_sort(&changes);
    *ret_changes = changes;
    *ret_text = output.text;

    return 0;
}
