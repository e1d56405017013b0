/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_WORLD_H
#define TESTS_SIM_WORLD_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "tests/sim/world/disk.h"
#include "tests/sim/world/fault.h"

/*
 * A whole fleet in one process: the shells of belay-agent and belayd as they are, each with its
 * journal on a simulated disk, over a simulated network, on simulated hosts. There is one world at
 * a time and one thread; all time is the world's, all chance comes from its seed. The shells reach
 * the world by symbols that are replaced when the simulator is linked (clock, randomness, event
 * loop, log, and the edges named in host.h, net.h and controller.h).
 */
#define SIM_NEVER      INT64_MAX
#define SIM_CONTROLLER UINT32_MAX /* as a machine: the controller's */

enum {
    SIM_HOSTS_MAX = 20000,
    SIM_BOOT_ID_BYTES = 37,
};

struct sim_options {
    uint64_t seed;
    uint32_t hosts;                  /* 0: the seed decides */
    int64_t hours;                   /* in which faults happen; 0: the seed decides */
    bool is_told;                    /* print the story */
    bool is_calm;                    /* no faults at all */
    uint32_t kinds;                  /* only so many kinds of faults, the first; 0: all */
    const struct sim_fault_id *only; /* when not NULL: no faults but these */
    uint32_t only_count;
};

/* ---- the run: run.c ---- */

/* What a world came to. A broken law or assertion ends the process instead (sim_broken). */
struct sim_outcome {
    uint64_t hash; /* of everything that happened and of all disks at the end */
    int64_t simulated_ms;
    uint64_t events;
    uint64_t rollouts, jobs,
        records; /* submitted; accepted by a host; written to agents' journals */
    uint64_t fault_counts[SIM_FAULT_COUNT]; /* that happened */
    struct sim_disk_counts disks;
};

void sim_run(const struct sim_options *options, struct sim_outcome *ret_outcome);

const struct sim_options *sim_options(void);
uint32_t sim_host_count(void);
/* True once no more faults happen: from then on everything must end within bounded time. */
bool sim_is_calm(void);

/* Prints seed, time and the sentence on standard error and aborts: a law does not hold. */
_Noreturn void sim_broken(const char *fmt, ...) BL_PRINTF(1, 2);
#define SIM_LAW(condition, ...)      \
    do {                             \
        if (!(condition))            \
            sim_broken(__VA_ARGS__); \
    } while (0)

/* One line of the story: world time, machine, text. Costs nothing while nobody listens. */
void sim_tell(uint32_t machine, const char *fmt, ...) BL_PRINTF(2, 3);
/* Takes a fact into the state hash. */
void sim_fold(uint64_t a, uint64_t b);
void sim_fold_bytes(const void *data, size_t size_bytes);

/* ---- time: queue.c ---- */

typedef void (*sim_fn)(void *userdata, uint64_t argument);

/* 0 is no ticket. */
typedef uint64_t sim_ticket;

int64_t sim_now_ms(void);
/* Calls once at that time, at once if it is past. What is due in one millisecond comes in an order by chance. */
sim_ticket sim_at(int64_t at_ms, sim_fn fn, void *userdata, uint64_t argument);
sim_ticket sim_after(int64_t delay_ms, sim_fn fn, void *userdata, uint64_t argument);
/* Fine on 0, and on one that is over. Sets it to 0. */
void sim_cancel(sim_ticket *ticket);

/* ---- chance: chance.c ---- */

/*
 * The n-th draw of `what` for `who` depends on seed, `what`, `who` and n alone. So a fault that is
 * left out (shrinking) or a draw that is added moves no other draw.
 */
