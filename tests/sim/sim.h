/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What the simulations share: one seed decides all, and a broken rule names the seed. */

#define SIM_NEVER INT64_MAX

struct sim_chance {
    uint64_t seed, state;
};

static inline struct sim_chance sim_chance_from(uint64_t seed)
{
    return (struct sim_chance){.seed = seed, .state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
}

static inline uint32_t sim_below(struct sim_chance *chance, uint32_t bound)
{
    chance->state ^= chance->state << 13;
    chance->state ^= chance->state >> 7;
    chance->state ^= chance->state << 17;

    return (uint32_t)((chance->state >> 11) % bound);
}

static inline bool sim_percent(struct sim_chance *chance, uint32_t percent)
{
    return sim_below(chance, 100) < percent;
}

/* Set for a single seed: the simulation then tells what happens, line by line. */
static bool sim_is_told;

/* Aborts, so that a debugger or a sanitizer shows where the world was. */
#define SIM_CHECK(chance, condition)                                                           \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            (void)fprintf(stderr, "seed %llu: %s:%d: broken: %s\n",                            \
                          (unsigned long long)(chance)->seed, __FILE__, __LINE__, #condition); \
            abort();                                                                           \
        }                                                                                      \
    } while (0)

/* "X_sim" runs BELAY_SEEDS seeds (default `seeds`), "X_sim SEED" repeats one. */
static inline int sim_main(int argc, char **argv, uint64_t seeds, void (*run)(uint64_t seed))
{
    const char *wanted = getenv("BELAY_SEEDS");

    if (argc == 2) {
        sim_is_told = true;
        run(strtoull(argv[1], NULL, 10));
        return 0;
    }
    if (wanted != NULL)
        seeds = strtoull(wanted, NULL, 10);
    for (uint64_t seed = 1; seed <= seeds; seed++)
        run(seed);
    (void)printf("%llu seeds\n", (unsigned long long)seeds);

    return 0;
}

#endif
