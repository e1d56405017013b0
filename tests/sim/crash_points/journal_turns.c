/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/crash_points/journal_turns.h"

#include <string.h>

#include "common/check.h"

enum {
    EVENTS_MAX = 60,
};

static const struct agent_job_limits limits = {.stage_ms = 60000,
                                               .confirm_within_ms = 60000,
                                               .watch_ms = 60000,
                                               .keep_way_back_ms = 86400000,
                                               .quiesce = true,
                                               .ssh_lock = true};

/* The jobs beside the list of turns: what becomes of each. */
struct maker {
    struct journal_turns *turns;
    struct agent_job jobs[JOURNAL_JOBS_MAX + 1];
    uint8_t order[JOURNAL_JOBS_MAX]; /* the newest last */
    uint8_t job_count;
    int64_t now_ms;
    bool next_is_large;
};

/* ---- one turn ----------------------------------------------------------------------------- */

static struct journal_turn *add(struct maker *maker, enum journal_turn_kind kind)
{
    struct journal_turns *turns = maker->turns;
    struct journal_turn *turn = &turns->list[turns->count];

    BL_ASSERT(turns->count < JOURNAL_TURNS_MAX);
    if (turns->count > 0) {
        const struct journal_turn *former = turn - 1;

        turn->last_row = former->last_row;
        turn->last_seq = former->last_seq;
    }
    turn->number = turns->count++;
    turn->kind = kind;
    return turn;
}

/* After `turn`: which job is the newest, and on which does the host stand. */
static void conclude(struct maker *maker, struct journal_turn *turn)
{
    turn->job_count = maker->job_count;
    for (uint8_t i = 0; i < maker->job_count; i++) {
        turn->newest_job = maker->order[i];
        if (maker->jobs[maker->order[i]].state == PROTO_JOB_COMMITTED)
            turn->base_job = maker->order[i];
    }
}

static void note(struct maker *maker)
{
    struct journal_turn *turn = add(maker, JOURNAL_NOTE);

    turn->last_row++;
    conclude(maker, turn);
}

static void acknowledge(struct maker *maker, uint64_t behind)
{
    struct journal_turn *turn = add(maker, JOURNAL_ACKNOWLEDGE);

    turn->seq = turn->last_seq - behind;
    conclude(maker, turn);
}

static void refuse(struct maker *maker)
{
    struct journal_turn *turn = add(maker, JOURNAL_WRITE);

    turn->report_count = 1;
    turn->reports[0] = (struct agent_job_effect){.moment = PROTO_MOMENT_STATE,
                                                 .state = PROTO_JOB_REFUSED,
                                                 .code = "signature_wrong",
                                                 .reason = "no signature of a known key"};
    turn->last_row++;
    turn->last_seq++;
    conclude(maker, turn);
}

/* The newest job takes an event. The step that runs afterwards; 0: none. */
static enum proto_step tell(struct maker *maker, struct agent_job_event event, bool takes_job)
{
    const uint8_t number = maker->order[maker->job_count - 1];
    struct agent_job_effects effects = {0};
    struct journal_turn *turn;
    enum proto_step runs = 0;
    uint32_t record_count = 0;

    event.now.ms = maker->now_ms += 1000;
    agent_job_step(&maker->jobs[number], &event, &effects);
    for (uint32_t i = 0; i < effects.count; i++) {
        record_count += effects.list[i].type == AGENT_JOB_RECORD;
        if (effects.list[i].type == AGENT_JOB_RUN)
            runs = effects.list[i].step;
    }
    if (record_count == 0)
        return runs;

    BL_ASSERT(record_count <= JOURNAL_TURN_REPORTS_MAX);
    turn = add(maker, JOURNAL_WRITE);
    turn->job = number;
    turn->takes_job = takes_job;
    turn->is_large = takes_job && maker->next_is_large;
    turn->saves_job = true;
    turn->saved = maker->jobs[number];
    for (uint32_t i = 0; i < effects.count; i++) {
        if (effects.list[i].type == AGENT_JOB_RECORD)
            turn->reports[turn->report_count++] = effects.list[i];
    }
    turn->last_row += record_count;
    turn->last_seq += record_count;
    conclude(maker, turn);
    return runs;
}

/* ---- a job -------------------------------------------------------------------------------- */

