/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_RERUN_H
#define CTL_CLI_RERUN_H

#include "controller/cli/link.h"
#include "controller/cli/run_plan.h"
#include "controller/plan/plan.h"
#include "proto/policy.h"

/* The stored plan of a rollout once more, over some of its hosts: `belay retry`, `belay standby`. */

/* The status of the rollout, and its plan as the verb of that name answers. */
int ctl_rerun_ask(struct ctl_cli_globals *globals, const char *rollout, json_t **ret_status,
                  json_t **ret_plan, struct bl_error *err) BL_CHECKED;

/*
 * The controller kept the plan, and the person would sign what follows from it: it must be what
 * people signed the first time. `wanted` is what the person calls the rollout.
 */
int ctl_rerun_check(struct ctl_cli_globals *globals, const char *wanted, const char *rollout,
                    const char *plan_text, struct bl_error *err) BL_CHECKED;

/* The ids of objects with "id", borrowed from them. */
int ctl_rerun_ids(const json_t *hosts, struct ctl_plan_texts *ret_ids, struct bl_error *err)
    BL_CHECKED;

/* Does it with what was asked; returns the exit code. `wanted` as in ctl_rerun_check(). */
typedef int (*ctl_rerun_fn)(struct ctl_cli_globals *globals, struct ctl_run_wishes *wishes,
                            const char *wanted, const json_t *status, const json_t *plan);

/* The whole command `name`: its options, the rollout (the latest when none is named), and `run`. */
int ctl_rerun_command(struct ctl_cli_globals *globals, const char *name, int argc, char **argv,
                      ctl_rerun_fn run);

#endif
