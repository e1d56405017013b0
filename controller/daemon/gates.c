/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/gates.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/text.h"
#include "controller/daemon/gate_probe.h"
#include "controller/daemon/log.h"

enum {
    ASKING_MAX = 16, /* programs at a time, of all rollouts */
    ASKED_MAX = 256, /* at one look of the clock */
};

_Static_assert((int)PROTO_GATE_NAME_BYTES_MAX == (int)CTL_GATE_NAME_BYTES_MAX, "names fit");
_Static_assert((int)PROTO_GATE_SAMPLES_MAX == (int)CTL_GATE_SAMPLES_MAX, "samples fit");

/* ---- loading ---- */

static int take_rule(const struct proto_policy_gate *policy, struct ctl_gate_rule *ret_rule,
                     struct bl_error *err)
{
    struct ctl_gate_rule rule = {
        .is_rollback = policy->is_rollback,
        .minimum = (double)policy->minimum,
        .needed = (uint32_t)policy->needed,
        .samples = (uint32_t)policy->samples,
        .every_ms = (int64_t)policy->every_ms,
        .delay_ms = (int64_t)policy->delay_ms,
        .for_ms = (int64_t)policy->for_ms,
    };
    int r;

    bl_text_copy(rule.name, sizeof(rule.name), policy->name);
    if (policy->kind ==
        PROTO_GATE_HOSTS) { /* hosts are judged one by one, and told as good or bad */
        *ret_rule = rule;
        return 0;
    }
    r = bl_condition_parse(policy->good, &rule.good, err);
    if (r >= 0)
        r = bl_condition_parse(policy->bad, &rule.bad, err);
    if (r >= 0)
        *ret_rule = rule;

    return r;
}

static int take_sample(void *userdata, const struct ctl_store_gate_sample *sample,
                       struct bl_error *err)
{
    struct ctl_gates *gates = userdata;
    struct ctl_gates_one *one;

    if (sample->gate >= gates->count)
        return bl_fail(err, -EUCLEAN, "store: a measurement of no gate");
    one = &gates->list[sample->gate];
    one->at = sample->at;
    bl_text_copy(one->note, sizeof(one->note), sample->text);
    if (sample->verdict == CTL_GATE_UNDECIDED && sample->measured.answer.outcome == CTL_GATE_NUMBER)
        ctl_gate_take_baseline(&one->gate, sample->measured.answer.value);

    return 0;
}

static bool is_before_first_wave(const struct ctl_run *run)
{
    return run->rollout.state == CTL_ROLLOUT_STAGING && run->rollout.wave == 0;
}

static int take_bases(struct ctl_gates *gates, struct bl_error *err)
{
    for (uint32_t i = 0; i < gates->count; i++) {
        struct ctl_gate_panel *panel = gates->list[i].panel;

        if (panel != NULL && panel->bases != NULL) {
            int r = ctl_gate_panel_take_base(panel, gates->engine->store, i, bl_mono_now(), err);

            if (r < 0)
                return r;
        }
    }

    return 0;
}

int ctl_gates_load(struct ctl_engine *engine, struct ctl_run *run, struct bl_error *err)
{
    const uint32_t count = run->policy.gates_count;
    struct ctl_gates *gates;
    int r = 0;

    if (count == 0)
        return 0;
    gates = calloc(1, sizeof(*gates) + count * sizeof(gates->list[0]));
    if (gates == NULL)
        return bl_fail(err, -ENOMEM, "gates: no memory");
    gates->engine = engine;
    gates->run = run;
    gates->count = count;
    run->gates = gates;
    gates->upgraded = calloc(run->rollout.host_count, sizeof(*gates->upgraded));
    if (gates->upgraded == NULL)
        return bl_fail(err, -ENOMEM, "gates: no memory");
    for (uint32_t i = 0; i < count && r >= 0; i++) {
        struct ctl_gates_one *one = &gates->list[i];
        struct ctl_gate_rule rule = {0};

        one->gates = gates;
        one->policy = &run->policy.gates[i];
        r = take_rule(one->policy, &rule, err);
        if (r >= 0)
            ctl_gate_init(&one->gate, &rule, bl_mono_now());
        if (r >= 0 && one->policy->kind == PROTO_GATE_HOSTS)
            r = ctl_gate_panel_new(engine->store, run, i, &one->panel, err);
    }
    if (r >= 0 && is_before_first_wave(run)) /* hosts may be ready before the clock is looked at */
        r = take_bases(gates, err);
    if (r >= 0)
        r = ctl_store_each_gate_sample(engine->store, run->id, take_sample, gates, err);

    return r;
}

