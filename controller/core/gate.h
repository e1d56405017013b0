/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CORE_GATE_H
#define CTL_CORE_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/condition.h"

/*
 * What is measured outside of the hosts while a rollout runs, judged: is it good enough to go on?
 * Pure: measurements come in with their time, a verdict and a sentence come out. Missing data is
 * never good, and never bad either. What is bad for hosts that nobody has changed yet, too, is not
 * this change.
 */
enum {
    CTL_GATES_MAX = 32, /* of one rollout */
    CTL_GATE_SAMPLES_MAX = 32,
    CTL_GATE_BASELINES_MAX = 32,
    CTL_GATE_TEXT_BYTES_MAX = 320,
    CTL_GATE_NAME_BYTES_MAX = 64,
};

enum ctl_gate_verdict { /* stored: never renumbered */
    CTL_GATE_UNDECIDED = 1,
    CTL_GATE_GOOD,
    CTL_GATE_BAD,
    CTL_GATE_INCONCLUSIVE, /* it was measured, and that does not tell */
    CTL_GATE_NOT_THIS,     /* bad, and for the hosts that are not changed too */
    CTL_GATE_PROBE_ERROR,  /* it could not be measured */
    CTL_GATE_VERDICT_LAST = CTL_GATE_PROBE_ERROR,
};

enum ctl_gate_outcome { /* of one question; stored: never renumbered */
    CTL_GATE_NOT_ASKED = 0,
    CTL_GATE_NUMBER,
    CTL_GATE_SAID_GOOD, /* no number, but a yes or no */
    CTL_GATE_SAID_BAD,
    CTL_GATE_SAID_UNSURE,
    CTL_GATE_NO_DATA,
    CTL_GATE_ERROR,
    CTL_GATE_OUTCOME_LAST = CTL_GATE_ERROR,
};

struct ctl_gate_answer {
    enum ctl_gate_outcome outcome;
    double value; /* NUMBER */
};

/* One measurement: all that was asked at one time. */
struct ctl_gate_measurement {
    struct ctl_gate_answer answer;
    struct ctl_gate_answer control; /* of hosts that are not changed yet */
    struct ctl_gate_answer minimum; /* how much there is to judge by: requests, say */
};

struct ctl_gate_rule {
    char name[CTL_GATE_NAME_BYTES_MAX + 1];
    bool is_rollback; /* of rollback_when: what is bad takes everything back */
    struct bl_condition good, bad;
    double minimum;           /* below it nothing is said; used when `minimum` was asked */
    uint32_t needed, samples; /* N of M must be good */
    int64_t every_ms, delay_ms;
    int64_t for_ms; /* bad, without a good one in between, for that long; 0: by N of M */
};

struct ctl_gate_sample {
    struct bl_mono at;
    enum ctl_gate_verdict verdict; /* of this measurement alone; never UNDECIDED */
    struct ctl_gate_measurement measured;
};

struct ctl_gate {
    struct ctl_gate_rule rule;
    bool watches;        /* measurements are judged: hosts may have been changed */
    struct bl_mono due;  /* the next measurement */
    struct bl_mono from; /* nothing that was asked for before counts */
    double baselines[CTL_GATE_BASELINES_MAX];
    uint32_t baseline_count;
    double baseline; /* their median; only with baseline_count > 0 */
    struct ctl_gate_sample samples[CTL_GATE_SAMPLES_MAX]; /* the newest first */
    uint32_t sample_count;
    struct bl_mono bad_since; /* the first bad one since the last good one; ms 0: none */
    enum ctl_gate_verdict verdict;
};

/* Does the rule need to know how it was before? */
bool ctl_gate_wants_baseline(const struct ctl_gate_rule *rule);

/* `now`: the first measurement is due. It is of the baseline until ctl_gate_watch(). */
void ctl_gate_init(struct ctl_gate *gate, const struct ctl_gate_rule *rule, struct bl_mono now);

/* The first hosts are being changed: from now on what is measured counts. Again is harmless. */
void ctl_gate_watch(struct ctl_gate *gate, struct bl_mono now);

/*
 * A wave has ended and is watched: what was measured before says nothing of it. Of a rollback
 * condition nothing is forgotten.
 */
void ctl_gate_begin_wave(struct ctl_gate *gate, struct bl_mono now);

/* A number of before the first change, kept over a restart. */
void ctl_gate_take_baseline(struct ctl_gate *gate, double value);

/*
 * Takes a measurement that was asked for at `asked` and judges anew: gate->verdict. False: it was
 * asked for too early to say anything of what is judged now; it is forgotten, and asked again.
 */
bool ctl_gate_take(struct ctl_gate *gate, const struct ctl_gate_measurement *measurement,
                   struct bl_mono asked, struct bl_mono now);

/* "errors: 7.2 is bad (> 5), 2 of 2 samples bad; baseline 1.1, control 0.9" */
void ctl_gate_describe(const struct ctl_gate *gate, char *ret_text, uint32_t text_bytes);

const char *ctl_gate_verdict_name(uint32_t verdict);
const char *ctl_gate_outcome_name(uint32_t outcome);

#endif
