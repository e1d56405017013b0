/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that a severe failure calls: real ones, started by a real belayd, over its end and start. */
#include "controller/daemon/severe_hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/world.h"

enum {
    LATE_MS = 30 * 1000, /* that nothing here takes on any machine */
};

static struct world world;
static char room[TEMP_BYTES];
static struct ctl_hook_places places;

static int open_world(void **state)
{
    temp_make(room);
    places = (struct ctl_hook_places){.root_fd = open(room, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                                      .root = room,
                                      .hooks = "hooks.d",
                                      .owner = getuid()};
    assert_int_equal(mkdirat(places.root_fd, "hooks.d", 0700), 0);
    world_open(&world);
    world_set_trust(&world, 1);
    world.engine->hook_places = &places;

    return 0;
}

static int close_world(void **state)
{
    world_close(&world);
    (void)close(places.root_fd);
    temp_remove(room);

    return 0;
}

/* A shell program; what it does after it kept what it was told in ROOM/NAME. */
static void put(const char *name, const char *what)
{
    char path[64];
    FILE *file;
    int fd;

    (void)snprintf(path, sizeof(path), "hooks.d/%s", name);
    fd = openat(places.root_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    assert_true(fd >= 0);
    file = fdopen(fd, "w");
    assert_non_null(file);
    (void)fprintf(file, "#!/bin/sh\ncat > %s/%s.$$ && mv %s/%s.$$ %s/%s\n%s\n", room, name, room,
                  name, room, name, what);
    assert_int_equal(fclose(file), 0);
}

/* What it was told; a new reference, or NULL when it was not called yet. */
static json_t *told(const char *name)
{
    char path[TEMP_BYTES + 64];

    (void)snprintf(path, sizeof(path), "%s/%s", room, name);

    return json_load_file(path, 0, NULL);
}

static struct submission_wish both_at_once(int64_t answer_ms)
{
    struct submission_wish wish = world_two_waves(&world);

    wish.hosts_per_wave[0] = 2;
    wish.hosts_per_wave[1] = 0;
    wish.answer_ms = answer_ms;
    wish.rolls_back = true;
    wish.page = "page";
    wish.traffic = "traffic";
    wish.traffic_ms = 1000;
    wish.vendor = "vendor";
    wish.standby = "web3";
    world_add_hosts(&world, 3);
    world.hosts[0].end = FAKE_REVERTS_SEVERE;

    return wish;
}

/* A status in which so many calls of that hook were made, the last one with this outcome. */
static json_t *wait_hook(const char *name, const char *outcome, int64_t calls)
{
    const int64_t end_ms = bl_mono_now().ms + LATE_MS;

    for (;;) {
        json_t *status = world_ask_verb(&world, "status"), *hook;
        size_t i;

        json_array_foreach (json_object_get(status, "hooks"), i, hook) {
            if (strcmp(json_word(hook, "name"), name) == 0 &&
                strcmp(json_word(hook, "outcome"), outcome) == 0 &&
                json_number(hook, "calls") >= calls)
                return status;
        }
        if (bl_mono_now().ms > end_ms)
            fail_msg("%s: %s", name, json_dumps(json_object_get(status, "hooks"), 0));
        json_decref(status);
        world_turn(&world);
    }
}

static const json_t *hook_of(const json_t *status, const char *name)
{
    const json_t *hook;
    size_t i;

    json_array_foreach (json_object_get(status, "hooks"), i, hook) {
        if (strcmp(json_word(hook, "name"), name) == 0)
            return hook;
    }
    fail_msg("no hook %s", name);

    return NULL;
}

static void submit(const struct submission_wish *wish)
{
    char id[17];

    world_submit(&world, wish, id);
}

static void test_each_is_called_in_its_turn_and_told_what_is_so(void **state)
{
    const struct submission_wish wish = both_at_once(3000);
    json_t *status, *facts, *standby;

    put("page", "echo no route to the pager; exit 3");
    put("traffic", "echo '{\"lb\": \033[31mred' ; exit 0");
    put("vendor", "echo case 4711");
    submit(&wish);
    json_decref(wait_hook("page", "failed", 1));
    json_decref(wait_hook("vendor", "good", 1));
    status =
        wait_hook("traffic", "good", 1); /* on a slow machine the way back did not wait for it */
    assert_string_equal(json_word(hook_of(status, "vendor"), "text"), "ended with 0: case 4711");
    assert_string_equal(json_word(hook_of(status, "traffic"), "outcome"), "good");
    /* What a program prints draws no colours. */
    assert_null(strchr(json_word(hook_of(status, "traffic"), "text"), '\033'));
    json_decref(status);
    /* Nobody answered, and that is paged, too. */
    status = wait_hook("page", "failed", 2);
    assert_string_equal(json_word(hook_of(status, "page"), "text"),
                        "ended with 3: no route to the pager");
    assert_int_equal(json_number(hook_of(status, "page"), "status"), 3);
    json_decref(status);

    facts = told("traffic");
    assert_string_equal(json_word(facts, "hook"), "traffic");
    assert_string_equal(json_word(facts, "code"), "traffic_switch"); /* before the way back */
    assert_int_equal(json_number(facts, "call"), 1);
    assert_int_equal(json_array_size(json_object_get(facts, "changed")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(facts, "failed"), 0)),
                        "web1");
    /* Where the traffic can go: a host that was left alone. */
    standby = json_array_get(json_object_get(facts, "standby"), 0);
    assert_string_equal(json_word(standby, "name"), "web3");
    assert_string_equal(json_word(standby, "state"), "ready");
    assert_int_equal(world.hosts[2].offers + world.hosts[2].starts, 0);
    json_decref(facts);
    facts = told("vendor");
    assert_string_not_equal(json_word(facts, "code"), "traffic_switch"); /* behind its begin */
    assert_string_equal(json_word(json_object_get(facts, "alarm"), "answer"), "otherwise_rollback");
    json_decref(facts);
    json_decref(world_wait_state(&world, "rolled_back"));
}

/* R22: whatever hangs, the way back begins. It is ended at its limit, and that is told after the end. */
static void test_a_program_that_hangs_holds_up_no_way_back(void **state)
{
    const struct submission_wish wish = both_at_once(3000);
    json_t *status;

    world.engine->hook_limits_ms[CTL_HOOK_TRAFFIC] = 6000;
    put("page", "exit 0");
    put("traffic", "exec sleep 1000");
    put("vendor", "exit 0");
    submit(&wish);
    status = world_wait_state(&world, "rolled_back");
    assert_true(json_is_true(json_object_get(hook_of(status, "traffic"), "running")));
    assert_int_equal(world.hosts[1].reverts, 1);
    json_decref(status);
    status = wait_hook("traffic", "timed_out", 1);
    assert_string_equal(json_word(status, "state"), "rolled_back");
    json_decref(status);
    json_decref(wait_hook("page", "good", 2));
    json_decref(wait_hook("vendor", "good", 1));
    assert_int_equal(world_count_audit(&world, "hook"), 4);
}

static void test_what_ran_when_belayd_ended_is_unknown(void **state)
{
    const struct submission_wish wish = both_at_once(6000);
    json_t *status, *facts;

    put("page", "sleep 1000");
    put("traffic", "exit 1");
    put("vendor", "sleep 1000");
    submit(&wish);
    while ((facts = told("page")) == NULL)
        world_turn(&world);
    json_decref(facts);
    assert_int_equal(unlinkat(places.root_fd, "page", 0), 0);
    assert_int_equal(unlinkat(places.root_fd, "hooks.d/page", 0), 0);
    put("page", "echo once more");
    world_restart(&world);
    world.engine->hook_places = &places;
    for (unsigned i = 0; i < world.host_count; i++) {
        fake_host_disconnect(&world.hosts[i]);
        fake_host_connect(&world.hosts[i], world.config.listen, world.engine->public_key);
        fake_host_hello(&world.hosts[i]);
    }
    status = wait_hook("page", "good", 2);
    assert_string_equal(json_word(hook_of(status, "page"), "text"), "ended with 0: once more");
    json_decref(status);
    /* The switch fails, and nothing waits any more. */
    json_decref(wait_hook("traffic", "failed", 1));
    while ((facts = told("vendor")) == NULL)
        world_turn(&world);
    json_decref(facts);
    json_decref(world_wait_state(&world, "rolled_back"));
    world_restart(&world);
    world.engine->hook_places = &places;
    status = wait_hook("vendor", "unknown",
                       1); /* the rollout has ended, and is looked at all the same */
    assert_false(json_is_true(json_object_get(hook_of(status, "vendor"), "running")));
    json_decref(status);
}

static void test_what_is_gone_by_then_is_told(void **state)
{
    const struct submission_wish wish = both_at_once(3000);
    json_t *status;

    put("page", "exit 0");
    put("traffic", "exit 0");
    put("vendor", "exit 0");
    submit(&wish);
    assert_int_equal(unlinkat(places.root_fd, "hooks.d/traffic", 0), 0);
    assert_int_equal(fchmodat(places.root_fd, "hooks.d/vendor", 0722, 0), 0);
    json_decref(wait_hook("traffic", "not_started", 1));
    status = wait_hook("vendor", "not_started", 1);
    assert_non_null(strstr(json_word(hook_of(status, "traffic"), "text"), "No such file"));
    json_decref(status);
    json_decref(world_wait_state(&world, "rolled_back"));
}

static void test_only_what_lies_in_the_folder_is_taken(void **state)
{
    struct submission_wish wish = both_at_once(3000);
    json_t *answer, *hook;

    put("page", "exit 0");
    put("vendor", "exit 0");
    answer = world_ask(&world, world_submission(&world, &wish));
    assert_string_equal(json_word(answer, "code"), "hook_unknown");
    assert_non_null(strstr(json_word(answer, "error"), "severe.hooks.traffic"));
    json_decref(answer);
    answer = world_ask(&world, json_pack("{s:s, s:[s, s, s]}", "verb", "hooks", "names", "page",
                                         "traffic", "../hooks.d/page"));
    for (size_t i = 0; i < 3; i++) {
        hook = json_array_get(json_object_get(answer, "hooks"), i);
        assert_int_equal(json_is_true(json_object_get(hook, "ready")), i == 0);
        assert_int_equal(json_word(hook, "problem")[0] == '\0', i == 0);
    }
    json_decref(answer);
    put("traffic", "exit 0");
    submit(&wish);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define HOOKS(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
        HOOKS(test_each_is_called_in_its_turn_and_told_what_is_so),
        HOOKS(test_a_program_that_hangs_holds_up_no_way_back),
        HOOKS(test_what_ran_when_belayd_ended_is_unknown),
        HOOKS(test_what_is_gone_by_then_is_told),
        HOOKS(test_only_what_lies_in_the_folder_is_taken),
#undef HOOKS
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
