/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CORE_FIGURE_WATCH_H
#define AGENT_CORE_FIGURE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"

/*
 * Whether a figure was bad for so long that it counts. Pure: samples with their CLOCK_BOOTTIME in,
 * a verdict out.
 *
 * Time counts as bad between two samples that follow each other, are both bad and are not further
 * apart than `gap_ms`. A gap (a sample that is missing, late, or without the figure) is not known:
 * it adds nothing, and what was counted before it stays. Only a sample that is known to be good
 * begins anew. So no gap makes a figure bad, and none makes it good.
 */
struct agent_figure_limit {
    bool is_known; /* false: what it is compared with is not known, so nothing is */
    bool is_floor; /* bad below `limit`; otherwise above it */
    uint64_t limit;
    int64_t for_ms;
    int64_t gap_ms;
};

/* All zero before the first sample. Of this boot. */
struct agent_figure_watch {
    struct bl_mono seen; /* the last sample with the figure, or the first sample at all */
    int64_t bad_ms;      /* for so long, without a good sample */
    uint64_t worst;      /* since then */
    bool was_bad;        /* the last sample was known, and bad */
    bool is_bad_told;
    bool is_unknown_told; /* again when it was known meanwhile */
};

enum agent_figure_verdict {
    AGENT_FIGURE_NOTHING = 0,
    AGENT_FIGURE_BAD,     /* has reached its time; told once */
    AGENT_FIGURE_UNKNOWN, /* was not known for its time; told once until it is known again */
};

/* `value` NULL: the sample does not tell it. `now` never goes back. */
enum agent_figure_verdict agent_figure_take(struct agent_figure_watch *watch,
                                            const struct agent_figure_limit *limit,
                                            struct bl_mono now, const uint64_t *value);

/* The last sample was bad, and its time is reached: for who takes up a watch that was kept. */
bool agent_figure_is_bad(const struct agent_figure_watch *watch,
                         const struct agent_figure_limit *limit);

#endif
