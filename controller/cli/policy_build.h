/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_POLICY_BUILD_H
#define CTL_CLI_POLICY_BUILD_H

#include "controller/cli/preview.h"
#include "proto/policy.h"

/* From what a preview saw to how the controller is to go over the hosts. */

/* Times that follow from the plan; all with a margin for what is not counted. */
struct ctl_limits {
    int64_t stage_ms;  /* offer to ready */
    int64_t job_ms;    /* start to an end state */
    int64_t revert_ms; /* the way back */
    int64_t valid_ms;  /* the whole rollout at worst, all soaks included: the manifest's life */
};
void ctl_limits_of(const struct ctl_plan *plan, const struct ctl_preview *preview,
                   struct ctl_limits *ret_limits);

/* Appends the encoded policy. */
int ctl_policy_build(const struct ctl_plan *plan, const struct ctl_preview *preview,
                     struct proto_buffer *ret_policy, struct bl_error *err) BL_CHECKED;

#endif
