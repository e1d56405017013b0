/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/manifest.h"
#include "tests/sim/world/trial.h"

enum {
    ONLY_MAX = 4096,
    JOBS_MAX = 64,
    EXIT_BROKEN = 1,
    EXIT_USAGE = 2,
};

struct wish {
    struct sim_options options;
    uint64_t first, last;
    uint32_t jobs;
    bool is_range, is_survey;
    bool is_first_enough;
    struct sim_fault_id only[ONLY_MAX];
};

/* What one worker has done, in memory that it shares with us. */
struct share {
    uint64_t seed; /* that it works on */
    uint64_t seeds;
    struct sim_outcome sum;
};

static const char usage[] =
    "usage: run --seed N [--trace] [--only LIST]   one world, exactly as before\n"
    "       run --seeds A..B [--jobs N]            many worlds; a failing one is shrunk\n"
    "       run --seeds A..B --survey              many worlds; a line for each that fails\n"
    "\n"
    "  --hosts N    hosts of each world (otherwise the seed decides)\n"
    "  --hours N    hours in which faults happen (otherwise the seed decides)\n"
    "  --calm       no faults at all\n"
    "  --kinds N    only the first N kinds of faults, which is how an older world was\n"
    "  --trace      tell what happens\n"
    "  --first      don't shrink the seed that fails\n"
    "  --only LIST  no faults but these, as shrinking printed them\n";

/* ---- what came out ---- */

static void add(struct sim_outcome *sum, const struct sim_outcome *outcome)
{
    sum->simulated_ms += outcome->simulated_ms;
    sum->events += outcome->events;
    sum->rollouts += outcome->rollouts;
    sum->jobs += outcome->jobs;
    sum->records += outcome->records;
    sum->hash ^= outcome->hash;
    sum->disks.writes_kept += outcome->disks.writes_kept;
    sum->disks.writes_lost += outcome->disks.writes_lost;
    sum->disks.writes_torn += outcome->disks.writes_torn;
    sum->disks.writes_reordered += outcome->disks.writes_reordered;
    for (uint32_t i = 0; i < SIM_FAULT_COUNT; i++)
        sum->fault_counts[i] += outcome->fault_counts[i];
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);

    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void print_faults(const struct sim_outcome *outcome)
{
    for (uint32_t i = 0; i < SIM_FAULT_COUNT; i++)
        (void)printf("  %10" PRIu64 "  %s\n", outcome->fault_counts[i],
                     sim_fault_name((enum sim_fault)i));
    (void)printf("  %10" PRIu64 "  unsynced write lost\n", outcome->disks.writes_lost);
    (void)printf("  %10" PRIu64 "  unsynced write torn\n", outcome->disks.writes_torn);
    (void)printf("  %10" PRIu64 "  unsynced write reordered\n", outcome->disks.writes_reordered);
}

static void print_outcome(const struct sim_outcome *outcome, double seconds)
{
    (void)printf("simulated %.1f h in %.1f s: %.0f simulated seconds per second; %" PRIu64
                 " happenings, %" PRIu64 " rollouts, %" PRIu64 " jobs, %" PRIu64
                 " journal records\n",
                 (double)outcome->simulated_ms / 3.6e6, seconds,
                 (double)outcome->simulated_ms / 1e3 / (seconds > 0 ? seconds : 1e-9),
                 outcome->events, outcome->rollouts, outcome->jobs, outcome->records);
}

/* ---- one, or many ---- */

static int run_one(const struct wish *wish)
{
    struct sim_outcome outcome;
    struct timespec start;

    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    sim_run(&wish->options, &outcome);
    print_outcome(&outcome, seconds_since(&start));
    (void)printf("seed %" PRIu64 ": hash %016" PRIx64 "\n", wish->options.seed, outcome.hash);

    return 0;
}

static void work(const struct wish *wish, uint32_t worker, struct share *share)
{
    struct sim_options options = wish->options;

    for (uint64_t seed = wish->first + worker; seed <= wish->last; seed += wish->jobs) {
        struct sim_outcome outcome;

        share->seed = options.seed = seed;
        sim_run(&options, &outcome);
        add(&share->sum, &outcome);
        share->seeds++;
    }
    _exit(0);
}

