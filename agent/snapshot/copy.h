/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SNAPSHOT_COPY_H
#define AGENT_SNAPSHOT_COPY_H

#include "agent/packages/job.h"

/*
 * In place of a snapshot: a copy in the job's directory, of a file system that is small and can have
 * none. That is /boot, which most hosts have on an ext4 of its own whatever their / is.
 */

/* -ENOSPC when it is too large, or the job's directory has too little room for it. */
int agent_snapshot_copy_check(struct agent_packages_job *job, const char *path,
                              struct bl_error *err) BL_CHECKED;

/* Durable when it returns. */
int agent_snapshot_copy_take(struct agent_packages_job *job, const char *path, struct bl_error *err)
    BL_CHECKED;

/* Opens its top. */
int agent_snapshot_copy_open(struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;

#endif
