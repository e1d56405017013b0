/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_FIGURES_HISTORY_H
#define AGENT_ROOT_FIGURES_HISTORY_H

#include "agent/root/figures_parse.h"

/* The host's figures of the last five minutes, one sample each ten seconds. Pure; begins as zeros. */
enum {
    AGENT_FIGURES_HISTORY_MAX = 30,
    AGENT_FIGURES_EVERY_MS = 10 * 1000,
};

struct agent_figures_history {
    struct agent_figures_values items[AGENT_FIGURES_HISTORY_MAX];
    uint32_t next, count;
};

void agent_figures_history_add(struct agent_figures_history *history,
                               const struct agent_figures_values *values);

/*
 * The highest level that the figure kept for `for_ms`, or for as long as is known. A figure is later
 * called bad when it is above a limit for that long, so this is what it is to be compared with: a
 * peak that comes and goes counts on neither side. False: it was not known.
 */
bool agent_figures_history_level(const struct agent_figures_history *history,
                                 enum proto_figure figure, uint64_t for_ms, uint64_t *ret_level);

#endif