/* Ends one step after the other; the step `fails` fails. */
static void run_steps(struct maker *maker, enum proto_step runs, enum proto_step fails)
{
    for (unsigned i = 0; runs != 0; i++) {
        BL_ASSERT(i < EVENTS_MAX);
        runs = tell(maker,
                    (struct agent_job_event){
                        .type = AGENT_JOB_STEP_ENDED,
                        .step = runs,
                        .result = runs == fails ? PROTO_RESULT_FAILED : PROTO_RESULT_OK,
                        .grade = runs == fails ? PROTO_GRADE_SEVERE : 0,
                        .code = runs == fails ? "unit_failed" : NULL,
                        .reason = runs == fails ? "web.service does not start any more" : NULL},
                    false);
    }
}

static void take(struct maker *maker)
{
    const uint8_t number = ++maker->job_count;

    BL_ASSERT(number <= JOURNAL_JOBS_MAX);
    maker->order[number - 1] = number;
    agent_job_init(&maker->jobs[number], &limits);
    run_steps(
        maker,
        tell(maker, (struct agent_job_event){.type = AGENT_JOB_OFFER, .nonce = 70U + number}, true),
        0);
}

static void upgrade(struct maker *maker, enum proto_step fails)
{
    run_steps(maker, tell(maker, (struct agent_job_event){.type = AGENT_JOB_START}, false), fails);
}

static void confirm(struct maker *maker)
{
    struct agent_job *job = &maker->jobs[maker->order[maker->job_count - 1]];

    (void)tell(maker, (struct agent_job_event){.type = AGENT_JOB_LINK_UP}, false);
    (void)tell(maker, (struct agent_job_event){.type = AGENT_JOB_COMMIT, .nonce = job->nonce},
               false);
    maker->now_ms += 2 * limits.watch_ms;
    run_steps(maker, tell(maker, (struct agent_job_event){.type = AGENT_JOB_TIME}, false), 0);
    BL_ASSERT(job->state == PROTO_JOB_COMMITTED);
}

/* What the shell does when the job that the host stands on is taken back late. */
static void take_back_late(struct maker *maker, uint8_t number)
{
    struct journal_turn *turn = add(maker, JOURNAL_RAISE);
    uint8_t place = 0;

    while (maker->order[place] != number)
        place++;
    memmove(&maker->order[place], &maker->order[place + 1], (size_t)(maker->job_count - 1 - place));
    maker->order[maker->job_count - 1] = number;
    turn->job = number;
    conclude(maker, turn);
    run_steps(
        maker,
        tell(maker, (struct agent_job_event){.type = AGENT_JOB_REVERT, .code = "by_person"}, false),
        0);
    BL_ASSERT(maker->jobs[number].state == PROTO_JOB_REVERTED);
}

/* ---- the whole ---------------------------------------------------------------------------- */

static void end_life(struct maker *maker, bool is_killed, bool is_long)
{
    struct journal_turns *turns = maker->turns;

    turns->lives[turns->life_count++] = (struct crash_life){turns->count, is_killed, is_long};
}

void journal_turns_make(struct journal_turns *turns)
{
    static struct maker maker;

    maker = (struct maker){.turns = turns, .now_ms = 1000};
    memset(turns, 0, sizeof(*turns));
    note(&maker);
    take(&maker);
    acknowledge(&maker, 0);
    end_life(&maker, false, false);
    upgrade(&maker, 0);
    end_life(&maker, true, false);
    note(&maker);
    confirm(&maker);
    acknowledge(&maker, 1);
    refuse(&maker);
    end_life(&maker, false, false);
    take(&maker);
    acknowledge(&maker, 3);
    (void)tell(&maker, (struct agent_job_event){.type = AGENT_JOB_CANCEL, .code = "by_person"},
               false);
    refuse(&maker);
    acknowledge(&maker, 0);
    end_life(&maker, true, false);
    take(&maker);
    upgrade(&maker, PROTO_STEP_VERIFY);
    end_life(&maker, true, false);
    acknowledge(&maker, 0);
    take_back_late(&maker, 1);
    end_life(&maker, false, false);
    /* Each record of a large job goes through so many pages that the log is soon begun anew. */
    maker.next_is_large = true;
    take(&maker);
    upgrade(&maker, 0);
    confirm(&maker);
    take(&maker);
    upgrade(&maker, PROTO_STEP_VERIFY);
    take(&maker);
    upgrade(&maker, 0);
    acknowledge(&maker, 0);
    end_life(&maker, true, true);
}
