/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_PLACE_H
#define AGENT_ROOT_PLACE_H

#include <stdbool.h>

#include "common/attr.h"
#include "common/error.h"

/* Where this process runs, as far as it can see. */
struct agent_place {
    bool has_systemd; /* /run/systemd/system is there */
    char first[32];   /* the name of process 1, "" = not known */
    bool is_chroot;   /* its root directory is known, and is another one than ours */
};

void agent_place_read(struct agent_place *ret_place);

/*
 * -EOPNOTSUPP with a clear word where belay cannot keep its promises: package runs, timers and leases
 * are units of systemd, so that they outlive the agent.
 */
int agent_place_check(const struct agent_place *place, struct bl_error *err) BL_CHECKED;

#endif
