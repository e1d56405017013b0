/* SPDX-License-Identifier: Apache-2.0 */
/* `gates` and `rollback_when`: what is measured outside of the hosts, and what it must be. */
#include <string.h>

#include "common/text.h"
#include "common/yaml.h"
#include "controller/plan/check.h"
#include "controller/plan/schema.h"

enum {
    SECOND_MS = 1000,
    EVERY_MS = 30 * SECOND_MS,
    STALE_MS = 120 * SECOND_MS,
    WITHIN_MS = 10 * SECOND_MS,
    FOR_MS = 300 * SECOND_MS,
    SAMPLES = 3,
    SAMPLES_OF_A_TIME = 5, /* with `for`: so many errors in a row say that it can't be measured */
    STATUS = 200,
    HOSTS_SAMPLES = 5, /* of a figure: three bad ones stop */
    HOSTS_NEEDED = 3,
    FINDINGS_EVERY_MS = 5 * SECOND_MS, /* they are facts: one look is enough */
};

struct reading {
    struct proto_policy_gate *gate;
    struct ctl_plan_problems *problems;
    bool has_samples, has_for, has_every, has_limit, is_wrong;
};

static void complain(struct reading *reading, const struct bl_yaml_node *node, const char *nearest,
                     const char *text)
{
    reading->is_wrong = true;
    ctl_plan_add_problem_at(reading->problems, node, nearest, "%s", text);
}

static void read_time(struct reading *reading, const struct bl_yaml_node *node, uint64_t *ret_ms)
{
    struct bl_error err = {0};
    int64_t value_ms = 0;

    if (ctl_plan_parse_duration(node->text, &value_ms, &err) < 0)
        complain(reading, node, NULL, err.text);
    else
        *ret_ms = (uint64_t)value_ms;
}

static void read_number(struct reading *reading, const struct bl_yaml_node *node, uint64_t most,
                        uint64_t *ret_value)
{
    struct bl_error err = {0};

    if (bl_text_to_u64(node->text, most, ret_value, &err) < 0)
        complain(reading, node, NULL, "must be a number");
}

static void read_question(struct reading *reading, const struct bl_yaml_node *node, uint32_t kind)
{
    if (reading->gate->kind != 0)
        complain(reading, node, NULL, "it asks one thing: prometheus, http, tcp, command or hosts");
    reading->gate->kind = kind;
    reading->gate->query = node->text;
}

static void read_samples(struct reading *reading, const struct bl_yaml_node *node)
{
    struct bl_error err = {0};
    uint32_t needed = 0, samples = 0;

    if (ctl_plan_parse_samples(node->text, &needed, &samples, &err) < 0)
        complain(reading, node, NULL, err.text);
    reading->gate->needed = needed;
    reading->gate->samples = samples;
    reading->has_samples = true;
}

static void read_share(struct reading *reading, const struct bl_yaml_node *node)
{
    struct ctl_plan_share share = {0};
    struct bl_error err = {0};

    if (ctl_plan_parse_share(node->text, &share, &err) < 0)
        complain(reading, node, NULL, err.text);
    else if (share.is_rest)
        complain(reading, node, NULL, "must be a number of hosts, or a percentage");
    reading->gate->share = share.value;
    reading->gate->share_is_percent = share.is_percent;
}

static void read_minimum(struct reading *reading, const struct bl_yaml_node *map)
{
    static const char *const names[] = {"of", "least"};
    bool has_least = false;

    for (const struct bl_yaml_node *node = map->child; node != NULL; node = node->next) {
        if (node->kind != BL_YAML_SCALAR) {
            complain(reading, node, NULL, "must be one value");
        } else if (strcmp(node->key, "of") == 0) {
            reading->gate->minimum_of = node->text;
        } else if (strcmp(node->key, "least") == 0) {
            read_number(reading, node, UINT32_MAX, &reading->gate->minimum);
            has_least = true;
        } else {
            complain(reading, node, bl_text_nearest(node->key, names, 2), "there is no such field");
        }
    }
    if (reading->gate->minimum_of[0] == '\0' || !has_least)
        complain(reading, map, NULL, "must be { of: QUERY, least: NUMBER }");
}