struct ctl_gates *ctl_gates_free(struct ctl_gates *gates)
{
    if (gates == NULL)
        return NULL;
    for (uint32_t i = 0; i < gates->count; i++) {
        (void)ctl_child_free(gates->list[i].child);
        (void)ctl_hook_free(gates->list[i].hook);
        (void)ctl_gate_panel_free(gates->list[i].panel);
    }
    free(gates->upgraded);
    free(gates);

    return NULL;
}

/* ---- measuring ---- */

/* What the rollout does now sets what is measured: before it, or after a wave. */
static void follow_rollout(struct ctl_gates *gates, struct bl_mono now)
{
    const struct ctl_rollout *rollout = &gates->run->rollout;
    const bool is_before = is_before_first_wave(gates->run);
    const bool soaks = rollout->state == CTL_ROLLOUT_SOAKING;
    const bool begins = soaks && (!gates->soaks || gates->wave != rollout->wave);

    for (uint32_t i = 0; i < rollout->host_count; i++) {
        if (!ctl_gate_host_is_upgraded(&rollout->hosts[i]))
            gates->upgraded[i] = (struct bl_mono){0};
        else if (gates->upgraded[i].ms == 0)
            gates->upgraded[i] = now;
    }
    gates->soaks = soaks;
    gates->wave = rollout->wave;
    for (uint32_t i = 0; i < gates->count && !is_before; i++) {
        if (begins)
            ctl_gate_begin_wave(&gates->list[i].gate, now);
        else
            ctl_gate_watch(&gates->list[i].gate, now);
    }
}

static bool is_news(const struct ctl_gates_one *one, uint32_t told)
{
    const enum ctl_gate_verdict verdict = one->gate.verdict;
    const bool is_harmless = verdict == CTL_GATE_UNDECIDED || verdict == CTL_GATE_GOOD;

    if (verdict == told)
        return false;
    /* Of a rollback condition only harm is told, and that it is over. */
    if (one->policy->is_rollback && is_harmless)
        return told != CTL_GATE_UNDECIDED && told != CTL_GATE_GOOD && told != 0;

    return verdict != CTL_GATE_UNDECIDED || told != 0;
}

static int store_sample(const struct ctl_gates_one *one, uint32_t index,
                        const struct ctl_gate_measurement *measured, struct bl_error *err)
{
    const struct ctl_store_gate_sample sample = {
        .gate = index,
        .at = one->at,
        .verdict = one->gate.watches ? one->gate.samples[0].verdict : CTL_GATE_UNDECIDED,
        .measured = *measured,
        .text = one->note,
    };

    return ctl_store_add_gate_sample(one->gates->engine->store, one->gates->run->id, &sample, err);
}

/* A number that was asked for is in the sentence; who could not be asked, or which hosts it is, is not. */
static bool is_note_told(const struct ctl_gates_one *one)
{
    return one->note[0] != '\0' &&
           (one->panel != NULL || one->gate.verdict == CTL_GATE_PROBE_ERROR);
}

/* Nobody ordered it by hand, so nobody's order is in the audit. */
static int audit_way_back(const struct ctl_gates_one *one, const char *text, struct bl_error *err)
{
    char id[BL_HEX_BYTES(PROTO_ROLLOUT_ID_BYTES)];
    char detail[CTL_GATE_TEXT_BYTES_MAX + sizeof("rollback_when: ")];

    bl_hex_encode(one->gates->run->id, PROTO_ROLLOUT_ID_BYTES, id);
    (void)snprintf(detail, sizeof(detail), "rollback_when: %s", text);

    return ctl_engine_audit(one->gates->engine, -1, "rollback", id, detail, err);
}

