/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/probe/look.h"
#include "agent/serve/serve.h"

/* belay-probe: asks the network, without privileges. */
static int answer(const void *task, struct proto_buffer *buffer, struct bl_error *err)
{
    return agent_look(task, buffer, err);
}

int main(void)
{
    struct agent_probe_task task;

    return agent_serve(&(struct agent_service){.name = "belay-probe",
                                               .schema = &agent_probe_task_schema,
                                               .task = &task,
                                               .task_bytes_max = AGENT_PROBE_TASK_BYTES_MAX,
                                               .answer = answer});
}
