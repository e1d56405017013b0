/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_TRUST_H
#define AGENT_ROOT_TRUST_H

#include "proto/trust.h"

/* The trust file of this host, checked; read anew for each order, so that none is judged by an old
 * one. Memory of the arena. */
int agent_trust_load(const char *config_dir, struct proto_arena *arena,
                     struct proto_trust *ret_trust, struct bl_error *err) BL_CHECKED;

#endif
