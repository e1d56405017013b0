/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SNAPSHOT_PLACE_H
#define AGENT_SNAPSHOT_PLACE_H

#include <stdbool.h>

#include "agent/packages/memory.h"

/*
 * Which file systems a way back by snapshot needs a snapshot of, and which paths it never touches:
 * decided from the lists of mounts and of LVM's volumes alone.
 */

/* On disk; never renumbered. */
enum agent_snapshot_kind {
    AGENT_SNAPSHOT_BTRFS = 1,
    AGENT_SNAPSHOT_COPY, /* of a small file system that can have no snapshot: see copy.h */
    AGENT_SNAPSHOT_LVM,
    AGENT_SNAPSHOT_KIND_LAST = AGENT_SNAPSHOT_LVM,
};

struct agent_snapshot_mount {
    const char *device; /* "254:0", as the kernel counts them */
    const char *target; /* where it is mounted */
    const char *type;   /* "btrfs" */
    const char *source; /* "/dev/sda2" */
};

/* A file system of its own whose content goes back. */
struct agent_snapshot_place {
    const char *path; /* where it is mounted, "/" among them */
    uint32_t kind;    /* enum agent_snapshot_kind */
    const char *source;
    const char *type;           /* "ext4" */
    const char *group, *volume; /* of LVM; "" for all others */
};

struct agent_snapshot_volumes;

enum {
    AGENT_SNAPSHOT_PLACES_MAX = 16,
    AGENT_SNAPSHOT_REASON_BYTES = 400,
    AGENT_SNAPSHOT_NAME_BYTES_MAX = 128, /* LVM allows no longer names */
};

/* The lines of /proc/self/mountinfo. -EBADMSG when they are none. */
int agent_snapshot_parse_mounts(struct agent_packages_memory *memory, const char *text,
                                struct agent_snapshot_mount **ret_mounts, uint32_t *ret_count,
                                struct bl_error *err) BL_CHECKED;

/* Does what is mounted at `target` go back? Other mounts stay as they are. */
bool agent_snapshot_is_covered(const char *target);

/* Never goes back, with all below it: what is belay's own, people's, or written all the time. */
bool agent_snapshot_is_spared(const char *path);

/* The package database: what lies there says what is installed. */
bool agent_snapshot_is_package_database(const char *path);

/*
 * The places to take a snapshot of, at most AGENT_SNAPSHOT_PLACES_MAX. -EOPNOTSUPP when one of them
 * can have none; `ret_reason` then says which, and why.
 */
int agent_snapshot_decide(const struct agent_snapshot_mount *mounts, uint32_t mounts_count,
                          const struct agent_snapshot_volumes *volumes,
                          struct agent_snapshot_place *ret_places, uint32_t *ret_count,
                          char ret_reason[AGENT_SNAPSHOT_REASON_BYTES]);

#endif
