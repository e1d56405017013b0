/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CTL_DAEMON_ONE_WORLD_H
#define TESTS_UNIT_CTL_DAEMON_ONE_WORLD_H

#include "tests/unit/ctl_daemon/world.h"

/* The world of a file's tests, each of which begins with the first trust file and no host. */
static struct world world;

static inline int open_world(void **state)
{
    world_open(&world);
    world_set_trust(&world, 1);
    return 0;
}

/* With web1 and web2. */
static inline int open_world_of_two(void **state)
{
    (void)open_world(state);
    world_add_hosts(&world, 2);
    return 0;
}

static inline int close_world(void **state)
{
    world_close(&world);
    return 0;
}

#endif
