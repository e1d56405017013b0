/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs that a severe failure calls: who is paged, what switches the traffic, who calls the
 * vendor. They end well, fail, are killed, or do not end in time.
 */
#include <stdio.h>
#include <string.h>

#include "tests/sim/world/people.h"

enum {
    ANSWER_MS_MAX = 40 * 1000,
};

int __wrap_bl_program_check(int root_fd, const char *path, const char *name, uid_t owner,
                            struct bl_error *err);

/* Their folder has all that plans of this world name. */
int __wrap_bl_program_check(int root_fd, const char *path, const char *name, uid_t owner,
                            struct bl_error *err)
{
    return 0;
}

static bool find(const char *name, struct sim_called *ret_called)
{
    char kind[SIM_HOOK_NAME_BYTES] = "";
    unsigned number;

    if (sscanf(name, "p%u-%31s", &number, kind) != 2 || number >= SIM_PLANS_MAX)
        return false;
    for (uint32_t i = 0; i < CTL_HOOK_COUNT; i++) {
        if (strcmp(kind, ctl_hook_name(i)) != 0)
            continue;
        ret_called->plan = sim_people_drawn(number);
        ret_called->kind = (enum ctl_hook_kind)i;
        return ret_called->plan != NULL;
    }

    return false;
}

static struct ctl_hook_end draw_failure(void)
{
    struct ctl_hook_end end = {.result = CTL_CHILD_EXITED, .status = 1, .line = "no route"};

    if (sim_draw_below(SIM_DRAW_RULES, SIM_CONTROLLER, 3) == 0)
        end = (struct ctl_hook_end){.result = CTL_CHILD_KILLED, .status = 9};

    return end;
}

bool sim_hook_call(const struct ctl_hook *hook, struct sim_called *ret_called)
{
    struct sim_called called = {.end = {.result = CTL_CHILD_EXITED, .line = "done"}};
    json_int_t call;

    if (strcmp(hook->purpose, "gate") == 0)
        return false;
    SIM_LAW(find(hook->name, &called), "belayd runs '%s', which no plan names", hook->name);
    SIM_LAW(strcmp(hook->purpose, ctl_hook_name(called.kind)) == 0,
            "belayd runs '%s' as a program for '%s'", hook->name, hook->purpose);
    call = json_integer_value(json_object_get(hook->facts, "call"));
    sim_tell(SIM_CONTROLLER, "plan %u: %s is called, number %lld", called.plan->rollout.id[0],
             hook->purpose, (long long)call);
    sim_law_hook_called(called.plan->rollout.id, called.kind, (uint64_t)call);
    called.ends_ms = sim_now_ms() + sim_draw_log(SIM_DRAW_RULES, SIM_CONTROLLER, 1, ANSWER_MS_MAX);
    if (sim_fault(SIM_FAULT_HOOK_HANGS, SIM_CONTROLLER)) {
        called.end = (struct ctl_hook_end){.result = CTL_CHILD_TIMED_OUT};
        called.ends_ms = sim_now_ms() + hook->limit_ms;
    } else if (sim_fault(SIM_FAULT_HOOK_FAILS, SIM_CONTROLLER)) {
        called.end = draw_failure();
    }
    *ret_called = called;

    return true;
}
