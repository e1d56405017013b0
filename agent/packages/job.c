/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/job.h"

#include <stdarg.h>
#include <stdio.h>

void agent_packages_job_blame(struct agent_packages_job *job, const char *code, const char *remedy)
{
    if (job->code != NULL)
        return;
    job->code = code;
    job->remedy = remedy;
}

int agent_packages_job_pass(struct agent_packages_job *job, const char *code, const char *remedy,
                            int r)
{
    agent_packages_job_blame(job, code, remedy);

    return r;
}

void agent_packages_job_note(struct agent_packages_job *job, const char *fmt, ...)
{
    struct agent_txn_result *result = job->result;
    struct bl_error unused = {0};
    char text[AGENT_TXN_TEXT_BYTES_MAX];
    void *place;
    va_list args;

    if (result->notes_count >= AGENT_TXN_NOTES_MAX)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    if (agent_packages_memory_append(job->memory, &result->notes, result->notes_count,
                                     sizeof(*result->notes), &place, &unused) < 0)
        return;
    if (agent_packages_memory_escape(job->memory, text, PROTO_TEXT_BYTES_MAX,
                                     &((struct proto_text *)place)->text, &unused) < 0)
        return;
    result->notes_count++;
}

void agent_packages_job_find(struct agent_packages_job *job, const char *code, const char *reason,
                             const char *remedy)
{
    struct agent_txn_result *result = job->result;
    struct agent_txn_finding *finding;
    struct bl_error unused = {0};
    void *place;

    if (result->findings_count >= AGENT_TXN_NOTES_MAX ||
        agent_packages_memory_append(job->memory, &result->findings, result->findings_count,
                                     sizeof(*finding), &place, &unused) < 0)
        return;
    finding = place;
    finding->code = code;
    finding->remedy = remedy;
    if (agent_packages_memory_escape(job->memory, reason, PROTO_REASON_BYTES_MAX, &finding->reason,
                                     &unused) < 0)
        return;
    result->findings_count++;
}

int64_t agent_packages_job_left_ms(const struct agent_packages_job *job)
{
    int64_t left_ms = job->deadline.ms - bl_mono_now().ms;

    if (job->deadline.ms == 0)
        return -1;

    return left_ms > 0 ? left_ms : 0;
}
