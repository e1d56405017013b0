/* SPDX-License-Identifier: Apache-2.0 */
/* Tools, their deadlines, and the locks of others. /bin/sh stands for a tool with its scripts. */
#include "agent/packages/command.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/packages/process.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent_packages/one_job.h"

static struct agent_packages_command shell(const char *script)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_STOP_TOOL};

    assert_int_equal(agent_packages_args_add_all(&d.job, &command.args, argv, &err), 0);

    return command;
}

static void output_and_exit_code_are_told(void **state)
{
    struct agent_packages_command command = shell("echo out; echo err >&2; exit 3");
    struct agent_packages_output output;

    assert_int_equal(agent_packages_run(&d.job, &command, &output, &err), 0);
    assert_int_equal(output.status, 3);
    assert_false(output.late);
    assert_string_equal(output.text, "out\nerr\n");
}

static void environment_is_fixed(void **state)
{
    struct agent_packages_command command =
        shell("echo $DEBIAN_FRONTEND $LC_ALL $UCF_FORCE_CONFFOLD $BELAY_TEST; pwd");
    struct agent_packages_output output;

    assert_int_equal(setenv("BELAY_TEST", "leaks", 1), 0);
    command.directory = "/usr";
    assert_int_equal(agent_packages_run(&d.job, &command, &output, &err), 0);
    assert_string_equal(output.text, "noninteractive C.UTF-8 1\n/usr\n");
}

static void log_holds_what_was_run(void **state)
{
    struct agent_packages_command command = shell("echo first");
    struct agent_packages_output output;
    char text[256] = {0};

    command.to_log = true;
    assert_int_equal(agent_packages_run(&d.job, &command, &output, &err), 0);
    assert_string_equal(output.text, "first\n");
    assert_true(pread(d.job.log_fd, text, sizeof(text) - 1, 0) > 0);
    assert_string_equal(text, "+ /bin/sh -c echo first\nfirst\n");
}

static void a_late_tool_is_ended(void **state)
{
    struct agent_packages_command command = shell("exec tail -f /dev/null");
    struct agent_packages_output output;

    d.job.deadline = bl_mono_after(bl_mono_now(), 50);
    assert_int_equal(agent_packages_run(&d.job, &command, &output, &err), 0);
    assert_true(output.late);
    assert_int_equal(output.status, -1);
}

/* As rpm does, whose 1 otherwise means that a name is not installed. */
static void the_code_of_a_tool_that_was_asked_to_end_is_no_answer(void **state)
{
    struct agent_packages_output output = {.text = ""};

    /* Until it has lived long enough to choose its code. */
    for (int64_t wait_ms = 50; strstr(output.text, "asked") == NULL; wait_ms *= 2) {
        struct agent_packages_command command =
            shell("trap 'echo asked; exit 1' TERM; echo half; while :; do sleep 0.02; done");

        d.job.deadline = bl_mono_after(bl_mono_now(), wait_ms);
        assert_int_equal(agent_packages_run(&d.job, &command, &output, &err), 0);
        assert_true(output.late);
        assert_int_equal(output.status, -1);
    }
}

static void a_look_has_its_own_time(void **state)
{
    static const char *const argv[] = {"/bin/echo", "here", NULL};
    struct agent_packages_output output;

    d.job.deadline = (struct bl_mono){.ms = 1};
    assert_int_equal(agent_packages_ask(&d.job, argv, &output, &err), 0);
    assert_false(output.late);
    assert_string_equal(output.text, "here\n");
}

static void who_is_late_is_ended_but_for_who_is_waited_for(void **state)
{
    static const enum agent_packages_patience ended[] = {
        AGENT_PACKAGES_STOP_TOOL, AGENT_PACKAGES_STOP_SCRIPTS, AGENT_PACKAGES_LOOK};

    for (size_t i = 0; i < sizeof(ended) / sizeof(ended[0]); i++) {
        assert_int_equal(agent_packages_signal(ended[i], 0), SIGTERM);
        assert_int_equal(agent_packages_signal(ended[i], 1), SIGTERM);
        assert_int_equal(agent_packages_signal(ended[i], 2), SIGKILL);
    }
    for (int round = 0; round < 60; round++)
        assert_int_equal(agent_packages_signal(AGENT_PACKAGES_WAIT, round), 0);
}

static void waiting_has_its_own_time(void **state)
{
    struct agent_packages_command command = shell("sleep 0.2; echo done");
    struct agent_packages_output output;

    command.patience = AGENT_PACKAGES_WAIT;
    d.job.deadline = (struct bl_mono){.ms = 1};
    assert_int_equal(agent_packages_run(&d.job, &command, &output, &err), 0);
    assert_false(output.late);
    assert_string_equal(output.text, "done\n");
}

