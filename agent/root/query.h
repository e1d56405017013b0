/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_QUERY_H
#define AGENT_ROOT_QUERY_H

#include "agent/root/host.h"

/*
 * The only thing that a host does without a signature: to say what a change would mean here. A
 * query is a txn unit that changes nothing, one at a time, in a directory of its own; a few wait.
 */
typedef void (*agent_query_done_fn)(void *userdata, const struct proto_query_result *result);

struct agent_query;

/* Borrows host. `done` is called once for each query that was taken, possibly at once. */
int agent_query_new(struct agent_host *host, agent_query_done_fn done, void *userdata,
                    struct agent_query **ret_query, struct bl_error *err) BL_CHECKED;
struct agent_query *agent_query_free(struct agent_query *query);

/* Answers "busy" when the package manager is ours at the moment, or when too many wait. */
void agent_query_take(struct agent_query *query, const struct proto_query *question, bool busy);

#endif
