/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROBE_LOGS_H
#define AGENT_PROBE_LOGS_H

#include "proto/manifest.h"
#include "proto/schema.h"

/*
 * What belay-agent asks belay-logs: where do the plan's logs end now, before the change? And after
 * it: what was logged since? Asked as belay-probe is, by belay-logs@N.service, which reads the
 * journal and what lies below /var/log, sees no other file, has no network and writes nothing.
 */
enum {
    AGENT_LOGS_FORMAT = 1,
    AGENT_LOGS_CURSOR_BYTES_MAX = 255,
    AGENT_LOGS_LINE_BYTES_MAX = 240, /* escaped */
    AGENT_LOGS_TASK_BYTES_MAX = 64 * 1024,
    AGENT_LOGS_RESULT_BYTES_MAX = 64 * 1024,
};

enum agent_logs_what {
    AGENT_LOGS_MARK = 1, /* where they end */
    AGENT_LOGS_READ,     /* what came behind the marks */
};

struct agent_logs_mark { /* of a check of a file; all zeros when there was none, and of a unit */
    uint64_t device, inode, bytes;
};

struct agent_logs_marks { /* kept in the job's directory while it changes */
    uint64_t format;
    int64_t wall_ms;
    const char *cursor; /* of the journal; "" = it was empty */
    struct agent_logs_mark *marks;
    uint32_t marks_count;
};

struct agent_logs_task {
    uint64_t format;
    uint32_t what; /* enum agent_logs_what */
    struct proto_log_check *checks;
    uint32_t checks_count;
    int64_t wall_ms; /* READ: the marks, in the order of the checks */
    const char *cursor;
    struct agent_logs_mark *marks;
    uint32_t marks_count;
};

struct agent_logs_answer {
    uint64_t bad_count;   /* lines that match `bad` */
    const char *bad_line; /* the first of them */
    bool good_seen;
    const char *trouble; /* it could not be read; "" = it was */
};

struct agent_logs_result { /* in the order of the checks */
    uint64_t format;
    struct agent_logs_answer *answers;
    uint32_t answers_count;
};

extern const struct proto_schema agent_logs_marks_schema; /* also the answer to MARK */
extern const struct proto_schema agent_logs_task_schema;
extern const struct proto_schema agent_logs_result_schema;

#endif
