/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of gates and conditions in rollout_sim.c, by what was told and not by what is kept. */
#include <string.h>

#include "tests/sim/rollout_world.h"

static bool is_condition(const struct world *w, uint32_t gate)
{
    return (w->limits.gates_rollback >> gate & 1) != 0;
}

struct ctl_rollout_event world_draw_gate(struct world *w)
{
    return (struct ctl_rollout_event){
        .type = CTL_ROLLOUT_GATE,
        .host = CTL_ROLLOUT_ALL,
        .number = sim_below(&w->chance, w->limits.gate_count + 1),
        .verdict = 1 + sim_below(&w->chance, sim_percent(&w->chance, 50) ? CTL_GATE_GOOD
                                                                         : CTL_GATE_VERDICT_LAST),
        .text = "errors: 7.2 is bad (> 5)",
    };
}

/* The wave is over: all must be told good since it ended, or a person goes on without them. */
static void check_passed(const struct world *w)
{
    for (uint32_t i = 0; i < w->limits.gate_count && !w->is_waived; i++) {
        const uint32_t told = w->gates_told[i];

        SIM_CHECK(&w->chance, told != CTL_GATE_INCONCLUSIVE && told != CTL_GATE_NOT_THIS &&
                                  told != CTL_GATE_PROBE_ERROR && told != CTL_GATE_BAD);
        SIM_CHECK(&w->chance, is_condition(w, i) || told == CTL_GATE_GOOD);
    }
}

static void hear(struct world *w, const struct ctl_rollout *before,
                 const struct ctl_rollout_event *event)
{
    const bool is_going = ctl_rollout_is_going(before);

    if (event->number >= w->limits.gate_count || w->gates_told[event->number] == event->verdict ||
        (!is_going && before->state != CTL_ROLLOUT_STOPPING))
        return;
    w->gates_told[event->number] = event->verdict;
    if (event->verdict == CTL_GATE_NOT_THIS && is_going)
        w->is_gate_held = true;
    if (event->verdict != CTL_GATE_BAD)
        return;
    w->is_stopped = true;
    if (!is_condition(w, event->number))
        return;
    /* Nobody's name stands for what the plan decided, and its figures are told to the end. */
    w->is_condition_bad = true;
    SIM_CHECK(&w->chance, w->live.state == CTL_ROLLOUT_ROLLING_BACK ||
                              w->live.state == CTL_ROLLOUT_ROLLED_BACK ||
                              w->live.state == CTL_ROLLOUT_ROLLBACK_INCOMPLETE);
    SIM_CHECK(&w->chance, !before->alarm.is_open || w->live.alarm.answer == CTL_ANSWER_CONDITION);
    for (uint32_t i = 0; i < w->host_count; i++)
        w->hosts[i].was_told_back = true;
}

void world_observe_gates(struct world *w, const struct ctl_rollout *before,
                         const struct ctl_rollout_event *event)
{
    const bool was_soaking = before->state == CTL_ROLLOUT_SOAKING;

    if (event->type == CTL_ROLLOUT_RESTART)
        memset(w->gates_told, 0, sizeof(w->gates_told));
    if (event->type == CTL_ROLLOUT_GATE)
        hear(w, before, event);
    if (event->type == CTL_ROLLOUT_RESUME) {
        w->is_waived = w->is_waived || (was_soaking && (before->holds & CTL_HOLD_GATE) != 0);
        w->is_gate_held = false;
    }
    /* A person who orders it all once more is a new cause, once the way back had ended. */
    if (event->type == CTL_ROLLOUT_ROLLBACK && ctl_rollout_is_final(before))
        w->is_condition_bad = false;
    if (w->is_condition_bad)
        SIM_CHECK(&w->chance, strstr(w->live.reason, "7.2 is bad (> 5)") != NULL &&
                                  strstr(w->live.reason, "no person") != NULL);
    if (was_soaking && (w->live.state == CTL_ROLLOUT_COMPLETE || w->live.wave != before->wave))
        check_passed(w);
    if (w->live.state != CTL_ROLLOUT_SOAKING || was_soaking)
        return;
    w->is_waived = false;
    for (uint32_t i = 0; i < w->limits.gate_count; i++)
        w->gates_told[i] = is_condition(w, i) ? w->gates_told[i] : 0;
}
