/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PROBE_CHECK_H
#define AGENT_PROBE_CHECK_H

#include "proto/manifest.h"
#include "proto/schema.h"

/*
 * What belay-agent asks belay-check: does each page and each address of the plan answer as it
 * should? Asked as belay-probe is, by belay-check@N.service, which has a network and no privileges.
 * A program of its own, so that a broken TLS library does not blind the probe, too.
 */
enum {
    AGENT_CHECK_FORMAT = 1,
    AGENT_CHECK_LINE_BYTES_MAX = 300,
    AGENT_CHECK_TASK_BYTES_MAX = 64 * 1024,
    AGENT_CHECK_RESULT_BYTES_MAX = 64 * 1024,
};

struct agent_check_task {
    uint64_t format;
    struct proto_http_check *http;
    uint32_t http_count;
    struct proto_text *tcp;
    uint32_t tcp_count;
};

struct agent_check_answer {
    bool is_right;
    const char *line; /* what was asked and what came back */
};

struct agent_check_result { /* in the order of the task */
    uint64_t format;
    struct agent_check_answer *http;
    uint32_t http_count;
    struct agent_check_answer *tcp;
    uint32_t tcp_count;
};

extern const struct proto_schema agent_check_task_schema;
extern const struct proto_schema agent_check_result_schema;

#endif
