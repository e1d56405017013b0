/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/phase.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/unit.h"

/*
 * A phase against a systemd of this test: the functions of units.h below take the calls down, and
 * each test says how they end.
 */
struct agent_units_call {
    const char *what; /* "state" or "run" */
    agent_units_done_fn done;
    void *userdata;
};

static struct agent_units_call *call; /* the one that is out */

static int take_call(const char *what, agent_units_done_fn done, void *userdata,
                     struct agent_units_call **ret_call)
{
    assert_null(call);
    call = calloc(1, sizeof(*call));
    assert_non_null(call);
    *call = (struct agent_units_call){what, done, userdata};
    *ret_call = call;
    return 0;
}

int agent_units_state(struct agent_units *units, const char *name, agent_units_done_fn done,
                      void *userdata, struct agent_units_call **ret_call)
{
    return take_call("state", done, userdata, ret_call);
}

int agent_units_run(struct agent_units *units, const char *name, agent_units_done_fn done,
                    void *userdata, struct agent_units_call **ret_call)
{
    return take_call("run", done, userdata, ret_call);
}

struct agent_units_call *agent_units_drop(struct agent_units_call *dropped)
{
    assert_true(dropped == NULL || dropped == call);
    if (dropped != NULL)
        call = NULL;
    free(dropped);
    return NULL;
}

static void end_call(const char *what, enum agent_units_end end, enum agent_unit_state state)
{
    const struct agent_units_answer answer = {.end = end, .why = "why", .state = state};
    struct agent_units_call *ended = call;

    assert_non_null(ended);
    assert_string_equal(ended->what, what);
    call = NULL;
    ended->done(ended->userdata, &answer);
    free(ended);
}

struct world {
    char directory[40];
    struct agent_host host;
    struct agent_phase_job job;
    struct agent_phase *phase;
    unsigned ends;
    enum agent_phase_end end;
    char code[32], why[128];
};

