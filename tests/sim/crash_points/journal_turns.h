/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_CRASH_POINTS_JOURNAL_TURNS_H
#define TESTS_SIM_CRASH_POINTS_JOURNAL_TURNS_H

#include "agent/root/journal.h"
#include "tests/sim/crash_points/crash.h"

/*
 * What a host writes into its journal in its life: jobs that the real decision core leads through,
 * to the end or back, refusals, acknowledgements, notes, and a late way back.
 */
enum {
    JOURNAL_TURNS_MAX = 200,
    JOURNAL_JOBS_MAX = 8,
    JOURNAL_TURN_REPORTS_MAX = 6,
};

enum journal_turn_kind {
    JOURNAL_WRITE = 1,
    JOURNAL_NOTE,
    JOURNAL_ACKNOWLEDGE,
    JOURNAL_RAISE,
};

struct journal_turn {
    enum journal_turn_kind kind;
    uint32_t number;
    uint8_t job;    /* its number, from 1; 0: none */
    bool takes_job; /* WRITE: it is new */
    bool is_large;  /* ... and of a large manifest */
    bool saves_job; /* WRITE */
    struct agent_job saved;
    uint32_t report_count;
    struct agent_job_effect reports[JOURNAL_TURN_REPORTS_MAX];
    uint64_t seq; /* ACKNOWLEDGE */
    /* What must be true after it, counted here and not by the journal. */
    uint64_t last_row, last_seq;
    uint8_t newest_job, base_job; /* 0: none */
    uint8_t job_count;
};

struct journal_turns {
    unsigned count;
    struct journal_turn list[JOURNAL_TURNS_MAX];
    struct crash_life lives[8];
    unsigned life_count;
};

void journal_turns_make(struct journal_turns *turns);

#endif
