/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/dnf.h"

static int add_item(struct agent_packages_job *job, const struct agent_packages_rpm *rpm,
                    struct bl_error *err)
{
    struct agent_txn_result *result = job->result;
    void *place;
    int r = agent_packages_memory_append(job->memory, &result->inventory, result->inventory_count,
                                         sizeof(*result->inventory), &place, err);

    if (r < 0)
        return r;
    *(struct agent_txn_item *)place = (struct agent_txn_item){.name = rpm->name,
                                                              .arch = rpm->arch,
                                                              .version = rpm->version,
                                                              .status = AGENT_TXN_STATUS_OK};
    result->inventory_count++;

    return 0;
}

int agent_packages_dnf_find_installed(struct agent_packages_job *job,
                                      const struct proto_package *names, uint32_t names_count,
                                      struct bl_error *err)
{
    struct agent_packages_rpms rpms;
    const char **list;
    void *place;
    int r = agent_packages_memory_take(job->memory, (names_count + 1) * sizeof(*list), &place, err);

    if (r < 0)
        return r;
    list = place;
    for (uint32_t i = 0; i < names_count; i++)
        list[i] = names[i].name;
    r = agent_packages_dnf_installed(job, list, names_count, &rpms, err);
    for (uint32_t i = 0; r >= 0 && i < rpms.count; i++)
        r = add_item(job, &rpms.list[i], err);

    return r;
}
