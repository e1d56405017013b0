/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_CONTROLLER_H
#define TESTS_SIM_WORLD_CONTROLLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/trust.h"
#include "tests/sim/world/world.h"

/*
 * The controller's machine with the real belayd engine on it (store, fleet, runs, inbound,
 * outbound, questions), and the people before it, who submit plans and give orders through the real
 * verbs of control.sock. Replaced for it when the simulator is linked: ctl_link_*, ctl_setup_load_key,
 * ctl_trust_load, ctl_trust_set, bl_dir_lock.
 */
void sim_controller_open(void);
void sim_controller_close(void);
/* What belayd's clock shows. */
int64_t sim_controller_wall_ms(void);
/* Which boot of its machine this is. */
uint32_t sim_controller_boot(void);

/* The trust file that all hosts begin with, and its signers. */
const struct proto_trust *sim_people_trust(void);
/* The newest trust file has come to that host: as a timer calls it. */
void sim_people_trust_came(void *userdata, uint64_t host);

/* People's plans for this world: rollouts one after another, each over some of the hosts. */
void sim_people_open(void);
void sim_people_close(void);
/* No plan is open and none will come. */
/* A rollout of theirs is under way. */
bool sim_people_are_busy(void);
bool sim_people_are_done(void);
uint64_t sim_people_rollouts(void); /* submitted so far */

/* ---- what strikes by the clock ---- */

/* kill -9 of belayd, or the whole machine; it comes back after a time that is drawn. */
void sim_controller_kill(void);
void sim_controller_power_cut(void);
void sim_controller_go_away(void);

/* PERSON_*, KEY_REVOKED, HOST_REVOKED, FORGED_ORDER: of which rollout, host or key is drawn. */
void sim_people_press(enum sim_fault button);

/* ---- called by the network ---- */
bool sim_controller_admits(const uint8_t host_id[32]);
/* `connection` is unique in the world, `fd` names it while it lasts. */
void sim_controller_receive(uint64_t connection, int fd, uint32_t host, const void *data,
                            size_t size_bytes);
/* The controller's end noticed that the connection with this descriptor is gone. */
void sim_controller_gone(int fd);

#endif
