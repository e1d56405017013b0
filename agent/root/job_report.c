/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/job_report.h"

#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>

struct proto_report agent_job_describe_effect(const struct agent_host *host,
                                              const struct agent_work *work,
                                              const struct agent_job_effect *effect)
{
    struct proto_report report = {
        .moment = effect->moment,
        .state = effect->state,
        .step = effect->step,
        .result = effect->result,
        .grade = effect->grade,
        .code = effect->code,
        .reason = effect->reason,
        .wall_ms = bl_wall_now().ms,
        .mono_ms = (uint64_t)bl_mono_now().ms,
        .boot_id = host->boot_id,
        .nonce = effect->nonce,
    };

    memcpy(report.rollout_id, work->rollout_id, sizeof(report.rollout_id));
    return report;
}

uint32_t agent_job_describe_notes(const struct agent_host *host, const struct agent_work *work,
                                  const struct agent_job_effects *effects,
                                  const struct agent_op_outcome *outcome,
                                  struct proto_report *ret_reports)
{
    uint32_t count = 0;

    if (outcome == NULL || effects->count == 0)
        return 0;
    for (; count < outcome->notes_count && count < AGENT_FINDINGS_MAX; count++) {
        const struct agent_finding *note = &outcome->notes[count];
        struct proto_report *report = &ret_reports[count];

        *report = agent_job_describe_effect(host, work, &effects->list[0]);
        report->moment = PROTO_MOMENT_NOTE;
        report->result = 0;
        report->nonce = 0;
        report->grade = note->grade;
        report->code = note->code;
        report->reason = note->text;
    }

    return count;
}

void agent_job_log(const struct agent_work *work, const struct proto_report *report)
{
    char what[64 + AGENT_JOB_CODE_BYTES_MAX] = "";
    int level = report->result == PROTO_RESULT_OK || report->result == 0 ? LOG_INFO : LOG_WARNING;

    if (report->moment == PROTO_MOMENT_BEGIN)
        (void)snprintf(what, sizeof(what), ", %s begins", proto_step_name(report->step));
    if (report->moment == PROTO_MOMENT_END)
        (void)snprintf(what, sizeof(what), ", %s: %s", proto_step_name(report->step),
                       proto_result_name(report->result));
    if (report->moment == PROTO_MOMENT_NOTE)
        (void)snprintf(what, sizeof(what), ", %s finds %s", proto_step_name(report->step),
                       report->code);
    (void)sd_journal_send(
        "MESSAGE=Job %s: %s%s%s%s", work->id_text, proto_job_state_name(report->state), what,
        report->reason[0] != '\0' ? ": " : "", report->reason, "PRIORITY=%d", level, "BELAY_JOB=%s",
        work->id_text, "BELAY_CODE=%s", report->code, NULL);
}
