/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_WORK_H
#define AGENT_ROOT_WORK_H

#include "agent/root/host.h"
#include "agent/root/job.h"

/*
 * The job of a manifest that was checked when it was taken, with its directory; so a failure here
 * is damage. `kind` is the host's transaction in it.
 */
int agent_work_make(struct agent_host *host, const uint8_t id[AGENT_JOB_ID_BYTES],
                    struct proto_bytes manifest, uint64_t kind, struct agent_work **ret_work,
                    struct bl_error *err) BL_CHECKED;
struct agent_work *agent_work_free(struct agent_work *work);

#endif
