/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_LOOP_H
#define TESTS_SIM_WORLD_LOOP_H

#include "tests/sim/world/world.h"

/* The event loop of one process: sd-event as far as the shells use it, on the world's queue. */
struct sd_event *sim_loop_new(struct sim_process *process);
struct sd_event *sim_loop_free(struct sd_event *loop);

#endif
