/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_VIEW_NEXT_H
#define CTL_DAEMON_VIEW_NEXT_H

#include <jansson.h>

#include "controller/daemon/engine.h"

/* Parts of a status document: docs/control.md. New references; NULL when memory is out. */

/* What the wave that waits would touch (controller/outside/blast.h) and its number; or null. */
json_t *ctl_view_blast(const struct ctl_engine *engine, const struct ctl_run *run);

/* On how many hosts SSH is locked, and jobs are paused, as far as they told. */
json_t *ctl_view_lease_counts(const struct ctl_run *run);

#endif