/* Waits for all; the lowest seed that failed, or UINT64_MAX. */
static uint64_t wait_all(const pid_t *pids, uint32_t jobs, const struct share *shares)
{
    uint64_t failed = UINT64_MAX;

    for (uint32_t i = 0; i < jobs; i++) {
        int status = 0;

        if (waitpid(pids[i], &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            if (shares[i].seed < failed)
                failed = shares[i].seed;
        }
    }

    return failed;
}

static int run_many(const struct wish *wish)
{
    struct share *shares = mmap(NULL, JOBS_MAX * sizeof(*shares), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct sim_outcome sum = {0};
    struct timespec start;
    pid_t pids[JOBS_MAX];
    uint64_t failed, seeds = 0;

    if (shares == MAP_FAILED) {
        perror("memory");
        return EXIT_BROKEN;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    (void)fflush(NULL);
    for (uint32_t i = 0; i < wish->jobs; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            work(wish, i, &shares[i]);
    }
    failed = wait_all(pids, wish->jobs, shares);
    for (uint32_t i = 0; i < wish->jobs; i++) {
        add(&sum, &shares[i].sum);
        seeds += shares[i].seeds;
    }
    print_outcome(&sum, seconds_since(&start));
    print_faults(&sum);
    (void)printf("%" PRIu64 " seeds, %s, hash %016" PRIx64 "\n", seeds,
                 failed == UINT64_MAX ? "all laws held" : "A LAW WAS BROKEN", sum.hash);
    (void)munmap(shares, JOBS_MAX * sizeof(*shares));
    if (failed == UINT64_MAX)
        return 0;
    if (wish->is_first_enough)
        return EXIT_BROKEN;

    struct sim_options options = wish->options;

    options.seed = failed;
    sim_shrink(&options);

    return EXIT_BROKEN;
}

/* For whoever works on the laws: all that fail, unshrunk. */
static int run_survey(const struct wish *wish)
{
    struct sim_trial *trial = sim_trial_new();
    struct sim_options options = wish->options;
    uint64_t failed = 0;

    for (uint64_t seed = wish->first; seed <= wish->last; seed++) {
        options.seed = seed;
        sim_trial_run(trial, &options);
        if (trial->is_good)
            continue;
        failed++;
        (void)printf("%s\n", trial->text);
        (void)fflush(stdout);
    }
    (void)printf("%" PRIu64 " of %" PRIu64 " seeds failed\n", failed, wish->last - wish->first + 1);
    trial = sim_trial_free(trial);

    return failed == 0 ? 0 : EXIT_BROKEN;
}

/* ---- the command line ---- */

static bool parse_only(struct wish *wish, const char *text)
{
    uint32_t count = 0;

    while (*text != '\0' && count < ONLY_MAX) {
        struct sim_fault_id *id = &wish->only[count];
        int length = 0;

        if (sscanf(text, "%" SCNu32 ":%" SCNu32 ":%" SCNu32 "%n", &id->fault, &id->machine,
                   &id->number, &length) != 3 ||
            id->fault >= SIM_FAULT_COUNT)
            return false;
        count++;
        text += length;
        text += *text == ',' ? 1 : 0;
    }
    wish->options.only = wish->only;
    wish->options.only_count = count;

    return *text == '\0';
}

static bool parse_range(struct wish *wish, const char *text)
{
    char rest;

    wish->is_range = true;

    return sscanf(text, "%" SCNu64 "..%" SCNu64 "%c", &wish->first, &wish->last, &rest) == 2 &&
           wish->first <= wish->last;
}

static bool parse(int argc, char **argv, struct wish *wish)
{
    static const struct option known[] = {
        {"seed", required_argument, NULL, 's'},
        {"seeds", required_argument, NULL, 'r'},
        {"hosts", required_argument, NULL, 'n'},
        {"hours", required_argument, NULL, 'h'},
        {"jobs", required_argument, NULL, 'j'},
        {"only", required_argument, NULL, 'o'},
        {"kinds", required_argument, NULL, 'k'},
        {"trace", no_argument, NULL, 't'},
        {"calm", no_argument, NULL, 'c'},
        {"first", no_argument, NULL, 'f'},
        {"survey", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, '?'},
        {NULL, 0, NULL, 0},
    };
    bool has_seed = false, is_good = true;
    int c;

    while (is_good && (c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        if (c == 's') {
            wish->options.seed = strtoull(optarg, NULL, 10);
            has_seed = true;
        } else if (c == 'r') {
            is_good = parse_range(wish, optarg);
        } else if (c == 'n') {
            wish->options.hosts = (uint32_t)strtoull(optarg, NULL, 10);
            is_good = wish->options.hosts > 0 && wish->options.hosts <= SIM_HOSTS_MAX;
        } else if (c == 'h') {
            wish->options.hours = (int64_t)strtoull(optarg, NULL, 10);
        } else if (c == 'j') {
            wish->jobs = (uint32_t)strtoull(optarg, NULL, 10);
            is_good = wish->jobs > 0 && wish->jobs <= JOBS_MAX;
        } else if (c == 'k') {
            wish->options.kinds = (uint32_t)strtoull(optarg, NULL, 10);
            is_good = wish->options.kinds <= SIM_FAULT_COUNT;
        } else if (c == 'o') {
            is_good = parse_only(wish, optarg);
        } else if (c == 't') {
            wish->options.is_told = true;
        } else if (c == 'f') {
            wish->is_first_enough = true;
        } else if (c == 'v') {
            wish->is_survey = true;
        } else if (c == 'c') {
            wish->options.is_calm = true;
        } else {
            is_good = false;
        }
    }

    return is_good && optind == argc && has_seed != wish->is_range &&
           (!wish->is_survey || wish->is_range);
}

int main(int argc, char **argv)
{
    static struct wish wish = {.jobs = 2};
    struct bl_error err = {0};

    if (!parse(argc, argv, &wish)) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (proto_init(&err) < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        return EXIT_BROKEN;
    }

    if (!wish.is_range)
        return run_one(&wish);

    return wish.is_survey ? run_survey(&wish) : run_many(&wish);
}
