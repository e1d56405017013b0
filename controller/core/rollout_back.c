/* SPDX-License-Identifier: Apache-2.0 */
/* R31: taking back what a rollout did, by one order of a person. */
#include <stddef.h>

#include "controller/core/rollout_host.h"
#include "controller/core/rollout_inside.h"
#include "controller/core/rollout_reason.h"

static bool is_all_back(const struct ctl_rollout *rollout)
{
    for (uint32_t i = 0; i < rollout->host_count; i++) {
        if (rollout->hosts[i].revert_wanted && !ctl_host_is_back(&rollout->hosts[i]))
            return false;
    }

    return true;
}

void ctl_rollout_end_rollback(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects)
{
    ctl_rollout_move(
        rollout, is_all_back(rollout) ? CTL_ROLLOUT_ROLLED_BACK : CTL_ROLLOUT_ROLLBACK_INCOMPLETE,
        effects);
    ctl_reason_rolled_back(rollout);
}

bool ctl_rollout_correct_rollback(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects)
{
    bool is_told_back = rollout->state == CTL_ROLLOUT_ROLLED_BACK;

    if (is_told_back == is_all_back(rollout))
        return false;

    ctl_rollout_move(
        rollout, is_told_back ? CTL_ROLLOUT_ROLLBACK_INCOMPLETE : CTL_ROLLOUT_ROLLED_BACK, effects);
    return true;
}

static void rollback_host(struct ctl_rollout *rollout, uint32_t host_index, struct bl_mono now,
                          struct ctl_rollout_effects *effects)
{
    const struct ctl_rollout_host *host = &rollout->hosts[host_index];
    bool ended_untouched = !host->touched && ctl_host_state_is_final(host->state);

    ctl_host_order_cancel(rollout, host_index, effects);
    ctl_host_order_revert(rollout, host_index, now, effects);
    if (rollout->state != CTL_ROLLOUT_ROLLING_BACK && !ended_untouched)
        ctl_host_fail(rollout, host_index, effects);
}

static bool is_in_scope(const struct ctl_rollout_host *host, uint32_t wave)
{
    return wave == CTL_ROLLOUT_ALL || host->wave == wave;
}

/* Whether a rollback of this scope is one at all, or only asked again. */
static bool begins_rollback(const struct ctl_rollout *rollout, uint32_t wave)
{
    bool was_rolled_back = rollout->state == CTL_ROLLOUT_ROLLED_BACK ||
                           rollout->state == CTL_ROLLOUT_ROLLBACK_INCOMPLETE;

    /* To take one wave back answers no question about the others: people are still asked. */
    if (!ctl_rollout_is_final(rollout)) {
        return rollout->state != CTL_ROLLOUT_ROLLING_BACK &&
               (wave == CTL_ROLLOUT_ALL || (!rollout->alarm.is_open && !rollout->alarm.waits));
    }

    for (uint32_t i = 0; i < rollout->host_count; i++) {
        const struct ctl_rollout_host *host = &rollout->hosts[i];

        /* Also who could not go back: it is asked once more. */
        if (is_in_scope(host, wave) && host->touched &&
            (!ctl_host_is_back(host) || !was_rolled_back))
            return true;
    }

    return false;
}

/* R31: one command. What is bad goes back first; hosts out of scope end as they would. */
static void rollback_many(struct ctl_rollout *rollout, uint32_t wave, struct bl_mono now,
                          struct ctl_rollout_effects *effects)
{
    if (begins_rollback(rollout, wave)) {
        ctl_rollout_move(rollout, CTL_ROLLOUT_ROLLING_BACK, effects);
        rollout->gates.took_back = 0;
        ctl_reason_rollback(rollout, wave);
    } else if (rollout->state == CTL_ROLLOUT_ROLLING_BACK && wave == CTL_ROLLOUT_ALL &&
               rollout->gates.took_back == 0) { /* else its first cause stands */
        ctl_reason_rollback(rollout, wave);
        effects->changed = true;
    }

    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < rollout->host_count; i++) {
            const struct ctl_rollout_host *host = &rollout->hosts[i];

            if (is_in_scope(host, wave) && host->failed == (pass == 0))
                ctl_host_order_revert(rollout, i, now, effects);
        }
    }
    ctl_rollout_cancel_unbegun(rollout, now, effects);
}

void ctl_rollout_roll_back(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                           struct ctl_rollout_effects *effects)
{
    if (event->host != CTL_ROLLOUT_ALL) {
        if (event->host < rollout->host_count)
            rollback_host(rollout, event->host, event->now, effects);
        return;
    }
    if (event->wave == CTL_ROLLOUT_ALL || event->wave < rollout->wave_count)
        rollback_many(rollout, event->wave, event->now, effects);
}
