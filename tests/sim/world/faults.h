/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_FAULTS_H
#define TESTS_SIM_WORLD_FAULTS_H

#include "tests/sim/world/world.h"

/* For run.c alone. */
void sim_faults_open(uint32_t hosts);
void sim_faults_close(void);

#endif
