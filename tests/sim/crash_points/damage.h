/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_CRASH_POINTS_DAMAGE_H
#define TESTS_SIM_CRASH_POINTS_DAMAGE_H

#include "tests/sim/crash_points/crash.h"
#include "tests/sim/world/disk.h"

/*
 * Damages copies of `sound` in many ways, bit by bit, sector by sector and by the subject's SQL, and
 * has each opened, read and written: it may fail, but not crash. How many were tried.
 */
unsigned crash_damage(const struct crash_subject *subject, const struct sim_disk *sound,
                      const char *directory, unsigned random_count);

#endif
