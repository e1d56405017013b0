/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/gate.h"

#include <string.h>

#include "common/condition.h"
#include "common/text.h"
#include "proto/finding.h"

enum {
    EVERY_MS_MIN = 1000,
    TIME_MS_MAX = 7 * 24 * 3600 * 1000,
    WITHIN_MS_MAX = 60 * 1000,
    HTTP_STATUS_MIN = 100,
    HTTP_STATUS_MAX = 599,
    SHARE_ALL = 10000,
    HOSTS_MAX = 20000,
};

#define G struct proto_policy_gate
static const struct proto_field fields[] = {
    PROTO_FIELD_TEXT(G, name, PROTO_GATE_NAME_BYTES_MAX),
    PROTO_FIELD_ENUM(G, kind, PROTO_GATE_KIND_LAST),
    PROTO_FIELD_BOOL(G, is_rollback),
    PROTO_FIELD_TEXT(G, query, PROTO_GATE_QUERY_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(G, at, PROTO_GATE_QUERY_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(G, good, PROTO_GATE_CONDITION_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(G, bad, PROTO_GATE_CONDITION_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(G, control, PROTO_GATE_QUERY_BYTES_MAX),
    PROTO_FIELD_TEXT_OPT(G, minimum_of, PROTO_GATE_QUERY_BYTES_MAX),
    PROTO_FIELD_U64(G, minimum),
    PROTO_FIELD_U64_MAX(G, share, HOSTS_MAX),
    PROTO_FIELD_BOOL(G, share_is_percent),
    PROTO_FIELD_U64_MAX(G, status, HTTP_STATUS_MAX),
    PROTO_FIELD_TEXT_OPT(G, contains, PROTO_GATE_QUERY_BYTES_MAX),
    PROTO_FIELD_U64_MAX(G, needed, PROTO_GATE_SAMPLES_MAX),
    PROTO_FIELD_U64_MAX(G, samples, PROTO_GATE_SAMPLES_MAX),
    PROTO_FIELD_U64_MAX(G, every_ms, TIME_MS_MAX),
    PROTO_FIELD_U64_MAX(G, delay_ms, TIME_MS_MAX),
    PROTO_FIELD_U64_MAX(G, for_ms, TIME_MS_MAX),
    PROTO_FIELD_U64_MAX(G, stale_ms, TIME_MS_MAX),
    PROTO_FIELD_U64_MAX(G, within_ms, WITHIN_MS_MAX),
};
const struct proto_schema proto_policy_gate_schema = PROTO_SCHEMA(struct proto_policy_gate, fields);
#undef G

const char *proto_gate_kind_name(uint32_t kind)
{
    static const char *const names[] = {"prometheus", "http", "tcp", "command", "hosts"};

    return kind == 0 || kind > PROTO_GATE_KIND_LAST ? "?" : names[kind - 1];
}

static bool is_url(const char *text)
{
    return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

const char *proto_gate_figure(const struct proto_policy_gate *gate,
                              struct proto_figure_rule *ret_rule)
{
    struct proto_figure_rule rule = {.figure = proto_figure_find(gate->query),
                                     .for_ms =
                                         PROTO_FIGURE_FOR_MS_MIN}; /* `samples` say how long */
    const char *problem = NULL;

    if (rule.figure != 0)
        problem = proto_figure_rule_compare(gate->bad, &rule);
    *ret_rule = rule;

    return problem;
}

static const char *hosts_problem(const struct proto_policy_gate *gate)
{
    struct proto_figure_rule rule;
    const char *problem = proto_gate_figure(gate, &rule);

    if (rule.figure == 0 && strcmp(gate->query, PROTO_GATE_MINOR) != 0 &&
        proto_finding_find(gate->query) == NULL)
        return "'hosts' is no figure (cpu, memory, load, await, disk, pressure_…), no finding, and "
               "not 'minor'";
    if (gate->good[0] != '\0' || gate->control[0] != '\0' || gate->minimum_of[0] != '\0' ||
        gate->at[0] != '\0')
        return "'good', 'control' and 'at' are not for hosts, and 'minimum' is a number of hosts";
    if (rule.figure == 0 && gate->bad[0] != '\0')
        return "'bad' is for figures: a finding is there or not";
    if (problem != NULL || rule.bad == PROTO_BAD_ROOM)
        return "'bad' must be a comparison that fits the figure: > 80%, > 50ms, > 8, or > 2x of "
               "what the host had before";
    if (rule.figure != 0 && proto_figure_rule_problem(&rule) != NULL)
        return proto_figure_rule_problem(&rule);
    if (gate->share_is_percent && gate->share >= SHARE_ALL)
        return "'share' is all hosts: it could never be bad";
    if (gate->minimum < 1)
        return "'minimum' is 0";

    return NULL;
}

static const char *conditions_problem(const struct proto_policy_gate *gate)
{
    const bool is_number = gate->kind == PROTO_GATE_PROMETHEUS || gate->kind == PROTO_GATE_COMMAND;
    struct bl_condition good, bad;
    struct bl_error err = {0};

    if (bl_condition_parse(gate->good, &good, &err) < 0)
        return "'good' is not a comparison such as >= 0.999, or < 2x of what it was";
    if (bl_condition_parse(gate->bad, &bad, &err) < 0)
        return "'bad' is not a comparison such as > 5, or > 2x of what it was";
    if (gate->kind == PROTO_GATE_PROMETHEUS && good.sign == BL_CONDITION_NONE &&
        bad.sign == BL_CONDITION_NONE)
        return "lacks 'good' or 'bad': a comparison such as > 5";
    if (!is_number && (good.sign != BL_CONDITION_NONE || bad.sign != BL_CONDITION_NONE))
        return "has no number to compare: 'good' and 'bad' are for prometheus and command";

    return NULL;
}

static const char *question_problem(const struct proto_policy_gate *gate)
{
    if (gate->kind == PROTO_GATE_COMMAND && !bl_text_is_name(gate->query))
        return "'command' is not the name of a program in /etc/belay/controller-hooks.d";
    if (gate->kind == PROTO_GATE_HTTP && !is_url(gate->query))
        return "'http' is not a URL that begins with http:// or https://";
    if (gate->kind == PROTO_GATE_HTTP && gate->status < HTTP_STATUS_MIN)
        return "'status' is not one of HTTP: 100 to 599";
    if (gate->kind == PROTO_GATE_TCP &&
        (strchr(gate->query, ':') == NULL || strpbrk(gate->query, " /@?#") != NULL))
        return "'tcp' is not an address and a port: db.example.org:5432";
    if (gate->at[0] != '\0' && !is_url(gate->at))
        return "'at' is not a URL that begins with http:// or https://";
    if (gate->kind != PROTO_GATE_PROMETHEUS && gate->kind != PROTO_GATE_HOSTS &&
        (gate->at[0] != '\0' || gate->control[0] != '\0' || gate->minimum_of[0] != '\0'))
        return "'at', 'control' and 'minimum' are for prometheus";
    if (gate->kind != PROTO_GATE_HOSTS && (gate->share != 0 || gate->share_is_percent))
        return "'share' is for hosts";
    if (gate->kind != PROTO_GATE_HTTP && (gate->contains[0] != '\0' || gate->status != 0))
        return "'status' and 'contains' are for http";

    return NULL;
}

const char *proto_gate_problem(const struct proto_policy_gate *gate)
{
    const char *problem = question_problem(gate);

    if (problem == NULL && gate->kind == PROTO_GATE_HOSTS)
        problem = hosts_problem(gate);
    else if (problem == NULL)
        problem = conditions_problem(gate);
    if (problem != NULL)
        return problem;
    if (gate->needed < 1 || gate->needed > gate->samples)
        return "'samples' is not of the form 4 of 5";
    if (gate->every_ms < EVERY_MS_MIN)
        return "'every' is below 1s";
    if (gate->within_ms < 1)
        return "'within' is 0";
    if (gate->for_ms > 0 && !gate->is_rollback)
        return "'for' is for rollback_when; a gate has 'samples'";

    return NULL;
}
