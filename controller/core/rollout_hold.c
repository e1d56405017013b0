/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "common/check.h"
#include "controller/core/rollout.h"

struct hold {
    const char *code, *reason, *command;
};

static const struct hold holds[CTL_HOLD_COUNT] = {
    {"paused", "paused, by a person or by the deny list: nothing new starts, what runs goes on",
     "belay resume"},
    {"window", "outside of the windows of the plan, or too little is left of one for a whole job",
     "belay watch"},
    {"gate", "a gate does not tell whether it is good: look, then go on or take back",
     "belay resume"},
    {"approval", "the next wave needs an approval", "belay approve"},
    {"answer", "people are asked what a severe failure is answered with",
     "belay approve --rollback"},
    {"freeze", "a change freeze of the whole controller", "belay watch"},
};

static const struct hold *find(enum ctl_hold hold)
{
    for (uint32_t i = 0; i < CTL_HOLD_COUNT; i++) {
        if ((uint32_t)hold == 1U << i)
            return &holds[i];
    }
    BL_ASSERT(hold == CTL_HOLD_PERSON); /* more than one bit, or none */

    return &holds[0];
}

const char *ctl_hold_code(enum ctl_hold hold)
{
    return find(hold)->code;
}

const char *ctl_hold_reason(enum ctl_hold hold)
{
    return find(hold)->reason;
}

const char *ctl_hold_command(enum ctl_hold hold)
{
    return find(hold)->command;
}
