/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ERRAND_PARTS_H
#define AGENT_ERRAND_PARTS_H

#include "agent/errand/run.h"

/* Inside agent/errand only. */

/* What a hook printed; the result points to it. */
struct agent_errand_told {
    char line[AGENT_ERRAND_LINE_BYTES_MAX + 1];
    char output[AGENT_ERRAND_OUTPUT_BYTES_MAX + 1];
};

void agent_errand_do_hook(const struct agent_errand_task *task,
                          const struct agent_errand_places *places,
                          struct agent_errand_result *result, struct agent_errand_told *told);

/* What the engines printed; the result points to it. Zero it before use. */
struct agent_errand_listed {
    char *printed[AGENT_ERRAND_ENGINES_MAX]; /* from malloc */
    char why[AGENT_ERRAND_ENGINES_MAX][AGENT_ERRAND_LINE_BYTES_MAX + 1];
    struct agent_errand_container containers[AGENT_ERRAND_CONTAINERS_MAX];
    struct agent_errand_silent silent[AGENT_ERRAND_ENGINES_MAX];
};
void agent_errand_listed_release(struct agent_errand_listed *listed);

void agent_errand_do_containers(const struct agent_errand_task *task,
                                const struct agent_errand_places *places,
                                struct agent_errand_result *result,
                                struct agent_errand_listed *listed);

/* Starts each of the task's containers that ran and is there and does not run; lists all before. */
void agent_errand_do_revive(const struct agent_errand_task *task,
                            const struct agent_errand_places *places,
                            struct agent_errand_result *result, struct agent_errand_listed *listed);

/* What the host looks like; the result points to it. */
struct agent_errand_seen {
    struct agent_errand_disk disks[AGENT_ERRAND_DISKS_MAX];
    struct agent_errand_tool tools[AGENT_ERRAND_TOOL_LAST];
    char versions[AGENT_ERRAND_TOOL_LAST + 1][AGENT_ERRAND_VERSION_BYTES_MAX + 1];
};
void agent_errand_do_host(const struct agent_errand_task *task, struct agent_errand_result *result,
                          struct agent_errand_seen *seen);

#endif
