/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/outside/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/outside/json.h"
#include "tests/lib/unit.h"

/* Real little programs, in a folder that stands for etc/belay/controller-hooks.d. */
struct room {
    char root[64];
    int root_fd;
    sd_event *event;
    struct ctl_hook_places places;
    struct ctl_hook_end end;
    uint32_t ends;
};

static void on_end(void *userdata, const struct ctl_hook_end *end)
{
    struct room *room = userdata;

    room->end = *end;
    room->ends++;
    assert_true(sd_event_exit(room->event, 0) >= 0);
}

static int setup(void **state)
{
    struct room *room = calloc(1, sizeof(*room));

    (void)snprintf(room->root, sizeof(room->root), "/tmp/belay-hook.XXXXXX");
    assert_non_null(mkdtemp(room->root));
    room->root_fd = open(room->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(room->root_fd, "hooks.d", 0700), 0);
    room->places = (struct ctl_hook_places){
        .root_fd = room->root_fd, .root = room->root, .hooks = "hooks.d", .owner = getuid()};
    assert_true(sd_event_new(&room->event) >= 0);
    *state = room;
    return 0;
}

static int teardown(void **state)
{
    struct room *room = *state;
    const char *const names[] = {"hooks.d/h", "hooks.d/link", "mark"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unlinkat(room->root_fd, names[i], 0);
    assert_int_equal(unlinkat(room->root_fd, "hooks.d", AT_REMOVEDIR), 0);
    assert_int_equal(rmdir(room->root), 0);
    (void)close(room->root_fd);
    (void)sd_event_unref(room->event);
    free(room);
    return 0;
}

static void put(const struct room *room, const char *text, mode_t mode)
{
    int fd;

    (void)unlinkat(room->root_fd, "hooks.d/h", 0);
    fd = openat(room->root_fd, "hooks.d/h", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static int start(struct room *room, const char *name, int64_t limit_ms,
                 struct ctl_hook_run **ret_run, struct bl_error *err)
{
    CTL_AUTO_JSON *facts = json_pack("{s:s, s:i}", "rollout", "r'1\"", "hosts", 3);

    return ctl_hook_start(
        room->event, &room->places,
        &(struct ctl_hook){.name = name, .purpose = "gate", .facts = facts, .limit_ms = limit_ms},
        on_end, room, ret_run, err);
}

static void run(struct room *room, int64_t limit_ms)
{
    struct bl_error err = {0};
    struct ctl_hook_run *started;

    assert_int_equal(start(room, "h", limit_ms, &started, &err), 0);
    assert_true(sd_event_loop(room->event) >= 0);
    assert_int_equal(room->ends, 1);
}

static void test_facts_come_on_its_input_and_the_last_line_and_status_are_kept(void **state)
{
    struct room *room = *state;
    char text[1024];

    put(room, "#!/bin/sh\necho first\ncat\nprintf '\\n\\n'\nexit 21\n", 0755);
    run(room, 20000);
    assert_int_equal(room->end.result, CTL_CHILD_EXITED);
    assert_int_equal(room->end.status, 21);
    /* Escaped, since it goes to terminals and logs. */
    assert_string_equal(room->end.line, "{\"rollout\":\"r'1\\\\\"\",\"hosts\":3}");
    ctl_hook_describe(&room->end, text, sizeof(text));
    assert_string_equal(text, "ended with 21: {\"rollout\":\"r'1\\\\\"\",\"hosts\":3}");
}

static void test_its_environment_is_fixed(void **state)
{
    struct room *room = *state;

    assert_int_equal(setenv("SECRET", "x", 1), 0);
    put(room,
        "#!/bin/sh\nexport -p | grep -c . >/dev/null\n"
        "echo \"${SECRET-none} $BELAY_HOOK $HOME $# $0\"\n",
        0755);
    run(room, 20000);
    assert_non_null(strstr(room->end.line, "none gate / 0 /tmp/"));
}

static void test_what_is_not_the_owners_alone_is_not_run(void **state)
{
    static const mode_t bad[] = {0775, 0757, 0644};
    struct room *room = *state;
    struct ctl_hook_run *started;
    struct bl_error err = {0};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put(room, "#!/bin/sh\n", bad[i]);
        assert_int_equal(start(room, "h", 1000, &started, &err), -EPERM);
    }
    put(room, "#!/bin/sh\n", 0755);
    assert_int_equal(start(room, "../hooks.d/h", 1000, &started, &err), -EPERM);
    assert_int_equal(start(room, "other", 1000, &started, &err), -ENOENT);
    assert_int_equal(symlinkat("h", room->root_fd, "hooks.d/link"), 0);
    assert_int_equal(start(room, "link", 1000, &started, &err), -EPERM);
    assert_int_equal(fchmodat(room->root_fd, "hooks.d", 0777, 0), 0);
    assert_int_equal(start(room, "h", 1000, &started, &err), -EPERM);
    assert_int_equal(fchmodat(room->root_fd, "hooks.d", 0700, 0), 0);
    put(room, "#!/nowhere/sh\n", 0755);
    assert_int_equal(start(room, "h", 1000, &started, &err), -ENOENT);
    assert_int_equal(room->ends, 0);
}

/* A FIFO that a program holds open for writing tells when the last of it is gone. */
static int open_mark(const struct room *room)
{
    int fd;

    assert_int_equal(mkfifoat(room->root_fd, "mark", 0600), 0);
    fd = openat(room->root_fd, "mark", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void await_all_gone(int fd)
{
    char byte;

    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    assert_int_equal(read(fd, &byte, 1), 0);
    (void)close(fd);
}

static void test_when_its_time_is_over_it_is_asked_to_end_and_says_its_last_line(void **state)
{
    struct room *room = *state;

    put(room, "#!/bin/sh\ntrap 'echo told; exit 3' TERM\necho waits\nsleep 1000 & wait\n", 0755);
    run(room, 3000); /* enough for the start on a busy machine: it says nothing before */
    assert_int_equal(room->end.result, CTL_CHILD_TIMED_OUT);
    assert_string_equal(room->end.line, "told");
}

static void end_of_child(void *userdata, const struct ctl_child_end *end)
{
    struct room *room = userdata;

    room->end.result = end->result;
    room->ends++;
    assert_true(sd_event_exit(room->event, 0) >= 0);
}

static void test_who_does_not_end_when_asked_is_killed_with_all_it_started(void **state)
{
    struct room *room = *state;
    int mark_fd = open_mark(room);
    char path[160];
    const char *const argv[] = {path, NULL};
    const char *const env[] = {"PATH=/usr/bin:/bin", NULL};
    struct ctl_child *child;
    struct bl_error err = {0};
    char text[256];

    (void)snprintf(
        text, sizeof(text),
        "#!/bin/sh\ntrap '' TERM\nexec 3>%s/mark\nsleep 1000 &\nsleep 1000\nsleep 1000\n",
        room->root);
    put(room, text, 0755);
    (void)snprintf(path, sizeof(path), "%s/hooks.d/h", room->root);
    assert_int_equal(
        ctl_child_start(
            room->event,
            &(struct ctl_child_program){.argv = argv, .env = env, .limit_ms = 300, .grace_ms = 100},
            end_of_child, room, &child, &err),
        0);
    assert_true(sd_event_loop(room->event) >= 0);
    assert_int_equal(room->end.result, CTL_CHILD_TIMED_OUT);
    await_all_gone(mark_fd);
}

static void test_what_it_leaves_running_is_ended(void **state)
{
    struct room *room = *state;
    int mark_fd = open_mark(room);
    char text[256];

    (void)snprintf(text, sizeof(text),
                   "#!/bin/sh\nexec 3>%s/mark\nsleep 1000 &\necho done\nexit 0\n", room->root);
    put(room, text, 0755);
    run(room, 20000);
    assert_int_equal(room->end.result, CTL_CHILD_EXITED);
    assert_int_equal(room->end.status, 0);
    assert_string_equal(room->end.line, "done");
    await_all_gone(mark_fd);
}

static void test_output_has_a_bound_and_nobody_hangs_on_it(void **state)
{
    struct room *room = *state;

    put(room, "#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' 'x'\nexit 5\n", 0755);
    run(room, 20000);
    assert_int_equal(room->end.result, CTL_CHILD_EXITED);
    assert_int_equal(room->end.status, 5);
    assert_int_equal(strlen(room->end.line), CTL_HOOK_LINE_BYTES_MAX);
}

/* It writes as fast as it is read: the loop must still come to its timer. */
static void test_one_that_never_stops_writing_is_ended_in_time(void **state)
{
    struct room *room = *state;

    put(room, "#!/bin/sh\nexec yes\n", 0755);
    run(room, 300);
    assert_int_equal(room->end.result, CTL_CHILD_TIMED_OUT);
}

static void test_one_that_closes_its_output_and_runs_on_costs_nothing(void **state)
{
    struct room *room = *state;

    put(room, "#!/bin/sh\nexec >&- 2>&-\nsleep 0.3\nexit 7\n", 0755);
    run(room, 20000);
    assert_int_equal(room->end.status, 7);
    assert_string_equal(room->end.line, "");
}

static void test_a_foreign_signal_is_told(void **state)
{
    struct room *room = *state;
    char text[128];

    put(room, "#!/bin/sh\necho before\nkill -9 $$\n", 0755);
    run(room, 20000);
    assert_int_equal(room->end.result, CTL_CHILD_KILLED);
    assert_int_equal(room->end.status, SIGKILL);
    ctl_hook_describe(&room->end, text, sizeof(text));
    assert_string_equal(text, "was ended by signal 9: before");
}

/* Half a character is no text, and then all that it stands in is lost. */
static void test_what_is_cut_is_cut_between_characters(void **state)
{
    const struct ctl_hook_end end = {
        .result = CTL_CHILD_EXITED, .status = 0, .line = "\xc3\xa4\xc3\xb6\xc3\xbc"};
    char text[sizeof("ended with 0: ") + 3];

    ctl_hook_describe(&end, text, sizeof(text));
    assert_string_equal(text, "ended with 0: \xc3\xa4");
}

static void test_freed_before_its_end_it_is_killed_and_nobody_is_told(void **state)
{
    struct room *room = *state;
    int mark_fd = open_mark(room);
    struct ctl_hook_run *started;
    struct bl_error err = {0};
    char text[256];

    (void)snprintf(text, sizeof(text),
                   "#!/bin/sh\nexec 3>%s/mark\nsleep 1000 &\necho x >&3\nwait\n", room->root);
    put(room, text, 0755);
    assert_int_equal(start(room, "h", 60000, &started, &err), 0);
    assert_int_equal(poll(&(struct pollfd){.fd = mark_fd, .events = POLLIN}, 1, 20000), 1);
    assert_int_equal(read(mark_fd, text, 2), 2);
    assert_null(ctl_hook_free(started));
    assert_int_equal(room->ends, 0);
    await_all_gone(mark_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_facts_come_on_its_input_and_the_last_line_and_status_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_its_environment_is_fixed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_the_owners_alone_is_not_run, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_when_its_time_is_over_it_is_asked_to_end_and_says_its_last_line, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_who_does_not_end_when_asked_is_killed_with_all_it_started, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_it_leaves_running_is_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output_has_a_bound_and_nobody_hangs_on_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_one_that_never_stops_writing_is_ended_in_time, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_one_that_closes_its_output_and_runs_on_costs_nothing,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_foreign_signal_is_told, setup, teardown),
        cmocka_unit_test(test_what_is_cut_is_cut_between_characters),
        cmocka_unit_test_setup_teardown(test_freed_before_its_end_it_is_killed_and_nobody_is_told,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
