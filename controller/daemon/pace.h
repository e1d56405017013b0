/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_PACE_H
#define CTL_DAEMON_PACE_H

#include "controller/core/rollout.h"
#include "proto/policy.h"

/* A policy in the words of the rollout machine, which knows no encodings. */
struct ctl_pace {
    struct ctl_rollout_limits limits;
    struct ctl_rollout_wave waves[CTL_ROLLOUT_WAVES_MAX];
    uint32_t wave_count;
    uint32_t host_count; /* of all waves */
};

/* `policy` has passed proto_policy_decode() or _encode(). */
void ctl_pace_of(const struct proto_policy *policy, struct ctl_pace *ret_pace);

#endif
