/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/figures_history.h"

void agent_figures_history_add(struct agent_figures_history *history,
                               const struct agent_figures_values *values)
{
    history->items[history->next] = *values;
    history->next = (history->next + 1) % AGENT_FIGURES_HISTORY_MAX;
    if (history->count < AGENT_FIGURES_HISTORY_MAX)
        history->count++;
}

/* The least of `window` samples from the `first` on, the oldest being 0; false: one is not known. */
static bool least_of(const struct agent_figures_history *history, enum proto_figure figure,
                     uint32_t first, uint32_t window, uint64_t *ret_least)
{
    uint32_t oldest = history->next + AGENT_FIGURES_HISTORY_MAX - history->count;

    for (uint32_t i = 0; i < window; i++) {
        uint32_t at = (oldest + first + i) % AGENT_FIGURES_HISTORY_MAX;
        uint64_t value;

        if (!agent_figures_get(&history->items[at], figure, &value))
            return false;
        if (i == 0 || value < *ret_least)
            *ret_least = value;
    }

    return true;
}

bool agent_figures_history_level(const struct agent_figures_history *history,
                                 enum proto_figure figure, uint64_t for_ms, uint64_t *ret_level)
{
    uint64_t wanted = for_ms / AGENT_FIGURES_EVERY_MS;
    uint32_t window = wanted > history->count ? history->count : (uint32_t)wanted;
    bool is_known = false;

    window = window == 0 ? 1 : window;
    for (uint32_t first = 0; first + window <= history->count; first++) {
        uint64_t least = 0;

        if (!least_of(history, figure, first, window, &least))
            continue;
        if (!is_known || least > *ret_level)
            *ret_level = least;
        is_known = true;
    }

    return is_known;
}
