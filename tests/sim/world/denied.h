/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_DENIED_H
#define TESTS_SIM_WORLD_DENIED_H

#include <jansson.h>
#include <stdbool.h>

/* The laws of the deny list. All plans of this world install the same versions. */

void sim_denied_open(void);
/*
 * A person looks at the list right before a submission, as the verb answered: what loaded rollouts
 * took back is on it, unless people lifted it, and what they lifted stays lifted. Returns whether
 * a submission must be refused now.
 */
bool sim_denied_look(const json_t *list);
/* A person lifts a row of the list; `known`: belayd confirmed it. */
void sim_denied_lifted(const json_t *row, bool known);

#endif
