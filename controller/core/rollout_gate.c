/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verdicts of the gates do to a rollout. A bad gate ends it, a bad rollback condition takes
 * everything back; what is bad for the others, too, holds it at once. All else is looked at when the
 * soak of a wave is over: only good ones let it go on, and what can't be told is for a person.
 */
#include <stddef.h>

#include "common/check.h"
#include "common/text.h"
#include "controller/core/rollout_inside.h"
#include "controller/core/rollout_reason.h"

static bool is_rollback(const struct ctl_rollout *rollout, uint32_t gate)
{
    return (rollout->limits.gates_rollback & (UINT32_C(1) << gate)) != 0;
}

void ctl_rollout_begin_gates(struct ctl_rollout *rollout)
{
    struct ctl_rollout_gates *gates = &rollout->gates;

    gates->waived = gates->waits = false;
    for (uint32_t i = 0; i < rollout->limits.gate_count; i++) {
        if (!is_rollback(rollout, i))
            gates->verdicts[i] = CTL_GATE_UNDECIDED;
    }
}

/* Nobody measured meanwhile: what is true now must be told anew. A hold stays. */
void ctl_rollout_restart_gates(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects)
{
    effects->changed = effects->changed || rollout->gates.waits;
    rollout->gates.waits = false;
    for (uint32_t i = 0; i < rollout->limits.gate_count; i++) {
        effects->changed = effects->changed || rollout->gates.verdicts[i] != CTL_GATE_UNDECIDED;
        rollout->gates.verdicts[i] = CTL_GATE_UNDECIDED;
    }
}

static void hold(struct ctl_rollout *rollout, uint32_t gate, struct ctl_rollout_effects *effects)
{
    rollout->gates.held_by = gate + 1;
    rollout->gates.held_with = rollout->gates.verdicts[gate];
    ctl_rollout_hold(rollout, CTL_HOLD_GATE, /* is_held= */ true, effects);
}

bool ctl_rollout_gates_bar(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects)
{
    struct ctl_rollout_gates *gates = &rollout->gates;
    bool waits = false;

    if (gates->waived)
        return false;
    for (uint32_t i = 0; i < rollout->limits.gate_count; i++) {
        const uint32_t verdict = gates->verdicts[i];

        if (verdict == CTL_GATE_INCONCLUSIVE || verdict == CTL_GATE_NOT_THIS ||
            verdict == CTL_GATE_PROBE_ERROR) {
            hold(rollout, i, effects);
            return true;
        }
        waits = waits || (verdict != CTL_GATE_GOOD && !is_rollback(rollout, i));
    }
    if (waits && !gates->waits) {
        gates->waits = true;
        effects->changed = true;
    }

    return waits;
}

void ctl_rollout_waive_gates(struct ctl_rollout *rollout, struct ctl_rollout_effects *effects)
{
    struct ctl_rollout_gates *gates = &rollout->gates;

    if ((rollout->holds & CTL_HOLD_GATE) == 0)
        return;
    gates->held_by = gates->held_with = 0;
    gates->waived = rollout->state == CTL_ROLLOUT_SOAKING;
    gates->waits = false;
    /* What is so already stays told, and is no news; what becomes so is. */
    ctl_rollout_hold(rollout, CTL_HOLD_GATE, /* is_held= */ false, effects);
}

static void on_bad(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                   struct ctl_rollout_effects *effects)
{
    const struct ctl_rollout_event everything = {.type = CTL_ROLLOUT_ROLLBACK,
                                                 .now = event->now,
                                                 .wall = event->wall,
                                                 .host = CTL_ROLLOUT_ALL,
                                                 .wave = CTL_ROLLOUT_ALL};

    if (is_rollback(rollout, event->number)) {
        ctl_alarm_drop(rollout, CTL_ANSWER_CONDITION, effects);
        ctl_rollout_roll_back(rollout, &everything, effects);
        rollout->gates.took_back = event->number + 1;
        ctl_reason_condition(rollout);
    } else if (ctl_rollout_is_going(rollout)) {
        ctl_reason_gate(rollout, event->number, "gate_bad");
        ctl_rollout_stop(rollout, event->now, effects);
    }
}

/* Also while it stops: what takes everything back is no matter of new starts. */
void ctl_rollout_take_gate(struct ctl_rollout *rollout, const struct ctl_rollout_event *event,
                           struct ctl_rollout_effects *effects)
{
    struct ctl_rollout_gates *gates = &rollout->gates;
    const bool is_open = ctl_rollout_is_going(rollout) || rollout->state == CTL_ROLLOUT_STOPPING;

    BL_ASSERT(event->number < CTL_GATES_MAX);
    BL_ASSERT(event->verdict >= 1 && event->verdict <= CTL_GATE_VERDICT_LAST);

    if (!is_open || event->number >= rollout->limits.gate_count ||
        gates->verdicts[event->number] == event->verdict)
        return;
    gates->verdicts[event->number] = event->verdict;
    bl_text_copy(gates->texts[event->number], sizeof(gates->texts[0]),
                 event->text != NULL ? event->text : "");
    effects->changed = true;
    if (event->verdict == CTL_GATE_BAD)
        on_bad(rollout, event, effects);
    if (event->verdict == CTL_GATE_NOT_THIS && ctl_rollout_is_going(rollout))
        hold(rollout, event->number, effects);
}

const char *ctl_rollout_gate_code(const struct ctl_rollout *rollout)
{
    if (rollout->gates.held_by == 0)
        return "";
    if (rollout->gates.held_with == CTL_GATE_PROBE_ERROR)
        return "gate_probe_error";

    return rollout->gates.held_with == CTL_GATE_NOT_THIS ? "gate_not_this_change"
                                                         : "gate_inconclusive";
}

const char *ctl_rollout_gate_reason(const struct ctl_rollout *rollout)
{
    return rollout->gates.held_by == 0 ? "" : rollout->gates.texts[rollout->gates.held_by - 1];
}
