/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_FIGURES_H
#define AGENT_ROOT_FIGURES_H

#include <systemd/sd-event.h>

#include "agent/root/figures_parse.h"
#include "common/clock.h"
#include "common/error.h"
#include "proto/figure_rule.h"

/* Looks at the host's figures again and again: a few texts of the kernel, well below a millisecond. */
struct agent_figures;

struct agent_figures_sample {
    struct bl_mono taken;
    struct bl_wall wall;
    int64_t span_ms; /* since the sample before; the counters count over it */
    struct agent_figures_values now;
};

struct agent_figures_handler {
    void *userdata;
    /* It may be freed in here. */
    void (*sampled)(void *userdata, const struct agent_figures_sample *sample);
};

/* Borrows `handler`. The first sample comes after two seconds, or after `every_ms` if that is less. */
int agent_figures_new(sd_event *loop, int64_t every_ms, const struct agent_figures_handler *handler,
                      struct agent_figures **ret_figures, struct bl_error *err) BL_CHECKED;
/* Of one file system, or (0) of the one that is worst off in each; false: not known. */
bool agent_figures_room(enum proto_mount mount, uint64_t *ret_share, uint64_t *ret_free_mib);

struct agent_figures *agent_figures_free(struct agent_figures *figures);

#endif
