/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_JOURNAL_RECORD_H
#define AGENT_ROOT_JOURNAL_RECORD_H

#include "agent/root/journal.h"

/* The records inside the journal's database. A field that the core gains must be added here. */
struct agent_journal_saved {
    struct agent_job job; /* but for its two texts */
    const char *code, *reason;
    const char *boot_id;
};

extern const struct proto_schema agent_journal_saved_schema;
extern const struct proto_schema agent_journal_job_schema; /* what of a job never changes */
extern const struct proto_schema agent_journal_row_schema;

#endif