/* What is only a text; NULL: another field. */
static const char **text_slot(struct proto_policy_gate *gate, const char *key)
{
    const struct {
        const char *key, **slot;
    } slots[] = {{"name", &gate->name}, {"at", &gate->at},           {"good", &gate->good},
                 {"bad", &gate->bad},   {"control", &gate->control}, {"contains", &gate->contains}};

    for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
        if (strcmp(slots[i].key, key) == 0)
            return slots[i].slot;
    }

    return NULL;
}

static uint64_t *time_slot(struct proto_policy_gate *gate, const char *key)
{
    struct {
        const char *key;
        uint64_t *slot;
    } slots[] = {{"every", &gate->every_ms},
                 {"delay", &gate->delay_ms},
                 {"for", &gate->for_ms},
                 {"stale", &gate->stale_ms},
                 {"within", &gate->within_ms}};

    for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
        if (strcmp(slots[i].key, key) == 0)
            return slots[i].slot;
    }

    return NULL;
}

static void read_value(struct reading *reading, const struct bl_yaml_node *node)
{
    static const char *const names[] = {"name",   "prometheus", "http",    "tcp",     "command",
                                        "at",     "good",       "bad",     "control", "minimum",
                                        "status", "contains",   "samples", "every",   "delay",
                                        "for",    "stale",      "within",  "hosts",   "share"};
    struct proto_policy_gate *gate = reading->gate;
    const char **text = text_slot(gate, node->key);
    uint64_t *time = time_slot(gate, node->key);

    for (uint32_t kind = 1; kind <= PROTO_GATE_KIND_LAST; kind++) {
        if (strcmp(node->key, proto_gate_kind_name(kind)) == 0) {
            read_question(reading, node, kind);
            return;
        }
    }
    if (text != NULL)
        *text = node->text;
    else if (time != NULL)
        read_time(reading, node, time);
    else if (strcmp(node->key, "samples") == 0)
        read_samples(reading, node);
    else if (strcmp(node->key, "share") == 0)
        read_share(reading, node);
    else if (strcmp(node->key, "minimum") == 0)
        read_number(reading, node, CTL_PLAN_HOSTS_MAX, &gate->minimum);
    else if (strcmp(node->key, "status") == 0)
        read_number(reading, node, 599, &gate->status);
    else
        complain(reading, node, bl_text_nearest(node->key, names, sizeof(names) / sizeof(names[0])),
                 "there is no such field");
    reading->has_for = reading->has_for || strcmp(node->key, "for") == 0;
    reading->has_every = reading->has_every || strcmp(node->key, "every") == 0;
    reading->has_limit =
        reading->has_limit || strcmp(node->key, "stale") == 0 || strcmp(node->key, "within") == 0;
}

/* A figure swings, and hosts tell it each half minute; what was found stays found. */
static void fill_in_hosts(struct reading *reading)
{
    struct proto_policy_gate *gate = reading->gate;
    const bool is_figure = proto_figure_find(gate->query) != 0;

    if (gate->minimum == 0)
        gate->minimum = 1;
    gate->within_ms = 1; /* nobody is asked */
    if (!reading->has_every && !is_figure)
        gate->every_ms = FINDINGS_EVERY_MS;
    if (gate->samples == 0 && (!gate->is_rollback || !is_figure) && !reading->has_for) {
        gate->samples = is_figure ? HOSTS_SAMPLES : 1;
        gate->needed = is_figure ? HOSTS_NEEDED : 1;
        reading->has_samples = true;
    }
}

static void fill_in(struct reading *reading)
{
    struct proto_policy_gate *gate = reading->gate;

    if (gate->kind == PROTO_GATE_HOSTS)
        fill_in_hosts(reading);

    if (gate->is_rollback && !reading->has_for && !reading->has_samples)
        gate->for_ms = FOR_MS;
    if (!reading->has_samples) {
        gate->samples = gate->for_ms > 0 ? SAMPLES_OF_A_TIME : SAMPLES;
        gate->needed = gate->for_ms > 0 ? 1 : SAMPLES;
    }
    if (gate->kind == PROTO_GATE_HTTP && gate->status == 0)
        gate->status = STATUS;
}

static bool is_too_long(const struct proto_policy_gate *gate)
{
    const char *const texts[] = {gate->query, gate->at, gate->control, gate->minimum_of,
                                 gate->contains};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strlen(texts[i]) > PROTO_GATE_QUERY_BYTES_MAX)
            return true;
    }

    return false;
}

