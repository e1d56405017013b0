/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/world/chance.h"
#include "tests/sim/world/controller.h"
#include "tests/sim/world/host.h"
#include "tests/sim/world/machines.h"

/* 2026-01-01T00:00:00Z: true wall clock at world time 0. */
#define WALL_START_MS INT64_C(1767225600000)

static struct {
    struct sim_machine *list;
    uint32_t count;
} machines;

/* ---- faults of a disk strike the process that uses it ---- */

static void cut_power(void *userdata, uint64_t argument)
{
    const struct sim_machine *machine = userdata;

    if (machine->index == SIM_CONTROLLER)
        sim_controller_power_cut();
    else
        sim_host_power_cut(machine->index);
}

/* The process is gone at once; what else is lost follows when control is back in the world. */
static bool is_cut_off(struct sim_machine *machine)
{
    if (!sim_fault(SIM_FAULT_POWER_CUT_WRITING, machine->index))
        return false;
    sim_process_kill(sim_current);
    (void)sim_after(0, cut_power, machine, machine->index);

    return true;
}

static enum sim_disk_verdict before(void *userdata, enum sim_disk_op op, const char *file,
                                    int64_t offset, size_t size_bytes)
{
    struct sim_machine *machine = userdata;

    if (sim_current == NULL)
        return SIM_DISK_GO_ON;
    if (sim_current->is_dead)
        return SIM_DISK_DEAD;
    if (op == SIM_DISK_READ)
        return sim_fault(SIM_FAULT_READ_FAILED, machine->index) ? SIM_DISK_FAIL : SIM_DISK_GO_ON;
    if (!sim_process_may_act())
        return SIM_DISK_DEAD;
    if ((op == SIM_DISK_SYNC || op == SIM_DISK_WRITE) && is_cut_off(machine))
        return SIM_DISK_DEAD;
    if (op == SIM_DISK_SYNC)
        return sim_fault(SIM_FAULT_SYNC_FAILED, machine->index) ? SIM_DISK_FAIL : SIM_DISK_GO_ON;
    if (op == SIM_DISK_WRITE && sim_fault(SIM_FAULT_WRITE_FAILED, machine->index))
        return SIM_DISK_FAIL;
    if ((op == SIM_DISK_WRITE || op == SIM_DISK_CREATE) &&
        sim_fault(SIM_FAULT_DISK_FULL, machine->index)) {
        return sim_draw_percent(SIM_DRAW_FAULT, machine->index, 50) ? SIM_DISK_FULL
                                                                    : SIM_DISK_SHORT;
    }

    return SIM_DISK_GO_ON;
}

static uint32_t below(void *userdata, uint32_t bound)
{
    const struct sim_machine *machine = userdata;

    return sim_draw_below(SIM_DRAW_DISK, machine->index, bound);
}

/* ---- life ---- */

void sim_machines_open(uint32_t hosts)
{
    machines.count = hosts + 1;
    machines.list = calloc(machines.count, sizeof(*machines.list));
    if (machines.list == NULL)
        sim_broken("no memory for machines");
    for (uint32_t i = 0; i < machines.count; i++) {
        struct sim_machine *machine = &machines.list[i];
        const struct sim_disk_hooks hooks = {machine, before, below};

        machine->index = i < hosts ? i : SIM_CONTROLLER;
        machine->disk = sim_disk_new(&hooks);
        if (sim_fault(SIM_FAULT_CLOCK_YEARS_OFF, machine->index)) {
            int64_t years = sim_draw_between(SIM_DRAW_FAULT, machine->index, -20, 20);

            machine->wall_offset_ms = years * 365 * 24 * 3600 * 1000;
        } else {
            machine->wall_offset_ms = sim_draw_between(SIM_DRAW_SYSTEM, machine->index, -900, 900);
        }
    }
}

void sim_machines_close(void)
{
    for (uint32_t i = 0; i < machines.count; i++) {
        const struct sim_disk_counts *counts = sim_disk_counts(machines.list[i].disk);

        sim_fold(counts->writes_lost, counts->writes_kept);
        (void)sim_disk_free(machines.list[i].disk);
    }
    free(machines.list);
    machines.list = NULL;
}

uint64_t sim_machines_hash(void)
{
    uint64_t hash = 0;

    for (uint32_t i = 0; i < machines.count; i++)
        hash = sim_mix(hash, i, sim_disk_hash(machines.list[i].disk));

    return hash;
}

void sim_machines_count(struct sim_disk_counts *ret_counts)
{
    *ret_counts = (struct sim_disk_counts){0};
    for (uint32_t i = 0; i < machines.count; i++) {
        const struct sim_disk_counts *counts = sim_disk_counts(machines.list[i].disk);

        ret_counts->writes_kept += counts->writes_kept;
        ret_counts->writes_lost += counts->writes_lost;
        ret_counts->writes_torn += counts->writes_torn;
        ret_counts->writes_reordered += counts->writes_reordered;
        ret_counts->syncs_failed += counts->syncs_failed;
        ret_counts->power_cuts += counts->power_cuts;
    }
}

struct sim_machine *sim_machine(uint32_t index)
{
    return &machines.list[sim_dense(index)];
}

void sim_machine_boot(struct sim_machine *machine)
{
    uint64_t high = sim_draw(SIM_DRAW_SYSTEM, machine->index);
    uint64_t low = sim_draw(SIM_DRAW_SYSTEM, machine->index);

    machine->is_up = true;
    machine->boots++;
    /* Some seconds of firmware and kernel are behind it. */
    machine->booted_ms =
        sim_now_ms() - sim_draw_between(SIM_DRAW_SYSTEM, machine->index, 500, 9000);
    (void)snprintf(machine->boot_id, sizeof(machine->boot_id),
                   "%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-a%03" PRIx64 "-%012" PRIx64,
                   high >> 32, high >> 16 & 0xffff, high & 0xfff, low >> 52,
                   low & UINT64_C(0xffffffffffff));
}

/* ---- clocks ---- */

int64_t sim_machine_mono_ms(const struct sim_machine *machine)
{
    return sim_now_ms() - machine->booted_ms;
}

int64_t sim_machine_when(const struct sim_machine *machine, int64_t mono_ms)
{
    return mono_ms > SIM_NEVER / 2 ? SIM_NEVER : machine->booted_ms + mono_ms;
}

int64_t sim_true_wall_ms(void)
{
    return WALL_START_MS + sim_now_ms();
}

int64_t sim_machine_wall_ms(const struct sim_machine *machine)
{
    if (machine->wall_stands)
        return machine->wall_stood_ms;

    return sim_true_wall_ms() + machine->wall_offset_ms;
}
