/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_PRUNE_H
#define AGENT_ROOT_PRUNE_H

/*
 * Removes the directories of all jobs but two (32 hex digits, or ""): the newest, and the one whose
 * change the host stands on. No other can be taken back, so the packages that they keep are of no
 * use any more. What cannot be removed is logged and stays.
 */
void agent_prune_jobs(const char *state_dir, const char *newest, const char *base);

#endif
