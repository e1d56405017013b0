/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SNAPSHOT_SNAPSHOT_H
#define AGENT_SNAPSHOT_SNAPSHOT_H

#include "agent/packages/way_back.h"

/*
 * The way back by a snapshot of the host's file systems. In the job's directory:
 *
 *   snapshot.record     which file systems; written before the first snapshot is begun, and once
 *                       more when all are there: only then does the change begin
 *   snapshot.changes    what the change had made different when the host was verified
 *   snapshot.back       what the way back puts back
 *   snapshot.kept       what somebody changed once more, and therefore stays
 *   snapshot.services   which services the way back has ended, to be started again
 *   snapshot.done       written when all was put back and none of them was started yet
 *   snapshot.gone       the snapshots are being removed
 *   snapshot.tended     some of them can run full: see agent_snapshot_tend()
 */
#define AGENT_SNAPSHOT_RECORD "snapshot.record"
#define AGENT_SNAPSHOT_GONE   "snapshot.gone"

/* At staging: can the host take them at all, and has it room? Code snapshot_impossible or no_room. */
int agent_snapshot_stage(struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;

/* Right before the change, when nobody works on the packages. */
int agent_snapshot_take(struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;

/*
 * When the changed host is looked at: from here on people and services work on it again, so only
 * what is different by now is the change's. The first look counts.
 */
int agent_snapshot_note_changes(struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;

/*
 * Makes the host what it was, without any package manager. Before agent_snapshot_note_changes()
 * everything goes back that is not spared; after it, what was noted. `is_late`: the job was
 * committed, so what somebody changed once more since stays as it is, each a note; a package
 * database that changed since ends it with package_database_changed. -ESTALE: it cannot be gone,
 * and nothing was touched.
 */
struct agent_snapshot_way_back {
    const struct agent_packages_way_back *packages;
    bool is_apt;
    bool is_late;
};
int agent_snapshot_go_back(struct agent_packages_job *job,
                           const struct agent_snapshot_way_back *way_back, struct bl_error *err)
    BL_CHECKED;

/*
 * Compares what was to go back with the snapshot: a finding path_differs for each that does not,
 * and path_kept for each that somebody changed after the job. Below /var what the services that
 * run again have written since is theirs.
 */
int agent_snapshot_prove(struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;

/*
 * Looks after those that can run full: extends what is nearly full, and tells of what is lost.
 * Fine when there are none.
 */
int agent_snapshot_tend(struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;

/* Removes the snapshots, for good. Fine when there are none. */
int agent_snapshot_forget(struct agent_packages_job *job, struct bl_error *err) BL_CHECKED;

#endif
