/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/yaml.h"
#include "controller/plan/schema.h"

static void release_texts(struct ctl_plan_texts *texts)
{
    free(texts->owned);
    *texts = (struct ctl_plan_texts){0};
}

void ctl_plan_release(struct ctl_plan *plan)
{
    struct ctl_plan_texts *const lists[] = {
        &plan->hosts.list,           &plan->hosts.exclude,
        &plan->hosts.standby,        &plan->quiesce.units,
        &plan->quiesce.timers,       &plan->quiesce.backups,
        &plan->ssh.keep_groups,      &plan->ssh.keep_from,
        &plan->verify.units,         &plan->witnesses,
        &plan->revert_paths,         &plan->exclude,
        &plan->verify.names,         &plan->verify.tcp,
        &plan->precheck.units,       &plan->precheck.containers,
        &plan->precheck.hooks,       &plan->verify.hooks,
        &plan->verify.kernel_ignore, &plan->sample.verify.units,
        &plan->sample.verify.tcp,    &plan->sample.verify.hooks,
        &plan->meant.hosts.list,     &plan->meant.hosts.exclude,
        &plan->meant.hosts.standby,  &plan->meant.rollout,
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        release_texts(lists[i]);
    for (uint32_t i = 0; i < plan->packages_count; i++)
        free(plan->packages[i].name);
    free(plan->packages);
    ctl_plan_release_verify(&plan->verify);
    ctl_plan_release_verify(&plan->sample.verify);
    plan->yaml = bl_yaml_free(plan->yaml);
    plan->packages = NULL;
    plan->packages_count = 0;
}
