/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/core/rollout_reason.h"

#include <stddef.h>

#include "common/text.h"
#include "controller/core/rollout_host.h"
#include "controller/core/rollout_inside.h"

static void begin(struct ctl_rollout *rollout, struct bl_text *text, const char *code)
{
    bl_text_copy(rollout->code, sizeof(rollout->code), code);
    bl_text_init(text, rollout->reason, sizeof(rollout->reason));
}

static void add_wave(struct bl_text *text, const struct ctl_rollout *rollout, uint32_t wave)
{
    bl_text_add(text, "wave ");
    bl_text_add_number(text, (uint64_t)wave + 1);
    bl_text_add(text, " of ");
    bl_text_add_number(text, rollout->wave_count);
    bl_text_add(text, ": ");
}

/* "1 of 10 hosts failed, 0 allowed" */
static void add_failures(struct bl_text *text, uint32_t failed, uint32_t hosts, uint32_t allowed)
{
    bl_text_add_number(text, failed);
    bl_text_add(text, " of ");
    bl_text_add_number(text, hosts);
    bl_text_add(text, hosts == 1 ? " host failed, " : " hosts failed, ");
    bl_text_add_number(text, allowed);
    bl_text_add(text, " allowed");
}

static void add_wave_failures(struct bl_text *text, const struct ctl_rollout *rollout,
                              uint32_t wave_index)
{
    const struct ctl_rollout_wave *wave = &rollout->waves[wave_index];

    add_wave(text, rollout, wave_index);
    add_failures(text, wave->failed_count, wave->host_count, wave->failures_allowed);
}

/* "wave 2 of 3: waits for 1 of 2 approvals" */
static void reason_unapproved(struct ctl_rollout *rollout)
{
    uint32_t needed = ctl_approvals_needed(rollout, rollout->wave);
    struct bl_text text;

    begin(rollout, &text, "approval_missing");
    add_wave(&text, rollout, rollout->wave);
    bl_text_add(&text, "waits for ");
    bl_text_add_number(&text, needed - ctl_approvals_given(rollout, rollout->wave));
    bl_text_add(&text, " of ");
    bl_text_add_number(&text, needed);
    bl_text_add(&text, needed == 1 ? " approval" : " approvals");
}

void ctl_reason_staging(struct ctl_rollout *rollout)
{
    struct bl_text text;

    if ((rollout->holds & CTL_HOLD_APPROVAL) != 0) {
        reason_unapproved(rollout);
        return;
    }
    begin(rollout, &text, "staging");
    add_wave(&text, rollout, rollout->wave);
    bl_text_add(&text, "starts when its ");
    bl_text_add_number(&text, rollout->waves[rollout->wave].host_count);
    bl_text_add(&text, rollout->waves[rollout->wave].host_count == 1 ? " host is" : " hosts are");
    bl_text_add(&text, " ready or out");
}

/* "; budget 3: 2 under way and 1 failed, 5 hosts wait to start" */
static void add_unstarted(struct bl_text *text, const struct ctl_rollout *rollout)
{
    const uint32_t ready_count = rollout->waves[rollout->wave].ready_count;

    if (rollout->holds != 0) {
        bl_text_add(text, "; held, ");
    } else if (ctl_rollout_goes_alone(rollout)) {
        bl_text_add(text, "; one host goes alone until one is committed, ");
    } else {
        bl_text_add(text, "; budget ");
        bl_text_add_number(text, rollout->limits.budget);
        bl_text_add(text, ": ");
        bl_text_add_number(text, rollout->active_count);
        bl_text_add(text, " under way and ");
        bl_text_add_number(text, rollout->used_count - rollout->active_count);
        bl_text_add(text, " failed, ");
    }
    bl_text_add_number(text, ready_count);
    bl_text_add(text, ready_count == 1 ? " host waits to start" : " hosts wait to start");
}

void ctl_reason_running(struct ctl_rollout *rollout)
{
    struct bl_text text;

    begin(rollout, &text, "wave_running");
    add_wave_failures(&text, rollout, rollout->wave);
    if (rollout->waves[rollout->wave].ready_count == 0) {
        bl_text_add(&text, "; waits for the end of the others");
    } else {
        add_unstarted(&text, rollout);
    }
}

void ctl_reason_soaking(struct ctl_rollout *rollout)
{
    struct bl_text text;

    begin(rollout, &text, "wave_soaking");
    add_wave_failures(&text, rollout, rollout->wave);
    bl_text_add(&text, "; all ended, watched for ");
    bl_text_add_number(&text, (uint64_t)rollout->limits.soak_ms / 1000);
    bl_text_add(&text, " s");
}

