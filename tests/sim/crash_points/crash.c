/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/crash_points/crash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "tests/sim/crash_points/damage.h"
#include "tests/sim/crash_points/plan.h"
#include "tests/sim/crash_points/rows.h"
#include "tests/sim/sim.h"

enum {
    SHOWN_MAX = 10,
    WHY_BYTES = 256,
    WHOLE_EVERY = 16, /* so often a recovered state is led to the end of the whole scenario */
    TURNS_AFTER = 3,  /* otherwise this far */
    STRIDE_SANITIZED = 7,
    POINTS_BEFORE_CHECKPOINT = 4,
    POINTS_LONG_MAX = 160,
};

struct trial {
    const struct crash_subject *subject;
    char directory[32];
    char **expected;            /* the content after so many turns */
    struct sim_disk **at_start; /* the disk at the begin of each life */
    struct sim_disk *disk;
    uint64_t point_count, broken_count;
    struct sim_disk_counts counts;
    /* What is being tried. */
    const struct crash_fault *fault;
    unsigned life, point, seed;
};

int crash_wrong(struct bl_error *err, const char *what)
{
    return bl_fail(err, -EUCLEAN, "%s", what);
}

static void remove_directory(const struct trial *trial)
{
    char path[96];

    (void)snprintf(path, sizeof(path), "%s/%s", trial->directory, trial->subject->file);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/lock", trial->directory);
    (void)unlink(path);
    BL_ASSERT(rmdir(trial->directory) == 0);
}

/* ---- what is found ------------------------------------------------------------------------ */

static void tell(struct trial *trial, const char *what, const char *detail)
{
    if (trial->broken_count++ >= SHOWN_MAX)
        return;
    (void)printf("%s: broken: %s: %s (life %u, point %u, fault %s, seed %u)\n",
                 trial->subject->name, what, detail, trial->life, trial->point,
                 trial->fault == NULL ? "none" : trial->fault->name, trial->seed);
}

/* The first line that differs. */
static void describe_difference(char ret_text[WHY_BYTES], const char *expected, const char *found)
{
    size_t at = 0, begin = 0;

    while (expected[at] != '\0' && expected[at] == found[at]) {
        at++;
        if (expected[at - 1] == '\n')
            begin = at;
    }
    (void)snprintf(ret_text, WHY_BYTES, "expected '%.60s', found '%.60s'", expected + begin,
                   found + begin);
    for (char *c = ret_text; *c != '\0'; c++) {
        if (*c == '\n')
            *c = ' ';
    }
}

static void tell_difference(struct trial *trial, const char *expected, const char *found)
{
    char text[WHY_BYTES];

    describe_difference(text, expected, found);
    tell(trial, "the content is of no whole number of turns", text);
}

/* ---- one process -------------------------------------------------------------------------- */

static int open_subject(struct trial *trial, struct bl_error *err)
{
    sim_vfs_use(trial->disk);
    return trial->subject->open(trial->subject->world, trial->directory, err);
}

static void close_subject(struct trial *trial)
{
    trial->subject->close(trial->subject->world);
}

/* Ends the process here and now, and perhaps the machine with it. */
static void end_process(struct trial *trial, bool cuts_power)
{
    crash_plan_kill();
    close_subject(trial);
    if (cuts_power)
        sim_disk_power_cut(trial->disk);
}

