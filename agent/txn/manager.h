/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_TXN_MANAGER_H
#define AGENT_TXN_MANAGER_H

#include <stdint.h>

/*
 * Which package manager rules this host: PROTO_APT or PROTO_DNF, or 0 for none that belay works with.
 * A host may have the tools of both: then it is the one whose database holds the host. `root` is ""
 * but in tests.
 */
uint32_t agent_txn_manager_find(const char *root);

/* Of a host that has none of them: what it has instead, and what a person can do about it. */
void agent_txn_manager_explain(const char *root, const char **ret_reason, const char **ret_remedy);

#endif
