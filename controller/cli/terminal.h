/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_TERMINAL_H
#define CTL_CLI_TERMINAL_H

#include <termios.h>

#include "controller/cli/cli.h"
#include "controller/cli/status_view.h"
#include "controller/outside/canvas.h"

/*
 * The terminal on standard output, and nothing that decides: its size, a second screen that is drawn
 * anew without flicker, and the way back from it.
 */
struct ctl_terminal {
    bool is_on;     /* the second screen is shown */
    bool is_silent; /* typed letters are not echoed; `before` is how it was */
    struct termios before;
};

/* Standard output is a terminal that can move its cursor. */
bool ctl_terminal_can_draw(void);

/* Columns and rows; 80 and 24 when it does not tell. */
void ctl_terminal_size(uint32_t *ret_width, uint32_t *ret_rows);

/* Both can be repeated. What was on the terminal before is there again after the second. */
void ctl_terminal_enter(struct ctl_terminal *terminal);
void ctl_terminal_leave(struct ctl_terminal *terminal);

/* The lines of the canvas and nothing else, in one write. */
void ctl_terminal_draw(const struct ctl_canvas *canvas);

/* How a page is shown on standard output: as wide as the terminal, or not cut when it is none. */
struct ctl_view ctl_terminal_view(const struct ctl_cli_globals *globals);

#endif
