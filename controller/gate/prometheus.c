/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what Prometheus answers to an instant query: one number, or why there is none. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "controller/gate/ask.h"
#include "controller/outside/json.h"

BL_PRINTF(3, 4)
static void say(struct ctl_gate_said *said, const char *outcome, const char *fmt, ...)
{
    char text[CTL_GATE_SAID_BYTES_MAX + 1];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    said->outcome = outcome;
    bl_text_escape(said->text, sizeof(said->text), text, strlen(text));
}

/* [instant in seconds, "number as text"] */
static void read_pair(const json_t *pair, struct ctl_gate_said *said, int64_t *ret_at_ms)
{
    const json_t *at = json_array_get(pair, 0);
    const char *text = json_string_value(json_array_get(pair, 1));
    char *end = NULL;
    double value;

    if (json_array_size(pair) != 2 || !json_is_number(at) ||
        !(fabs(json_number_value(at)) < CTL_GATE_SECONDS_MAX) || text == NULL || *text == '\0') {
        say(said, "error", "Prometheus answers with a value that is none");
        return;
    }
    value = strtod(text, &end);
    if (*end != '\0') {
        say(said, "error", "Prometheus answers '%.40s', which is no number", text);
        return;
    }
    *ret_at_ms = (int64_t)(json_number_value(at) * 1000.0);
    if (!isfinite(value)) {
        say(said, "no_data", "the query gives %.40s: there is nothing to divide by", text);
        return;
    }
    said->outcome = "number";
    said->value = value;
}

static void read_result(const json_t *data, struct ctl_gate_said *said, int64_t *ret_at_ms)
{
    const char *type = ctl_json_text(data, "resultType");
    const json_t *result = json_object_get(data, "result");

    said->is_scalar = strcmp(type, "scalar") == 0;
    if (said->is_scalar) {
        read_pair(result, said, ret_at_ms);
    } else if (strcmp(type, "vector") != 0 || !json_is_array(result)) {
        say(said, "error", "the query gives a '%.40s'; a gate needs one number", type);
    } else if (json_array_size(result) == 0) {
        say(said, "no_data", "the query gives nothing");
    } else if (json_array_size(result) > 1) {
        say(said, "error", "the query gives %zu series; a gate needs one: use sum() or max()",
            json_array_size(result));
    } else {
        read_pair(json_object_get(json_array_get(result, 0), "value"), said, ret_at_ms);
    }
}

/* Warnings of Prometheus: the number may lack a part. */
static void add_warning(const json_t *answer, struct ctl_gate_said *said)
{
    const char *warning = json_string_value(json_array_get(json_object_get(answer, "warnings"), 0));

    if (warning != NULL && said->text[0] == '\0')
        say(said, said->outcome, "Prometheus warns: %.200s", warning);
}

void ctl_gate_read_prometheus(long status, const char *body, size_t body_bytes,
                              struct ctl_gate_said *ret_said, int64_t *ret_at_ms)
{
    CTL_AUTO_JSON *answer = json_loadb(body, body_bytes, JSON_REJECT_DUPLICATES, NULL);

    *ret_said = (struct ctl_gate_said){0};
    *ret_at_ms = -1;
    if (!json_is_object(answer)) {
        say(ret_said, "error", "answers %ld with what is not Prometheus'", status);
    } else if (strcmp(ctl_json_text(answer, "status"), "success") != 0) {
        say(ret_said, "error", "Prometheus answers %ld: %.220s", status,
            ctl_json_text(answer, "error"));
    } else if (status != 200) {
        say(ret_said, "error", "answers %ld", status);
    } else {
        read_result(json_object_get(answer, "data"), ret_said, ret_at_ms);
        add_warning(answer, ret_said);
    }
}
