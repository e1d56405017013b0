/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_PRUNE_H
#define AGENT_ROOT_PRUNE_H

/*
 * Removes the directories of all jobs but `keep` (32 hex digits). Only the newest
 * job can be taken back, so the packages that older ones keep are of no use any more. What cannot be
 * removed is logged and stays.
 */
void agent_prune_jobs(const char *state_dir, const char *keep);

#endif
