/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_MACHINES_H
#define TESTS_SIM_WORLD_MACHINES_H

#include "tests/sim/world/world.h"

/* For run.c alone. */
void sim_machines_open(uint32_t hosts);
void sim_machines_close(void);
uint64_t sim_machines_hash(void);
/* Of all disks together. */
void sim_machines_count(struct sim_disk_counts *ret_counts);

#endif
