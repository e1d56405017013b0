/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_OPS_FINDINGS_H
#define AGENT_ROOT_OPS_FINDINGS_H

#include "agent/core/job.h"
#include "common/attr.h"
#include "proto/finding.h"
#include "proto/manifest.h"

/*
 * What a look at the host found: each finding of its own, and the worst of them with all texts
 * behind each other, which is what the step's end says.
 */
enum {
    AGENT_FINDINGS_MAX = 48, /* more are counted and are in no list */
};

struct agent_finding {
    enum proto_grade grade; /* 0: an answer that is recorded and is no fault */
    char code[AGENT_JOB_CODE_BYTES_MAX + 1];
    char text[AGENT_JOB_REASON_BYTES_MAX + 1];
};

struct agent_findings {
    const struct proto_manifest *manifest; /* whose grades count; NULL = those of the table */
    bool restored;                         /* after the way back, see struct proto_finding */
    uint32_t count;
    enum proto_grade grade;                    /* the worst; 0 = none */
    char code[AGENT_JOB_CODE_BYTES_MAX + 1];   /* of the first of the worst */
    char text[AGENT_JOB_REASON_BYTES_MAX + 1]; /* the worst first, cut */
    struct agent_finding list[AGENT_FINDINGS_MAX];
    uint32_t list_count;
};

/* With a grade that is known otherwise than by the table. */
void agent_findings_add(struct agent_findings *findings, enum proto_grade grade, const char *code,
                        const char *fmt, ...) BL_PRINTF(4, 5);

/* Graded by the plan, or by the table of proto/finding.h, which must have the code. */
void agent_findings_found(struct agent_findings *findings, const char *code, const char *fmt, ...)
    BL_PRINTF(3, 4);

/* An answer worth recording that is no finding: listed, not counted. */
void agent_findings_answer(struct agent_findings *findings, const char *code, const char *fmt, ...)
    BL_PRINTF(3, 4);

/*
 * Whether a look ends here since this unit of the plan failed: then that is found. What the plan takes
 * for harmless is told with all the rest, which must not be left out for it.
 */
bool agent_findings_end_by_unit(struct agent_findings *findings, const char *name);

/* Puts all of `more` behind what is there. */
void agent_findings_join(struct agent_findings *findings, const struct agent_findings *more);

#endif
