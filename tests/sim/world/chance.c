/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world/chance.h"

#include <stdlib.h>

static struct {
    uint64_t seed;
    uint32_t hosts;
    uint32_t *draws; /* how many of each kind for each machine */
} chance;

void sim_chance_open(uint64_t seed, uint32_t hosts)
{
    chance.seed = seed;
    chance.hosts = hosts;
    chance.draws = calloc((size_t)SIM_DRAW_COUNT * (hosts + 1), sizeof(*chance.draws));
    if (chance.draws == NULL)
        sim_broken("no memory for chance");
}

void sim_chance_close(void)
{
    free(chance.draws);
    chance.draws = NULL;
}

uint64_t sim_chance_seed(void)
{
    return chance.seed;
}

uint32_t sim_dense(uint32_t machine)
{
    SIM_LAW(machine < chance.hosts || machine == SIM_CONTROLLER, "no machine %u", machine);

    return machine == SIM_CONTROLLER ? chance.hosts : machine;
}

/* The finalizer of SplitMix64. */
static uint64_t scramble(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);

    return x ^ (x >> 31);
}

uint64_t sim_mix(uint64_t a, uint64_t b, uint64_t c)
{
    return scramble(scramble(scramble(a) ^ b) ^ c);
}

uint64_t sim_draw(enum sim_draw what, uint32_t who)
{
    uint32_t machine = sim_dense(who);
    uint32_t *count = &chance.draws[(size_t)what * (chance.hosts + 1) + machine];

    return sim_mix(chance.seed, (uint64_t)what << 32 | machine, (*count)++);
}

uint32_t sim_draw_below(enum sim_draw what, uint32_t who, uint32_t bound)
{
    return (uint32_t)(sim_draw(what, who) % bound);
}

int64_t sim_draw_between(enum sim_draw what, uint32_t who, int64_t low, int64_t high)
{
    return low + (int64_t)(sim_draw(what, who) % (uint64_t)(high - low + 1));
}

/* Whole numbers only, so that every machine and compiler draws the same. */
int64_t sim_draw_log(enum sim_draw what, uint32_t who, int64_t low, int64_t high)
{
    uint32_t octaves = 0;
    int64_t from, to;

    while (octaves < 62 && low << octaves < high)
        octaves++;
    from = low << sim_draw_below(what, who, octaves + 1);
    to = from > high / 2 ? high : 2 * from;

    return sim_draw_between(what, who, from < high ? from : high, to);
}

bool sim_draw_percent(enum sim_draw what, uint32_t who, uint32_t percent)
{
    return sim_draw_below(what, who, 100) < percent;
}
