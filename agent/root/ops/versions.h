/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_OPS_VERSIONS_H
#define AGENT_ROOT_OPS_VERSIONS_H

#include "agent/errand/errand.h"
#include "agent/root/ops/findings.h"

/*
 * What belay needs of a host's tools: each that is older than what belay relies on is an inhibitor
 * that says what it lacks; one that does not tell its version is a warning.
 */
void agent_versions_judge(const struct agent_errand_tool *tools, uint32_t tool_count,
                          struct agent_findings *inhibitors, struct agent_findings *warnings);

/* "1.21.22" against "1.21": below 0, 0 or above 0; what is not written counts as 0. */
int agent_versions_compare(const char *a, const char *b);

#endif
