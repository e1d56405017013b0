/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_OPS_LOOK_H
#define AGENT_ROOT_OPS_LOOK_H

#include "agent/root/ops/compare.h"
#include "agent/root/ops/op.h"
#include "agent/root/phase.h"
#include "agent/root/probe.h"

/*
 * A look at the host as it is now, for VERIFY and PROVE: the packages by a txn unit of their own,
 * then a survey of all else. Everything ends in one call of `done` with the findings.
 */
struct agent_look;

struct agent_look_task {
    bool restored;     /* against the state before the change, else against what was signed */
    bool verify_files; /* compare the packages' files with their digests too */
};

struct agent_look_caller {
    void *userdata;
    /* `why` is "" and the findings are whole, or the look itself failed. May free the look. */
    void (*done)(void *userdata, const struct agent_findings *findings, const char *why);
};

/* Borrows host and work until it is freed. `done` never comes from inside the call. */
int agent_look_start(struct agent_host *host, const struct agent_work *work,
                     const struct agent_look_task *task, const struct agent_look_caller *caller,
                     struct agent_look **ret_look, struct bl_error *err) BL_CHECKED;
struct agent_look *agent_look_free(struct agent_look *look);

#endif
