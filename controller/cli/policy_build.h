/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_POLICY_BUILD_H
#define CTL_CLI_POLICY_BUILD_H

#include "common/clock.h"
#include "controller/cli/preview.h"
#include "proto/policy.h"

/* From what a preview saw to how the controller is to go over the hosts. */

/* Times that follow from the plan; all with a margin for what is not counted. */
struct ctl_limits {
    int64_t stage_ms;  /* offer to ready */
    int64_t job_ms;    /* start to an end state */
    int64_t revert_ms; /* the way back */
    /*
     * The whole rollout at worst, the manifest's life: all soaks and gates, a week for each round
     * when there are windows and for each later wave that people approve, of these 90 days at most.
     */
    int64_t valid_ms;
};
void ctl_limits_of(const struct ctl_plan *plan, const struct ctl_preview *preview,
                   struct ctl_limits *ret_limits);

/* Who asks for what, and when. */
struct ctl_issue {
    struct bl_wall now;
    uint64_t counter;                   /* must rise with each manifest of the signers */
    uint8_t requester[PROTO_KEY_BYTES]; /* the first key that signs */
    const char *plan_text;              /* as the person wrote it; borrowed */
};

/* Appends the encoded policy. */
int ctl_policy_build(const struct ctl_plan *plan, const struct ctl_preview *preview,
                     const struct ctl_issue *issue, struct proto_buffer *ret_policy,
                     struct bl_error *err) BL_CHECKED;

#endif
