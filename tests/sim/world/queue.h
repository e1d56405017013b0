/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_QUEUE_H
#define TESTS_SIM_WORLD_QUEUE_H

#include "tests/sim/world/world.h"

/* For run.c alone: the world's queue of what comes next. */
void sim_queue_open(void);
void sim_queue_close(void);
/* Lets the next happening happen; false when nothing is left up to and with `until_ms`. */
bool sim_queue_pass(int64_t until_ms);
/* How much waits. */
uint32_t sim_queue_count(void);
/* Time passes without anything happening. */
void sim_queue_wait(int64_t until_ms);

#endif
