/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_AGENT_ROOT_OLD_JOB_H
#define TESTS_UNIT_AGENT_ROOT_OLD_JOB_H

#include <stdio.h>

#include "agent/root/journal.h"
#include "agent/root/order.h"
#include "tests/lib/unit.h"

/* A job as it was taken from these bytes, of the rollout {number}, which was blocked and is over. */
static inline void old_job_write(struct agent_journal *journal, struct proto_bytes manifest,
                                 uint8_t number)
{
    static const struct agent_job_limits limits = {
        .stage_ms = 1, .ready_ms = 1, .confirm_within_ms = 1, .watch_ms = 1, .keep_way_back_ms = 1};
    struct agent_journal_job accept = {.rollout_id = {number}, .manifest = manifest};
    struct proto_report report = {.rollout_id = {number},
                                  .moment = PROTO_MOMENT_STATE,
                                  .state = PROTO_JOB_BLOCKED,
                                  .code = "no_space",
                                  .reason = "full",
                                  .boot_id = "boot-1"};
    struct agent_job job;
    const struct agent_journal_write write = {.accept = &accept,
                                              .job = &job,
                                              .boot_id = "boot-1",
                                              .reports = &report,
                                              .reports_count = 1,
                                              .what = "job"};
    struct bl_error err = {0};

    agent_order_job_id(manifest, accept.id);
    agent_job_init(&job, &limits);
    job.state = PROTO_JOB_BLOCKED;
    job.nonce = 1;
    (void)snprintf(job.code, sizeof(job.code), "no_space");
    (void)snprintf(job.reason, sizeof(job.reason), "full");
    if (agent_journal_write(journal, &write, &err) < 0)
        fail_msg("%s", err.text);
}

#endif
