/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_OPS_OP_H
#define AGENT_ROOT_OPS_OP_H

#include "agent/root/host.h"
#include "agent/root/job.h"
#include "agent/root/ops/findings.h"
#include "proto/words.h"

/*
 * The closed set of what this process can do to its host: one operation a step of the job machine,
 * one file each. An operation is started, never waits, and ends once by agent_op_end(). It may be
 * started for a step that already began before a crash, so it looks at the host first.
 */
struct agent_op_run;

struct agent_op {
    enum proto_step step;
    size_t state_bytes; /* of the operation's own memory, given zeroed as run->state */
    /* Below 0: could not even begin; the step then ends as failed with `err`. */
    int (*start)(struct agent_op_run *run, struct bl_error *err);
    /* Releases what run->state holds; what goes on outside goes on. May be NULL. */
    void (*stop)(struct agent_op_run *run);
};

struct agent_op_outcome {
    enum proto_result result;
    enum proto_grade grade;
    char code[AGENT_JOB_CODE_BYTES_MAX + 1];
    char reason[AGENT_JOB_REASON_BYTES_MAX + 1];
    /* What it found, one by one, each to be recorded before the end. Lent for the call of `done`. */
    const struct agent_finding *notes;
    uint32_t notes_count;
};

struct agent_op_caller {
    void *userdata;
    /* Called once; the run may be freed in here. */
    void (*done)(void *userdata, enum proto_step step, const struct agent_op_outcome *outcome);
};

struct agent_op_run {
    const struct agent_op *op;
    struct agent_host *host;
    const struct agent_work *work;
    void *state;
    struct agent_op_caller caller;
    sd_event_source *end; /* calls back from the loop */
    struct agent_op_outcome outcome;
    struct agent_finding *notes;
    uint32_t notes_count;
};

/* Borrows host and work until the run is freed. `done` never comes from inside the call. */
int agent_op_start(struct agent_host *host, const struct agent_work *work, enum proto_step step,
                   const struct agent_op_caller *caller, struct agent_op_run **ret_run,
                   struct bl_error *err) BL_CHECKED;
struct agent_op_run *agent_op_free(struct agent_op_run *run);

/* For operations. The first end counts. Foreign text in the reason is made fit for the wire. */
void agent_op_succeed(struct agent_op_run *run, const char *fmt, ...) BL_PRINTF(2, 3);
void agent_op_fail(struct agent_op_run *run, const char *code, const char *fmt, ...)
    BL_PRINTF(3, 4);
/* `grade` is for VERIFY, 0 otherwise. */
void agent_op_end(struct agent_op_run *run, enum proto_result result, enum proto_grade grade,
                  const char *code, const char *reason);

/*
 * Before the end: keeps a copy of each finding for the record. Findings that can't be kept are
 * lost for the record, and change nothing of the end.
 */
void agent_op_note(struct agent_op_run *run, const struct agent_findings *findings);

extern const struct agent_op agent_op_repair, agent_op_stage, agent_op_baseline, agent_op_precheck,
    agent_op_quiesce, agent_op_ssh_lock, agent_op_arm, agent_op_upgrade, agent_op_verify,
    agent_op_restore, agent_op_prove, agent_op_ssh_unlock, agent_op_resume, agent_op_disarm;

#endif
