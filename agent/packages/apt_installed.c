/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/apt.h"

static int add_item(struct agent_packages_job *job, const struct agent_packages_state *state,
                    struct bl_error *err)
{
    struct agent_txn_result *result = job->result;
    enum agent_txn_status status = agent_packages_apt_status(state);
    void *place;
    int r;

    if (status == AGENT_TXN_STATUS_ABSENT) /* its configuration files may be there */
        return 0;
    r = agent_packages_memory_append(job->memory, &result->inventory, result->inventory_count,
                                     sizeof(*result->inventory), &place, err);
    if (r < 0)
        return r;
    *(struct agent_txn_item *)place = (struct agent_txn_item){
        .name = state->name, .arch = state->arch, .version = state->version, .status = status};
    result->inventory_count++;

    return 0;
}

int agent_packages_apt_find_installed(struct agent_packages_job *job,
                                      const struct proto_package *names, uint32_t names_count,
                                      struct bl_error *err)
{
    static const char format[] = AGENT_PACKAGES_APT_QUERY_FORMAT;
    static const char *const head[] = {AGENT_PACKAGES_DPKG_QUERY, "-W", "-f", format, "--", NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    struct agent_packages_output output;
    struct agent_packages_states states;
    int r = agent_packages_args_add_all(job, &command.args, head, err);

    for (uint32_t i = 0; r >= 0 && i < names_count; i++)
        r = agent_packages_args_add(job, &command.args, names[i].name, err);
    if (r >= 0)
        r = agent_packages_run(job, &command, &output, err);
    if (r < 0)
        return r;
    /* 1: some of the names are not known, which is an answer. */
    if (output.status != 0 && output.status != 1)
        return agent_packages_apt_blame(job, "dpkg-query", &output, err);
    r = agent_packages_apt_parse_states(job->memory, output.text, &states, err);
    for (uint32_t i = 0; r >= 0 && i < states.count; i++)
        r = add_item(job, &states.list[i], err);

    return r;
}
