/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/core/window.h"

#include <stdbool.h>

enum {
    MINUTE_MS = 60 * 1000,
    DAYS = 7,
    FIRST_DAY = 3, /* 1970-01-01 was a Thursday */
};

#define WEEK_MS ((int64_t)CTL_WINDOW_WEEK_MINUTES * MINUTE_MS)

/* Since Monday, 00:00. */
static int64_t week_ms(struct bl_wall wall)
{
    int64_t ms = (wall.ms + (int64_t)FIRST_DAY * CTL_WINDOW_DAY_MINUTES * MINUTE_MS) % WEEK_MS;

    return ms < 0 ? ms + WEEK_MS : ms;
}

/* From `at_ms` of the week to the next beginning of this window on this day, below a week. */
static int64_t until_start_ms(const struct ctl_window *window, uint32_t day, int64_t at_ms)
{
    int64_t start_ms = ((int64_t)day * CTL_WINDOW_DAY_MINUTES + window->from_minutes) * MINUTE_MS;

    return (start_ms - at_ms + WEEK_MS) % WEEK_MS;
}

/* What is left of the window that lasts longest of those that are open at this time of the week. */
static int64_t open_ms(const struct ctl_window *windows, uint32_t count, int64_t at_ms)
{
    int64_t longest_ms = 0;

    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t day = 0; day < DAYS; day++) {
            int64_t since_ms, left_ms;

            if ((windows[i].days >> day & 1) == 0)
                continue;
            since_ms = (WEEK_MS - until_start_ms(&windows[i], day, at_ms)) % WEEK_MS;
            left_ms = (int64_t)windows[i].for_minutes * MINUTE_MS - since_ms;
            if (left_ms > longest_ms)
                longest_ms = left_ms;
        }
    }

    return longest_ms;
}

static int64_t left_at_ms(const struct ctl_window *windows, uint32_t count, int64_t at_ms)
{
    int64_t left_ms = 0, more_ms;

    if (count == 0)
        return CTL_WINDOW_FOR_EVER;
    /* Where one ends, the next may be open already. */
    while ((more_ms = open_ms(windows, count, (at_ms + left_ms) % WEEK_MS)) > 0) {
        left_ms += more_ms;
        if (left_ms >= WEEK_MS)
            return CTL_WINDOW_FOR_EVER;
    }

    return left_ms;
}

int64_t ctl_window_left_ms(const struct ctl_window *windows, uint32_t count, struct bl_wall wall)
{
    return left_at_ms(windows, count, week_ms(wall));
}

int64_t ctl_window_wait_ms(const struct ctl_window *windows, uint32_t count, struct bl_wall wall,
                           int64_t needed_ms)
{
    const int64_t now_ms = week_ms(wall);
    int64_t first_ms = CTL_WINDOW_FOR_EVER;

    if (left_at_ms(windows, count, now_ms) >= needed_ms)
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t day = 0; day < DAYS; day++) {
            int64_t wait_ms = until_start_ms(&windows[i], day, now_ms);

            if (wait_ms == 0)
                wait_ms = WEEK_MS; /* it begins right now, and is too short */
            if ((windows[i].days >> day & 1) != 0 && wait_ms < first_ms &&
                left_at_ms(windows, count, (now_ms + wait_ms) % WEEK_MS) >= needed_ms)
                first_ms = wait_ms;
        }
    }

    return first_ms;
}
