/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_KERNEL_LOG_H
#define AGENT_ROOT_KERNEL_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"
#include "proto/words.h"

/*
 * What the kernel said since the baseline, read from systemd's journal: the ring buffer wraps, and
 * its old lines say nothing about the change.
 */
enum {
    AGENT_KERNEL_LOG_LINE_BYTES = 200,
    AGENT_KERNEL_LOG_LINES_MAX = 1000, /* more are not counted: the worst is known by then */
};

struct agent_kernel_log {
    uint32_t lines;         /* of level err and worse */
    enum proto_grade grade; /* of the worst; 0 = nothing */
    char worst[AGENT_KERNEL_LOG_LINE_BYTES];
};

/* Where the journal ends now; "" when it is empty. */
int agent_kernel_log_end(char *ret_cursor, size_t size_bytes, struct bl_error *err) BL_CHECKED;

/* Reads on from `cursor`; with "" from `since_wall_ms`. */
int agent_kernel_log_read(const char *cursor, int64_t since_wall_ms,
                          struct agent_kernel_log *ret_log, struct bl_error *err) BL_CHECKED;

/* How bad one message is; 0 for one that is nothing to us. `level` as in syslog. */
enum proto_grade agent_kernel_log_grade(unsigned level, const char *message);

#endif
