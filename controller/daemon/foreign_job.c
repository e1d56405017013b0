/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/foreign_job.h"

#include <stdio.h>
#include <string.h>

#include "common/hex.h"
#include "controller/daemon/view.h"
#include "proto/words.h"

static void note(struct ctl_fleet_host *host, const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES],
                 uint32_t state)
{
    host->foreign_job.is_there = true;
    host->foreign_job.state = state;
    memcpy(host->foreign_job.rollout_id, rollout_id, PROTO_ROLLOUT_ID_BYTES);
}

int ctl_foreign_job_hello(struct ctl_engine *engine, struct ctl_fleet_host *host,
                          const struct proto_hello *hello, struct bl_error *err)
{
    int r;

    host->foreign_job = (struct ctl_foreign_job){0};
    if (hello->job_state == 0)
        return 0;
    r = ctl_store_is_rollout_of_host(engine->store, hello->rollout_id, host->id, err);
    if (r == 0)
        note(host, hello->rollout_id, hello->job_state);

    return r < 0 ? r : 0;
}

void ctl_foreign_job_report(struct ctl_fleet_host *host, const struct proto_report *report,
                            bool is_ours)
{
    /* An open one is newer: a host begins a job when the one before has ended. An end may be an old one's. */
    if (is_ours && !proto_job_state_is_final(report->state))
        host->foreign_job = (struct ctl_foreign_job){0};
    else if (!is_ours)
        note(host, report->rollout_id, report->state);
}

bool ctl_foreign_job_explain(const struct ctl_fleet_host *host, char *ret_reason,
                             size_t reason_bytes, const char **ret_next)
{
    const struct ctl_foreign_job *job = &host->foreign_job;
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    const char *what = "nothing is open there";

    *ret_next = "";
    if (!job->is_there)
        return false;
    bl_hex_encode(job->rollout_id, sizeof(job->rollout_id), id);
    if (!proto_job_state_is_final(job->state)) {
        what = "nobody confirms it, so the host goes back by itself when its time is up, and takes "
               "other work then";
        *ret_next = "belay-rescue status (on the host)";
    } else if (job->state == PROTO_JOB_COMMITTED) {
        what = "what it installed stays; on the host it can still be taken back";
        *ret_next = "belay-rescue revert (on the host)";
    } else if (job->state == PROTO_JOB_REVERT_FAILED) {
        what = "it could not go back whole";
        *ret_next = "belay-rescue log (on the host)";
    }
    (void)snprintf(
        ret_reason, reason_bytes,
        "its newest job is %s, of rollout %s, which is not in this store (begun after the "
        "backup that was restored, or by another controller): %s",
        proto_job_state_name(job->state), id, what);

    return true;
}

json_t *ctl_foreign_job_view(const struct ctl_fleet_host *host)
{
    const struct ctl_foreign_job *job = &host->foreign_job;

    if (!job->is_there)
        return json_null();

    return json_pack("{s:o, s:s}", "rollout",
                     ctl_view_hex(job->rollout_id, sizeof(job->rollout_id)), "state",
                     proto_job_state_name(job->state));
}
