/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_DENY_H
#define CTL_DAEMON_DENY_H

#include "controller/daemon/engine.h"

/*
 * What was taken back is not installed again: when a rollout stops over hosts that went back, or is
 * rolled back, the versions that its hosts got go onto the deny list, until a person lifts them.
 */

/* After `event` changed the run: denies what is to be denied by now. Doubles are harmless. */
int ctl_deny_note(struct ctl_engine *engine, struct ctl_run *run,
                  const struct ctl_rollout_event *event, struct bl_error *err) BL_CHECKED;

/*
 * This version was put on the list: pauses each rollout that may still start hosts and would install
 * it. A person looks, and resumes or aborts it.
 */
int ctl_deny_pause_others(struct ctl_engine *engine, const char *name, const char *version,
                          struct bl_error *err) BL_CHECKED;

/*
 * 1: the list has a version that this manifest would install; *ret_text says which and why,
 * *ret_next the command that lifts it. 0: none.
 */
int ctl_deny_find(struct ctl_store *store, const struct proto_manifest *manifest, char *ret_text,
                  size_t text_bytes, char *ret_next, size_t next_bytes, struct bl_error *err)
    BL_CHECKED;

#endif