/* The tool here is named as dpkg is, so it must see its script fail, and live to tell. */
static void scripts_are_ended_but_not_dpkg(void **state)
{
    char copy[160];
    struct agent_packages_command command;
    struct agent_packages_output output;

    (void)snprintf(copy, sizeof(copy), "cp /bin/sh %s/dpkg", d.path);
    command = shell(copy);
    assert_int_equal(agent_packages_run(&d.job, &command, &output, &err), 0);
    command = (struct agent_packages_command){.patience = AGENT_PACKAGES_STOP_SCRIPTS};
    (void)snprintf(copy, sizeof(copy), "%s/dpkg", d.path);
    assert_int_equal(agent_packages_args_add(&d.job, &command.args, copy, &err), 0);
    assert_int_equal(agent_packages_args_add(&d.job, &command.args, "-c", &err), 0);
    assert_int_equal(agent_packages_args_add(&d.job, &command.args,
                                             "tail -f /dev/null; echo script: $?; exit 5", &err),
                     0);
    d.job.deadline = bl_mono_after(bl_mono_now(), 50);
    assert_int_equal(agent_packages_run(&d.job, &command, &output, &err), 0);
    assert_true(output.late);
    assert_int_equal(output.status, 5);
    /* 128 + SIGTERM, as the shell tells it. The shell itself adds "Terminated" to its errors. */
    assert_non_null(strstr(output.text, "script: 143\n"));
}

