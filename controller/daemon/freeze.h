/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_FREEZE_H
#define CTL_DAEMON_FREEZE_H

#include <jansson.h>

#include "controller/daemon/store.h"

struct ctl_engine;
struct ctl_run;

/*
 * A change freeze of the whole controller: while it is on no rollout starts any host. Rollouts may be
 * submitted and stage their hosts; what runs goes on, and so do rollbacks.
 */

/* Reads it from the store, once. */
int ctl_freeze_load(struct ctl_engine *engine, struct bl_error *err) BL_CHECKED;
/* Stores it and tells every open rollout. `wanted->is_set` false takes it back. */
int ctl_freeze_set(struct ctl_engine *engine, const struct ctl_store_freeze *wanted,
                   struct bl_error *err) BL_CHECKED;
/* A rollout that begins learns of it. */
int ctl_freeze_tell(struct ctl_engine *engine, struct ctl_run *run, struct bl_error *err)
    BL_CHECKED;
/* null while there is none. */
json_t *ctl_freeze_view(const struct ctl_engine *engine);

#endif
