/* SPDX-License-Identifier: Apache-2.0 */
/* Another program locks the store while belayd works: what can't be stored is neither believed nor acted on. */
#include <sys/wait.h>

#include "controller/daemon/store_db.h"
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/world.h"

static struct world world;

/* Forked before this process has the store open: SQLite's locks are not to be taken through a fork. */
static struct {
    pid_t pid;
    int go, done;
} stranger;

static void lock_until_told(int go, int done)
{
    char path[TEMP_BYTES + 16] = "";
    sqlite3 *db = NULL;
    char is_done = 0;

    if (read(go, path, sizeof(path) - 1) > 0)
        is_done = sqlite3_open(path, &db) == SQLITE_OK &&
                  sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL) == SQLITE_OK;
    if (write(done, &is_done, 1) != 1 || read(go, path, 1) != 0)
        _exit(1);
    _exit(0);
}

static int open_world(void **state)
{
    int go[2], done[2];

    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(done), 0);
    stranger.pid = fork();
    assert_true(stranger.pid >= 0);
    if (stranger.pid == 0) {
        (void)close(go[1]);
        lock_until_told(go[0], done[1]);
    }
    (void)close(go[0]);
    (void)close(done[1]);
    stranger.go = go[1];
    stranger.done = done[0];
    world_open(&world);
    world_set_trust(&world, 1);

    return 0;
}

static int close_world(void **state)
{
    world_close(&world);

    return 0;
}

static void lock_store(void)
{
    char path[TEMP_BYTES + 16], is_done = 0;
    int path_bytes = snprintf(path, sizeof(path), "%s/store.db", world.dir);

    assert_int_equal(write(stranger.go, path, (size_t)path_bytes), path_bytes);
    assert_int_equal(read(stranger.done, &is_done, 1), 1);
    assert_int_equal(is_done, 1);
    (void)close(stranger.done);
}

static void release_store(void)
{
    int status;

    (void)close(stranger.go);
    assert_int_equal(waitpid(stranger.pid, &status, 0), stranger.pid);
    assert_int_equal(status, 0);
}

static int count_report(void *userdata, const struct ctl_store_report *stored, struct bl_error *err)
{
    uint64_t *count = userdata;

    (*count)++;
    return 0;
}

/* The host's last report would have it commit. */
static void test_what_a_locked_store_does_not_take_has_not_happened(void **state)
{
    const struct submission_wish wish = world_two_waves(&world);
    struct fake_host *host = &world.hosts[0];
    uint64_t acknowledged, count = 0;
    struct bl_error err = {0};
    char id[17];

    world_add_hosts(&world, 2);
    host->end = FAKE_SILENT;
    world_submit(&world, &wish, id);
    while (host->starts == 0 || host->acknowledged < host->report_count)
        world_turn(&world);
    acknowledged = host->acknowledged;
    (void)sqlite3_busy_timeout(world.engine->store->db.db, 1);
    lock_store();
    host->nonce = 7;
    fake_host_report(host, &(struct proto_report){.moment = PROTO_MOMENT_STATE,
                                                  .state = PROTO_JOB_PROBATION,
                                                  .nonce = host->nonce});
    while (!world.engine->failed)
        assert_true(sd_event_run(world.event, UINT64_MAX) >= 0);
    (void)fake_host_poll(host);
    assert_int_equal(host->acknowledged, acknowledged);
    assert_int_equal(host->commits, 0);

    release_store();
    world_restart(&world); /* as systemd does */
    for (unsigned i = 0; i < 2; i++) {
        fake_host_disconnect(&world.hosts[i]);
        fake_host_connect(&world.hosts[i], world.config.listen, world.engine->public_key);
        fake_host_hello(&world.hosts[i]);
    }
    json_decref(world_wait_state(&world, "complete"));
    assert_int_equal(host->commits, 1);
    while (host->acknowledged < host->report_count ||
           world.hosts[1].acknowledged < world.hosts[1].report_count)
        world_turn(&world);
    assert_int_equal(ctl_store_each_report(world.engine->store, world.engine->runs[0]->id,
                                           count_report, &count, &err),
                     0);
    assert_int_equal(count, host->report_count + world.hosts[1].report_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_a_locked_store_does_not_take_has_not_happened,
                                        open_world, close_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