static void on_done(void *userdata, enum agent_phase_end end, const struct agent_txn_result *result,
                    const char *why)
{
    struct world *world = userdata;

    world->ends++;
    world->end = end;
    (void)snprintf(world->code, sizeof(world->code), "%s", result != NULL ? result->code : "");
    (void)snprintf(world->why, sizeof(world->why), "%s", why);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    (void)snprintf(world->directory, sizeof(world->directory), "/tmp/belay-phase-XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    assert_true(sd_event_new(&world->host.loop) >= 0);
    world->job.id_text = "00112233445566778899aabbccddeeff";
    world->job.dir_fd = open(world->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(world->job.dir_fd >= 0);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    world->phase = agent_phase_free(world->phase);
    assert_null(call);
    for (uint32_t phase = AGENT_TXN_QUERY; phase <= AGENT_TXN_PHASE_LAST; phase++) {
        for (int file = AGENT_TXN_FILE_TASK; file <= AGENT_TXN_FILE_LAST; file++) {
            char name[AGENT_TXN_NAME_BYTES];

            agent_txn_file_name(phase, (enum agent_txn_file)file, name);
            (void)unlinkat(world->job.dir_fd, name, 0);
        }
    }
    (void)close(world->job.dir_fd);
    assert_int_equal(rmdir(world->directory), 0);
    sd_event_unref(world->host.loop);
    free(world);
    return 0;
}

static void start_attempt(struct world *world, enum agent_txn_phase phase, uint64_t attempt)
{
    const struct agent_txn_task task = {.phase = phase, .attempt = attempt};
    const struct agent_phase_caller caller = {world, on_done};
    struct bl_error err = {0};

    if (agent_phase_start(&world->host, &world->job, &task, &caller, &world->phase, &err) < 0)
        fail_msg("%s", err.text);
}

static void start(struct world *world, enum agent_txn_phase phase)
{
    start_attempt(world, phase, 0);
}

/* What belay-txn leaves behind; `code` tells one result from another. */
static void leave_started(struct world *world, enum agent_txn_phase phase)
{
    struct bl_error err = {0};

    assert_int_equal(agent_txn_started_save(world->job.dir_fd, phase, &err), 0);
}

static void leave_result_of(struct world *world, enum agent_txn_phase phase, uint64_t attempt,
                            const char *code)
{
    const struct agent_txn_result result = {.phase = phase,
                                            .attempt = attempt,
                                            .result = PROTO_RESULT_FAILED,
                                            .code = code,
                                            .reason = "reason"};
    struct bl_error err = {0};

    leave_started(world, phase);
    assert_int_equal(agent_txn_result_save(world->job.dir_fd, &result, &err), 0);
}

static void leave_result(struct world *world, enum agent_txn_phase phase, const char *code)
{
    leave_result_of(world, phase, 0, code);
}

static void expect(const struct world *world, enum agent_phase_end end, const char *code)
{
    assert_int_equal(world->ends, 1);
    assert_int_equal(world->end, end);
    assert_string_equal(world->code, code);
}

static void test_a_phase_runs_and_tells_its_result(void **state)
{
    struct world *world = *state;

    start(world, AGENT_TXN_STAGE);
    end_call("state", AGENT_UNITS_OK, AGENT_UNIT_INACTIVE);
    leave_result(world, AGENT_TXN_STAGE, "mine");
    end_call("run", AGENT_UNITS_OK, 0);
    expect(world, AGENT_PHASE_RESULT, "mine");
}

static void test_a_result_that_is_there_is_not_made_again(void **state)
{
    struct world *world = *state;

    leave_result(world, AGENT_TXN_UPGRADE, "there");
    start(world, AGENT_TXN_UPGRADE);
    end_call("state", AGENT_UNITS_OK, AGENT_UNIT_INACTIVE);
    expect(world, AGENT_PHASE_RESULT, "there");
}

static void test_an_upgrade_never_runs_twice(void **state)
{
    struct world *world = *state;

    leave_started(world, AGENT_TXN_UPGRADE);
    start(world, AGENT_TXN_UPGRADE);
    end_call("state", AGENT_UNITS_OK, AGENT_UNIT_FAILED);
    expect(world, AGENT_PHASE_INTERRUPTED, "");
}

static void test_a_way_back_that_was_interrupted_runs_again(void **state)
{
    struct world *world = *state;

    leave_started(world, AGENT_TXN_RESTORE);
    start(world, AGENT_TXN_RESTORE);
    end_call("state", AGENT_UNITS_OK, AGENT_UNIT_FAILED);
    leave_result(world, AGENT_TXN_RESTORE, "again");
    end_call("run", AGENT_UNITS_OK, 0);
    expect(world, AGENT_PHASE_RESULT, "again");
}

/* What an earlier attempt came to is not what this one comes to. */
static void test_a_way_back_that_is_begun_anew_runs_again(void **state)
{
    struct world *world = *state;

    leave_result_of(world, AGENT_TXN_RESTORE, 1, "first");
    start_attempt(world, AGENT_TXN_RESTORE, 2);
    end_call("state", AGENT_UNITS_OK, AGENT_UNIT_INACTIVE);
    assert_int_equal(world->ends, 0);
    leave_result_of(world, AGENT_TXN_RESTORE, 2, "second");
    end_call("run", AGENT_UNITS_OK, 0);
    expect(world, AGENT_PHASE_RESULT, "second");
}

static void test_a_way_back_that_ended_unseen_is_not_run_again(void **state)
{
    struct world *world = *state;

    leave_result_of(world, AGENT_TXN_RESTORE, 2, "there");
    start_attempt(world, AGENT_TXN_RESTORE, 2);
    end_call("state", AGENT_UNITS_OK, AGENT_UNIT_INACTIVE);
    expect(world, AGENT_PHASE_RESULT, "there");
}

/* The first death is made good, since each repair looks at the host first; the second is told. */
static void test_a_repair_that_died_is_done_once_more(void **state)
{
    struct world *world = *state;

    start(world, AGENT_TXN_REPAIR);
    end_call("state", AGENT_UNITS_OK, AGENT_UNIT_INACTIVE);
    leave_started(world, AGENT_TXN_REPAIR);
    end_call("run", AGENT_UNITS_FAILED, 0);
    end_call("state", AGENT_UNITS_OK, AGENT_UNIT_FAILED);
    assert_int_equal(world->ends, 0);
    end_call("run", AGENT_UNITS_FAILED, 0);
    expect(world, AGENT_PHASE_FAILED, "");
}

static void test_a_package_run_is_joined(void **state)
{
    struct world *world = *state;

    leave_started(world, AGENT_TXN_UPGRADE);
    start(world, AGENT_TXN_UPGRADE);
    end_call("state", AGENT_UNITS_OK, AGENT_UNIT_ACTIVATING);
    leave_result(world, AGENT_TXN_UPGRADE, "joined");
    end_call("run", AGENT_UNITS_OK, 0);
    expect(world, AGENT_PHASE_RESULT, "joined");
}

/* An agent that died left a query running: its answer is to a question that nobody asks now. */
static void test_a_former_query_does_not_answer_this_one(void **state)
{
    struct world *world = *state;

    start(world, AGENT_TXN_QUERY);
    end_call("state", AGENT_UNITS_OK, AGENT_UNIT_ACTIVATING);
    leave_result(world, AGENT_TXN_QUERY, "former");
    end_call("run", AGENT_UNITS_OK, 0); /* the end of the former one */
    assert_int_equal(world->ends, 0);
    leave_result(world, AGENT_TXN_QUERY, "mine");
    end_call("run", AGENT_UNITS_OK, 0);
    expect(world, AGENT_PHASE_RESULT, "mine");
}

/* It ended between our look for files and our look at the unit. */
static void test_a_former_query_that_just_ended_does_not_answer_either(void **state)
{
    struct world *world = *state;

    start(world, AGENT_TXN_QUERY);
    leave_result(world, AGENT_TXN_QUERY, "former");
    end_call("state", AGENT_UNITS_OK, AGENT_UNIT_INACTIVE);
    assert_int_equal(world->ends, 0);
    leave_result(world, AGENT_TXN_QUERY, "mine");
    end_call("run", AGENT_UNITS_OK, 0);
    expect(world, AGENT_PHASE_RESULT, "mine");
}

/* systemd executed itself anew while our own query ran. */
static void test_our_query_is_found_again(void **state)
{
    struct world *world = *state;

    start(world, AGENT_TXN_QUERY);
    end_call("state", AGENT_UNITS_OK, AGENT_UNIT_INACTIVE);
    end_call("run", AGENT_UNITS_LOST, 0);
    leave_result(world, AGENT_TXN_QUERY, "mine");
    end_call("state", AGENT_UNITS_OK, AGENT_UNIT_INACTIVE);
    expect(world, AGENT_PHASE_RESULT, "mine");
}

static void test_a_death_without_a_trace_is_told(void **state)
{
    struct world *world = *state;

    start(world, AGENT_TXN_STAGE);
    end_call("state", AGENT_UNITS_OK, AGENT_UNIT_INACTIVE);
    end_call("run", AGENT_UNITS_FAILED, 0);
    expect(world, AGENT_PHASE_FAILED, "");
    assert_non_null(strstr(world->why, "why"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_phase_runs_and_tells_its_result),
        CASE(test_a_result_that_is_there_is_not_made_again),
        CASE(test_an_upgrade_never_runs_twice),
        CASE(test_a_way_back_that_was_interrupted_runs_again),
        CASE(test_a_way_back_that_is_begun_anew_runs_again),
        CASE(test_a_way_back_that_ended_unseen_is_not_run_again),
        CASE(test_a_repair_that_died_is_done_once_more),
        CASE(test_a_package_run_is_joined),
        CASE(test_a_former_query_does_not_answer_this_one),
        CASE(test_a_former_query_that_just_ended_does_not_answer_either),
        CASE(test_our_query_is_found_again),
        CASE(test_a_death_without_a_trace_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
