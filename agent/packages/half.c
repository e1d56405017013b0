/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/half.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

int agent_packages_halves_add(struct agent_packages_job *job, struct agent_packages_halves *halves,
                              const struct agent_packages_half *half, struct bl_error *err)
{
    void *place;
    int r = agent_packages_memory_append(job->memory, &halves->list, halves->count, sizeof(*half),
                                         &place, err);

    if (r < 0)
        return r;
    *(struct agent_packages_half *)place = *half;
    halves->count++;

    return 0;
}

void agent_packages_halves_describe(const struct agent_packages_halves *halves, char *ret_text,
                                    size_t size_bytes)
{
    struct bl_text text;

    bl_text_init(&text, ret_text, size_bytes);
    for (uint32_t i = 0; i < halves->count; i++) {
        bl_text_add(&text, i > 0 ? "; " : "");
        bl_text_add(&text, halves->list[i].words);
    }
}

int agent_packages_half_run(struct agent_packages_job *job, struct agent_packages_args args,
                            struct bl_error *err)
{
    struct agent_packages_command command = {
        .args = args, .to_log = true, .patience = AGENT_PACKAGES_STOP_SCRIPTS, .is_watched = true};
    struct agent_packages_output output;
    int r = agent_packages_run(job, &command, &output, err);

    if (r < 0)
        return r;
    (void)dprintf(job->log_fd, "(exit code %d)\n", output.status);

    return 0;
}
