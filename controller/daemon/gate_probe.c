/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/gate_probe.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/text.h"
#include "controller/outside/json.h"

enum {
    QUESTIONS_MAX = 6, /* query, control and minimum, each with its age */
    MARGIN_MS = 2000,
    COMMAND_UNSURE = 21,
};

/* ---- belay-gate ---- */

static json_t *make_task(const struct proto_policy_gate *gate, const char *prometheus)
{
    json_t *task = json_pack("{s:s, s:I, s:s}", "kind", proto_gate_kind_name(gate->kind),
                             "within_ms", (json_int_t)gate->within_ms, "query", gate->query);

    if (task == NULL)
        return NULL;
    if (gate->kind == PROTO_GATE_PROMETHEUS) {
        const char *at = gate->at[0] != '\0' ? gate->at : prometheus;

        (void)json_object_set_new(task, "at", json_string(at));
        (void)json_object_set_new(task, "stale_ms", json_integer((json_int_t)gate->stale_ms));
        if (gate->control[0] != '\0')
            (void)json_object_set_new(task, "control", json_string(gate->control));
        if (gate->minimum_of[0] != '\0')
            (void)json_object_set_new(task, "minimum", json_string(gate->minimum_of));
    } else {
        (void)json_object_set_new(task, "status", json_integer((json_int_t)gate->status));
        (void)json_object_set_new(task, "contains", json_string(gate->contains));
    }

    return task;
}

int ctl_gate_probe_start(sd_event *event, const char *program, const char *prometheus,
                         const struct proto_policy_gate *gate, ctl_child_fn ended, void *userdata,
                         struct ctl_child **ret_child, struct bl_error *err)
{
    CTL_AUTO_JSON *task = make_task(gate, prometheus);
    BL_AUTO_FREE char *text = task == NULL ? NULL : json_dumps(task, JSON_COMPACT);
    const char *const argv[] = {program, NULL};
    const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", NULL};

    if (text == NULL)
        return bl_fail(err, -ENOMEM, "no memory");

    return ctl_child_start(event,
                           &(struct ctl_child_program){
                               .argv = argv,
                               .env = env,
                               .input = text,
                               .input_bytes = strlen(text),
                               .limit_ms = QUESTIONS_MAX * (int64_t)gate->within_ms + MARGIN_MS,
                               .grace_ms = MARGIN_MS},
                           ended, userdata, ret_child, err);
}

static struct ctl_gate_answer read_answer(const json_t *answers, const char *key, char *note,
                                          size_t note_bytes)
{
    const json_t *answer = json_object_get(answers, key), *value = json_object_get(answer, "value");
    const char *outcome = ctl_json_text(answer, "outcome"), *text = ctl_json_text(answer, "text");
    struct ctl_gate_answer is = {.outcome = CTL_GATE_ERROR};

    if (answer == NULL)
        return (struct ctl_gate_answer){.outcome = CTL_GATE_NOT_ASKED};
    for (uint32_t i = CTL_GATE_NUMBER; i <= CTL_GATE_OUTCOME_LAST; i++) {
        if (strcmp(outcome, ctl_gate_outcome_name(i)) == 0)
            is.outcome = (enum ctl_gate_outcome)i;
    }
    if (is.outcome == CTL_GATE_NUMBER) {
        if (json_is_number(value) && isfinite(json_number_value(value)))
            is.value = json_number_value(value);
        else
            is.outcome = CTL_GATE_ERROR;
    }
    if (text[0] != '\0' && note[0] == '\0')
        bl_text_escape(note, note_bytes, text, strlen(text));

    return is;
}

