/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_GATE_ASK_H
#define CTL_GATE_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"

/*
 * belay-gate, seen from both of its ends. One JSON object comes on standard input and says what to
 * ask; one comes out with an answer for each question. It is given no keys and keeps itself from
 * files (confine.h), and what it reads was written by whoever answers: all of it is bounded.
 *
 * In:  {"kind": "prometheus" | "http" | "tcp", "within_ms", "stale_ms", "at": URL,
 *       "query", "control"?, "minimum"?, "status"?, "contains"?}
 * Out: {"answer": A, "control": A?, "minimum": A?}, A = {"outcome": as ctl_gate_outcome_name(),
 *       "value": a number?, "text": a sentence?}
 */
enum {
    CTL_GATE_TASK_BYTES_MAX = 64 * 1024,
    CTL_GATE_BODY_BYTES_MAX = 256 * 1024,
    CTL_GATE_SAID_BYTES_MAX = 300,
};

/* An instant is below this: in milliseconds it fits where instants are kept. */
#define CTL_GATE_SECONDS_MAX 1e12

struct ctl_gate_said {
    const char *outcome; /* a literal */
    double value;        /* when it is "number" */
    bool is_scalar;      /* that number is of no sample, and has no age */
    char text[CTL_GATE_SAID_BYTES_MAX + 1];
};

/*
 * What Prometheus' answer to an instant query says. `status` is HTTP's. *ret_at_ms is the instant
 * that the answer is of, -1 when it has none.
 */
void ctl_gate_read_prometheus(long status, const char *body, size_t body_bytes,
                              struct ctl_gate_said *ret_said, int64_t *ret_at_ms);

/* Asks all of the task, and returns the answer: a new object; NULL when it is no task. */
json_t *ctl_gate_ask(const json_t *task);

#endif
