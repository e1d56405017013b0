/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_CRASH_POINTS_STORE_TURNS_H
#define TESTS_SIM_CRASH_POINTS_STORE_TURNS_H

#include "controller/daemon/store.h"
#include "tests/sim/crash_points/crash.h"

/*
 * What belayd writes into its store: hosts that enrol, with and without a token, rollouts, their
 * events, what hosts report, once and twice, and who asked for what.
 */
enum {
    STORE_TURNS_MAX = 80,
    STORE_HOSTS = 6,
};

enum store_turn_kind {
    STORE_HOSTS_SEEN = 1, /* `number` more hosts than before, and all seen again */
    STORE_TOKEN_ADDED,
    STORE_TOKEN_USED,    /* and a host enrolled with it */
    STORE_TOKEN_REFUSED, /* it is used up; only the attempt is in the audit */
    STORE_SUBMITTED,     /* rollout `rollout` */
    STORE_REPORTED,      /* report `number` of two hosts, one of them sent the one before again */
    STORE_RESTARTED,     /* an event of the newest rollout */
    STORE_ENDED,         /* the newest rollout */
};

/* How many there must be, counted here and not by the store. */
struct store_counts {
    uint32_t hosts, tokens_left, rollouts, events, reports, audits;
};

struct store_turn {
    enum store_turn_kind kind;
    uint32_t number;
    uint32_t rollout; /* from 1; the newest */
    bool is_large;    /* its manifest */
    struct store_counts counts;
};

struct store_turns {
    unsigned count;
    struct store_turn list[STORE_TURNS_MAX];
    struct crash_life lives[8];
    unsigned life_count;
};

void store_turns_make(struct store_turns *turns);

/* Performs it as one transaction. */
int store_turn_run(struct ctl_store *store, const struct store_turn *turn, struct bl_error *err);
int store_turn_audit(struct ctl_store *store, const char *verb, uint32_t number,
                     struct bl_error *err);
void store_turn_rollout_id(uint32_t rollout, uint8_t ret_id[PROTO_ROLLOUT_ID_BYTES]);

#endif
