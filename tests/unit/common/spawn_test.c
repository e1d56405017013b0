/* SPDX-License-Identifier: Apache-2.0 */
/* The programs run here are those of every Debian: coreutils, and a shell as the foreign program. */
#include "common/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "tests/lib/unit.h"

enum {
    PATIENCE_MS = 20000
};

static void assert_runs(const struct bl_spawn *spawn, const char *wanted)
{
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    struct bl_error err = {0};

    if (bl_spawn_run(spawn, PATIENCE_MS, &child, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(child.output, wanted);
    assert_int_equal(child.output_bytes, strlen(wanted));
    assert_false(child.output_cut);
}

static void arguments_arrive_as_they_are(void **state)
{
    const char *const argv[] = {"/usr/bin/printf", "[%s]", "a b", "$HOME", "; reboot", "", NULL};
    const struct bl_spawn spawn = {.argv = argv, .capture_bytes = 1000};

    assert_runs(&spawn, "[a b][$HOME][; reboot][]");
}

static void the_environment_is_the_given_one(void **state)
{
    const char *const argv[] = {"/usr/bin/env", NULL};
    const char *const env[] = {"LC_ALL=C", "X=1 2", NULL};
    const struct bl_spawn given = {.argv = argv, .env = env, .capture_bytes = 1000};
    const struct bl_spawn none = {.argv = argv, .capture_bytes = 1000};

    assert_runs(&given, "LC_ALL=C\nX=1 2\n");
    assert_runs(&none, "");
}

static void output_and_error_are_captured(void **state)
{
    const char *const argv[] = {"/bin/sh", "-c", "echo out; echo err >&2", NULL};
    const struct bl_spawn spawn = {.argv = argv, .capture_bytes = 1000};

    assert_runs(&spawn, "out\nerr\n");
}

static void input_is_empty_or_given(void **state)
{
    const char *const argv[] = {"/bin/cat", NULL};
    struct bl_spawn spawn = {.argv = argv, .capture_bytes = 1000};
    int fds[2];

    assert_runs(&spawn, "");
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(write(fds[1], "given", 5), 5);
    assert_int_equal(close(fds[1]), 0);
    spawn.stdin_fd = fds[0];
    assert_runs(&spawn, "given");
    assert_int_equal(close(fds[0]), 0);
}

/* An open descriptor that forgot its CLOEXEC does not reach the program; a given one does. */
static void only_given_descriptors_are_inherited(void **state)
{
    const char *const list[] = {"/bin/sh", "-c", "for f in /proc/self/fd/*; do echo ${f##*/}; done",
                                NULL};
    const char *const read_three[] = {"/bin/sh", "-c", "cat <&3; cat <&4", NULL};
    struct bl_spawn spawn = {.argv = list, .capture_bytes = 1000};
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    struct bl_error err = {0};
    int leak = fcntl(0, F_DUPFD, 40);
    int first[2];
    int second[2];

    assert_int_equal(leak, 40);
    assert_int_equal(bl_spawn_run(&spawn, PATIENCE_MS, &child, &err), 0);
    assert_null(strstr(child.output, "40\n"));
    assert_memory_equal(child.output, "0\n1\n2\n", 6);
    assert_int_equal(close(leak), 0);

    assert_int_equal(pipe2(first, O_CLOEXEC), 0);
    assert_int_equal(pipe2(second, O_CLOEXEC), 0);
    assert_int_equal(write(first[1], "one ", 4), 4);
    assert_int_equal(write(second[1], "two", 3), 3);
    assert_int_equal(close(first[1]), 0);
    assert_int_equal(close(second[1]), 0);
    spawn.argv = read_three;
    /* Crossed: the first one, opened at the lowest free number, sits where the second must go. */
    spawn.extra_fds = (const int[]){second[0], first[0]};
    spawn.extra_fd_count = 2;
    assert_runs(&spawn, "twoone ");
    assert_int_equal(close(first[0]), 0);
    assert_int_equal(close(second[0]), 0);
}

static void signals_are_as_at_login(void **state)
{
    const char *const argv[] = {"/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status", NULL};
    const struct bl_spawn spawn = {.argv = argv, .capture_bytes = 1000};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t blocked;

    assert_int_equal(sigaction(SIGPIPE, &ignore, NULL), 0);
    assert_int_equal(sigemptyset(&blocked), 0);
    assert_int_equal(sigaddset(&blocked, SIGTERM), 0);
    assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
    assert_runs(&spawn, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    assert_int_equal(sigprocmask(SIG_UNBLOCK, &blocked, NULL), 0);
}

static void failures_are_told(void **state)
{
    const char *const none[] = {"/nowhere/program", NULL};
    const char *const failing[] = {"/bin/sh", "-c", "echo first; echo 'E: why'; exit 3", NULL};
    const char *const killed[] = {"/bin/sh", "-c", "kill -TERM $$", NULL};
    struct bl_spawn spawn = {.argv = none, .capture_bytes = 1000};
    struct bl_error err = {0};

    BL_AUTO_CHILD missing = BL_CHILD_NONE;
    assert_int_equal(bl_spawn_run(&spawn, PATIENCE_MS, &missing, &err), -ENOENT);
    assert_string_equal(err.text, "start '/nowhere/program': No such file or directory");

    BL_AUTO_CHILD failed = BL_CHILD_NONE;
    spawn.argv = failing;
    assert_int_equal(bl_spawn_run(&spawn, PATIENCE_MS, &failed, &err), -EPROTO);
    assert_string_equal(err.text, "'/bin/sh' ended with 3: E: why");
    assert_string_equal(failed.output, "first\nE: why\n");

    BL_AUTO_CHILD ended = BL_CHILD_NONE;
    spawn.argv = killed;
    assert_int_equal(bl_spawn_run(&spawn, PATIENCE_MS, &ended, &err), -EPROTO);
    assert_non_null(strstr(err.text, "was ended by signal 15"));
}

/* More output than asked for and than a pipe holds: the program ends, the rest is dropped. */
static void output_is_bounded(void **state)
{
    const char *const argv[] = {"/usr/bin/head", "-c", "1000000", "/dev/zero", NULL};
    const struct bl_spawn spawn = {.argv = argv, .capture_bytes = 100};
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    struct bl_error err = {0};

    assert_int_equal(bl_spawn_run(&spawn, PATIENCE_MS, &child, &err), 0);
    assert_int_equal(child.output_bytes, 100);
    assert_true(child.output_cut);
}

static int count_waiting_bytes(const struct bl_child *child)
{
    int bytes = -1;

    assert_int_equal(ioctl(child->capture_fd, FIONREAD, &bytes), 0);
    return bytes;
}

/*
 * One that writes as fast as it is read would keep the caller for ever. A large pipe that is full
 * stands for it: what is dropped of it at once has a bound, and all of it goes in the end.
 */
static void the_caller_gets_its_turn(void **state)
{
    const char *const argv[] = {"/bin/sh", "-c", "head -c 1048576 /dev/zero; cat; exit 5", NULL};
    struct bl_spawn spawn = {.argv = argv, .capture_bytes = 100};
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    struct bl_error err = {0};
    struct bl_exit end = {0};
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    spawn.stdin_fd = fds[0];
    assert_int_equal(bl_spawn_start(&spawn, &child, &err), 0);
    assert_int_equal(fcntl(child.capture_fd, F_SETPIPE_SZ, 1048576), 1048576);
    while (count_waiting_bytes(&child) < 1048576)
        assert_int_equal(sched_yield(), 0);

    assert_int_equal(bl_spawn_wait(&child, 0, &end, &err), -ETIMEDOUT);
    assert_true(child.output_cut);
    assert_int_equal(child.output_bytes, 100);
    assert_true(count_waiting_bytes(&child) > 900000);

    while (count_waiting_bytes(&child) > 0)
        assert_int_equal(bl_spawn_wait(&child, 0, &end, &err), -ETIMEDOUT);
    assert_int_equal(close(fds[1]), 0);
    assert_int_equal(bl_spawn_wait(&child, PATIENCE_MS, &end, &err), 0);
    assert_int_equal(end.status, 5);
    assert_int_equal(close(fds[0]), 0);
}

/* The program waits for a pipe of ours, so that nothing here depends on how fast things are. */
static void a_late_program_is_not_killed(void **state)
{
    const char *const argv[] = {"/bin/sh", "-c", "echo early; cat; exit 5", NULL};
    struct bl_spawn spawn = {.argv = argv, .capture_bytes = 1000};
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    struct bl_error err = {0};
    struct bl_exit end = {0};
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    spawn.stdin_fd = fds[0];
    assert_int_equal(bl_spawn_run(&spawn, 50, &child, &err), -ETIMEDOUT);
    assert_int_equal(kill(child.pid, 0), 0);
    assert_int_equal(waitpid(child.pid, NULL, WNOHANG), 0);

    assert_int_equal(write(fds[1], "late", 4), 4);
    assert_int_equal(close(fds[1]), 0);
    assert_int_equal(bl_spawn_wait(&child, -1, &end, &err), 0);
    assert_int_equal(end.status, 5);
    assert_int_equal(end.by, 0);
    assert_string_equal(child.output, "early\nlate");
    assert_int_equal(close(fds[0]), 0);
}

/* A grandchild that keeps the output open does not delay the end of its parent. */
static void a_grandchild_is_not_waited_for(void **state)
{
    const char *const argv[] = {"/bin/sh", "-c", "exec 3<&0; cat <&3 & echo done", NULL};
    struct bl_spawn spawn = {.argv = argv, .capture_bytes = 1000};
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    spawn.stdin_fd = fds[0];
    assert_runs(&spawn, "done\n");
    assert_int_equal(close(fds[1]), 0); /* ends the grandchild */
    assert_int_equal(close(fds[0]), 0);
}

static void output_goes_to_a_file(void **state)
{
    char path[] = "/tmp/bl-spawn-XXXXXX";
    const char *const argv[] = {"/bin/echo", "to the file", NULL};
    struct bl_spawn spawn = {.argv = argv};
    BL_AUTO_CHILD child = BL_CHILD_NONE;
    BL_AUTO_FREE char *data = NULL;
    BL_AUTO_FD int fd = mkostemp(path, O_CLOEXEC);
    size_t size_bytes;
    struct bl_error err = {0};

    assert_true(fd >= 0);
    spawn.output_fd = fd;
    assert_int_equal(bl_spawn_run(&spawn, PATIENCE_MS, &child, &err), 0);
    assert_null(child.output);
    assert_int_equal(bl_file_read(AT_FDCWD, path, 100, &data, &size_bytes, &err), 0);
    assert_string_equal(data, "to the file\n");
    assert_int_equal(unlink(path), 0);
}

static void another_user_is_become_whole(void **state)
{
    const char *const argv[] = {"/bin/sh", "-c", "id -u; id -g; id -G", NULL};
    const struct bl_spawn spawn = {.argv = argv, .capture_bytes = 1000, .uid = 65534, .gid = 65534};

    const gid_t group = 4711;
    gid_t former[64];
    int former_count;

    if (geteuid() != 0)
        skip();
    former_count = getgroups(64, former);
    assert_true(former_count >= 0);
    assert_int_equal(setgroups(1, &group), 0);
    assert_runs(&spawn, "65534\n65534\n65534\n");
    assert_int_equal(setgroups((size_t)former_count, former), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_arrive_as_they_are),
        cmocka_unit_test(the_environment_is_the_given_one),
        cmocka_unit_test(output_and_error_are_captured),
        cmocka_unit_test(input_is_empty_or_given),
        cmocka_unit_test(only_given_descriptors_are_inherited),
        cmocka_unit_test(signals_are_as_at_login),
        cmocka_unit_test(failures_are_told),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(the_caller_gets_its_turn),
        cmocka_unit_test(a_late_program_is_not_killed),
        cmocka_unit_test(a_grandchild_is_not_waited_for),
        cmocka_unit_test(output_goes_to_a_file),
        cmocka_unit_test(another_user_is_become_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