static bool is_named_twice(const struct ctl_plan *plan, const char *name)
{
    for (uint32_t i = 0; i < plan->gates_count; i++) {
        if (strcmp(plan->gates[i].name, name) == 0)
            return true;
    }

    return false;
}

static void read_gate(const struct bl_yaml_node *item, bool is_rollback, struct ctl_plan *plan,
                      struct ctl_plan_problems *problems)
{
    struct proto_policy_gate gate = {.name = "",
                                     .query = "",
                                     .at = "",
                                     .good = "",
                                     .bad = "",
                                     .control = "",
                                     .minimum_of = "",
                                     .contains = "",
                                     .is_rollback = is_rollback,
                                     .every_ms = EVERY_MS,
                                     .stale_ms = STALE_MS,
                                     .within_ms = WITHIN_MS};
    struct reading reading = {.gate = &gate, .problems = problems};
    const char *problem;

    for (const struct bl_yaml_node *node = item->child; node != NULL; node = node->next) {
        if (strcmp(node->key, "minimum") == 0 && node->kind == BL_YAML_MAP)
            read_minimum(&reading, node);
        else if (node->kind != BL_YAML_SCALAR)
            complain(&reading, node, NULL, "must be one value");
        else
            read_value(&reading, node);
    }
    fill_in(&reading);
    if (reading.is_wrong)
        return;
    if (gate.kind == 0)
        complain(&reading, item, NULL, "asks nothing: prometheus, http, tcp, command or hosts");
    else if (gate.name[0] == '\0' || strlen(gate.name) > PROTO_GATE_NAME_BYTES_MAX)
        complain(&reading, item, NULL, "needs a 'name' of at most 64 bytes");
    else if (is_named_twice(plan, gate.name))
        complain(&reading, item, NULL, "there are two of this name");
    else if (reading.has_for && reading.has_samples)
        complain(&reading, item, NULL, "either 'for' or 'samples' says when it is bad");
    else if (gate.kind == PROTO_GATE_HOSTS && reading.has_limit)
        complain(&reading, item, NULL,
                 "'stale' and 'within' are not for hosts: what is older than 90s is unknown");
    else if (gate.kind != PROTO_GATE_HOSTS && gate.minimum > 0 && gate.minimum_of[0] == '\0')
        complain(&reading, item, NULL, "'minimum' must be { of: QUERY, least: NUMBER }");
    else if (is_too_long(&gate))
        complain(&reading, item, NULL, "a text in it is longer than 1000 bytes");
    else if ((problem = proto_gate_problem(&gate)) != NULL)
        complain(&reading, item, NULL, problem);
    else
        plan->gates[plan->gates_count++] = gate;
}

void ctl_plan_read_gates(const struct ctl_plan_field *field, const struct bl_yaml_node *node,
                         struct ctl_plan *plan, struct ctl_plan_problems *problems)
{
    const bool is_rollback = strcmp(field->name, "rollback_when") == 0;

    if (node->kind != BL_YAML_LIST) {
        ctl_plan_add_problem_at(problems, node, NULL, "must be a list: [ … ]");
        return;
    }
    for (const struct bl_yaml_node *item = node->child; item != NULL; item = item->next) {
        if (item->kind != BL_YAML_MAP) {
            ctl_plan_add_problem_at(problems, item, NULL,
                                    "must be one of: { name: n, prometheus: q, bad: \"> 5\" }");
        } else if (plan->gates_count == PROTO_GATES_MAX) {
            ctl_plan_add_problem_at(problems, item, NULL, "more than %d of gates and rollback_when",
                                    PROTO_GATES_MAX);
        } else {
            read_gate(item, is_rollback, plan, problems);
        }
    }
}

int64_t ctl_plan_gates_ms(const struct ctl_plan *plan)
{
    uint64_t longest_ms = 0;

    for (uint32_t i = 0; i < plan->gates_count; i++) {
        const struct proto_policy_gate *gate = &plan->gates[i];
        const uint64_t whole_ms =
            gate->delay_ms + gate->samples * (gate->every_ms + gate->within_ms);

        if (!gate->is_rollback && whole_ms > longest_ms)
            longest_ms = whole_ms;
    }

    return (int64_t)longest_ms;
}
