/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_OPS_LOGS_H
#define AGENT_ROOT_OPS_LOGS_H

#include "agent/probe/logs.h"
#include "agent/root/host.h"
#include "agent/root/job.h"
#include "agent/root/ops/findings.h"

/*
 * The plan's logs, asked of belay-logs: right before the change where they end, which is kept in
 * the job's directory, and after it what came behind.
 */
struct agent_logs;

struct agent_logs_caller {
    void *userdata;
    /* `why` is "" and the findings (none after MARK) are whole, or the logs were not looked at. */
    void (*done)(void *userdata, const struct agent_findings *findings, const char *why);
};

/* Only for a plan with logs. Borrows host and work until freed. `done` never from inside the call. */
int agent_logs_start(struct agent_host *host, const struct agent_work *work, uint32_t what,
                     const struct agent_logs_caller *caller, struct agent_logs **ret_logs,
                     struct bl_error *err) BL_CHECKED;
struct agent_logs *agent_logs_free(struct agent_logs *logs);

/* What the answers mean, one for each of the manifest's logs. Pure. */
void agent_logs_judge(const struct proto_manifest *manifest,
                      const struct agent_logs_answer *answers, struct agent_findings *findings);

#endif
