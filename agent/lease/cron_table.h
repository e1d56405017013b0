/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_CRON_TABLE_H
#define AGENT_LEASE_CRON_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"

/*
 * Tables of cron, read to tell what would have run while cron was paused. Never their commands: those
 * may hold secrets. Pure: the text comes in, and so does what an instant is called by local clocks.
 */
enum {
    AGENT_CRON_ZONE_BYTES = 64,
    AGENT_CRON_SPAN_MS_MAX = 2 * 24 * 60 * 60 * 1000, /* a longer pause is not counted */
};

/* When a line's command runs: bit i of a field is its value i. */
struct agent_cron_schedule {
    uint64_t minutes;
    uint32_t hours, days, months, weekdays; /* days from 1, months from 1, Sunday is weekday 0 */
    bool any_day, any_weekday;              /* the field began with a star: both must fit then */
    bool only_at_boot;                      /* @reboot: no pause makes it miss a run */
};

/* What local clocks say at an instant. */
struct agent_cron_clock {
    int minute, hour, day, month, weekday;
};

/*
 * The five fields, or one word with "@", at the beginning of `text`. Returns how many bytes they
 * take, -EINVAL when cron would not take them, or when they mean another thing to other crons.
 */
int agent_cron_parse_schedule(const char *text, size_t length,
                              struct agent_cron_schedule *ret_schedule);

/* Does it run in that minute? */
bool agent_cron_is_due(const struct agent_cron_schedule *schedule,
                       const struct agent_cron_clock *clock);

/*
 * Minutes that began behind `from_ms` and not behind `to_ms`, in which it runs. `to_clock` tells the
 * local time of an instant, in seconds since the epoch. Nothing before and above the longest span.
 */
typedef void (*agent_cron_to_clock)(void *userdata, int64_t second,
                                    struct agent_cron_clock *ret_clock);
uint32_t agent_cron_count(const struct agent_cron_schedule *schedule, int64_t from_ms,
                          int64_t to_ms, agent_cron_to_clock to_clock, void *userdata);

/* One line of a table that matters. */
enum agent_cron_line_kind {
    AGENT_CRON_LINE_NOTHING = 1, /* blank, a comment, a variable */
    AGENT_CRON_LINE_ZONE,        /* CRON_TZ: what follows is meant in that zone */
    AGENT_CRON_LINE_RUNS,        /* `schedule` */
    AGENT_CRON_LINE_UNKNOWN,
};
struct agent_cron_line {
    enum agent_cron_line_kind kind;
    struct agent_cron_schedule schedule;
    char zone[AGENT_CRON_ZONE_BYTES];
};
/* `length`: without the newline. `has_user`: as in /etc/crontab, behind the schedule. */
void agent_cron_parse_line(const char *text, size_t length, bool has_user,
                           struct agent_cron_line *ret_line);

#endif
