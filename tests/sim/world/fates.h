/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_FATES_H
#define TESTS_SIM_WORLD_FATES_H

/*
 * What strikes by the clock and not at an effect: power cuts, reboots, partitions, kills, clocks,
 * people. Every machine has such moments, more of them while it has a job; at each the faults of
 * fault.h have their opportunity.
 */
void sim_fates_open(void);
void sim_fates_close(void);

#endif
