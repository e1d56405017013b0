/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_ASK_H
#define AGENT_ROOT_ASK_H

#include "agent/root/host.h"
#include "proto/schema.h"

/*
 * A question to a program in a unit of its own, by files: FOLDER/N.task is written, the unit
 * belay-FOLDER@N.service is started, and when it has ended FOLDER/N.result is read, both below the
 * run directory. The answer is data from outside: its reader decodes it with all limits.
 */
struct agent_ask_task {
    const char *folder; /* "probe", "errand" */
    const struct proto_schema *schema;
    const void *record;
    size_t answer_bytes_max;
};

/* `data` is lent for the call, NULL when there is no answer: then `why` tells. May free the ask. */
struct agent_ask_caller {
    void *userdata;
    void (*done)(void *userdata, const void *data, size_t data_bytes, const char *why);
};

struct agent_ask;

/* Borrows `host` until it is freed, the task for the call. `done` never comes from inside the call. */
int agent_ask_start(struct agent_host *host, const struct agent_ask_task *task,
                    const struct agent_ask_caller *caller, struct agent_ask **ret_ask,
                    struct bl_error *err) BL_CHECKED;

/* Stops waiting and removes the files. free(NULL) is fine, returns NULL. */
struct agent_ask *agent_ask_free(struct agent_ask *ask);

#endif
