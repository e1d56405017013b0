/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_FIGURES_PARSE_H
#define AGENT_ROOT_FIGURES_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/words.h"

/*
 * A host's figures out of the kernel's texts, and what two readings say together. Pure. What a text
 * does not tell stays unknown: a kernel without PSI, a container without disks, a counter that went
 * back because a processor or a disk was taken away.
 */
enum {
    AGENT_FIGURES_DISKS_MAX = 32, /* further ones are not looked at */
    AGENT_FIGURES_DISK_NAME_BYTES = 32,
};

/* Values by enum proto_figure; bit 1 << figure of `known` says which are there. */
struct agent_figures_values {
    uint32_t known;
    uint64_t values[PROTO_FIGURE_LAST + 1];
};

void agent_figures_set(struct agent_figures_values *values, enum proto_figure figure,
                       uint64_t value);
bool agent_figures_get(const struct agent_figures_values *values, enum proto_figure figure,
                       uint64_t *ret_value);

/* What only ever rises, as far as one reading told. */
struct agent_figures_disk {
    char name[AGENT_FIGURES_DISK_NAME_BYTES];
    uint64_t requests; /* reads and writes that have ended */
    uint32_t busy_ms;  /* what these took together; the kernel counts it in 32 bits, and it wraps */
};
struct agent_figures_counts {
    bool has_cpu, has_disks;
    uint64_t cpu_busy, cpu_all; /* ticks */
    uint32_t disks_count;
    struct agent_figures_disk disks[AGENT_FIGURES_DISKS_MAX];
};

/* /proc/stat and /proc/diskstats; an empty text is one that could not be read. */
void agent_figures_read_stat(const char *text, struct agent_figures_counts *counts);
void agent_figures_read_diskstats(const char *text, struct agent_figures_counts *counts);

/* CPU and AWAIT between two readings. A disk without any request in between waits for nothing. */
void agent_figures_compare(const struct agent_figures_counts *before,
                           const struct agent_figures_counts *now,
                           struct agent_figures_values *values);

/* /proc/meminfo, /proc/loadavg, /proc/pressure/NAME */
void agent_figures_read_meminfo(const char *text, struct agent_figures_values *values);
void agent_figures_read_loadavg(const char *text, struct agent_figures_values *values);
void agent_figures_read_pressure(const char *text, enum proto_figure figure,
                                 struct agent_figures_values *values);

/* DISK becomes that of the fuller one. Blocks as statvfs(3) tells them. */
void agent_figures_add_room(uint64_t blocks, uint64_t free_blocks, uint64_t available_blocks,
                            struct agent_figures_values *values);

#endif
