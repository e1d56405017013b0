/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_TRIAL_H
#define TESTS_SIM_WORLD_TRIAL_H

#include "tests/sim/world/world.h"

enum {
    SIM_TRIAL_TEXT_BYTES = 2048,
    SIM_TRIAL_FAULTS_MAX = 1 << 16,
};

/* One world in a child process, so that a broken law or assertion ends the child alone. */
struct sim_trial {
    bool is_good;
    struct sim_outcome outcome;      /* when good */
    char text[SIM_TRIAL_TEXT_BYTES]; /* else: what the child said last, a line */
    uint32_t fault_count;            /* that happened until then, in order */
    struct sim_fault_done faults[SIM_TRIAL_FAULTS_MAX];
};

/* `trial` is shared with the child: from sim_trial_new alone. */
struct sim_trial *sim_trial_new(void);
struct sim_trial *sim_trial_free(struct sim_trial *trial);
void sim_trial_run(struct sim_trial *trial, const struct sim_options *options);

/*
 * Leaves out faults of a failing world as long as it fails in the same way, and tells what is left:
 * a list for `--only`. `options` must fail.
 */
void sim_shrink(const struct sim_options *options);

#endif
