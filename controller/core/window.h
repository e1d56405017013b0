/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CORE_WINDOW_H
#define CTL_CORE_WINDOW_H

#include <stdint.h>

#include "common/clock.h"

/*
 * Maintenance windows: times of the week in which hosts may start. All in UTC, which has no summer
 * time, so that each week is like the others. Windows may cross midnight and the end of the week,
 * overlap and touch: then they count as one.
 */
enum {
    CTL_WINDOWS_MAX = 16,
    CTL_WINDOW_DAY_MINUTES = 24 * 60,
    CTL_WINDOW_WEEK_MINUTES = 7 * CTL_WINDOW_DAY_MINUTES,
};

struct ctl_window {
    uint32_t days;         /* on which it begins: bit 0 is Monday */
    uint32_t from_minutes; /* of the day */
    uint32_t for_minutes;  /* 1 to a whole week */
};

#define CTL_WINDOW_FOR_EVER INT64_MAX

/* For how long from `wall` on it is open without a break; 0: closed. FOR_EVER: it never closes, or there is no window at all. */
int64_t ctl_window_left_ms(const struct ctl_window *windows, uint32_t count, struct bl_wall wall);

/* How long until `needed_ms` are left of one; 0: now. FOR_EVER: none is that long. */
int64_t ctl_window_wait_ms(const struct ctl_window *windows, uint32_t count, struct bl_wall wall,
                           int64_t needed_ms);

#endif
