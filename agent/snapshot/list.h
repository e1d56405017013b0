/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SNAPSHOT_LIST_H
#define AGENT_SNAPSHOT_LIST_H

#include "agent/packages/job.h"

/* Paths, with what lay there when they were listed. A file of the job's directory. */
struct agent_snapshot_entry {
    const char *path;                 /* absolute; any bytes but NUL */
    uint8_t digest[PROTO_HASH_BYTES]; /* see walk.h; zeros: nothing lay there */
};

struct agent_snapshot_list {
    struct agent_snapshot_entry *entries; /* sorted: a directory before what is in it */
    uint32_t count;
};

int agent_snapshot_list_add(struct agent_packages_job *job, struct agent_snapshot_list *list,
                            const char *path, const uint8_t digest[PROTO_HASH_BYTES],
                            struct bl_error *err) BL_CHECKED;
/* Sorts; of two with one path either stays. */
void agent_snapshot_list_sort(struct agent_snapshot_list *list);
/* NULL when it is not in there. */
const struct agent_snapshot_entry *agent_snapshot_list_find(const struct agent_snapshot_list *list,
                                                            const char *path);

/* Durable. */
int agent_snapshot_list_save(struct agent_packages_job *job, const char *name,
                             const struct agent_snapshot_list *list, struct bl_error *err)
    BL_CHECKED;
/* -ENOENT when there is none, -EUCLEAN when it is damaged. In the job's memory. */
int agent_snapshot_list_load(struct agent_packages_job *job, const char *name,
                             struct agent_snapshot_list *ret_list, struct bl_error *err) BL_CHECKED;

#endif
