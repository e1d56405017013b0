/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROBE_SYSTEM_READ_H
#define AGENT_PROBE_SYSTEM_READ_H

#include "agent/probe/system.h"

/* Reads what the kernel tells of mounts, modules and processes. Texts in, tables out. */

/* A whole answer with the memory of its texts; what does not fit is left out. Large: keep it static. */
struct agent_system_tables {
    struct agent_system seen;
    struct agent_system_mount mounts[AGENT_SYSTEM_MOUNTS_MAX];
    struct agent_system_module modules[AGENT_SYSTEM_MODULES_MAX];
    struct agent_system_stale stale[AGENT_SYSTEM_STALE_MAX];
    char paths[AGENT_SYSTEM_MOUNTS_MAX][AGENT_SYSTEM_PATH_BYTES_MAX + 1];
    char types[AGENT_SYSTEM_MOUNTS_MAX][AGENT_SYSTEM_WORD_BYTES_MAX + 1];
    char names[AGENT_SYSTEM_MODULES_MAX][AGENT_SYSTEM_WORD_BYTES_MAX + 1];
    char units[AGENT_SYSTEM_STALE_MAX][AGENT_SYSTEM_UNIT_BYTES_MAX + 1];
    char files[AGENT_SYSTEM_STALE_MAX][AGENT_SYSTEM_PATH_BYTES_MAX + 1];
};

/* Empty, and with the lists in place. */
void agent_system_init(struct agent_system_tables *tables);

/*
 * Adds the mounts of a mountinfo that are somebody's doing: no file systems of the kernel, nothing
 * below /run, no containers' and no snaps', nothing that automount mounts and unmounts by itself.
 */
void agent_system_add_mounts(struct agent_system_tables *tables, const char *mountinfo);

/* Adds the modules of /proc/modules. */
void agent_system_add_modules(struct agent_system_tables *tables, const char *modules);

/*
 * Notes one process when it executes a file that is deleted or replaced. `cgroup` and `maps` are
 * those of /proc/PID. Processes of containers are left out: their files are not this host's.
 */
void agent_system_add_process(struct agent_system_tables *tables, const char *cgroup,
                              const char *maps);

/* The service or slice of a /proc/PID/cgroup; false for a container's, or when there is none. */
bool agent_system_unit(const char *cgroup, char *ret_unit, size_t size_bytes);

#endif
