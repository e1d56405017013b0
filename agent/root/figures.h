/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_FIGURES_H
#define AGENT_ROOT_FIGURES_H

#include <systemd/sd-event.h>

#include "agent/root/figures_parse.h"
#include "common/clock.h"
#include "common/error.h"

/* Looks at the host's figures every ten seconds: a few texts of the kernel, well below a millisecond. */
struct agent_figures;

struct agent_figures_sample {
    struct bl_mono taken;
    struct bl_wall wall;
    int64_t span_ms; /* since the sample before; the counters count over it */
    struct agent_figures_values now;
};

struct agent_figures_handler {
    void *userdata;
    void (*sampled)(void *userdata, const struct agent_figures_sample *sample);
};

/* Borrows `handler`. The first sample comes after ten seconds. */
int agent_figures_new(sd_event *loop, const struct agent_figures_handler *handler,
                      struct agent_figures **ret_figures, struct bl_error *err) BL_CHECKED;
struct agent_figures *agent_figures_free(struct agent_figures *figures);

#endif
