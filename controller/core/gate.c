/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/core/gate.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/text.h"

enum {
    NUMBER_TEXT_BYTES = 32,
};

static const char *const verdict_names[] = {
    [CTL_GATE_UNDECIDED] = "undecided",
    [CTL_GATE_GOOD] = "good",
    [CTL_GATE_BAD] = "bad",
    [CTL_GATE_INCONCLUSIVE] = "inconclusive",
    [CTL_GATE_NOT_THIS] = "not_this_change",
    [CTL_GATE_PROBE_ERROR] = "probe_error",
};

static const char *const outcome_names[] = {
    [CTL_GATE_NOT_ASKED] = "not_asked", [CTL_GATE_NUMBER] = "number",
    [CTL_GATE_SAID_GOOD] = "good",      [CTL_GATE_SAID_BAD] = "bad",
    [CTL_GATE_SAID_UNSURE] = "unsure",  [CTL_GATE_NO_DATA] = "no_data",
    [CTL_GATE_ERROR] = "error",
};

const char *ctl_gate_verdict_name(uint32_t verdict)
{
    return verdict == 0 || verdict > CTL_GATE_VERDICT_LAST ? "?" : verdict_names[verdict];
}

const char *ctl_gate_outcome_name(uint32_t outcome)
{
    return outcome > CTL_GATE_OUTCOME_LAST ? "?" : outcome_names[outcome];
}

bool ctl_gate_wants_baseline(const struct ctl_gate_rule *rule)
{
    return rule->good.of_baseline || rule->bad.of_baseline;
}

void ctl_gate_init(struct ctl_gate *gate, const struct ctl_gate_rule *rule, struct bl_mono now)
{
    BL_ASSERT(rule->samples >= 1 && rule->samples <= CTL_GATE_SAMPLES_MAX);
    BL_ASSERT(rule->needed >= 1 && rule->needed <= rule->samples);
    BL_ASSERT(rule->every_ms > 0 && rule->delay_ms >= 0 && rule->for_ms >= 0);

    *gate = (struct ctl_gate){.rule = *rule, .due = now, .verdict = CTL_GATE_UNDECIDED};
}

/* ---- what it was before ---- */

static void find_median(struct ctl_gate *gate)
{
    double sorted[CTL_GATE_BASELINES_MAX];
    const uint32_t count = gate->baseline_count;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i;

        for (; at > 0 && sorted[at - 1] > gate->baselines[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = gate->baselines[i];
    }
    gate->baseline =
        count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

void ctl_gate_take_baseline(struct ctl_gate *gate, double value)
{
    if (gate->baseline_count == CTL_GATE_BASELINES_MAX) { /* the newest tell */
        memmove(gate->baselines, gate->baselines + 1,
                (CTL_GATE_BASELINES_MAX - 1) * sizeof(gate->baselines[0]));
        gate->baseline_count--;
    }
    gate->baselines[gate->baseline_count++] = value;
    find_median(gate);
}

void ctl_gate_watch(struct ctl_gate *gate, struct bl_mono now)
{
    if (gate->watches)
        return;
    gate->watches = true;
    gate->from = gate->due = bl_mono_after(now, gate->rule.delay_ms);
}

void ctl_gate_begin_wave(struct ctl_gate *gate, struct bl_mono now)
{
    ctl_gate_watch(gate, now);
    if (gate->rule.is_rollback)
        return;
    gate->from = gate->due = bl_mono_after(now, gate->rule.delay_ms);
    gate->sample_count = 0;
    gate->bad_since = (struct bl_mono){0};
    gate->verdict = CTL_GATE_UNDECIDED;
}

/* ---- one measurement ---- */

/* GOOD, BAD, INCONCLUSIVE or PROBE_ERROR. */
static enum ctl_gate_verdict judge_number(const struct ctl_gate *gate, double value)
{
    const struct ctl_gate_rule *rule = &gate->rule;

    if (ctl_gate_wants_baseline(rule) && gate->baseline_count == 0)
        return CTL_GATE_INCONCLUSIVE;
    if (bl_condition_holds(&rule->bad, value, gate->baseline))
        return CTL_GATE_BAD;
    if (bl_condition_holds(&rule->good, value, gate->baseline))
        return CTL_GATE_GOOD;
    if (rule->good.sign == BL_CONDITION_NONE)
        return CTL_GATE_GOOD;

    return rule->bad.sign == BL_CONDITION_NONE ? CTL_GATE_BAD : CTL_GATE_INCONCLUSIVE;
}

static enum ctl_gate_verdict judge_answer(const struct ctl_gate *gate,
                                          const struct ctl_gate_answer *answer)
{
    switch (answer->outcome) {
    case CTL_GATE_NUMBER:
        return judge_number(gate, answer->value);
    case CTL_GATE_SAID_GOOD:
        return CTL_GATE_GOOD;
    case CTL_GATE_SAID_BAD:
        return CTL_GATE_BAD;
    case CTL_GATE_SAID_UNSURE:
    case CTL_GATE_NO_DATA:
    case CTL_GATE_NOT_ASKED:
        return CTL_GATE_INCONCLUSIVE;
    case CTL_GATE_ERROR:
        break;
    }

    return CTL_GATE_PROBE_ERROR;
}

static bool is_too_little(const struct ctl_gate *gate, const struct ctl_gate_answer *minimum)
{
    return minimum->outcome == CTL_GATE_NO_DATA ||
           (minimum->outcome == CTL_GATE_NUMBER && minimum->value < gate->rule.minimum);
}

/*
 * Only a control that was measured and is bad excuses anything: in the last wave there are no
 * unchanged hosts left to ask.
 */
static enum ctl_gate_verdict judge(const struct ctl_gate *gate,
                                   const struct ctl_gate_measurement *measured)
{
    const enum ctl_gate_verdict verdict = judge_answer(gate, &measured->answer);

    if (verdict == CTL_GATE_PROBE_ERROR || measured->minimum.outcome == CTL_GATE_ERROR)
        return CTL_GATE_PROBE_ERROR;
    if (is_too_little(gate, &measured->minimum))
        return CTL_GATE_INCONCLUSIVE;
    if (verdict == CTL_GATE_BAD && measured->control.outcome != CTL_GATE_NOT_ASKED &&
        judge_answer(gate, &measured->control) == CTL_GATE_BAD)
        return CTL_GATE_NOT_THIS;

    return verdict;
}

/* ---- several ---- */

static uint32_t count_of(const struct ctl_gate *gate, enum ctl_gate_verdict verdict)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < gate->sample_count; i++)
        count += gate->samples[i].verdict == verdict ? 1 : 0;

    return count;
}

