/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CLI_FOLDED_H
#define CTL_CLI_FOLDED_H

#include <stdbool.h>

/*
 * From now on, what this process writes to standard output and error is folded at words, as far as
 * they are terminals. One place for all commands: the C library lets a program replace both streams.
 */
void ctl_folded_begin(void);

/* Who draws a screen by itself has its lines left alone: they fit the present size, not that of the start. */
void ctl_folded_pause(bool is_paused);

#endif
