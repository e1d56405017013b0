/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_KERNEL_LOG_H
#define AGENT_ROOT_KERNEL_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"
#include "proto/manifest.h"

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
    uint32_t ignored; /* of those levels, too, and nothing to the plan */
    char first_ignored[AGENT_KERNEL_LOG_LINE_BYTES];
};

/* Where the journal ends now; "" when it is empty. */
int agent_kernel_log_end(char *ret_cursor, size_t size_bytes, struct bl_error *err) BL_CHECKED;

/* Where to begin, and which messages do not count. */
struct agent_kernel_log_task {
    const char *cursor; /* "": from `wall_ms` on */
    int64_t wall_ms;
    const struct proto_text *ignore; /* patterns */
    uint32_t ignore_count;
};
int agent_kernel_log_read(const struct agent_kernel_log_task *task,
                          struct agent_kernel_log *ret_log, struct bl_error *err) BL_CHECKED;

/* One message more. Pure. */
void agent_kernel_log_count(struct agent_kernel_log *log, unsigned level, const char *message,
                            const struct agent_kernel_log_task *task);

/* How bad one message is; 0 for one that is nothing to us. `level` as in syslog. */
enum proto_grade agent_kernel_log_grade(unsigned level, const char *message);

#endif
