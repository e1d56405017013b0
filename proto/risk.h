/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_RISK_H
#define PROTO_RISK_H

#include "proto/manifest.h"
#include "proto/policy.h"

/*
 * What each risk grade sets, and what is weaker than that. The table is the one for plans (what
 * nobody wrote) and for the controller, which judges signed bytes: a rollout that is weaker than
 * its grade needs another person's signature besides its requester's.
 */
enum {
    PROTO_RISK_WAVES_MAX = 4,
    PROTO_RISK_SIGNERS = 2,                   /* different people that something weaker needs */
    PROTO_WEAKER_MAX = PROTO_GRADES_MAX + 16, /* each finding graded anew, and all the rest */
    PROTO_WEAKER_TEXT_BYTES = 80,
    PROTO_WEAKER_LINE_BYTES = 256,
};

struct proto_risk_grade {
    uint32_t waves_percent[PROTO_RISK_WAVES_MAX]; /* of all hosts; the last one is the rest */
    uint32_t waves_count;
    int64_t soak_ms, watch_ms;
    uint32_t sessions; /* enum proto_sessions, at least */
    bool first_alone;
    uint32_t approvals;       /* of each wave after the first */
    uint32_t otherwise;       /* enum proto_otherwise */
    uint32_t sample_percent;  /* of each wave */
    int64_t answer_within_ms; /* 0 = nobody is asked */
};

/* `risk`: enum proto_risk. */
const struct proto_risk_grade *proto_risk_grade(uint32_t risk);

/* How long people are asked, so that the way back begins within the plan's time. */
int64_t proto_answer_ms(int64_t answer_within_ms);

struct proto_weaker {
    const char *field;                                                   /* as in a plan: "soak" */
    char value[PROTO_WEAKER_TEXT_BYTES], grade[PROTO_WEAKER_TEXT_BYTES]; /* "10m", "at least 1h" */
};

/*
 * What is weaker than the grade of the manifest's risk, in the order of docs/plan.md; nothing at
 * risk low. Of the manifest only risk, watch, SSH and `verify_grades` are read; of the policy no
 * hashes and no keys. Returns how many.
 */
uint32_t proto_risk_weaker(const struct proto_manifest *manifest, const struct proto_policy *policy,
                           struct proto_weaker ret_list[PROTO_WEAKER_MAX]);

/* "soak: 10m; risk high has at least 1h" */
void proto_weaker_to_text(const struct proto_weaker *weaker, uint32_t risk,
                          char ret_text[PROTO_WEAKER_LINE_BYTES]);

#endif
