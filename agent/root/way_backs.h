/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_WAY_BACKS_H
#define AGENT_ROOT_WAY_BACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/txn/task.h"
#include "proto/message.h"

/* The ways back of ended jobs that are not whole any more, the worst first. */
struct agent_way_back {
    uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES];
    uint32_t state; /* enum proto_way_back_state */
    char reason[PROTO_REASON_BYTES_MAX];
};

struct agent_way_backs {
    bool known; /* somebody has looked at all of them */
    uint32_t count;
    struct agent_way_back items[PROTO_WAY_BACKS_MAX];
};

/* The worst that a look at a job's snapshots found, without its rollout; false: nothing. */
bool agent_way_back_judge(const struct agent_txn_result *found, struct agent_way_back *ret_is);

/* With too many the mildest goes. */
void agent_way_backs_add(struct agent_way_backs *way_backs, const struct agent_way_back *is);

#endif
