/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_DAEMON_HOST_FIGURES_H
#define CTL_DAEMON_HOST_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "proto/message.h"

/*
 * What a host said of its load last: in memory only, of one size, never in the store. What is too
 * old counts as unknown, since a host that says nothing is not known to be well.
 */
enum {
    CTL_HOST_FIGURES_MS_MAX = 90 * 1000, /* three messages */
};

struct ctl_host_figures {
    struct bl_mono heard; /* ms 0: never */
    int64_t wall_ms;      /* the host's clock */
    uint64_t span_ms;
    uint32_t known; /* bit 1 << enum proto_figure */
    uint64_t values[PROTO_FIGURE_LAST + 1];
};

/* The last value wins where a host says one twice. */
void ctl_host_figures_take(struct ctl_host_figures *figures, const struct proto_figures *said,
                           struct bl_mono now);

bool ctl_host_figures_are_fresh(const struct ctl_host_figures *figures, struct bl_mono now);

/* False: unknown, since it was never told, not this time, or too long ago. */
bool ctl_host_figures_get(const struct ctl_host_figures *figures, enum proto_figure figure,
                          struct bl_mono now, uint64_t *ret_value);

#endif
