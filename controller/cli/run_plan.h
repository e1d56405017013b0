/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_RUN_PLAN_H
#define CTL_CLI_RUN_PLAN_H

#include "controller/cli/cli.h"
#include "controller/cli/plan_file.h"

/* How a plan is to be run: the options of `belay run`, `belay retry` and `belay standby`. */
struct ctl_run_wishes {
    bool yes, watch, allow_missing;
    const char *passphrase_file, *as_previewed;
    struct ctl_cli_values keys;
    const char *request;    /* NULL, or the file that it is written to instead of being started */
    const char *retry_of;   /* NULL, or the rollout that is done again */
    const char *standby_of; /* NULL, or the rollout whose standby hosts these are */
};

/* Asks the hosts, shows the preview, asks the person, signs, submits; returns the exit code. */
int ctl_run_plan(struct ctl_cli_globals *globals, const struct ctl_plan_file *file,
                 const struct ctl_run_wishes *wishes);

#endif
