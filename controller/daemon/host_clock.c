/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/host_clock.h"

#include <string.h>

#include "common/text.h"

enum {
    DRIFT_DIVISOR = 1000, /* clocks that run free differ by far less than a thousandth */
};

static const int64_t boot_ms_max =
    INT64_C(100) * 366 * 24 * 3600 * 1000; /* what a host may claim */

/* Where the time since boot puts the report, seen from the one before. */
static int64_t expected_ms(const struct ctl_host_clock *clock, const struct proto_report *report)
{
    return clock->place.ms + ((int64_t)report->mono_ms - clock->mono_ms);
}

static bool is_of_same_boot(const struct ctl_host_clock *clock, const struct proto_report *report)
{
    return clock->known && strcmp(clock->boot_id, report->boot_id) == 0 &&
           report->mono_ms <= (uint64_t)boot_ms_max && (int64_t)report->mono_ms >= clock->mono_ms;
}

/*
 * A report is written before it comes and after the one before it. As long as no new offset was
 * measured in between, both clocks of the host must have gone on by the same, too.
 */
static bool fits(const struct ctl_host_clock *clock, const struct proto_report *report,
                 int64_t measured_ms, int64_t place_ms)
{
    int64_t expected = expected_ms(clock, report), off_ms = place_ms - expected;
    int64_t slack_ms =
        CTL_HOST_CLOCK_JUMP_MS + ((int64_t)report->mono_ms - clock->mono_ms) / DRIFT_DIVISOR;

    if (place_ms < clock->place.ms - CTL_HOST_CLOCK_JUMP_MS)
        return false;

    return measured_ms != clock->measured_ms || (off_ms <= slack_ms && off_ms >= -slack_ms);
}

int64_t ctl_host_clock_offset_ms(struct ctl_host_clock *clock, const struct proto_report *report,
                                 int64_t measured_ms, struct bl_wall received)
{
    int64_t place_ms, offset_ms;

    /* Only a liar's clock is so far off. */
    if (__builtin_sub_overflow(report->wall_ms, measured_ms, &place_ms) || place_ms < 0)
        place_ms = received.ms;
    if (is_of_same_boot(clock, report) && (place_ms > received.ms + CTL_HOST_CLOCK_JUMP_MS ||
                                           !fits(clock, report, measured_ms, place_ms)))
        place_ms = expected_ms(clock, report);
    if (place_ms > received.ms + CTL_HOST_CLOCK_JUMP_MS)
        place_ms = received.ms;
    if (__builtin_sub_overflow(report->wall_ms, place_ms, &offset_ms))
        offset_ms = measured_ms;

    clock->known = report->mono_ms <= (uint64_t)boot_ms_max;
    clock->mono_ms = clock->known ? (int64_t)report->mono_ms : 0;
    clock->measured_ms = measured_ms;
    clock->place.ms = place_ms;
    bl_text_copy(clock->boot_id, sizeof(clock->boot_id), report->boot_id);

    return offset_ms;
}
