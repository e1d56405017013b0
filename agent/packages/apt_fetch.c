/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/apt.h"

int agent_packages_apt_download(struct agent_packages_job *job,
                                const struct agent_packages_wanted *wanted, uint32_t wanted_count,
                                bool former, const char *incoming,
                                struct agent_packages_output *ret_output, struct bl_error *err)
{
    struct agent_packages_command command = {.directory = incoming,
                                             .patience = AGENT_PACKAGES_STOP_TOOL};
    int r;

    if ((r = agent_packages_apt_begin(job, AGENT_PACKAGES_APT_REPOSITORIES, &command.args, err)) <
            0 ||
        (r = agent_packages_args_add(job, &command.args, "download", err)) < 0)
        return r;
    for (uint32_t i = 0; i < wanted_count; i++) {
        r = agent_packages_args_format(job, &command.args, err, "%s:%s=%s", wanted[i].name,
                                       wanted[i].arch, wanted[i].version);
        if (r < 0)
            return r;
    }

    return agent_packages_run(job, &command, ret_output, err);
}
