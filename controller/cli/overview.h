/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_OVERVIEW_H
#define CTL_CLI_OVERVIEW_H

#include "common/clock.h"
#include "controller/outside/canvas.h"
#include "controller/outside/json.h"

/*
 * All open rollouts, for who asks "what is going on?": a line each, in the order of the answer of the
 * verb `overview` (docs/control.md), and below it what waits for a person, with the command to type.
 */
void ctl_overview_page(const json_t *answer, struct bl_wall now, struct ctl_canvas *canvas);

#endif
