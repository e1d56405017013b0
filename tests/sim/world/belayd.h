/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_BELAYD_H
#define TESTS_SIM_WORLD_BELAYD_H

#include <jansson.h>

#include "controller/daemon/engine.h"
#include "tests/sim/world/controller.h"

/* What the files of the controller's side share. */
#define SIM_BELAYD_STATE_DIR "/sim/c"

/* NULL unless belayd runs. */
struct ctl_engine *sim_belayd_engine(void);
struct sim_process *sim_belayd_process(void);
/* World time of the next deadline of an open rollout; SIM_NEVER when none is set. */
int64_t sim_belayd_deadline_ms(void);

/*
 * A request as on control.sock; takes it over. NULL: no answer came, since belayd is away or died
 * before; otherwise a new reference.
 */
json_t *sim_belayd_ask(json_t *request);

/* The machine with this id; UINT32_MAX when it is none of the world's. */
uint32_t sim_machine_of(const uint8_t host_id[PROTO_HOST_ID_BYTES]);

/* ---- beliefs.c ---- */

/* A life of belayd ended: what it had not committed was never so. */
void sim_beliefs_forget(void);
/* Something is believed that is not committed yet. */
bool sim_beliefs_are_open(void);
/*
 * A new life has loaded what is open. That a rollout ended in the moment in which the former one died
 * is in the store, and told by nobody else.
 */
void sim_beliefs_tell_ended(struct ctl_engine *engine);

/* ---- people ---- */

/* Committed: what belayd knows of a rollout. */
void sim_people_note(const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                     const struct ctl_rollout *rollout);

#endif
