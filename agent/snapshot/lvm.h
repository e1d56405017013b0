/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SNAPSHOT_LVM_H
#define AGENT_SNAPSHOT_LVM_H

#include "agent/packages/command.h"
#include "agent/snapshot/volume.h"

/*
 * Snapshots of logical volumes, by LVM's own tools, which take no name that a peer sent. A snapshot is named after its job and the place's
 * index in the job's record, and has the tag AGENT_SNAPSHOT_TAG; one without the tag, or of another
 * volume, is not belay's and is neither read nor removed.
 */
#define AGENT_SNAPSHOT_TAG "belay-snapshot"

/* None where LVM is not installed. */
int agent_snapshot_lvm_list(struct agent_packages_job *job,
                            struct agent_snapshot_volumes *ret_volumes, struct bl_error *err)
    BL_CHECKED;

/* -EOPNOTSUPP when this kernel can not mount one out of everybody's sight. */
int agent_snapshot_lvm_check(const char *type, struct bl_error *err) BL_CHECKED;

/*
 * What lvcreate is told. After a boot a thin snapshot stays inactive until it is read: it would be a
 * second device with the identity of the original, / perhaps. A thick one comes with its original.
 */
int agent_snapshot_lvm_take_args(struct agent_packages_job *job,
                                 const struct agent_snapshot_place *place, uint32_t index,
                                 uint64_t size_bytes, struct agent_packages_args *args,
                                 struct bl_error *err) BL_CHECKED;

/*
 * The kernel writes out what is dirty and holds all writers meanwhile. `size_bytes` 0: of a thin
 * volume. One of that name, left by an interruption, is replaced.
 */
int agent_snapshot_lvm_take(struct agent_packages_job *job,
                            const struct agent_snapshot_place *place, uint32_t index,
                            uint64_t size_bytes, struct bl_error *err) BL_CHECKED;

/*
 * Opens its top, mounted read-only where nobody else can reach it; the mount ends with the last
 * descriptor. -ENOENT when there is none, -ENODATA when it ran full.
 */
int agent_snapshot_lvm_open(struct agent_packages_job *job,
                            const struct agent_snapshot_place *place, uint32_t index,
                            struct bl_error *err) BL_CHECKED;

/*
 * Looks how full it is, and extends it when it is nearly so; of a thin one at its pool. A note or finding says what became of
 * that; an error is one only when nothing could be found out.
 */
int agent_snapshot_lvm_tend(struct agent_packages_job *job,
                            const struct agent_snapshot_place *place, uint32_t index,
                            struct bl_error *err) BL_CHECKED;

/* Fine when there is none. */
int agent_snapshot_lvm_remove(struct agent_packages_job *job,
                              const struct agent_snapshot_place *place, uint32_t index,
                              struct bl_error *err) BL_CHECKED;

#endif
