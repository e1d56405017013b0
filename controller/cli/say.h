/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_SAY_H
#define CTL_CLI_SAY_H

#include "common/attr.h"

/* "next: …" on standard error: what happens now, and how to take it back. */
void ctl_cli_say_next(const char *fmt, ...) BL_PRINTF(1, 2);

/* Flushes standard output; what could not be written turns a good end into an error. */
int ctl_cli_finish(int exit_code);

#endif
