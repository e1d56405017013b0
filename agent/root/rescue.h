/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_RESCUE_H
#define AGENT_ROOT_RESCUE_H

#include "agent/root/job.h"
#include "agent/root/talk.h"

/*
 * The agent's end of the emergency door. Works without link and controller, and gives SSH back
 * even when the journal is broken and the disk is full. Each request is one packet and is audited
 * with the user whom the kernel names.
 */
struct agent_rescue_config {
    const char *path;
    gid_t gid; /* owns the socket with root */
};

struct agent_rescue;

/* Borrows host, jobs and talk for its life. */
int agent_rescue_new(const struct agent_rescue_config *config, struct agent_host *host,
                     struct agent_jobs *jobs, const struct agent_talk *talk,
                     struct agent_rescue **ret_rescue, struct bl_error *err) BL_CHECKED;
struct agent_rescue *agent_rescue_free(struct agent_rescue *rescue);

#endif
