/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROBE_SYSTEM_H
#define AGENT_PROBE_SYSTEM_H

#include "proto/schema.h"

/*
 * What belay-look tells of its host: what lies in other processes' /proc and so needs more than
 * belay-agent may. Asked as belay-probe is, by belay-look@N.service, which has no network and of all
 * capabilities only the one to read there.
 */
enum {
    AGENT_SYSTEM_FORMAT = 1,
    AGENT_SYSTEM_MOUNTS_MAX = 512,
    AGENT_SYSTEM_MODULES_MAX = 512,
    AGENT_SYSTEM_STALE_MAX = 256,
    AGENT_SYSTEM_PATH_BYTES_MAX = 255,
    AGENT_SYSTEM_WORD_BYTES_MAX = 64,
    AGENT_SYSTEM_UNIT_BYTES_MAX = 255,
    AGENT_SYSTEM_RESULT_BYTES_MAX = 512 * 1024,
};

enum agent_system_selinux {
    AGENT_SYSTEM_SELINUX_ABSENT = 1,
    AGENT_SYSTEM_SELINUX_PERMISSIVE,
    AGENT_SYSTEM_SELINUX_ENFORCING,
};

struct agent_system_task {
    uint64_t format;
};

struct agent_system_mount {
    const char *path, *type;
    bool read_only;
};

struct agent_system_module {
    const char *name;
};

struct agent_system_stale { /* a unit whose processes run on files that are deleted or replaced */
    const char *unit;
    const char *file;         /* one of them */
    uint64_t processes_count; /* on any of them */
    bool is_libc;             /* one of them is the C library or its loader */
};

struct agent_system {
    uint64_t format;
    struct agent_system_mount *mounts;
    uint32_t mounts_count;
    struct agent_system_module *modules;
    uint32_t modules_count;
    struct agent_system_stale *stale;
    uint32_t stale_count;
    uint32_t selinux;     /* enum agent_system_selinux */
    bool reboot_required; /* a package left the flag file that says so */
};

extern const struct proto_schema agent_system_task_schema;
extern const struct proto_schema agent_system_schema;
/* Also parts of the baseline on disk: a change of them raises that format, too. */
extern const struct proto_schema agent_system_mount_schema;
extern const struct proto_schema agent_system_module_schema;
extern const struct proto_schema agent_system_stale_schema;

#endif
