/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_TRUST_H
#define AGENT_ROOT_TRUST_H

#include "agent/root/host.h"
#include "agent/root/refusal.h"
#include "proto/trust.h"

/*
 * Whose signatures this host believes. CONFIG_DIR/trust is what it joined with; what came since lies
 * in STATE_DIR/agent/trust. The higher version counts. A file that is there and can't be used is an
 * error, never a reason to go back to the former one: whom it revoked would be believed again.
 */
#define AGENT_TRUST_NAME "trust"

/* Read anew for each order, so that none is judged by an old one. Memory of the arena. */
int agent_trust_load(const char *config_dir, const char *state_dir, struct proto_arena *arena,
                     struct proto_trust *ret_trust, struct bl_error *err) BL_CHECKED;

/*
 * Takes a trust file that came from somewhere: only the next version, signed by enough of the
 * present roots (proto_trust_follow). It counts from the next order on. Returns its version.
 */
int agent_trust_take(const char *config_dir, const char *state_dir, const void *data,
                     size_t size_bytes, uint64_t *ret_version, struct bl_error *err) BL_CHECKED;

/* For a host that joins anew: forgets what came since it joined the last time. */
int agent_trust_forget(const char *state_dir, struct bl_error *err) BL_CHECKED;

/*
 * A file that came over the link: taken or refused, and that noted in the audit. 1; 0 when it was one
 * refusal too many to be told; below 0 when it could not be noted.
 */
int agent_trust_hear(const struct agent_host *host, const struct proto_bytes *file,
                     struct agent_refusal_bucket *refusals, struct bl_error *err) BL_CHECKED;

#endif
