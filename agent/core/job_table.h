/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CORE_JOB_TABLE_H
#define AGENT_CORE_JOB_TABLE_H

#include "common/sm.h"
#include "proto/words.h"

enum {
    AGENT_JOB_ROW_COUNT = PROTO_JOB_STATE_LAST + 1, /* row 0 is no state */
};

/* Inside agent/core only. */
extern const struct bl_sm_row agent_job_rows[AGENT_JOB_ROW_COUNT];

#endif