/* Of the last M: whatever makes N good ones impossible decides, and a cause goes before an excuse. */
static enum ctl_gate_verdict judge_window(const struct ctl_gate *gate)
{
    const uint32_t spare = gate->rule.samples - gate->rule.needed;

    if (count_of(gate, CTL_GATE_GOOD) >= gate->rule.needed)
        return CTL_GATE_GOOD;
    if (count_of(gate, CTL_GATE_BAD) > spare)
        return CTL_GATE_BAD;
    if (count_of(gate, CTL_GATE_NOT_THIS) > spare)
        return CTL_GATE_NOT_THIS;
    if (count_of(gate, CTL_GATE_PROBE_ERROR) > spare)
        return CTL_GATE_PROBE_ERROR;

    return gate->sample_count < gate->rule.samples ? CTL_GATE_UNDECIDED : CTL_GATE_INCONCLUSIVE;
}

/* Gaps are neither bad nor good: they end no bad time, and are no bad sample at its end. */
static enum ctl_gate_verdict judge_duration(const struct ctl_gate *gate)
{
    const struct ctl_gate_sample *newest = &gate->samples[0];
    const bool is_long =
        gate->bad_since.ms != 0 && newest->at.ms - gate->bad_since.ms >= gate->rule.for_ms;

    if (is_long && (newest->verdict == CTL_GATE_BAD || newest->verdict == CTL_GATE_NOT_THIS))
        return newest->verdict;
    if (newest->verdict == CTL_GATE_GOOD)
        return CTL_GATE_GOOD;
    if (count_of(gate, CTL_GATE_PROBE_ERROR) == gate->rule.samples)
        return CTL_GATE_PROBE_ERROR;
    /* What can't be told for as many samples is nothing to go on with. */
    if (count_of(gate, CTL_GATE_PROBE_ERROR) + count_of(gate, CTL_GATE_INCONCLUSIVE) ==
        gate->rule.samples)
        return CTL_GATE_INCONCLUSIVE;

    return CTL_GATE_UNDECIDED;
}

static void keep(struct ctl_gate *gate, const struct ctl_gate_sample *sample)
{
    const uint32_t kept =
        gate->sample_count < gate->rule.samples ? gate->sample_count : gate->rule.samples - 1;

    memmove(gate->samples + 1, gate->samples, kept * sizeof(gate->samples[0]));
    gate->samples[0] = *sample;
    gate->sample_count = kept + 1;
}

bool ctl_gate_take(struct ctl_gate *gate, const struct ctl_gate_measurement *measurement,
                   struct bl_mono asked, struct bl_mono now)
{
    struct ctl_gate_sample sample = {.at = now, .measured = *measurement};

