/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_OPS_PRECHECK_H
#define AGENT_ROOT_OPS_PRECHECK_H

#include "agent/root/containers.h"
#include "agent/root/ops/compare.h"
#include "agent/root/ops/op.h"

/*
 * What PRECHECK judges of what is known without asking anybody. An inhibitor stands in the way, a
 * warning does not; each is a sentence with its remedy behind an arrow, and has a stable code.
 */
struct agent_precheck_known {
    const struct proto_manifest *manifest;
    const struct agent_host *host;
    const struct agent_txn_result *stage;
    const struct agent_baseline *baseline;
};

void agent_precheck_known(const struct agent_precheck_known *known,
                          struct agent_findings *inhibitors, struct agent_findings *warnings);

/* The containers that the plan names. */
void agent_precheck_containers(const struct proto_manifest *manifest,
                               const struct agent_containers *containers,
                               struct agent_findings *inhibitors);

#endif