void ctl_gate_probe_read(const struct ctl_child_end *end, struct ctl_gate_measurement *ret_measured,
                         char *ret_note, size_t note_bytes)
{
    CTL_AUTO_JSON *answers = NULL;

    *ret_measured = (struct ctl_gate_measurement){.answer = {CTL_GATE_ERROR, 0}};
    ret_note[0] = '\0';
    if (end->result == CTL_CHILD_EXITED && end->status == 0)
        answers = json_loadb(end->output, end->output_bytes, JSON_REJECT_DUPLICATES, NULL);
    if (answers != NULL && json_object_get(answers, "answer") != NULL) {
        ret_measured->answer = read_answer(answers, "answer", ret_note, note_bytes);
        ret_measured->control = read_answer(answers, "control", ret_note, note_bytes);
        ret_measured->minimum = read_answer(answers, "minimum", ret_note, note_bytes);
    } else if (end->result == CTL_CHILD_TIMED_OUT) {
        bl_text_copy(ret_note, note_bytes, "belay-gate did not end within its time");
    } else {
        bl_text_copy(ret_note, note_bytes, "belay-gate failed: see belayd's journal");
    }
}

/* ---- a program of the controller's administrator ---- */

static json_t *make_facts(const struct proto_policy_gate *gate, const struct ctl_run *run)
{
    const struct ctl_rollout *rollout = &run->rollout;
    char id[2 * PROTO_ROLLOUT_ID_BYTES + 1];
    uint32_t changed_count = 0;

    bl_hex_encode(run->id, sizeof(run->id), id);
    for (uint32_t i = 0; i < rollout->host_count; i++)
        changed_count += rollout->hosts[i].touched ? 1 : 0;

    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i}", "rollout", id, "plan",
                     run->plan_name, "gate", gate->name, "state",
                     ctl_rollout_state_name(rollout->state), "wave", rollout->wave + 1,
                     "waves_count", rollout->wave_count, "hosts_count", rollout->host_count,
                     "changed_count", changed_count);
}

int ctl_gate_probe_command(sd_event *event, const struct ctl_hook_places *places,
                           const struct proto_policy_gate *gate, const struct ctl_run *run,
                           ctl_hook_fn ended, void *userdata, struct ctl_hook_run **ret_run,
                           struct bl_error *err)
{
    CTL_AUTO_JSON *facts = make_facts(gate, run);

    if (facts == NULL)
        return bl_fail(err, -ENOMEM, "no memory");

    return ctl_hook_start(event, places,
                          &(struct ctl_hook){.name = gate->query,
                                             .purpose = "gate",
                                             .facts = facts,
                                             .limit_ms = (int64_t)gate->within_ms},
                          ended, userdata, ret_run, err);
}

/* The whole line is a number, as strtod reads one. */
static bool read_number(const char *line, double *ret_value)
{
    char *end = NULL;

    *ret_value = strtod(line, &end);

    return end != line && *end == '\0' && isfinite(*ret_value);
}

void ctl_gate_probe_read_command(const struct proto_policy_gate *gate,
                                 const struct ctl_hook_end *end,
                                 struct ctl_gate_measurement *ret_measured, char *ret_note,
                                 size_t note_bytes)
{
    const bool is_number = gate->good[0] != '\0' || gate->bad[0] != '\0';
    struct ctl_gate_answer answer = {.outcome = CTL_GATE_ERROR};

    ctl_hook_describe(end, ret_note, note_bytes);
    if (end->result == CTL_CHILD_EXITED && end->status == 0 && is_number) {
        if (read_number(end->line, &answer.value))
            answer.outcome = CTL_GATE_NUMBER;
        else
            answer.value = 0;
    } else if (end->result == CTL_CHILD_EXITED && end->status == 0) {
        answer.outcome = CTL_GATE_SAID_GOOD;
    } else if (end->result == CTL_CHILD_EXITED && end->status == 1) {
        answer.outcome = CTL_GATE_SAID_BAD;
    } else if (end->result == CTL_CHILD_EXITED && end->status == COMMAND_UNSURE) {
        answer.outcome = CTL_GATE_SAID_UNSURE;
    }
    *ret_measured = (struct ctl_gate_measurement){.answer = answer};
}
