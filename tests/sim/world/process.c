/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world/loop.h"
#include "tests/sim/world/world.h"

struct sim_process *sim_current;
static uint32_t depth;

void sim_process_begin(struct sim_process *process, uint32_t machine, enum sim_fault killer,
                       void (*reap)(void *userdata), void *userdata)
{
    *process = (struct sim_process){.machine = machine,
                                    .killer = killer,
                                    .loop = sim_loop_new(process),
                                    .reap = reap,
                                    .userdata = userdata};
}

void sim_process_end(struct sim_process *process)
{
    process->loop = sim_loop_free(process->loop);
}

void sim_process_enter(struct sim_process *process)
{
    SIM_LAW(sim_current == NULL || sim_current == process,
            "the simulator entered one process from within another");
    sim_current = process;
    depth++;
    sim_vfs_use(sim_machine(process->machine)->disk);
}

static void reap(struct sim_process *process)
{
    /* What is freed now must not reach the disk any more, nor anybody else. */
    process->is_dead = true;
    sim_current = process;
    process->reap(process->userdata);
    sim_current = NULL;
}

void sim_process_leave(struct sim_process *process)
{
    if (--depth > 0)
        return;
    sim_current = NULL;
    if (process->is_dying || process->is_dead || process->is_exiting)
        reap(process);
}

void sim_process_kill(struct sim_process *process)
{
    if (process->is_dead)
        return;
    process->is_dead = true;
    if (sim_current != process)
        reap(process);
}

/* Half of the deaths come right after the effect: what was to follow from it never does. */
bool sim_process_may_act(void)
{
    if (sim_current == NULL)
        return true;
    if (sim_current->is_dying)
        sim_current->is_dead = true;
    if (sim_current->is_dead)
        return false;
    if (!sim_fault(sim_current->killer, sim_current->machine))
        return true;
    sim_current->is_dying = true;
    sim_current->is_dead = sim_draw_percent(SIM_DRAW_FAULT, sim_current->machine, 50);

    return !sim_current->is_dead;
}
