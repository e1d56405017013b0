/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world/fates.h"

#include "tests/sim/world/controller.h"
#include "tests/sim/world/host.h"
#include "tests/sim/world/net.h"
#include "tests/sim/world/world.h"

#define HOUR_MS (INT64_C(3600) * 1000)

enum {
    BUSY_MS_MIN = 200, /* between two moments of a machine that has a job */
    BUSY_MS_MAX = 60 * 1000,
    IDLE_MS_MIN = 60 * 1000,
    IDLE_MS_MAX = 30 * 60 * 1000,
    CLONE_MS_MAX = 3600 * 1000,
    JUMP_MS_MIN = 1000,
};

/* ---- clocks ---- */

static void jump(struct sim_machine *machine)
{
    int64_t by_ms = sim_draw_log(SIM_DRAW_FAULT, machine->index, JUMP_MS_MIN, 400 * 24 * HOUR_MS);

    if (sim_draw_percent(SIM_DRAW_FAULT, machine->index, 50))
        by_ms = -by_ms;
    machine->wall_offset_ms += by_ms;
    sim_tell(machine->index, "its clock jumps by %lld ms", (long long)by_ms);
}

static void go_on(void *userdata, uint64_t index)
{
    sim_machine((uint32_t)index)->wall_stands = false;
}

static void stop(struct sim_machine *machine)
{
    if (machine->wall_stands)
        return;
    machine->wall_stood_ms = sim_machine_wall_ms(machine);
    machine->wall_stands = true;
    (void)sim_after(sim_draw_log(SIM_DRAW_FAULT, machine->index, 1000, 6 * HOUR_MS), go_on, NULL,
                    machine->index);
}

/* ---- moments ---- */

static void strike_clock(uint32_t machine)
{
    if (sim_fault(SIM_FAULT_CLOCK_JUMPED, machine))
        jump(sim_machine(machine));
    if (sim_fault(SIM_FAULT_CLOCK_STOPPED, machine))
        stop(sim_machine(machine));
}

static void strike_network(uint32_t host)
{
    static const enum sim_fault breaks[] = {SIM_FAULT_PARTITION, SIM_FAULT_PARTITION_UP,
                                            SIM_FAULT_PARTITION_DOWN, SIM_FAULT_LINK_RESET};

    for (uint32_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
        if (sim_fault(breaks[i], host))
            sim_net_break(host, breaks[i]);
    }
    if (sim_fault(SIM_FAULT_HOST_CLONED, host))
        sim_net_clone(host, sim_draw_log(SIM_DRAW_FAULT, host, 1000, CLONE_MS_MAX));
}

static void strike_machine(uint32_t host)
{
    static const struct {
        enum sim_fault fault;
        void (*strike)(uint32_t host);
    } strikes[] = {
        {SIM_FAULT_COURIER_KILLED, sim_host_kill_courier},
        {SIM_FAULT_AGENT_KILLED, sim_host_kill_agent},
        {SIM_FAULT_UNIT_KILLED, sim_host_kill_unit},
        {SIM_FAULT_AGENT_UPGRADED, sim_host_upgrade_agent},
        {SIM_FAULT_POWER_CUT, sim_host_power_cut},
        {SIM_FAULT_REBOOT, sim_host_reboot},
        {SIM_FAULT_REBOOT_LOOP, sim_host_reboot_loop},
        {SIM_FAULT_BOOT_NEVER, sim_host_boot_never},
        {SIM_FAULT_SNAPSHOT_RESTORED, sim_host_restore_snapshot},
    };

    for (uint32_t i = 0; i < sizeof(strikes) / sizeof(strikes[0]); i++) {
        if (sim_fault(strikes[i].fault, host))
            strikes[i].strike(host);
    }
    /* Somebody takes one now and then; that alone harms nobody. */
    if (sim_draw_percent(SIM_DRAW_SYSTEM, host, 20))
        sim_host_take_snapshot(host);
}

