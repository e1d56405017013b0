/* SPDX-License-Identifier: Apache-2.0 */
/* One world from its beginning to its end. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/chance.h"
#include "tests/sim/world/controller.h"
#include "tests/sim/world/fates.h"
#include "tests/sim/world/faults.h"
#include "tests/sim/world/host.h"
#include "tests/sim/world/laws.h"
#include "tests/sim/world/machines.h"
#include "tests/sim/world/net.h"
#include "tests/sim/world/queue.h"

#define HOUR_MS (INT64_C(3600) * 1000)

enum {
    PATIENCE_MS = 1000, /* between two looks whether all has ended */
};

static struct {
    struct sim_options options;
    uint32_t hosts;
    int64_t calm_ms; /* no faults from then on */
    uint64_t hash;
    bool is_open;
} world;

const struct sim_options *sim_options(void)
{
    return &world.options;
}

uint32_t sim_host_count(void)
{
    return world.hosts;
}

bool sim_is_calm(void)
{
    return sim_now_ms() >= world.calm_ms;
}

/* ---- telling ---- */

static void print_time(FILE *file)
{
    int64_t ms = sim_now_ms();

    (void)fprintf(file, "%3" PRId64 ":%02" PRId64 ":%02" PRId64 ".%03" PRId64, ms / HOUR_MS,
                  ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

void sim_tell(uint32_t machine, const char *fmt, ...)
{
    va_list args;

    if (!world.options.is_told)
        return;
    print_time(stdout);
    if (machine == SIM_CONTROLLER)
        (void)printf("  controller  ");
    else
        (void)printf("  host %-5" PRIu32 "  ", machine);
    va_start(args, fmt);
    (void)vprintf(fmt, args);
    va_end(args);
    (void)putchar('\n');
}

_Noreturn void sim_broken(const char *fmt, ...)
{
    va_list args;

    (void)fflush(stdout);
    (void)fprintf(stderr, "seed %" PRIu64 ", ", world.options.seed);
    print_time(stderr);
    (void)fputs(": broken: ", stderr);
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
    abort();
}

void sim_fold(uint64_t a, uint64_t b)
{
    world.hash = sim_mix(world.hash, a, b);
}

void sim_fold_bytes(const void *data, size_t size_bytes)
{
    const uint8_t *bytes = data;
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size_bytes; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    sim_fold(sum, size_bytes);
}

/* ---- the run ---- */

static void open_world(const struct sim_options *options)
{
    memset(&world, 0, sizeof(world));
    world.options = *options;
    world.calm_ms = SIM_NEVER;
    world.hash = options->seed;
    world.hosts = options->hosts != 0 ? options->hosts : 1;
    /* The size is a chance too, and all other chance needs it. */
    if (options->hosts == 0)
        world.hosts = (uint32_t)(1 + sim_mix(options->seed, 1, 1) % 8);
    sim_chance_open(options->seed, world.hosts);
    sim_queue_open();
    sim_faults_open(world.hosts);
    world.calm_ms = options->hours != 0
                        ? options->hours * HOUR_MS
                        : sim_draw_log(SIM_DRAW_WORLD, SIM_CONTROLLER, HOUR_MS / 4, 48 * HOUR_MS);
    if (options->is_calm)
        world.calm_ms = 1;
    sim_vfs_register();
    sim_laws_open();
    sim_machines_open(world.hosts);
    sim_net_open();
    sim_hosts_open();
    sim_controller_open();
    sim_people_open();
    sim_fates_open();
    world.is_open = true;
}

static void close_world(void)
{
    sim_fates_close();
    sim_people_close();
    sim_controller_close();
    sim_hosts_close();
    sim_net_close();
    sim_machines_close();
    sim_laws_close();
    sim_faults_close();
    sim_queue_close();
    sim_chance_close();
}

static uint64_t pass_until(int64_t until_ms)
{
    uint64_t events = 0;

    while (sim_queue_pass(until_ms))
        events++;
    sim_queue_wait(until_ms);

    return events;
}

static bool is_quiet(void)
{
    return sim_people_are_done() && sim_hosts_are_quiet() && sim_laws_are_quiet();
}

static uint64_t pass_all(void)
{
    uint64_t events = pass_until(world.calm_ms);
    int64_t bound_ms = world.calm_ms + sim_law_bound_ms();

    sim_tell(SIM_CONTROLLER, "CALM: no more faults; everything must end within %" PRId64 " s",
             (bound_ms - sim_now_ms()) / 1000);
    /* Who was not heard of for long may get an order with the last acknowledgements, and begins again. */
    do {
        while (sim_now_ms() < bound_ms && !is_quiet())
            events += pass_until(sim_now_ms() + PATIENCE_MS);
        events += pass_until(sim_now_ms() + 300 * PATIENCE_MS);
    } while (sim_now_ms() < bound_ms && !is_quiet());

    return events;
}

static void count_faults(struct sim_outcome *outcome)
{
    uint32_t count;
    const struct sim_fault_done *list = sim_fault_list(&count);

    for (uint32_t i = 0; i < count; i++)
        outcome->fault_counts[list[i].id.fault]++;
}

void sim_run(const struct sim_options *options, struct sim_outcome *ret_outcome)
{
    *ret_outcome = (struct sim_outcome){0};
    open_world(options);
    ret_outcome->events = pass_all();
    sim_hosts_tell_outboxes();
    sim_law_world_ended();
    ret_outcome->simulated_ms = sim_now_ms();
    ret_outcome->rollouts = sim_people_rollouts();
    sim_hosts_count(&ret_outcome->jobs, &ret_outcome->records);
    sim_machines_count(&ret_outcome->disks);
    count_faults(ret_outcome);
    sim_fold(sim_machines_hash(), ret_outcome->events);
    ret_outcome->hash = world.hash;
    close_world();
}