enum sim_draw {
    SIM_DRAW_WORLD = 1, /* size, plans, rates */
    SIM_DRAW_DISK,
    SIM_DRAW_NET,
    SIM_DRAW_UNIT,   /* how long units take and how they end */
    SIM_DRAW_SYSTEM, /* boots, restarts */
    SIM_DRAW_PERSON,
    SIM_DRAW_RANDOM, /* what the shells get as randomness */
    SIM_DRAW_FAULT,  /* how a fault is, once it happens */
    SIM_DRAW_ORDER,  /* of what is due at once */
    SIM_DRAW_LATER,  /* rates of faults that were added, and how these are */
    SIM_DRAW_RULES,  /* rules of plans, and what people say about them */
    SIM_DRAW_COUNT,
};

uint64_t sim_draw(enum sim_draw what, uint32_t who);
uint32_t sim_draw_below(enum sim_draw what, uint32_t who, uint32_t bound);
/* Both ends included. */
int64_t sim_draw_between(enum sim_draw what, uint32_t who, int64_t low, int64_t high);
/* Spread evenly over the orders of magnitude from low (above 0) to high. */
int64_t sim_draw_log(enum sim_draw what, uint32_t who, int64_t low, int64_t high);
bool sim_draw_percent(enum sim_draw what, uint32_t who, uint32_t percent);

/* ---- machines: machine.c ---- */

struct sim_machine {
    uint32_t index; /* host, or SIM_CONTROLLER */
    bool is_up;
    struct sim_disk *disk;
    int64_t booted_ms; /* world time: CLOCK_BOOTTIME counts from here */
    uint32_t boots;
    char boot_id[SIM_BOOT_ID_BYTES];
    /* CLOCK_REALTIME is world time since 2026-01-01 plus this, unless it stands still. */
    int64_t wall_offset_ms;
    bool wall_stands;
    int64_t wall_stood_ms; /* what it shows then */
};

struct sim_machine *sim_machine(uint32_t index);
int64_t sim_machine_mono_ms(const struct sim_machine *machine);
int64_t sim_machine_wall_ms(const struct sim_machine *machine);
/* The world time at which this machine's CLOCK_BOOTTIME shows `mono_ms`. */
int64_t sim_machine_when(const struct sim_machine *machine, int64_t mono_ms);
/* A new boot begins now: clock and boot id. */
void sim_machine_boot(struct sim_machine *machine);
/* The true time as a right clock shows it. */
int64_t sim_true_wall_ms(void);

/* ---- processes of real code: process.c, loop.c ---- */

/*
 * One life of belay-agent or belayd. Real code runs only between enter and leave. It can die at any
 * effect it has: from then on nothing it does has an effect, and when control is back in the world,
 * `reap` frees it and thinks of a restart.
 */
struct sim_process {
    uint32_t machine;
    bool is_dying; /* its last effect was had */
    bool is_dead;
    enum sim_fault
        killer; /* the fault by which it dies at its own effects: SIM_FAULT_AGENT_KILLED, … */
    bool is_exiting; /* it called sd_event_exit */
    int exit_code;
    struct sd_event *loop;
    void *userdata;
    void (*reap)(void *userdata);
};

/* A new process with an empty loop. */
void sim_process_begin(struct sim_process *process, uint32_t machine, enum sim_fault killer,
                       void (*reap)(void *userdata), void *userdata);
/* After `reap` or a regular end: frees the loop. */
void sim_process_end(struct sim_process *process);

/* NULL outside of real code. */
extern struct sim_process *sim_current;

/* Nested enters are of the same process only. leave() reaps what died or exited. */
void sim_process_enter(struct sim_process *process);
void sim_process_leave(struct sim_process *process);

/* World time at which its next timer is due; SIM_NEVER when none is set. */
int64_t sim_process_next_timer(const struct sim_process *process);

/* kill -9 from outside; reaps at once unless it is the one that runs now. */
void sim_process_kill(struct sim_process *process);

/*
 * To be asked by every replaced effect before it has its effect: false when the current process is
 * dead, or dies here by chance. True outside of real code.
 */
bool sim_process_may_act(void);

#endif
