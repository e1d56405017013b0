/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_OPS_BASELINE_H
#define AGENT_ROOT_OPS_BASELINE_H

#include "agent/probe/probe.h"
#include "agent/root/ops/op.h"

/*
 * What "as before" means for a job, on disk in its directory: which units ran, which had failed,
 * what listened, and where the kernel's log ended. Packages and their files are in the result of
 * the staging, which looked at them in the same state.
 */
enum {
    AGENT_BASELINE_FORMAT = 1,
    AGENT_BASELINE_UNITS_MAX = 4096,
    AGENT_BASELINE_UNIT_BYTES_MAX = 255,
    AGENT_BASELINE_CURSOR_BYTES_MAX = 255,
};

struct agent_baseline {
    uint64_t format;
    int64_t wall_ms;
    const char *boot_id;
    const char *cursor; /* of the last row of systemd's journal; "" = there was none */
    struct agent_unit *units;
    uint32_t units_count;
    struct agent_probe_listener *listeners;
    uint32_t listeners_count;
};

/* Of the job in `dir_fd`; memory of the arena. -EUCLEAN when it is missing or damaged. */
int agent_baseline_load(int dir_fd, struct proto_arena *arena, struct agent_baseline *ret_baseline,
                        struct bl_error *err) BL_CHECKED;

/* NULL when it did not run and had not failed. */
const struct agent_unit *agent_baseline_find(const struct agent_baseline *baseline,
                                             const char *name);

#endif
