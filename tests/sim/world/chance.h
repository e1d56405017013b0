/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_CHANCE_H
#define TESTS_SIM_WORLD_CHANCE_H

#include "tests/sim/world/world.h"

/* For run.c and fault.c. */
void sim_chance_open(uint64_t seed, uint32_t hosts);
void sim_chance_close(void);

/* A good mix of three numbers: the same for the same, unlike for anything else. */
uint64_t sim_mix(uint64_t a, uint64_t b, uint64_t c);
uint64_t sim_chance_seed(void);

/* Host numbers from 0, the controller behind them: a dense index for tables of `hosts` + 1. */
uint32_t sim_dense(uint32_t machine);

#endif
