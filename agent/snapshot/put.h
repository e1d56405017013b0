/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SNAPSHOT_PUT_H
#define AGENT_SNAPSHOT_PUT_H

#include "agent/snapshot/list.h"
#include "agent/snapshot/walk.h"

/*
 * Makes each path of `list` that lies in the pair's tree what it is in the snapshot, and nothing
 * else. Everything is made ready beside its place and written out first; then it is all renamed in
 * one go, since what lies between the first and the last of these is a host with some files of
 * either side. What is new goes last. May be run again after an end at any point.
 *
 * What cannot be done is a finding restore_incomplete each, and the rest goes on; below 0: the
 * first failure. `keeps_foreign`: a new directory that holds what is not in the list stays.
 */
struct agent_snapshot_put {
    const struct agent_snapshot_pair *pair;
    const struct agent_snapshot_list *list;
    bool keeps_foreign;
};
int agent_snapshot_put_back(struct agent_packages_job *job, const struct agent_snapshot_put *put,
                            struct bl_error *err) BL_CHECKED;

/* Does the path lie in this pair's tree, of all `pairs`? Of two the longer path has it. */
bool agent_snapshot_is_of(const struct agent_snapshot_pair *pairs, uint32_t pairs_count,
                          uint32_t which, const char *path);

#endif