static void strike_rescue(uint32_t host)
{
    if (sim_fault(SIM_FAULT_PERSON_RESCUES, host)) {
        const uint32_t buttons = SIM_RESCUE_LAST - SIM_RESCUE_HOLD + 1;
        const uint32_t button = sim_draw_below(SIM_DRAW_PERSON, host, buttons);

        (void)sim_host_rescue(host, SIM_RESCUE_HOLD + button);
    }
}

/* Most can go wrong while something is being done; a host that is off or waits for others does nothing. */
static bool is_at_work(uint32_t host)
{
    return sim_machine(host)->is_up && sim_host_has_job(host) &&
           sim_host_truth(host)->job_state != PROTO_JOB_READY;
}

static void on_host_moment(void *userdata, uint64_t index)
{
    uint32_t host = (uint32_t)index;
    bool is_busy = is_at_work(host);

    if (sim_is_calm())
        return;
    strike_clock(host);
    strike_network(host);
    if (sim_machine(host)->is_up) {
        strike_machine(host);
        strike_rescue(host);
    }
    (void)sim_after(sim_draw_log(SIM_DRAW_SYSTEM, host, is_busy ? BUSY_MS_MIN : IDLE_MS_MIN,
                                 is_busy ? BUSY_MS_MAX : IDLE_MS_MAX),
                    on_host_moment, NULL, host);
}

static void strike_people(void)
{
    static const enum sim_fault buttons[] = {
        SIM_FAULT_PERSON_PAUSES,
        SIM_FAULT_PERSON_RESUMES,
        SIM_FAULT_PERSON_ABORTS,
        SIM_FAULT_PERSON_ROLLS_BACK,
        SIM_FAULT_PERSON_ROLLS_BACK_WAVE,
        SIM_FAULT_PERSON_ROLLS_BACK_HOST,
        SIM_FAULT_KEY_REVOKED,
        SIM_FAULT_HOST_REVOKED,
        SIM_FAULT_FORGED_ORDER,
        SIM_FAULT_PERSON_ROLLS_BACK_FORMER,
        SIM_FAULT_FORGED_AIMED,
        SIM_FAULT_PERSON_FREEZES,
        SIM_FAULT_PERSON_UNFREEZES,
        SIM_FAULT_PERSON_APPROVES,
        SIM_FAULT_PERSON_ANSWERS,
        SIM_FAULT_FORGED_APPROVAL,
        SIM_FAULT_PERSON_DENIES,
    };

    for (uint32_t i = 0; i < sizeof(buttons) / sizeof(buttons[0]); i++) {
        if (!sim_fault(buttons[i], SIM_CONTROLLER))
            continue;
        sim_people_press(buttons[i]);
        /* Impatient, or not sure whether it was taken. */
        if (sim_draw_percent(SIM_DRAW_PERSON, SIM_CONTROLLER, 30))
            sim_people_press(buttons[i]);
    }
}

static void on_controller_moment(void *userdata, uint64_t argument)
{
    bool is_busy;

    if (sim_is_calm())
        return;
    strike_clock(SIM_CONTROLLER);
    strike_people();
    if (sim_fault(SIM_FAULT_BELAYD_KILLED, SIM_CONTROLLER))
        sim_controller_kill();
    if (sim_fault(SIM_FAULT_CONTROLLER_POWER_CUT, SIM_CONTROLLER))
        sim_controller_power_cut();
    if (sim_fault(SIM_FAULT_CONTROLLER_AWAY, SIM_CONTROLLER))
        sim_controller_go_away();
    is_busy = sim_people_are_busy();
    (void)sim_after(sim_draw_log(SIM_DRAW_SYSTEM, SIM_CONTROLLER,
                                 is_busy ? BUSY_MS_MIN : IDLE_MS_MIN,
                                 is_busy ? 2 * BUSY_MS_MAX : IDLE_MS_MAX),
                    on_controller_moment, NULL, 0);
}

void sim_fates_open(void)
{
    for (uint32_t host = 0; host < sim_host_count(); host++)
        (void)sim_after(sim_draw_log(SIM_DRAW_SYSTEM, host, BUSY_MS_MIN, IDLE_MS_MAX),
                        on_host_moment, NULL, host);
    (void)sim_after(BUSY_MS_MIN, on_controller_moment, NULL, 0);
}

void sim_fates_close(void)
{
}
