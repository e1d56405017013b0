/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_VIEW_PEOPLE_H
#define CTL_DAEMON_VIEW_PEOPLE_H

#include <jansson.h>

#include "controller/daemon/run_people.h"
#include "proto/trust.h"

/* Parts of the status document; docs/control.md describes them. New references. */
json_t *ctl_view_alarm(const struct ctl_run *run); /* null when nothing ever failed severely */
/* What is weaker than the risk grade, and was signed by two people for that. */
json_t *ctl_view_weaker(const struct ctl_run *run);
json_t *ctl_view_approvals(const struct ctl_run *run);
json_t *ctl_view_promises(const struct ctl_run *run);

/* Which condition of the plan took everything back, and why; null: none did. */
json_t *ctl_view_condition(const struct ctl_run *run);

#endif
