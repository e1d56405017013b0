/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_JOURNAL_DB_H
#define AGENT_ROOT_JOURNAL_DB_H

#include "agent/root/journal.h"
#include "common/sqlite.h"

/*
 * Everything lies in one SQLite file, since what belongs together must become durable together:
 * the saved job, its audit row and the report of it. Foreign bytes only ever enter as bound values.
 */
struct agent_journal {
    struct bl_sqlite db;
    bool broken; /* see agent_journal_is_whole() */
    uint64_t last_seq;
    uint64_t last_row;
    uint8_t head[PROTO_HASH_BYTES]; /* hash of the last row */
};

#endif