static int step_verdict(const struct ctl_gates_one *one, uint32_t index, struct bl_error *err)
{
    char text[CTL_GATE_TEXT_BYTES_MAX + 1];
    struct ctl_run *run = one->gates->run;
    const uint32_t took_back = run->rollout.gates.took_back;
    int r;

    if (!is_news(one, run->rollout.gates.verdicts[index]))
        return 0;
    ctl_gate_describe(&one->gate, text, sizeof(text));
    if (is_note_told(one)) {
        struct bl_text tail;

        bl_text_init(&tail, text + strlen(text), sizeof(text) - strlen(text));
        bl_text_add(&tail, "; ");
        bl_text_add(&tail, one->note);
    }
    ctl_log(CTL_LOG_NOTICE, "gate %s: %s", ctl_gate_verdict_name(one->gate.verdict), text);

    r = ctl_engine_step(one->gates->engine, run,
                        (struct ctl_rollout_event){.type = CTL_ROLLOUT_GATE,
                                                   .host = CTL_ROLLOUT_ALL,
                                                   .wave = run->rollout.wave,
                                                   .number = index,
                                                   .verdict = one->gate.verdict,
                                                   .text = text},
                        err);
    if (r >= 0 && run->rollout.gates.took_back != took_back)
        r = audit_way_back(one, text, err);

    return r;
}

static void take(struct ctl_gates_one *one, const struct ctl_gate_measurement *measured,
                 const char *note)
{
    struct ctl_engine *engine = one->gates->engine;
    const uint32_t index = (uint32_t)(one - one->gates->list);
    const struct bl_mono now = bl_mono_now();
    struct bl_error err = {0};

    if (!ctl_engine_begin(engine))
        return;
    follow_rollout(one->gates, now);
    if (!ctl_gate_take(&one->gate, measured, one->asked, now)) {
        (void)ctl_engine_end(engine);
        return;
    }
    one->at = bl_wall_now();
    bl_text_copy(one->note, sizeof(one->note), note);
    one->gates->run->changed = true;
    if (store_sample(one, index, measured, &err) < 0 || step_verdict(one, index, &err) < 0) {
        ctl_engine_fail(engine, &err);
        return;
    }
    (void)ctl_engine_end(engine); /* the run may be gone now */
}

static void on_asked(void *userdata, const struct ctl_child_end *end)
{
    struct ctl_gates_one *one = userdata;
    struct ctl_gate_measurement measured;
    char note[CTL_GATE_NOTE_BYTES];

    one->child = NULL;
    ctl_gate_probe_read(end, &measured, note, sizeof(note));
    take(one, &measured, note);
}

static void on_command(void *userdata, const struct ctl_hook_end *end)
{
    struct ctl_gates_one *one = userdata;
    struct ctl_gate_measurement measured;
    char note[CTL_GATE_NOTE_BYTES];

    one->hook = NULL;
    ctl_gate_probe_read_command(one->policy, end, &measured, note, sizeof(note));
    take(one, &measured, note);
}

/* Of hosts nobody has to be asked. */
static void look_at_hosts(struct ctl_gates_one *one)
{
    struct ctl_gates *gates = one->gates;
    const uint32_t index = (uint32_t)(one - gates->list);
    struct ctl_gate_measurement measured;
    char note[CTL_GATE_NOTE_BYTES];
    struct bl_error err = {0};

    ctl_gate_panel_measure(one->panel, gates->upgraded, one->asked, &measured, note, sizeof(note));
    if (!one->gate.watches) {
        if (!ctl_engine_begin(gates->engine))
            return;
        if (ctl_gate_panel_take_base(one->panel, gates->engine->store, index, one->asked, &err) <
            0) {
            ctl_engine_fail(gates->engine, &err);
            return;
        }
        one->gate.due = bl_mono_after(one->asked, one->gate.rule.every_ms);
        (void)ctl_engine_end(gates->engine);
        return;
    }
    take(one, &measured, note);
}

static void start(struct ctl_gates_one *one)
{
    struct ctl_engine *engine = one->gates->engine;
    const struct ctl_gate_measurement failed = {.answer = {CTL_GATE_ERROR, 0}};
    struct bl_error err = {0};
    int r;

    one->asked = bl_mono_now();
    if (one->panel != NULL) {
        look_at_hosts(one);
        return;
    }
    if (one->policy->kind == PROTO_GATE_COMMAND)
        r = ctl_gate_probe_command(engine->event, engine->hook_places, one->policy, one->gates->run,
                                   on_command, one, &one->hook, &err);
    else
        r = ctl_gate_probe_start(engine->event, engine->gate_program, engine->config.prometheus,
                                 one->policy, on_asked, one, &one->child, &err);
    if (r < 0)
        take(one, &failed, err.text);
}

