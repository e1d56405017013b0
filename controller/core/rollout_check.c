/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold between steps. */
#include <stddef.h>

#include "common/check.h"
#include "controller/core/rollout_host.h"
#include "controller/core/rollout_inside.h"

void ctl_rollout_check_counts(const struct ctl_rollout *rollout)
{
    BL_ASSERT(rollout->state >= 1 && rollout->state <= CTL_ROLLOUT_STATE_LAST);
    BL_ASSERT(rollout->wave < rollout->wave_count);
    BL_ASSERT(rollout->failed_count <= rollout->host_count);
    BL_ASSERT((rollout->holds & ~(uint32_t)CTL_HOLD_ANSWER) == 0 || ctl_rollout_is_going(rollout));
    /* A question has an end, and only a rollout that waits for it has a question. */
    BL_ASSERT(rollout->alarm.is_open == ((rollout->holds & CTL_HOLD_ANSWER) != 0));
    BL_ASSERT(rollout->alarm.is_open == (rollout->alarm.deadline.ms != 0));
    BL_ASSERT(!rollout->alarm.is_open || rollout->state == CTL_ROLLOUT_STOPPING);
    /* What waits for the traffic goes back in any case, and there is somebody to wait for. */
    BL_ASSERT(rollout->alarm.waits == (rollout->alarm.back_due.ms != 0));
    BL_ASSERT(!rollout->alarm.waits ||
              (rollout->state == CTL_ROLLOUT_STOPPING && !rollout->alarm.is_open &&
               ctl_hook_is_awaited(rollout, CTL_HOOK_TRAFFIC)));
    BL_ASSERT(rollout->approvals_count <= CTL_APPROVALS_MAX);
    BL_ASSERT(rollout->failed_count <= rollout->used_count);
    BL_ASSERT(rollout->active_count <= rollout->used_count);
    BL_ASSERT(rollout->used_count <= rollout->host_count);
    /* Which gate it is can be told, and a verdict that is waited for has somebody who gives it. */
    BL_ASSERT((rollout->holds & CTL_HOLD_GATE) == 0 || rollout->gates.held_by != 0);
    BL_ASSERT(rollout->gates.held_by <= rollout->limits.gate_count);
    BL_ASSERT(rollout->gates.took_back <= rollout->limits.gate_count);
    BL_ASSERT(!rollout->gates.waits || rollout->limits.gate_count > 0);
    for (uint32_t i = 0; i < rollout->wave_count; i++) {
        BL_ASSERT(rollout->waves[i].failed_count <= rollout->waves[i].host_count);
        BL_ASSERT(rollout->waves[i].unready_count <= rollout->waves[i].host_count);
        BL_ASSERT(rollout->waves[i].open_count <= rollout->waves[i].host_count);
    }
}

static void check_host(const struct ctl_rollout *rollout, const struct ctl_rollout_host *host)
{
    bool must_end = !ctl_host_state_is_final(host->state) && host->state != CTL_HOST_READY;

    BL_ASSERT(host->state >= 1 && host->state <= CTL_HOST_STATE_LAST);
    BL_ASSERT(host->wave < rollout->wave_count);
    BL_ASSERT(host->nonce == 0 || host->state == CTL_HOST_PROBATION);
    BL_ASSERT(!host->lost || host->failed);
    /* Only what is held up is owed, and is started or called back with the next word. */
    BL_ASSERT(!host->start_owed ||
              (ctl_host_is_unbegun(host) && rollout->holds != 0 && ctl_rollout_is_going(rollout)));
    /* Nothing is in progress for ever. */
    BL_ASSERT((host->deadline.ms != 0) == (must_end && !host->start_owed) || !rollout->submitted);
    BL_ASSERT(host->deadline.ms == 0 ||
              (rollout->wake_at.ms != 0 && rollout->wake_at.ms <= host->deadline.ms));
}

void ctl_rollout_check(const struct ctl_rollout *rollout)
{
    struct ctl_rollout_wave sums[CTL_ROLLOUT_WAVES_MAX] = {0};
    uint32_t failed_count = 0, active_count = 0, used_count = 0, unstarted_count = 0;
    uint32_t unbegun_count = 0, owed_count = 0;

    ctl_rollout_check_counts(rollout);
    for (uint32_t i = 0; i < rollout->host_count; i++) {
        const struct ctl_rollout_host *host = &rollout->hosts[i];
        struct ctl_rollout_wave *sum = &sums[host->wave];
        bool is_unready = host->state == CTL_HOST_WAITING || host->state == CTL_HOST_STAGING;
        bool is_open = !ctl_host_state_is_final(host->state) && !host->lost;

        bool is_active = is_open && host->state >= CTL_HOST_RUNNING;

        check_host(rollout, host);
        BL_ASSERT(rollout->state != CTL_ROLLOUT_RUNNING || host->wave != rollout->wave ||
                  host->state != CTL_HOST_READY || i >= rollout->next_start);
        sum->host_count++;
        sum->failed_count += host->failed ? 1 : 0;
        sum->unready_count += is_unready ? 1 : 0;
        sum->ready_count += host->state == CTL_HOST_READY ? 1 : 0;
        active_count += is_active ? 1 : 0;
        used_count += is_active || host->failed ? 1 : 0;
        unstarted_count += ctl_host_is_untouched(host) ? 1 : 0;
        unbegun_count += ctl_host_is_unbegun(host) ? 1 : 0;
        owed_count += host->start_owed ? 1 : 0;
        sum->open_count += is_open ? 1 : 0;
        failed_count += host->failed ? 1 : 0;
    }
    BL_ASSERT(failed_count == rollout->failed_count);
    BL_ASSERT(active_count == rollout->active_count);
    BL_ASSERT(used_count == rollout->used_count);
    BL_ASSERT(unstarted_count == rollout->unstarted_count);
    BL_ASSERT(unbegun_count == rollout->unbegun_count && owed_count == rollout->owed_count);
    for (uint32_t i = 0; i < rollout->wave_count; i++) {
        BL_ASSERT(sums[i].host_count == rollout->waves[i].host_count);
        BL_ASSERT(sums[i].failed_count == rollout->waves[i].failed_count);
        BL_ASSERT(sums[i].unready_count == rollout->waves[i].unready_count);
        BL_ASSERT(sums[i].ready_count == rollout->waves[i].ready_count);
        BL_ASSERT(sums[i].open_count == rollout->waves[i].open_count);
    }
}
