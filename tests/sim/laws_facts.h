/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_LAWS_FACTS_H
#define TESTS_SIM_LAWS_FACTS_H

#include <string.h>

#include "tests/lib/unit.h"
#include "tests/sim/world/laws.h"
#include "tests/sim/world/world.h"

/*
 * Made-up facts for the laws, and the little of a world that they need: a time, and a sim_broken()
 * that comes back. The facts are of one rollout: host 0 alone, then hosts 1 and 2, of which one may
 * fail; each function goes on where the one named in its comment ended.
 */
enum {
    HOSTS = 3,
    SOAK_MS = 1000,
    STAGE_MS = 10000,
    JOB_MS = 20000,
    REVERT_MS = 8000,
    LEASE_MS = 60000,
    WATCH_MS = 500,
    LONG_MS = 3600 * 1000,
};

/* `call` breaks a law, and the sentence has `text` in it. */
#define BREAKS(text, call)                                            \
    do {                                                              \
        facts_world.is_expected = true;                               \
        if (setjmp(facts_world.out) == 0) {                           \
            call;                                                     \
            fail_msg("no law is broken: %s", text);                   \
        } else if (strstr(facts_world.said, text) == NULL) {          \
            fail_msg("'%s' is not said: %s", text, facts_world.said); \
        }                                                             \
        facts_world.is_expected = false;                              \
    } while (0)

struct facts_world {
    int64_t now_ms;
    int64_t wall_ms;   /* of belayd's clock, ahead of that */
    bool is_cut_off;   /* host 0 */
    bool is_struck;    /* all hosts, all the time, by a fault that does nothing */
    bool is_link_open; /* of all hosts, ever since */
    bool is_expected;  /* that a law is broken */
    uint32_t budget;   /* of the rollouts that are submitted from now on */
    bool is_first_alone;
    struct ctl_rollout_limits rules; /* the same: windows, approvals, answers */
    const uint8_t *zones;            /* the same: of each host, 1 + its value; NULL: none */
    uint32_t zone_hosts[3];
    struct sim_law_gate gate; /* the same; samples 0: none */
    jmp_buf out;
    char said[512];
};
extern struct facts_world facts_world;

extern const uint8_t rollout[PROTO_ROLLOUT_ID_BYTES];
extern const uint8_t other[PROTO_ROLLOUT_ID_BYTES];
extern struct ctl_rollout_host beliefs[HOSTS]; /* as told last */

/* All hosts are up, belayd too, and `rollout` is submitted. */
int setup(void **state);
void setup_paced(uint32_t budget, bool is_first_alone);
void setup_ruled(const struct ctl_rollout_limits *rules);
/* `zones` is borrowed for the test. */
void setup_spread(const uint8_t zones[HOSTS], const uint32_t zone_hosts[3]);
void setup_gate(const struct sim_law_gate *gate);
int teardown(void **state);

void pass(int64_t ms);
void submit(const uint8_t *id, bool is_valid, uint32_t hosts_count);
void believe(uint32_t host, uint32_t state);
void believe_failed(uint32_t host, uint32_t state);
void record(uint32_t host, enum proto_job_state state);
void order(uint32_t host, enum ctl_rollout_effect_type type);
void ask_back(uint32_t host);
void tell_state(enum ctl_rollout_state state, const char *code, uint32_t hosts_count);
void turn_back(uint32_t host, const char *code, bool is_healthy, bool is_cut_off,
               bool controller_was_missing);

/* One host, from its offer to its end. */
void take(uint32_t host);
void stage(uint32_t host); /* take */
void stage_all(void);
void start(uint32_t host);   /* stage */
void isolate(uint32_t host); /* start: SSH is locked, the silence timer armed */
void upgrade(uint32_t host); /* isolate: the package run begins */
void change(uint32_t host);  /* stage: all the way to VERIFYING, which has looked */
void probe(uint32_t host);   /* stage: all the way to PROBATION, COMMIT is sent */
void watch(uint32_t host);   /* stage: COMMIT is heard, the watch time over */
void commit(uint32_t host);  /* stage: all the way */

#endif
