/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_WEAKER_VIEW_H
#define CTL_CLI_WEAKER_VIEW_H

#include <jansson.h>
#include <stdio.h>

#include "controller/plan/plan.h"

/*
 * What of a plan is weaker than its risk grade, with the line, both values and the remedy; nothing
 * when nothing is. `hosts_count` as for ctl_plan_weaker. Returns how many there are.
 */
uint32_t ctl_weaker_print(const char *path, const struct ctl_plan *plan, uint32_t hosts_count,
                          FILE *to);
/* A list of them: docs/json.md. */
json_t *ctl_weaker_to_json(const struct ctl_plan *plan, uint32_t hosts_count);

#endif
