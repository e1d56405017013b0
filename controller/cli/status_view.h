/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_STATUS_VIEW_H
#define CTL_CLI_STATUS_VIEW_H

#include <stdio.h>

#include "common/clock.h"
#include "controller/outside/json.h"

/* A status document for people: docs/control.md tells what is in it. */

struct ctl_view {
    bool colour;
    uint32_t rows_max; /* hosts shown; the rest is counted */
    struct bl_wall now;
};

/* Header with state, why and next; a table of waves; the hosts that are worth a look. */
void ctl_view_status(const json_t *status, const struct ctl_view *view, FILE *to);

/* What changed since `before` (NULL: everything is new), a line each, with the time. */
void ctl_view_changes(const json_t *before, const json_t *status, struct bl_wall now, FILE *to);

/* The exit code for the end of this rollout, or for where it stands: 4 while it waits for a person. */
int ctl_view_exit_code(const json_t *status);

#endif
