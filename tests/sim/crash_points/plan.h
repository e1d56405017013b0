/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_CRASH_POINTS_PLAN_H
#define TESTS_SIM_CRASH_POINTS_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/sim/world/disk.h"

/* What is to fail, where, and what has happened so far. */
struct crash_fault {
    const char *name;
    enum sim_disk_verdict verdict;
    unsigned ops;       /* bit i set: may strike sim_disk_op i */
    unsigned seeds;     /* tried so often, with other chance each time */
    bool stays;         /* everything that follows fails as well */
    bool cuts_power;    /* after it the machine loses power */
    bool cuts_later;    /* as above, but a new process was at work in between */
    bool strikes_twice; /* the recovery from it is cut off as well */
};

extern const struct crash_fault crash_faults[];
extern const size_t crash_fault_count;

void crash_plan_nothing(void);
/* As above; remembers what kind of change comes when. */
void crash_plan_record(void);
/* Strikes the change number `point`, from 0, of those that come. */
void crash_plan(const struct crash_fault *fault, unsigned point, unsigned seed);
/* The process is dead from now on, without any effect. */
void crash_plan_kill(void);
bool crash_plan_has_struck(void);
bool crash_plan_is_dead(void);
/* How many changes were asked for since the plan was made. */
unsigned crash_plan_count(void);
/* Kind of change number `point` when it was recorded last. */
enum sim_disk_op crash_plan_op(unsigned point);
/* Whether it changed the database itself, and no file beside it. */
bool crash_plan_is_database(unsigned point);

extern const struct sim_disk_hooks crash_plan_hooks;

#endif