/* A child that holds an fcntl lock on `path` until its pipe is closed or it is killed. */
static pid_t hold_lock(const char *path, int *ret_release_fd)
{
    int ready[2], hold[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        (void)close(hold[1]);
        if (fd < 0 || fcntl(fd, F_SETLK, &lock) < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
    }
    assert_true(pid > 0);
    (void)close(hold[0]);
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    *ret_release_fd = hold[1];

    return pid;
}

/* F16: the report says which program holds the lock, and since when. */
static void a_held_lock_is_named(void **state)
{
    struct tm parts = {0};
    const char *rest;
    time_t before = time(NULL) - 1;
    char path[160];
    int release_fd;
    pid_t pid;

    (void)snprintf(path, sizeof(path), "%s/lock-frontend", d.path);
    assert_int_equal(agent_packages_process_await_lock(&d.job, path, 0, false, &err), 0);
    pid = hold_lock(path, &release_fd);
    assert_int_equal(agent_packages_process_await_lock(&d.job, path, 30, false, &err), -EAGAIN);
    assert_string_equal(d.job.code, "lock_held");
    /* The kernel keeps 15 characters of a name. */
    assert_non_null(strstr(err.text, "(agent_packages_) since "));
    rest = strptime(strstr(err.text, " since ") + strlen(" since "), "%Y-%m-%d %H:%M:%S", &parts);
    assert_non_null(rest);
    assert_memory_equal(rest, " UTC, /", strlen(" UTC, /"));
    assert_true(timegm(&parts) >= before && timegm(&parts) <= time(NULL) + 1);

    (void)close(release_fd);
    assert_int_equal(agent_packages_process_await_lock(&d.job, path, 60000, false, &err), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/*
 * A dpkg that an earlier phase left behind, and a script of it that does not want to end. The lock
 * outlives the exec, and the command line says whose it is.
 */
static pid_t leave_behind(const char *lock)
{
    static const char script[] =
        "(trap '' TERM; echo x >&9; exec 9>&-; for i in 1 2 3 4 5 6 7 8 9; do sleep 1; done) || exit 0";
    int ready[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        struct flock taken = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd = open(lock, O_RDWR | O_CREAT, 0600);

        if (fd >= 0 && fcntl(fd, F_SETLK, &taken) == 0 && dup3(ready[1], 9, 0) == 9)
            (void)execl("/bin/sh", "sh", "-c", script, d.path, (char *)NULL);
        _exit(1);
    }
    assert_true(pid > 0);
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);

    return pid;
}

static void a_script_left_behind_does_not_keep_the_lock(void **state)
{
    char path[160];
    int status;
    pid_t pid;

    (void)snprintf(path, sizeof(path), "%s/lock-frontend", d.path);
    pid = leave_behind(path);
    assert_int_equal(agent_packages_process_await_lock(&d.job, path, 2000, true, &err), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0); /* by itself: only its script was killed */
}

static void put_pid(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        abort();
}

/* dnf leaves its file behind when it is killed: only a living process holds anything. */
static void a_pid_file_counts_while_its_process_lives(void **state)
{
    char path[160], text[32];
    pid_t pid;

    (void)snprintf(path, sizeof(path), "%s/rpmdb_lock.pid", d.path);
    assert_int_equal(agent_packages_process_await_pid_file(&d.job, path, 0, false, &err), 0);
    (void)snprintf(text, sizeof(text), "%d", (int)getpid());
    put_pid(path, text);
    assert_int_equal(agent_packages_process_await_pid_file(&d.job, path, 30, false, &err), -EAGAIN);
    assert_string_equal(d.job.code, "lock_held");
    assert_non_null(strstr(err.text, "(agent_packages_) since "));

    pid = fork();
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    (void)snprintf(text, sizeof(text), "%d", (int)pid);
    put_pid(path, text);
    assert_int_equal(agent_packages_process_await_pid_file(&d.job, path, 0, false, &err), 0);
    put_pid(path, "nobody");
    assert_int_equal(agent_packages_process_await_pid_file(&d.job, path, 0, false, &err), 0);
}

static void a_lock_is_taken_once(void **state)
{
    char path[160];
    int fd, status, release_fd;
    pid_t pid;

    (void)snprintf(path, sizeof(path), "%s/lists.lock", d.path);
    assert_int_equal(agent_packages_process_take_lock(&d.job, path, 0, &fd, &err), 0);
    pid = fork();
    if (pid == 0)
        _exit(agent_packages_process_take_lock(&d.job, path, 30, &fd, &err) == -EAGAIN ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    (void)close(fd);
    pid = hold_lock(path, &release_fd);
    (void)close(release_fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* This program by the name of rpm, with the job's path among its words, until its input ends. */
static pid_t start_rpm(const char *program, bool is_left_behind, int *ret_input_fd)
{
    int input[2], told[2];
    pid_t pid, rpm = 0;

    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        rpm = is_left_behind ? fork() : 0;
        if (rpm == 0) {
            if (dup3(input[0], STDIN_FILENO, 0) == STDIN_FILENO)
                (void)execl(program, "rpm", d.path, NULL);
            _exit(1);
        }
        _exit(write(told[1], &rpm, sizeof(rpm)) == (ssize_t)sizeof(rpm) ? 0 : 1);
    }
    (void)close(input[0]);
    (void)close(told[1]);
    *ret_input_fd = input[1];
    if (is_left_behind) {
        assert_int_equal(read(told[0], &rpm, sizeof(rpm)), sizeof(rpm));
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
    /* It closes with the exec, which gives it its name. */
    assert_int_equal(read(told[0], &(char){0}, 1), 0);
    (void)close(told[0]);

    return is_left_behind ? rpm : pid;
}

/* It was not to be seen by any lock: dnf takes rpm's only when it has thought for a while. */
static void a_package_manager_left_behind_is_waited_for_before_it_has_a_lock(void **state)
{
    char program[128], own[1024];
    int input_fd;
    ssize_t bytes;
    pid_t pid;

    (void)snprintf(program, sizeof(program), "%s/rpm", d.state_dir);
    bytes = readlink("/proc/self/exe", own, sizeof(own) - 1);
    assert_in_range(bytes, 1, sizeof(own) - 2);
    own[bytes] = '\0';
    assert_int_equal(symlink(own, program), 0);
    pid = start_rpm(program, false, &input_fd); /* our own is none */
    assert_int_equal(agent_packages_process_await_left_behind(&d.job, 0, &err), 0);
    (void)close(input_fd);
    assert_int_equal(waitpid(pid, NULL, 0), pid);

    pid = start_rpm(program, true, &input_fd);
    assert_int_equal(agent_packages_process_await_left_behind(&d.job, 50, &err), -EAGAIN);
    assert_non_null(strstr(err.text, "(rpm)"));
    (void)close(input_fd);
    err = (struct bl_error){0};
    assert_int_equal(agent_packages_process_await_left_behind(&d.job, 60000, &err), 0);
    assert_true(pid > 0);
}

/* By the name of rpm: lives until its input ends, as that of start_rpm. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(output_and_exit_code_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(environment_is_fixed, setup, teardown),
        cmocka_unit_test_setup_teardown(log_holds_what_was_run, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_tool_is_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(the_code_of_a_tool_that_was_asked_to_end_is_no_answer,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_look_has_its_own_time, setup, teardown),
        cmocka_unit_test(who_is_late_is_ended_but_for_who_is_waited_for),
        cmocka_unit_test_setup_teardown(waiting_has_its_own_time, setup, teardown),
        cmocka_unit_test_setup_teardown(scripts_are_ended_but_not_dpkg, setup, teardown),
        cmocka_unit_test_setup_teardown(a_held_lock_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_script_left_behind_does_not_keep_the_lock, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_package_manager_left_behind_is_waited_for_before_it_has_a_lock, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pid_file_counts_while_its_process_lives, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lock_is_taken_once, setup, teardown),
    };
    if (argc > 1 && strcmp(argv[0], "rpm") == 0)
        return read(STDIN_FILENO, &(char){0}, 1) == 0 ? 0 : 1;

    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
