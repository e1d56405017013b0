/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_FINDING_H
#define PROTO_FINDING_H

#include "proto/words.h"

/*
 * What the verification of a host can find, and how bad each is when the plan does not say
 * otherwise: the one table, for host, controller and docs/plan.md.
 */
enum {
    PROTO_GRADE_IGNORE = PROTO_GRADE_SEVERE + 1, /* of a plan: not even recorded as a finding */
};

struct proto_finding {
    const char *code;
    enum proto_grade grade;
    bool is_proof;   /* what the way back itself restores: after it, no plan may overlook this */
    const char *why; /* what it means, and why that grade */
};

/* By row from 0, sorted by code; NULL behind the last. */
const struct proto_finding *proto_finding_at(uint32_t row);

/* NULL when there is no such code. */
const struct proto_finding *proto_finding_find(const char *code);

/* "minor", "functional", "severe", "ignore"; "?" when out of range. */
const char *proto_finding_grade_name(uint32_t grade);

#endif
