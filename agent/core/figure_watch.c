/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/figure_watch.h"

#include <stddef.h>

#include "common/check.h"

static enum agent_figure_verdict take_unknown(struct agent_figure_watch *watch,
                                              const struct agent_figure_limit *limit,
                                              struct bl_mono now)
{
    watch->was_bad = false;
    if (watch->is_unknown_told || now.ms - watch->seen.ms < limit->for_ms)
        return AGENT_FIGURE_NOTHING;
    watch->is_unknown_told = true;

    return AGENT_FIGURE_UNKNOWN;
}

static void take_bad(struct agent_figure_watch *watch, const struct agent_figure_limit *limit,
                     struct bl_mono now, uint64_t value)
{
    bool is_worse = limit->is_floor ? value < watch->worst : value > watch->worst;
    int64_t since_ms = now.ms - watch->seen.ms;

    if (watch->was_bad && since_ms <= limit->gap_ms)
        watch->bad_ms += since_ms;
    if (is_worse || (watch->bad_ms == 0 && !watch->was_bad))
        watch->worst = value;
    watch->was_bad = true;
}

bool agent_figure_is_bad(const struct agent_figure_watch *watch,
                         const struct agent_figure_limit *limit)
{
    return limit->is_known && watch->was_bad && watch->bad_ms >= limit->for_ms;
}

enum agent_figure_verdict agent_figure_take(struct agent_figure_watch *watch,
                                            const struct agent_figure_limit *limit,
                                            struct bl_mono now, const uint64_t *value)
{
    BL_ASSERT(now.ms >= watch->seen.ms);
    if (watch->seen.ms == 0)
        watch->seen = now;
    if (value == NULL || !limit->is_known)
        return take_unknown(watch, limit, now);

    if (limit->is_floor ? *value < limit->limit : *value > limit->limit) {
        take_bad(watch, limit, now, *value);
    } else {
        watch->bad_ms = 0;
        watch->was_bad = false;
    }
    watch->seen = now;
    watch->is_unknown_told = false;
    if (watch->is_bad_told || !agent_figure_is_bad(watch, limit))
        return AGENT_FIGURE_NOTHING;
    watch->is_bad_told = true;

    return AGENT_FIGURE_BAD;
}
