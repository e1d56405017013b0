/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CORE_RULE_H
#define CTL_CORE_RULE_H

#include "controller/core/rollout.h"

/*
 * The rules of the rollout machine as sentences, for `belay why`: what puts a rollout or a host into
 * a state, and what takes it out again. Total over the states; "" for any other number.
 */
struct ctl_rule {
    const char *rule;  /* why one is in this state */
    const char *moves; /* what would have to happen for another one */
};

struct ctl_rule ctl_rule_of_rollout(uint32_t state);
struct ctl_rule ctl_rule_of_host(uint32_t state);

#endif
