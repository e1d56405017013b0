/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASE_SESSIONS_H
#define AGENT_LEASE_SESSIONS_H

#include "agent/lease/lease.h"

/*
 * What happens to SSH sessions that were open before the lock, as the manifest says: nothing, a
 * line on their terminal, or their end; kept addresses and groups are left alone. Asks logind over
 * the system bus. *ret_count: how many were warned or ended. -EOPNOTSUPP without logind.
 */
int agent_sessions_treat(const struct proto_manifest *manifest, unsigned *ret_count,
                         struct bl_error *err) BL_CHECKED;

#endif