static bool is_wanted(const struct ctl_gates_one *one)
{
    return one->gate.watches || ctl_gate_wants_baseline(&one->gate.rule) ||
           (one->panel != NULL && one->panel->bases != NULL);
}

static bool is_measured(const struct ctl_run *run)
{
    return run->gates != NULL && run->rollout.submitted && !ctl_rollout_is_final(&run->rollout) &&
           run->rollout.state != CTL_ROLLOUT_ROLLING_BACK;
}

static uint32_t count_asking(const struct ctl_engine *engine)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < engine->run_count; i++) {
        const struct ctl_gates *gates = engine->runs[i]->gates;

        for (uint32_t j = 0; gates != NULL && j < gates->count; j++)
            count += gates->list[j].child != NULL || gates->list[j].hook != NULL ? 1 : 0;
    }

    return count;
}

static bool is_due(const struct ctl_gates_one *one, struct bl_mono now)
{
    return one->child == NULL && one->hook == NULL && is_wanted(one) &&
           bl_mono_reached(now, one->gate.due);
}

/* False: nothing is due. What is judged at once may end a rollout: so the list is walked anew. */
static bool ask_next(struct ctl_engine *engine, struct bl_mono now)
{
    const bool is_full = count_asking(engine) >= ASKING_MAX;

    for (uint32_t i = 0; i < engine->run_count; i++) {
        struct ctl_gates *gates = engine->runs[i]->gates;

        if (!is_measured(engine->runs[i]))
            continue;
        follow_rollout(gates, now);
        for (uint32_t j = 0; j < gates->count; j++) {
            struct ctl_gates_one *one = &gates->list[j];

            if (!is_due(one, now) || (is_full && one->panel == NULL))
                continue;
            start(one);
            return !engine->failed;
        }
    }

    return false;
}

void ctl_gates_tick(struct ctl_engine *engine)
{
    const struct bl_mono now = bl_mono_now();

    for (uint32_t i = 0; i < ASKED_MAX && ask_next(engine, now); i++)
        continue;
}

/* ---- for people ---- */

static json_t *view_answer(const struct ctl_gate_answer *answer)
{
    return answer->outcome == CTL_GATE_NUMBER ? json_real(answer->value) : json_null();
}

static json_t *view_one(const struct ctl_gates_one *one)
{
    const struct ctl_gate *gate = &one->gate;
    const struct ctl_gate_sample *last = gate->sample_count > 0 ? &gate->samples[0] : NULL;
    const struct ctl_gate_measurement none = {.answer = {CTL_GATE_NOT_ASKED, 0}};
    const struct ctl_gate_measurement *measured = last != NULL ? &last->measured : &none;
    const bool has_baseline = gate->baseline_count > 0;
    char text[CTL_GATE_TEXT_BYTES_MAX + 1], at[BL_WALL_TEXT_BYTES];

    ctl_gate_describe(gate, text, sizeof(text));
    bl_wall_to_text(one->at, at);

    return json_pack(
        "{s:s, s:s, s:b, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:o}", "name",
        one->policy->name, "kind", proto_gate_kind_name(one->policy->kind), "rollback",
        one->policy->is_rollback, "verdict", ctl_gate_verdict_name(gate->verdict), "outcome",
        ctl_gate_outcome_name(measured->answer.outcome), "value", view_answer(&measured->answer),
        "control", view_answer(&measured->control), "minimum", view_answer(&measured->minimum),
        "baseline", has_baseline ? json_real(gate->baseline) : json_null(), "good",
        one->policy->good, "bad", one->policy->bad, "text", text, "note", one->note, "at",
        one->at.ms == 0 ? json_null() : json_string(at));
}

json_t *ctl_gates_view(const struct ctl_run *run)
{
    json_t *view = json_array();

    for (uint32_t i = 0; run->gates != NULL && i < run->gates->count; i++)
        (void)json_array_append_new(view, view_one(&run->gates->list[i]));

    return view;
}
