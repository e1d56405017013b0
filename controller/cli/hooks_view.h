/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_HOOKS_VIEW_H
#define CTL_CLI_HOOKS_VIEW_H

#include <stdio.h>

#include "controller/cli/link.h"
#include "controller/plan/plan.h"

/* What a plan lets the controller call after a severe failure: severe.hooks. */

/* Asks the controller whether it can call them. -EINVAL names the first that it can't, with the line. */
int ctl_hooks_ask(struct ctl_cli_link *link, const struct ctl_plan *plan, struct bl_error *err)
    BL_CHECKED;

/*
 * The same without asking, on the controller itself: where its configuration is. The folder of its
 * programs alone says nothing, since the package of the command line brings it.
 * *ret_is_known: this is such a machine, or the plan names none.
 */
int ctl_hooks_look(const struct ctl_cli_globals *globals, const struct ctl_plan *plan,
                   bool *ret_is_known, struct bl_error *err) BL_CHECKED;

/* A line for each; nothing without any. */
void ctl_hooks_print(const struct ctl_plan *plan, FILE *to);
/* [{name, program, every_ms, within_ms}] */
json_t *ctl_hooks_to_json(const struct ctl_plan *plan);

#endif
