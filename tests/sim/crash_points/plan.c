/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/crash_points/plan.h"

#include <string.h>

#include "common/check.h"
#include "tests/sim/sim.h"

enum {
    POINTS_MAX = 20000, /* changes in one life */
    IS_DATABASE = 0x80, /* beside the kind: not of a file beside the database */
};

#define OP(name)   (1U << SIM_DISK_##name)
#define ANY_CHANGE (OP(WRITE) | OP(TRUNCATE) | OP(SYNC) | OP(CREATE) | OP(DELETE))
#define NEED_ROOM  (OP(WRITE) | OP(CREATE))

const struct crash_fault crash_faults[] = {
    {"killed_before", SIM_DISK_DEAD, ANY_CHANGE, 1},
    {"killed_after", SIM_DISK_DIE_AFTER, ANY_CHANGE, 1},
    {"power_cut_before", SIM_DISK_DEAD, ANY_CHANGE, 3, .cuts_power = true},
    {"power_cut_after", SIM_DISK_DIE_AFTER, ANY_CHANGE, 1, .cuts_power = true},
    {"power_cut_twice", SIM_DISK_DEAD, ANY_CHANGE, 1, .cuts_power = true, .strikes_twice = true},
    {"no_space", SIM_DISK_FULL, NEED_ROOM, 1},
    {"no_space_stays", SIM_DISK_FULL, NEED_ROOM, 1, .stays = true},
    {"short_write", SIM_DISK_SHORT, OP(WRITE), 1},
    {"io_error", SIM_DISK_FAIL, ANY_CHANGE, 1},
    {"io_error_power_cut", SIM_DISK_FAIL, ANY_CHANGE, 2, .cuts_power = true},
    {"failed_sync_power_cut", SIM_DISK_FAIL, OP(SYNC), 3, .cuts_power = true},
    {"failed_sync_restart", SIM_DISK_FAIL, OP(SYNC), 3, .cuts_later = true},
};
const size_t crash_fault_count = sizeof(crash_faults) / sizeof(crash_faults[0]);

static struct {
    const struct crash_fault *fault;
    unsigned point, count;
    bool has_struck, is_dead, is_recording;
    struct sim_chance chance;
    unsigned char ops[POINTS_MAX]; /* as recorded */
} plan;

void crash_plan_nothing(void)
{
    plan.fault = NULL;
    plan.count = 0;
    plan.has_struck = plan.is_dead = plan.is_recording = false;
}

void crash_plan_record(void)
{
    crash_plan_nothing();
    plan.is_recording = true;
}

void crash_plan(const struct crash_fault *fault, unsigned point, unsigned seed)
{
    crash_plan_nothing();
    plan.fault = fault;
    plan.point = point;
    plan.chance =
        sim_chance_from(1000 * (uint64_t)point + 10 * (uint64_t)(fault - crash_faults) + seed + 1);
}

void crash_plan_kill(void)
{
    plan.is_dead = true;
}

bool crash_plan_has_struck(void)
{
    return plan.has_struck;
}

bool crash_plan_is_dead(void)
{
    return plan.is_dead;
}

unsigned crash_plan_count(void)
{
    return plan.count;
}

enum sim_disk_op crash_plan_op(unsigned point)
{
    BL_ASSERT(point < POINTS_MAX);
    return (enum sim_disk_op)(plan.ops[point] & ~IS_DATABASE);
}

bool crash_plan_is_database(unsigned point)
{
    BL_ASSERT(point < POINTS_MAX);
    return (plan.ops[point] & IS_DATABASE) != 0;
}

static enum sim_disk_verdict before(void *userdata, enum sim_disk_op op, const char *file,
                                    int64_t offset, size_t size_bytes)
{
    const struct crash_fault *fault = plan.fault;
    unsigned number;

    if (plan.is_dead)
        return SIM_DISK_DEAD;
    if (op == SIM_DISK_READ)
        return SIM_DISK_GO_ON;
    number = plan.count++;
    if (plan.is_recording) {
        BL_ASSERT(number < POINTS_MAX);
        plan.ops[number] =
            (unsigned char)((unsigned)op | (strchr(file, '-') == NULL ? IS_DATABASE : 0));
    }
    if (fault == NULL)
        return SIM_DISK_GO_ON;
    if (number != plan.point && !(fault->stays && plan.has_struck))
        return SIM_DISK_GO_ON;
    if ((fault->ops & (1U << op)) == 0)
        return SIM_DISK_GO_ON;
    plan.has_struck = true;
    plan.is_dead = fault->verdict == SIM_DISK_DEAD || fault->verdict == SIM_DISK_DIE_AFTER;
    return fault->verdict;
}

static uint32_t below(void *userdata, uint32_t bound)
{
    return sim_below(&plan.chance, bound);
}

const struct sim_disk_hooks crash_plan_hooks = {.before = before, .below = below};
