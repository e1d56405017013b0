/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SNAPSHOT_RECORD_H
#define AGENT_SNAPSHOT_RECORD_H

#include "agent/packages/job.h"
#include "agent/snapshot/place.h"
#include "agent/snapshot/walk.h"

/* Which snapshots a job has, or was about to take. */
struct agent_snapshot_record {
    uint64_t format;
    struct agent_snapshot_place *places;
    uint32_t places_count;
    bool taken; /* all of them are there */
};

int agent_snapshot_record_save(struct agent_packages_job *job,
                               const struct agent_snapshot_record *record, struct bl_error *err)
    BL_CHECKED;
/* -ENOENT when there is none. */
int agent_snapshot_record_load(struct agent_packages_job *job, struct proto_arena *arena,
                               struct agent_snapshot_record *ret_record, struct bl_error *err)
    BL_CHECKED;

/* The snapshot's name: the job's, 32 hex digits. */
const char *agent_snapshot_name(const struct agent_packages_job *job);

/* Both trees of each place, open. */
struct agent_snapshot_trees {
    struct agent_snapshot_pair pairs[AGENT_SNAPSHOT_PLACES_MAX];
    uint32_t count;
};
int agent_snapshot_trees_open(struct agent_packages_job *job,
                              const struct agent_snapshot_record *record,
                              struct agent_snapshot_trees *trees, struct bl_error *err) BL_CHECKED;
void agent_snapshot_trees_close(struct agent_snapshot_trees *trees);
#define AGENT_SNAPSHOT_AUTO_TREES BL_CLEANUP(agent_snapshot_trees_close) struct agent_snapshot_trees

/* The pair that `path` lies in; NULL when none. */
const struct agent_snapshot_pair *
agent_snapshot_trees_find(const struct agent_snapshot_trees *trees, const char *path);

#endif
