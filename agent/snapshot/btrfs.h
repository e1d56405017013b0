/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SNAPSHOT_BTRFS_H
#define AGENT_SNAPSHOT_BTRFS_H

#include "common/attr.h"
#include "common/error.h"

/*
 * Snapshots of btrfs subvolumes, by the kernel's own calls. A snapshot lies in the directory
 * AGENT_SNAPSHOT_FOLDER at the top of the subvolume that it is of, named after its job.
 */

/* -EOPNOTSUPP when `path` is no subvolume's top. */
int agent_snapshot_btrfs_check(const char *path, struct bl_error *err) BL_CHECKED;

/* Durable when it returns. One of that name, left by an interruption, is replaced. */
int agent_snapshot_btrfs_take(const char *path, const char *name, struct bl_error *err) BL_CHECKED;

/* Opens its top. -ENOENT when there is none; -EUCLEAN when somebody made it writable. */
int agent_snapshot_btrfs_open(const char *path, const char *name, struct bl_error *err) BL_CHECKED;

/* Fine when there is none. */
int agent_snapshot_btrfs_remove(const char *path, const char *name, struct bl_error *err)
    BL_CHECKED;

#endif
