/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_WITNESSES_H
#define AGENT_ROOT_WITNESSES_H

#include "agent/core/job.h"
#include "agent/root/probe.h"

/*
 * Who still answers, when no word comes from the controller: the host's gateways and resolvers, the
 * witnesses of the plan, and the controller's own port.
 */
struct agent_witnesses;

/*
 * `manifest` is borrowed for the call, `host` until it is freed. Never calls back from inside. When
 * `*witnesses` is a question that is out already, it is joined: its answer answers both, since asking
 * anew before anybody can have answered would never learn anything.
 */
int agent_witnesses_ask(struct agent_host *host, const struct proto_manifest *manifest,
                        void (*done)(void *userdata, enum agent_job_witnesses answer),
                        void *userdata, struct agent_witnesses **witnesses, struct bl_error *err)
    BL_CHECKED;
struct agent_witnesses *agent_witnesses_free(struct agent_witnesses *witnesses);

/* What the answers of one question say together. */
enum agent_job_witnesses agent_witnesses_judge(const struct agent_probe_result *result);

#endif
