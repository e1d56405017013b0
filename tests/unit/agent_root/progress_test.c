/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/progress.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/txn/progress.h"
#include "tests/lib/unit.h"

/* What is told of a package run, and when. The clock runs at once; the job is this test's. */
static struct agent_work work;
static bool has_work;
static struct agent_host host;
static struct agent_progress *progress;
static unsigned sent_count;
static struct proto_progress sent;
static int send_result;
static char directory[40];

const struct agent_work *agent_jobs_work(const struct agent_jobs *jobs)
{
    return has_work ? &work : NULL;
}

int sd_event_source_set_time(sd_event_source *s, uint64_t usec)
{
    int (*real)(sd_event_source *, uint64_t);
    void *symbol = dlsym(RTLD_NEXT, "sd_event_source_set_time");

    assert_non_null(symbol);
    memcpy(&real, &symbol, sizeof(real));
    return real(s, 0);
}

static int on_send(void *userdata, const struct proto_progress *now)
{
    sent = *now;
    sent_count++;
    return send_result;
}

static int set_up(void **state)
{
    struct bl_error err = {0};

    (void)snprintf(directory, sizeof(directory), "/tmp/belay-progress-XXXXXX");
    assert_non_null(mkdtemp(directory));
    work = (struct agent_work){.rollout_id = {7},
                               .dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    assert_true(work.dir_fd >= 0);
    has_work = true;
    sent_count = 0;
    send_result = 0;
    assert_true(sd_event_new(&host.loop) >= 0);
    assert_int_equal(agent_progress_new(&host, on_send, NULL, &progress, &err), 0);
    return 0;
}

static int tear_down(void **state)
{
    progress = agent_progress_free(progress);
    sd_event_unref(host.loop);
    agent_txn_progress_clear(work.dir_fd, AGENT_TXN_UPGRADE);
    (void)close(work.dir_fd);
    assert_int_equal(rmdir(directory), 0);
    return 0;
}

static void run_step(enum proto_step step)
{
    work.job.step = step;
    work.job.step_running = true;
    agent_progress_follow(progress, NULL);
}

static void write_down(uint64_t packages_done)
{
    const struct proto_progress now = {.step = PROTO_STEP_UPGRADE,
                                       .packages_done = packages_done,
                                       .packages_total = 9,
                                       .what = "demo",
                                       .script = ""};

    agent_txn_progress_save(work.dir_fd, AGENT_TXN_UPGRADE, &now);
}

/* One second later. False when nobody looks any more. */
static bool look(void)
{
    return sd_event_run(host.loop, 0) > 0;
}

static void test_what_is_new_is_told_once(void **state)
{
    run_step(PROTO_STEP_UPGRADE);
    assert_true(look());
    assert_int_equal(sent_count, 0); /* it has said nothing yet */
    write_down(3);
    assert_true(look());
    assert_int_equal(sent_count, 1);
    assert_int_equal(sent.packages_done, 3);
    assert_int_equal(sent.rollout_id[0], 7);
    assert_true(look());
    assert_int_equal(sent_count, 1);
    write_down(4);
    assert_true(look());
    assert_int_equal(sent_count, 2);

    agent_progress_forget(progress); /* another connection */
    assert_true(look());
    assert_int_equal(sent_count, 3);
}

static void test_what_found_no_room_is_told_later(void **state)
{
    run_step(PROTO_STEP_UPGRADE);
    write_down(3);
    send_result = -EAGAIN;
    assert_true(look());
    assert_int_equal(sent_count, 1);
    send_result = 0;
    write_down(5);
    assert_true(look());
    assert_int_equal(sent_count, 2);
    assert_int_equal(sent.packages_done, 5);
}

static void test_nobody_looks_between_package_runs(void **state)
{
    struct proto_progress now;
    PROTO_AUTO_ARENA arena = {0};

    write_down(3);
    agent_progress_follow(progress, NULL);
    assert_false(look());
    run_step(PROTO_STEP_VERIFY);
    assert_false(look());
    assert_false(agent_progress_read(&work, &arena, &now));
    assert_false(agent_progress_read(NULL, &arena, &now));

    run_step(PROTO_STEP_UPGRADE);
    assert_true(agent_progress_read(&work, &arena, &now));
    assert_true(look());
    work.job.step_running = false;
    assert_false(agent_progress_read(&work, &arena, &now));
    assert_true(look()); /* and finds that it is over */
    assert_false(look());
    has_work = false;
    agent_progress_follow(progress, NULL);
    assert_false(look());
    assert_int_equal(sent_count, 1);
}

static void test_a_damaged_file_tells_nothing(void **state)
{
    struct proto_progress now;
    PROTO_AUTO_ARENA arena = {0};
    int fd = openat(work.dir_fd, "upgrade.progress", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, "\xc1\xc1", 2), 2);
    (void)close(fd);
    run_step(PROTO_STEP_UPGRADE);
    assert_false(agent_progress_read(&work, &arena, &now));
    assert_true(look());
    assert_int_equal(sent_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_new_is_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_found_no_room_is_told_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_looks_between_package_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_damaged_file_tells_nothing, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
