/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROLLER_DAEMON_HOST_CLOCK_H
#define CONTROLLER_DAEMON_HOST_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "proto/message.h"

/*
 * When was it by our clock, what a host reports with its own? The offset of its wall clock is measured
 * when it connects, but that clock may be set while the connection stands, and reports may be older
 * than the connection. A report also tells the host's time since boot, which nobody sets: it shows
 * when the offset that we know is not the one that the report was written with.
 */
enum {
    CTL_HOST_CLOCK_JUMP_MS = 2000, /* what the way of a message may explain is no jump */
};

/* The report before, of the same host. All zero before the first. */
struct ctl_host_clock {
    bool known;
    char boot_id[PROTO_BOOT_ID_BYTES_MAX + 1];
    int64_t mono_ms;
    int64_t measured_ms;  /* the offset that was measured last by then */
    struct bl_wall place; /* of that report by our clock */
};

/*
 * By how much the host's clock was ahead of ours when it wrote `report`, which came at `received`;
 * `measured_ms` is what was measured last. Remembers the report for the next one.
 */
int64_t ctl_host_clock_offset_ms(struct ctl_host_clock *clock, const struct proto_report *report,
                                 int64_t measured_ms, struct bl_wall received);

#endif
