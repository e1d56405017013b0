/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_GATE_H
#define PROTO_GATE_H

#include "proto/figure_rule.h"
#include "proto/schema.h"

/* One thing that is measured outside of the hosts while a rollout runs: a part of the policy. */
enum {
    PROTO_GATES_MAX = 32,
    PROTO_GATE_NAME_BYTES_MAX = 64,
    PROTO_GATE_QUERY_BYTES_MAX = 1000,
    PROTO_GATE_CONDITION_BYTES_MAX = 32,
    PROTO_GATE_SAMPLES_MAX = 32,
};

enum proto_gate_kind {         /* signed and stored: never renumbered */
    PROTO_GATE_PROMETHEUS = 1, /* an instant query */
    PROTO_GATE_HTTP,           /* a page */
    PROTO_GATE_TCP,            /* an address takes connections */
    PROTO_GATE_COMMAND,        /* a program of the controller's administrator */
    PROTO_GATE_HOSTS,          /* what the hosts say of themselves */
    PROTO_GATE_KIND_LAST = PROTO_GATE_HOSTS,
};
#define PROTO_GATE_MINOR "minor"                 /* HOSTS: any minor finding after the change */
const char *proto_gate_kind_name(uint32_t kind); /* the key in a plan: "prometheus" */

struct proto_policy_gate {
    const char *name;
    uint32_t kind;          /* enum proto_gate_kind */
    bool is_rollback;       /* of rollback_when: what is bad takes everything back */
    const char *query;      /* or the URL, the address, the name of the program; HOSTS: see below */
    const char *at;         /* PROMETHEUS: its URL; "" = as the controller is configured */
    const char *good, *bad; /* conditions of common/condition.h; "" = none */
    const char *control;    /* PROMETHEUS: the same of hosts that are not changed; "" = none */
    const char *minimum_of; /* PROMETHEUS: how much there is to judge by; "" = none */
    uint64_t minimum;       /* of `minimum_of`; HOSTS: so many upgraded ones must tell */
    uint64_t status;        /* HTTP */
    const char *contains;   /* HTTP; "" = anything */
    uint64_t share;         /* HOSTS: that may be bad; hundredths of a percent, or hosts */
    bool share_is_percent;
    uint64_t needed, samples;
    uint64_t every_ms, delay_ms, for_ms, stale_ms, within_ms;
};
extern const struct proto_schema proto_policy_gate_schema;

/*
 * Of HOSTS: `query` is a figure, and then `bad` as proto_figure_rule_compare() reads it, or a finding
 * of proto/finding.h, or PROTO_GATE_MINOR. Which figure is compared with what; figure 0: findings.
 */
const char *proto_gate_figure(const struct proto_policy_gate *gate,
                              struct proto_figure_rule *ret_rule);

/* Why it can't be one, in words that fit behind its name; NULL: it can. */
const char *proto_gate_problem(const struct proto_policy_gate *gate);

#endif
