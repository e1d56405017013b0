/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_JOB_TRACE_H
#define TESTS_SIM_JOB_TRACE_H

#include <stdio.h>

#include "agent/core/job.h"

/* What an event made of a job, for the person who looks into one seed. */
static inline void job_trace(int64_t now_ms, const struct agent_job *job,
                             const struct agent_job_event *event,
                             const struct agent_job_effects *effects)
{
    (void)printf("%lld ms: event %d step %d result %d -> state %u step %u%s %s\n",
                 (long long)now_ms, (int)event->type, (int)event->step, (int)event->result,
                 job->state, job->step, job->step_running ? " runs" : "", job->code);
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct agent_job_effect *effect = &effects->list[i];

        (void)printf("    effect %d moment %d state %d step %d %s\n", (int)effect->type,
                     (int)effect->moment, (int)effect->state, (int)effect->step, effect->code);
    }
}

#endif
