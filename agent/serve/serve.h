/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SERVE_SERVE_H
#define AGENT_SERVE_SERVE_H

#include "proto/schema.h"

/*
 * What the agent's short programs have in common: each runs in a unit of its own, reads one task
 * from standard input, answers it on standard output and ends.
 */
struct agent_service {
    const char *name; /* of the program, for its messages */
    const struct proto_schema *schema;
    void *task; /* room for the struct that the schema describes */
    size_t task_bytes_max;
    /* Encodes the answer. What the task borrows is valid until it returns. Negative errno: failed. */
    int (*answer)(const void *task, struct proto_buffer *buffer, struct bl_error *err);
};

/* The program's exit status: 0, or 1 when there is no answer, with the reason on standard error. */
int agent_serve(const struct agent_service *service);

#endif
