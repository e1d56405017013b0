/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/host_figures.h"

void ctl_host_figures_take(struct ctl_host_figures *figures, const struct proto_figures *said,
                           struct bl_mono now)
{
    *figures =
        (struct ctl_host_figures){.heard = now, .wall_ms = said->wall_ms, .span_ms = said->span_ms};
    for (uint32_t i = 0; i < said->values_count; i++) {
        uint32_t figure = said->values[i].figure;

        BL_ASSERT(figure >= 1 && figure <= PROTO_FIGURE_LAST);
        figures->known |= UINT32_C(1) << figure;
        figures->values[figure] = said->values[i].value;
    }
}

bool ctl_host_figures_are_fresh(const struct ctl_host_figures *figures, struct bl_mono now)
{
    return figures->heard.ms != 0 && now.ms - figures->heard.ms <= CTL_HOST_FIGURES_MS_MAX;
}

bool ctl_host_figures_get(const struct ctl_host_figures *figures, enum proto_figure figure,
                          struct bl_mono now, uint64_t *ret_value)
{
    if (!ctl_host_figures_are_fresh(figures, now) ||
        (figures->known & (UINT32_C(1) << figure)) == 0)
        return false;
    *ret_value = figures->values[figure];

    return true;
}