/* From malloc; NULL when it can't be read or is not sound. */
static char *read_content(struct trial *trial, unsigned turns_done, struct bl_error *err)
{
    char *text = NULL;
    size_t size_bytes = 0;
    FILE *into = open_memstream(&text, &size_bytes);
    int r;

    BL_ASSERT(into != NULL);
    r = trial->subject->read(trial->subject->world, turns_done, into, err);
    if (r >= 0)
        r = crash_rows_read(trial->subject->file, into, err);
    BL_ASSERT(fclose(into) == 0);
    if (r < 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Runs turns until one fails; how many are done then. `first` are done before. */
static unsigned run_turns(struct trial *trial, unsigned first, unsigned end, int *ret_result,
                          struct bl_error *err)
{
    const struct crash_subject *subject = trial->subject;

    *ret_result = 0;
    while (first < end) {
        *ret_result = subject->turn(subject->world, first, err);
        if (*ret_result < 0)
            break;
        first++;
    }
    return first;
}

/* ---- recovery ----------------------------------------------------------------------------- */

/*
 * Opens what is left. How many turns it holds, of at least `least` and at most `most`; UINT_MAX
 * after a finding. Leaves it open.
 */
static unsigned recover(struct trial *trial, unsigned least, unsigned most)
{
    struct bl_error err = {0};
    char why[2][WHY_BYTES];
    unsigned found = UINT32_MAX;

    BL_ASSERT(most - least < 2);
    crash_plan_nothing();
    if (open_subject(trial, &err) < 0) {
        tell(trial, "does not open any more", err.text);
        return UINT32_MAX;
    }
    for (unsigned turns = least; turns <= most && found == UINT32_MAX; turns++) {
        char *content = read_content(trial, turns, &err);

        if (content != NULL && strcmp(content, trial->expected[turns]) == 0)
            found = turns;
        else if (content != NULL)
            describe_difference(why[turns - least], trial->expected[turns], content);
        else
            (void)snprintf(why[turns - least], WHY_BYTES, "is not sound: %s", err.text);
        free(content);
    }
    if (found == UINT32_MAX) {
        tell(trial, "is not what the finished turns made", why[0]);
        if (most > least)
            tell(trial, "nor what one turn more makes", why[1]);
    }
    return found;
}

static void go_on(struct trial *trial, unsigned done)
{
    const struct crash_subject *subject = trial->subject;
    unsigned end = subject->lives[trial->life].end + TURNS_AFTER;
    struct bl_error err = {0};
    char *content;
    int r;

    if (trial->point % WHOLE_EVERY == 0 || end > subject->turn_count)
        end = subject->turn_count;
    done = run_turns(trial, done, end, &r, &err);
    if (r < 0) {
        tell(trial, "does not go on after the recovery", err.text);
        return;
    }
    content = read_content(trial, done, &err);
    if (content == NULL)
        tell(trial, "is not sound after it went on", err.text);
    else if (strcmp(content, trial->expected[done]) != 0)
        tell_difference(trial, trial->expected[done], content);
    free(content);
}

/* A new process works on what a failed sync left in the page cache, then the power is cut. */
static unsigned work_and_cut_power(struct trial *trial, unsigned done)
{
    struct bl_error err = {0};
    unsigned end = done + trial->seed; /* perhaps it only looked */
    int r;

    if (end > trial->subject->turn_count)
        end = trial->subject->turn_count;
    done = run_turns(trial, done, end, &r, &err);
    if (r < 0)
        tell(trial, "does not go on after the recovery", err.text);
    end_process(trial, true);
    return recover(trial, done, done);
}

static void recover_and_go_on(struct trial *trial, unsigned least, unsigned most)
{
    unsigned done;

    if (trial->fault->strikes_twice) {
        struct bl_error err = {0};

        crash_plan(trial->fault, trial->point % 7, trial->seed + 500);
        if (open_subject(trial, &err) < 0 && !crash_plan_is_dead())
            tell(trial, "does not open any more", err.text);
        end_process(trial, true);
    }
    done = recover(trial, least, most);
    if (done != UINT32_MAX && trial->fault->cuts_later)
        done = work_and_cut_power(trial, done);
    if (done != UINT32_MAX)
        go_on(trial, done);
    close_subject(trial);
}

/* ---- one point ---------------------------------------------------------------------------- */

static void add_counts(struct trial *trial)
{
    const struct sim_disk_counts *counts = sim_disk_counts(trial->disk);

    trial->counts.writes_kept += counts->writes_kept;
    trial->counts.writes_lost += counts->writes_lost;
    trial->counts.writes_torn += counts->writes_torn;
    trial->counts.writes_reordered += counts->writes_reordered;
    trial->counts.syncs_failed += counts->syncs_failed;
    trial->counts.power_cuts += counts->power_cuts;
}

static void try_point(struct trial *trial)
{
    const struct crash_subject *subject = trial->subject;
    const struct crash_life *life = &subject->lives[trial->life];
    unsigned done = trial->life == 0 ? 0 : subject->lives[trial->life - 1].end;
    bool is_under_way = false;
    struct bl_error err = {0};
    int r;

    trial->disk = sim_disk_copy(trial->at_start[trial->life]);
    crash_plan(trial->fault, trial->point, trial->seed);
    r = open_subject(trial, &err);
    if (r >= 0) {
        done = run_turns(trial, done, life->end, &r, &err);
        is_under_way = r < 0;
        if (r < 0 && !crash_plan_has_struck())
            tell(trial, "a turn fails by itself", err.text);
        if (r < 0 && !crash_plan_is_dead() && subject->count_accepted(subject->world) > 0)
            tell(trial, "takes writes after one failed", err.text);
    }
    /* What fails while it closes as usual is one thing; that it is ended at once is another. */
    if (life->is_killed ||
        (trial->fault->cuts_power && trial->seed % 2 == 0 && crash_plan_has_struck()))
        crash_plan_kill();
    close_subject(trial);
    if (!crash_plan_has_struck())
        tell(trial, "the point was not reached", "the scenario is not the same each time");
    if (trial->fault->cuts_power)
        sim_disk_power_cut(trial->disk);
    recover_and_go_on(trial, done, is_under_way ? done + 1 : done);
    add_counts(trial);
    trial->disk = sim_disk_free(trial->disk);
    trial->point_count++;
}

static bool may_strike(const struct crash_fault *fault, unsigned point)
{
    return (fault->ops & (1U << crash_plan_op(point))) != 0;
}

/* ---- the scenario without faults ---------------------------------------------------------- */

/* What is there after so many turns; a restart does not change it. */
static int expect(struct trial *trial, unsigned done, struct bl_error *err)
{
    char *content = read_content(trial, done, err);

    if (content == NULL)
        return -EUCLEAN;
    if (trial->expected[done] != NULL && strcmp(content, trial->expected[done]) != 0)
        tell_difference(trial, trial->expected[done], content);
    free(trial->expected[done]);
    trial->expected[done] = content;
    return 0;
}

/* The points of a life at which faults are tried. */
struct points {
    unsigned first, end;
};

/* Runs one life. Fills what is expected and the next life's disk. */
static struct points run_life(struct trial *trial, unsigned number)
{
    const struct crash_subject *subject = trial->subject;
    const struct crash_life *life = &subject->lives[number];
    unsigned done = number == 0 ? 0 : subject->lives[number - 1].end;
    struct points points = {0};
    struct bl_error err = {0};
    int r;

    trial->life = number;
    trial->disk = sim_disk_copy(trial->at_start[number]);
    crash_plan_record();
    r = open_subject(trial, &err);
    if (life->is_long)
        points.first = crash_plan_count();
    for (; r >= 0; done++) {
        r = expect(trial, done, &err);
        if (r >= 0 && done == life->end)
            break;
        if (r >= 0)
            r = subject->turn(subject->world, done, &err);
    }
    if (r < 0) {
        (void)printf("%s: turn %u without any fault: %s\n", subject->name, done, err.text);
        close_subject(trial);
        remove_directory(trial);
        exit(1);
    }
    if (life->is_killed)
        crash_plan_kill();
    close_subject(trial);
    points.end = crash_plan_count();
    sim_disk_free(trial->at_start[number + 1]);
    trial->at_start[number + 1] = sim_disk_copy(trial->disk);
    trial->disk = sim_disk_free(trial->disk);
    return points;
}

static struct points around_checkpoint(struct points points)
{
    while (points.first < points.end && !crash_plan_is_database(points.first))
        points.first++;
    BL_ASSERT(points.first < points.end && points.first > POINTS_BEFORE_CHECKPOINT);
    points.first -= POINTS_BEFORE_CHECKPOINT;
    if (points.end > points.first + POINTS_LONG_MAX)
        points.end = points.first + POINTS_LONG_MAX;
    return points;
}

/* ---- all of it ---------------------------------------------------------------------------- */

static unsigned stride(void)
{
    const char *wanted = getenv("BELAY_CRASH_STRIDE");

    if (wanted != NULL && wanted[0] >= '1' && wanted[0] <= '9')
        return (unsigned)strtoull(wanted, NULL, 10);
#if defined(__SANITIZE_ADDRESS__)
    return STRIDE_SANITIZED;
#else
    return 1;
#endif
}

static void try_life(struct trial *trial, unsigned life, unsigned every)
{
    struct points points = run_life(trial, life);

    if (trial->subject->lives[life].is_long)
        points = around_checkpoint(points);
    for (unsigned point = points.first + life % every; point < points.end; point += every) {
        for (size_t i = 0; i < crash_fault_count; i++) {
            trial->fault = &crash_faults[i];
            trial->point = point;
            for (trial->seed = 0;
                 trial->seed < trial->fault->seeds && may_strike(trial->fault, point);
                 trial->seed++)
                try_point(trial);
        }
    }
}

static void try_one(struct trial *trial, char **words)
{
    const unsigned wanted = (unsigned)strtoull(words[0], NULL, 10);

    BL_ASSERT(wanted < trial->subject->life_count);
    for (unsigned life = 0; life < trial->subject->life_count; life++)
        (void)run_life(trial, life);
    (void)run_life(trial, wanted);
    trial->point = (unsigned)strtoull(words[1], NULL, 10);
    for (size_t i = 0; i < crash_fault_count; i++) {
        trial->fault = &crash_faults[i];
        for (trial->seed = 0; trial->seed < trial->fault->seeds; trial->seed++) {
            if (strcmp(trial->fault->name, words[2]) == 0 && may_strike(trial->fault, trial->point))
                try_point(trial);
        }
    }
}

static void try_all(struct trial *trial)
{
    const struct crash_subject *subject = trial->subject;
    const unsigned every = stride();
    unsigned damage_count;

    /* What a turn must lead to is known before the first fault: of all turns to the end. */
    for (unsigned life = 0; life < subject->life_count; life++)
        (void)run_life(trial, life);
    for (unsigned life = 0; life < subject->life_count; life++)
        try_life(trial, life, every);
    damage_count =
        crash_damage(subject, trial->at_start[subject->life_count], trial->directory, 4000 / every);
    (void)printf("%s: %llu power cuts: %llu writes kept, %llu lost, %llu torn, %llu reordered; "
                 "%llu failed syncs\n",
                 subject->name, (unsigned long long)trial->counts.power_cuts,
                 (unsigned long long)trial->counts.writes_kept,
                 (unsigned long long)trial->counts.writes_lost,
                 (unsigned long long)trial->counts.writes_torn,
                 (unsigned long long)trial->counts.writes_reordered,
                 (unsigned long long)trial->counts.syncs_failed);
    (void)printf("%s: %u damaged databases opened, read and written without a crash\n",
                 subject->name, damage_count);
    if (every > 1)
        (void)printf("%s: only every %uth point\n", subject->name, every);
}

int crash_main(int argc, char **argv, const struct crash_subject *subject)
{
    struct trial trial = {.subject = subject, .directory = "/tmp/belay-crash-XXXXXX"};

    BL_ASSERT(subject->lives[subject->life_count - 1].end == subject->turn_count);
    BL_ASSERT(mkdtemp(trial.directory) != NULL);
    sim_vfs_register();
    trial.expected = calloc(subject->turn_count + 1, sizeof(*trial.expected));
    trial.at_start = calloc(subject->life_count + 1, sizeof(struct sim_disk *));
    BL_ASSERT(trial.expected != NULL && trial.at_start != NULL);
    trial.at_start[0] = sim_disk_new(&crash_plan_hooks);

    if (argc == 4)
        try_one(&trial, argv + 1);
    else
        try_all(&trial);
    (void)printf("%s: %llu crash points, %llu broken\n", subject->name,
                 (unsigned long long)trial.point_count, (unsigned long long)trial.broken_count);

    for (unsigned turn = 0; turn <= subject->turn_count; turn++)
        free(trial.expected[turn]);
    for (unsigned life = 0; life <= subject->life_count; life++)
        sim_disk_free(trial.at_start[life]);
    free(trial.expected);
    free((void *)trial.at_start);
    remove_directory(&trial);
    return trial.broken_count == 0 && trial.point_count > 0 ? 0 : 1;
}