void ctl_reason_wave_failed(struct ctl_rollout *rollout, uint32_t wave)
{
    struct bl_text text;

    begin(rollout, &text, "wave_failures");
    add_wave_failures(&text, rollout, wave);
}

void ctl_reason_rollout_failed(struct ctl_rollout *rollout)
{
    struct bl_text text;

    begin(rollout, &text, "rollout_failures");
    bl_text_add(&text, "all waves: ");
    add_failures(&text, rollout->failed_count, rollout->host_count,
                 rollout->limits.failures_allowed);
}

void ctl_reason_budget_used(struct ctl_rollout *rollout)
{
    struct bl_text text;

    begin(rollout, &text, "budget_used");
    bl_text_add(&text, "budget ");
    bl_text_add_number(&text, rollout->limits.budget);
    bl_text_add(&text, ": ");
    bl_text_add_number(&text, rollout->failed_count);
    bl_text_add(&text, rollout->failed_count == 1 ? " host failed, " : " hosts failed, ");
    bl_text_add_number(&text, rollout->unstarted_count);
    bl_text_add(&text, rollout->unstarted_count == 1 ? " host was not started yet"
                                                     : " hosts were not started yet");
}

static void add_severe(struct bl_text *text, const struct ctl_rollout *rollout)
{
    uint32_t host = rollout->alarm.host;

    add_wave(text, rollout, host < rollout->host_count ? rollout->hosts[host].wave : rollout->wave);
    bl_text_add(text, host < rollout->host_count ? "a host failed severely" : "a severe failure");
}

/* Who would go back: what this rollout touched, and is not as before. */
static uint32_t count_changed(const struct ctl_rollout *rollout)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < rollout->host_count; i++)
        count += ctl_host_is_back(&rollout->hosts[i]) ? 0 : 1;

    return count;
}

static void add_within(struct bl_text *text, const struct ctl_rollout *rollout)
{
    bl_text_add(text, " within ");
    bl_text_add_number(text, (uint64_t)ctl_rollout_question_ms(&rollout->limits) / 1000);
    bl_text_add(text, " s");
}

void ctl_reason_severe(struct ctl_rollout *rollout)
{
    uint32_t changed_count = count_changed(rollout);
    struct bl_text text;

    begin(rollout, &text, "severe_failure");
    add_severe(&text, rollout);
    if (rollout->limits.answer_ms == 0) {
        bl_text_add(&text, "; no number of these is allowed");
        return;
    }
    bl_text_add(&text, "; ");
    bl_text_add_number(&text, changed_count);
    bl_text_add(&text, changed_count == 1 ? " host is changed; without an answer"
                                          : " hosts are changed; without an answer");
    add_within(&text, rollout);
    bl_text_add(&text, rollout->limits.otherwise == CTL_OTHERWISE_ROLLBACK
                           ? " all of them are taken back"
                           : " they stay so, and the rollout ends");
}

void ctl_reason_answered(struct ctl_rollout *rollout)
{
    const struct ctl_alarm *alarm = &rollout->alarm;
    struct bl_text text;

    if (alarm->answer == CTL_ANSWER_OTHERWISE_STOP && rollout->limits.answer_ms == 0)
        return; /* nobody was asked: the cause stands as it is */
    if (alarm->answer == CTL_ANSWER_ROLLBACK)
        begin(rollout, &text, "rollback_approved");
    else if (alarm->answer == CTL_ANSWER_NO_ROLLBACK)
        begin(rollout, &text, "rollback_declined");
    else
        begin(rollout, &text,
              rollout->limits.answer_ms == 0 ? "severe_rollback" : "answer_missing");
    add_severe(&text, rollout);
    if (alarm->answer == CTL_ANSWER_ROLLBACK) {
        bl_text_add(&text, "; a person approved that every host that was started is taken back");
    } else if (alarm->answer == CTL_ANSWER_NO_ROLLBACK) {
        bl_text_add(&text, "; a person decided that the other hosts stay as they are");
    } else {
        if (rollout->limits.answer_ms != 0) {
            bl_text_add(&text, "; nobody answered");
            add_within(&text, rollout);
        }
        bl_text_add(&text, alarm->answer == CTL_ANSWER_OTHERWISE_ROLLBACK
                               ? "; every host that was started is taken back"
                               : "; the other hosts stay as they are");
    }
}

void ctl_reason_traffic(struct ctl_rollout *rollout)
{
    struct bl_text text;

    begin(rollout, &text, "traffic_switch");
    add_severe(&text, rollout);
    if (rollout->alarm.answer == CTL_ANSWER_ROLLBACK) {
        bl_text_add(&text, "; a person approved that every host that was started is taken back");
    } else if (rollout->limits.answer_ms != 0) {
        bl_text_add(&text, "; nobody answered");
        add_within(&text, rollout);
    }
    bl_text_add(&text, "; the way back begins when the traffic is switched, after ");
    bl_text_add_number(&text, (uint64_t)rollout->limits.traffic_ms / 1000);
    bl_text_add(&text, " s at the latest");
}

