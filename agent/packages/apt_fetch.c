/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "agent/packages/apt.h"

/* "apt-get [--print-uris] download NAME:ARCH=VERSION ..." */
static int begin(struct agent_packages_job *job, const struct agent_packages_wanted *wanted,
                 uint32_t wanted_count, bool only_uris, struct agent_packages_args *args,
                 struct bl_error *err)
{
    int r = agent_packages_apt_begin(job, AGENT_PACKAGES_APT_REPOSITORIES, args, err);

    if (r >= 0 && only_uris)
        r = agent_packages_args_add(job, args, "--print-uris", err);
    if (r >= 0)
        r = agent_packages_args_add(job, args, "download", err);
    for (uint32_t i = 0; r >= 0 && i < wanted_count; i++) {
        r = agent_packages_args_format(job, args, err, "%s:%s=%s", wanted[i].name, wanted[i].arch,
                                       wanted[i].version);
    }

    return r;
}

/* For people who look on; apt-get download does not tell it, and what fails here fails there. */
static uint64_t sum_of_sizes(struct agent_packages_job *job,
                             const struct agent_packages_wanted *wanted, uint32_t wanted_count,
                             const char *incoming)
{
    struct agent_packages_command command = {.directory = incoming,
                                             .patience = AGENT_PACKAGES_STOP_TOOL};
    struct agent_packages_output output;
    struct bl_error unused = {0};

    if (job->progress == NULL ||
        begin(job, wanted, wanted_count, /* only_uris= */ true, &command.args, &unused) < 0 ||
        agent_packages_run(job, &command, &output, &unused) < 0 || output.status != 0)
        return 0;

    return agent_packages_apt_parse_uri_sizes(output.text);
}

int agent_packages_apt_download(struct agent_packages_job *job,
                                const struct agent_packages_wanted *wanted, uint32_t wanted_count,
                                bool former, const char *incoming,
                                struct agent_packages_output *ret_output, struct bl_error *err)
{
    struct agent_packages_command command = {
        .directory = incoming, .patience = AGENT_PACKAGES_STOP_TOOL, .is_watched = true};
    int r;

    agent_packages_progress_of_download(job, incoming, wanted_count,
                                        sum_of_sizes(job, wanted, wanted_count, incoming), NULL);
    r = begin(job, wanted, wanted_count, /* only_uris= */ false, &command.args, err);

    return r < 0 ? r : agent_packages_run(job, &command, ret_output, err);
}
