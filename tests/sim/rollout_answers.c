/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of people's answers and approvals in rollout_sim.c. */
#include "tests/sim/rollout_world.h"

uint32_t world_count_approvals(const struct world *w, uint32_t wave)
{
    uint32_t count = 0;

    for (uint32_t person = 0; person < PEOPLE; person++)
        count += w->approved_until_ms[wave][person] > world_wall_ms(w) ? 1 : 0;

    return count;
}

/* What the switch of traffic may need is no time for people. */
static int64_t question_ms(const struct world *w)
{
    const bool has_traffic = (w->limits.hooks >> CTL_HOOK_TRAFFIC & 1) != 0;

    return has_traffic && w->limits.answer_ms > 0 ? w->limits.answer_ms - w->limits.traffic_ms
                                                  : w->limits.answer_ms;
}

/*
 * What becomes of a question: it is asked for no longer than the plan says, also over crashes; it is
 * answered by who may, or by the plan; and if that says so, everybody is told to go back.
 */
void world_observe_alarm(struct world *w, const struct ctl_alarm *before,
                         const struct ctl_rollout_event *event)
{
    const struct ctl_alarm *alarm = &w->live.alarm;
    bool is_new = alarm->number != before->number;
    bool is_over, is_answered, goes_back, is_by_condition;

    if (is_new) {
        SIM_CHECK(&w->chance, !before->is_open && alarm->number == before->number + 1);
        w->asked_ms = w->now_ms;
        w->is_severe = true;
    }
    is_over = w->now_ms - w->asked_ms >= question_ms(w);
    is_answered = event->type == CTL_ROLLOUT_ANSWER && event->number == before->number;
    if (alarm->is_open)
        SIM_CHECK(&w->chance, !is_over);
    is_by_condition = event->type == CTL_ROLLOUT_GATE && alarm->answer == CTL_ANSWER_CONDITION;
    if (alarm->is_open || (!is_new && !before->is_open) || event->type == CTL_ROLLOUT_ROLLBACK ||
        is_by_condition)
        return;

    SIM_CHECK(&w->chance, is_over || is_answered);
    goes_back = is_answered ? event->yes : w->limits.otherwise == CTL_OTHERWISE_ROLLBACK;
    if (goes_back && (w->limits.hooks >> CTL_HOOK_TRAFFIC & 1) != 0) {
        SIM_CHECK(&w->chance, alarm->waits && w->live.state == CTL_ROLLOUT_STOPPING);
        w->decided_ms = w->now_ms;
        w->decided_boot = w->boots;
        return;
    }
    for (uint32_t i = 0; goes_back && i < w->host_count; i++)
        w->hosts[i].was_told_back = true;
    SIM_CHECK(&w->chance, goes_back == (w->live.state == CTL_ROLLOUT_ROLLING_BACK ||
                                        w->live.state == CTL_ROLLOUT_ROLLED_BACK ||
                                        w->live.state == CTL_ROLLOUT_ROLLBACK_INCOMPLETE));
}

/* Who is bad goes back first. */
void world_check_order_of_reverts(const struct world *w, const struct ctl_rollout_effects *effects)
{
    bool was_good = false;

    for (uint32_t i = 0; i < effects->count; i++) {
        const struct ctl_rollout_effect *effect = &effects->list[i];

        if (effect->type != CTL_ROLLOUT_SEND_REVERT)
            continue;
        if (w->live_hosts[effect->host].failed)
            SIM_CHECK(&w->chance, !was_good);
        else
            was_good = true;
    }
}
