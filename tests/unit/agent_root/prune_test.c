/* SPDX-License-Identifier: Apache-2.0 */
/* Which jobs' snapshots are looked after and removed, in which order, and when again. */
#include "agent/root/prune.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/root/forget.h"
#include "agent/root/tend.h"
#include "tests/lib/unit.h"

#define A "11111111111111111111111111111111"
#define B "22222222222222222222222222222222"
#define C "33333333333333333333333333333333"

static char state_dir[] = "/tmp/belay-prune-XXXXXX";

static void make_job(const char *name, const char *file)
{
    char path[128];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/jobs/%s", state_dir, name);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/jobs/%s/%s", state_dir, name, file);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

/* `userdata` is a name that is not wanted, or NULL. */
static bool is_another(const void *userdata, int jobs_fd, const char *job)
{
    return userdata == NULL || strcmp(userdata, job) != 0;
}

/* What a round visits that goes on behind each, as "123": the first characters. */
static void assert_round(const char *unwanted, const char *wanted)
{
    const struct agent_prune_choice choice = {unwanted, is_another};
    char name[AGENT_TXN_JOB_CHARS + 1] = "", visited[8] = "";
    size_t count = 0;

    while (agent_prune_find_next(state_dir, name, &choice, name)) {
        assert_true(count < sizeof(visited) - 1); /* or it would never end */
        visited[count++] = name[0];
    }
    assert_string_equal(visited, wanted);
}

static void a_round_comes_by_every_job_with_snapshots_once(void **state)
{
    char path[64];

    assert_round(NULL, "");
    (void)snprintf(path, sizeof(path), "%s/jobs", state_dir);
    assert_int_equal(mkdir(path, 0700), 0);
    make_job(C, "snapshot.record");
    make_job(A, "snapshot.record");
    make_job(B, "snapshot.record");
    make_job("44444444444444444444444444444444", "task");
    make_job("5", "snapshot.record");
    assert_round(NULL, "123");
    assert_round(A, "23");
    assert_round(B, "13");
    assert_round(C, "12");
}

static void what_was_left_is_tried_again(void **state)
{
    static const struct {
        int64_t end_ms, now_ms;
        bool has_failed;
        int64_t next_ms;
    } table[] = {
        {0, 5000, false, 0},
        {4000, 5000, false, 0},
        {9000, 5000, false, 9000},
        {0, 5000, true, 5000 + AGENT_FORGET_AGAIN_MS},
        {4000, 5000, true, 5000 + AGENT_FORGET_AGAIN_MS},
        {9000, 5000, true, 9000},
        {900000000, 5000, true, 5000 + AGENT_FORGET_AGAIN_MS},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct bl_mono next =
            agent_forget_next_look((struct bl_mono){.ms = table[i].end_ms},
                                   (struct bl_mono){.ms = table[i].now_ms}, table[i].has_failed);

        assert_int_equal(next.ms, table[i].next_ms);
    }
}

static void a_package_run_is_looked_at_more_often(void **state)
{
    const struct bl_mono last = {.ms = 100000};

    assert_false(agent_tend_is_due(last, (struct bl_mono){.ms = 101999}, true));
    assert_true(agent_tend_is_due(last, (struct bl_mono){.ms = 102000}, true));
    assert_false(agent_tend_is_due(last, (struct bl_mono){.ms = 119999}, false));
    assert_true(agent_tend_is_due(last, (struct bl_mono){.ms = 120000}, false));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    return remove(path);
}

static int set_up(void **state)
{
    return mkdtemp(state_dir) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    return nftw(state_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_comes_by_every_job_with_snapshots_once),
        cmocka_unit_test(what_was_left_is_tried_again),
        cmocka_unit_test(a_package_run_is_looked_at_more_often),
    };

    return cmocka_run_group_tests_name("prune", tests, set_up, tear_down);
}
