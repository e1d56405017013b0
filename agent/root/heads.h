/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_HEADS_H
#define AGENT_ROOT_HEADS_H

#include "agent/root/host.h"
#include "agent/root/refusal.h"
#include "proto/message.h"

/*
 * Host and controller keep each other's head of the audit, so that cutting or rewriting the one shows
 * at the other. What the controller's chain was when it last spoke of it lies in the journal; when what
 * it has at that row is another hash by now, that is a row of this host's own chain, with both.
 */

/* What this host tells; `asked_rows`: of its own chain, 0 when the controller asked for none. */
int agent_heads_state(struct agent_host *host, uint64_t asked_rows,
                      struct proto_audit_state *ret_state, struct bl_error *err) BL_CHECKED;

/* Compares with what was kept, and keeps this. 0 when nothing was done since it came too often. */
int agent_heads_hear(struct agent_host *host, const struct proto_audit_head *head,
                     struct agent_refusal_bucket *bucket, struct bl_error *err) BL_CHECKED;

/*
 * Joining writes down that the controller may be another one from now on, as a file beside the
 * journal, which may be open then; the agent heeds it when it starts: what the former one told is of
 * another chain, and nobody cut anything.
 */
int agent_heads_note_join(const char *state_dir, struct bl_error *err) BL_CHECKED;
int agent_heads_heed_join(struct agent_host *host, struct bl_error *err) BL_CHECKED;

#endif
