/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_OPS_SURVEY_H
#define AGENT_ROOT_OPS_SURVEY_H

#include "agent/root/host.h"
#include "agent/root/ops/baseline.h"

/*
 * Takes down the state of the host: asks belay-probe for the network, belay-look for mounts and
 * processes, the container engines, and systemd for the units, one after the other.
 */
struct agent_survey;

/* `now` is lent for the call and without a cursor; NULL when a part failed: then `why` tells. */
struct agent_survey_caller {
    void *userdata;
    void (*done)(void *userdata, const struct agent_baseline *now, const char *why);
};

struct agent_survey_task {
    const struct proto_manifest *manifest;
    const struct proto_text *ssh; /* "ADDRESS:PORT" where an SSH server is to answer */
    uint32_t ssh_count;
};

/* Borrows the host until it is freed. `done` never comes from inside the call. */
int agent_survey_start(struct agent_host *host, const struct agent_survey_task *task,
                       const struct agent_survey_caller *caller, struct agent_survey **ret_survey,
                       struct bl_error *err) BL_CHECKED;
struct agent_survey *agent_survey_free(struct agent_survey *survey);

#endif