    if (gate->watches && !bl_mono_reached(asked, gate->from))
        return false;
    gate->due = bl_mono_after(now, gate->rule.every_ms);
    if (!gate->watches) {
        if (measurement->answer.outcome == CTL_GATE_NUMBER)
            ctl_gate_take_baseline(gate, measurement->answer.value);
        return true;
    }
    sample.verdict = judge(gate, measurement);
    keep(gate, &sample);
    if (sample.verdict == CTL_GATE_GOOD)
        gate->bad_since = (struct bl_mono){0};
    if ((sample.verdict == CTL_GATE_BAD || sample.verdict == CTL_GATE_NOT_THIS) &&
        gate->bad_since.ms == 0)
        gate->bad_since = now;
    gate->verdict = gate->rule.for_ms > 0 ? judge_duration(gate) : judge_window(gate);

    return true;
}

/* ---- for people ---- */

static void add_value(struct bl_text *text, double value)
{
    char number[NUMBER_TEXT_BYTES];

    (void)snprintf(number, sizeof(number), "%.6g", value);
    bl_text_add(text, number);
}

static void add_condition(struct bl_text *text, const char *word,
                          const struct bl_condition *condition)
{
    static const char *const signs[] = {"", " < ", " <= ", " > ", " >= "};

    if (condition->sign == BL_CONDITION_NONE)
        return;
    bl_text_add(text, ", ");
    bl_text_add(text, word);
    bl_text_add(text, signs[condition->sign]);
    add_value(text, condition->limit);
    if (condition->of_baseline)
        bl_text_add(text, "x");
}

static void add_answer(struct bl_text *text, const char *word, const struct ctl_gate_answer *answer)
{
    if (answer->outcome == CTL_GATE_NOT_ASKED)
        return;
    bl_text_add(text, word);
    if (answer->outcome == CTL_GATE_NUMBER)
        add_value(text, answer->value);
    else if (answer->outcome == CTL_GATE_NO_DATA)
        bl_text_add(text, "no data");
    else if (answer->outcome == CTL_GATE_ERROR)
        bl_text_add(text, "could not be asked");
    else
        bl_text_add(text, outcome_names[answer->outcome]);
}

static void add_counts(struct bl_text *text, const struct ctl_gate *gate)
{
    bool is_first = true;

    bl_text_add(text, "; last ");
    bl_text_add_number(text, gate->sample_count);
    bl_text_add(text, " of ");
    bl_text_add_number(text, gate->rule.samples);
    bl_text_add(text, ": ");
    for (uint32_t i = CTL_GATE_GOOD; i <= CTL_GATE_VERDICT_LAST; i++) {
        const uint32_t count = count_of(gate, i);

        if (count == 0)
            continue;
        bl_text_add(text, is_first ? "" : ", ");
        bl_text_add_number(text, count);
        bl_text_add(text, " ");
        bl_text_add(text, verdict_names[i]);
        is_first = false;
    }
    bl_text_add(text, ", ");
    bl_text_add_number(text, gate->rule.needed);
    bl_text_add(text, " good needed");
}

static void add_bad_time(struct bl_text *text, const struct ctl_gate *gate)
{
    if (gate->bad_since.ms != 0) {
        bl_text_add(text, "; bad for ");
        bl_text_add_number(text, (uint64_t)(gate->samples[0].at.ms - gate->bad_since.ms) / 1000);
        bl_text_add(text, " s");
    }
    bl_text_add(text, "; takes all back after ");
    bl_text_add_number(text, (uint64_t)gate->rule.for_ms / 1000);
    bl_text_add(text, " s");
}

void ctl_gate_describe(const struct ctl_gate *gate, char *ret_text, uint32_t text_bytes)
{
    const struct ctl_gate_measurement *measured = &gate->samples[0].measured;
    struct bl_text text;

    bl_text_init(&text, ret_text, text_bytes);
    bl_text_add(&text, gate->rule.name);
    if (gate->sample_count == 0) {
        bl_text_add(&text, ": not measured yet");
        return;
    }
    add_answer(&text, ": ", &measured->answer);
    add_condition(&text, "good", &gate->rule.good);
    add_condition(&text, "bad", &gate->rule.bad);
    if (gate->baseline_count > 0 && ctl_gate_wants_baseline(&gate->rule)) {
        bl_text_add(&text, "; before the change ");
        add_value(&text, gate->baseline);
    } else if (ctl_gate_wants_baseline(&gate->rule)) {
        bl_text_add(&text, "; not known what it was before the change");
    }
    add_answer(&text, "; hosts not changed ", &measured->control);
    if (is_too_little(gate, &measured->minimum)) {
        add_answer(&text, "; too little to judge by: ", &measured->minimum);
        bl_text_add(&text, " of ");
        add_value(&text, gate->rule.minimum);
    }
    if (gate->rule.for_ms > 0)
        add_bad_time(&text, gate);
    else
        add_counts(&text, gate);
}
