/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_NET_H
#define TESTS_SIM_WORLD_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/world/world.h"

/*
 * Connections between couriers and belayd, as libzmq over TCP and CURVE gives them: a handshake
 * that needs both directions and an admitted key; messages in order within a connection; a
 * direction that is cut holds back what was sent until it heals or the connection is given up
 * (heartbeats at the host's end, at the controller's late or never). Beyond TCP, messages are lost,
 * doubled, swapped and delayed by fault: the courier is not trusted.
 */
void sim_net_open(void);
void sim_net_close(void);

/* ---- the host's end ---- */

/* Drops what was there and tries until it stands; then sim_host_link_up(host, generation). */
void sim_net_dial(uint32_t host, uint64_t generation);
/* The courier is gone, or the machine; without a word to the other end when `is_silent`. */
void sim_net_hang_up(uint32_t host, bool is_silent);
/* 0; -ENOTCONN; -EAGAIN: full, sim_host_link_writable follows. */
int sim_net_send_up(uint32_t host, const void *data, size_t size_bytes);

/* Whether a probe from this host would get an answer now. */
bool sim_net_controller_answers(uint32_t host);
bool sim_net_others_answer(uint32_t host);
/* Since when both ways are open and belayd listens; SIM_NEVER: not so, or not known since when. */
int64_t sim_net_open_since_ms(uint32_t host);

/* ---- the controller's end: what ctl_link_* of the simulator stands on ---- */

/* belayd listens (again). */
void sim_net_listen(void);
/* It is gone, and all connections with it; the whole machine, without a word, when `is_silent`. */
void sim_net_deafen(bool is_silent);
/* 0; -EHOSTUNREACH: this connection is gone; -EAGAIN: full. */
int sim_net_send_down(uint64_t connection, const void *data, size_t size_bytes);
/* Whose it is; -1 when it is gone. */
int64_t sim_net_host_of(uint64_t connection);

/* ---- faults ---- */

/* A clone of a host's machine dials with the same key and says HELLO by itself, for `for_ms`. */
void sim_net_clone(uint32_t host, int64_t for_ms);

/* The one-way and two-way cuts, and resets, of which `fault` is one; how long is drawn. */
void sim_net_break(uint32_t host, enum sim_fault fault);

/* A message that no belayd sent reaches the host as if one had; false when it is not connected. */
bool sim_net_forge(uint32_t host, const void *data, size_t size_bytes);

#endif