void ctl_reason_aborted(struct ctl_rollout *rollout)
{
    struct bl_text text;

    begin(rollout, &text, "aborted");
    add_wave_failures(&text, rollout, rollout->wave);
    bl_text_add(&text, "; a person ended the rollout");
}

void ctl_reason_complete(struct ctl_rollout *rollout)
{
    uint32_t counts[CTL_HOST_STATE_LAST + 1];
    struct bl_text text;

    ctl_rollout_count(rollout, counts);
    begin(rollout, &text, "complete");
    bl_text_add_number(&text, counts[CTL_HOST_COMMITTED]);
    bl_text_add(&text, " of ");
    bl_text_add_number(&text, rollout->host_count);
    bl_text_add(&text, rollout->host_count == 1 ? " host committed, " : " hosts committed, ");
    bl_text_add_number(&text, rollout->failed_count);
    bl_text_add(&text, " failed");
}

void ctl_reason_rollback(struct ctl_rollout *rollout, uint32_t wave)
{
    struct bl_text text;

    begin(rollout, &text, "rollback_ordered");
    if (wave != CTL_ROLLOUT_ALL)
        add_wave(&text, rollout, wave);
    bl_text_add(&text, "every host that was started is taken back");
}

/* "the plan's rollback_when decided, no person: errors: 7.2 is bad (> 5), 2 of 2 samples bad" */
static void add_condition(struct bl_text *text, const struct ctl_rollout *rollout)
{
    bl_text_add(text, "the plan's rollback_when decided, no person: ");
    bl_text_add(text, rollout->gates.texts[rollout->gates.took_back - 1]);
}

void ctl_reason_condition(struct ctl_rollout *rollout)
{
    struct bl_text text;

    begin(rollout, &text, "rollback_condition");
    add_wave(&text, rollout, rollout->wave);
    add_condition(&text, rollout);
    bl_text_add(&text, "; every host that was started is taken back");
}

void ctl_reason_rolled_back(struct ctl_rollout *rollout)
{
    uint32_t wanted_count = 0, back_count = 0, failed_count = 0;
    struct bl_text text;

    for (uint32_t i = 0; i < rollout->host_count; i++) {
        const struct ctl_rollout_host *host = &rollout->hosts[i];

        if (!host->revert_wanted || !host->touched)
            continue;
        wanted_count++;
        back_count += ctl_host_is_back(host) ? 1 : 0;
        failed_count += host->state == CTL_HOST_REVERT_FAILED ? 1 : 0;
    }

    begin(rollout, &text, back_count == wanted_count ? "rolled_back" : "rollback_incomplete");
    bl_text_add_number(&text, back_count);
    bl_text_add(&text, " of ");
    bl_text_add_number(&text, wanted_count);
    bl_text_add(&text, " started hosts are as before");
    if (back_count != wanted_count) {
        bl_text_add(&text, ", ");
        bl_text_add_number(&text, failed_count);
        bl_text_add(&text, " could not go back, ");
        bl_text_add_number(&text, wanted_count - back_count - failed_count);
        bl_text_add(&text, " did not answer");
    }
    if (rollout->gates.took_back != 0) {
        bl_text_add(&text, "; ");
        add_condition(&text, rollout);
    }
}

void ctl_reason_gate(struct ctl_rollout *rollout, uint32_t gate, const char *code)
{
    struct bl_text text;

    begin(rollout, &text, code);
    add_wave(&text, rollout, rollout->wave);
    bl_text_add(&text, rollout->gates.texts[gate]);
}

void ctl_reason_gates_wait(struct ctl_rollout *rollout)
{
    uint32_t good_count = 0, count = 0;
    struct bl_text text;

    for (uint32_t i = 0; i < rollout->limits.gate_count; i++) {
        if ((rollout->limits.gates_rollback & (UINT32_C(1) << i)) != 0)
            continue;
        count++;
        good_count += rollout->gates.verdicts[i] == CTL_GATE_GOOD ? 1 : 0;
    }
    begin(rollout, &text, "gate_waiting");
    add_wave_failures(&text, rollout, rollout->wave);
    bl_text_add(&text, "; all ended, ");
    bl_text_add_number(&text, good_count);
    bl_text_add(&text, " of ");
    bl_text_add_number(&text, count);
    bl_text_add(&text, count == 1 ? " gate is good" : " gates are good");
}
