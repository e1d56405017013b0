/* SPDX-License-Identifier: Apache-2.0 */
/* What is given up stays given up: each case is a process of its own. */
#include "controller/gate/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/unit.h"

enum {
    NO_LANDLOCK = 77
};

/* Confined, opens `path` with `flags`: 0, or the error's number. */
static int open_confined(const char *path, int flags)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct bl_error err = {0};
        int r = ctl_gate_confine(&err);

        if (r < 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
            _exit(255);
        if (r == 0)
            _exit(NO_LANDLOCK);
        _exit(open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600) < 0 ? errno : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_LANDLOCK)
        skip();

    return WEXITSTATUS(status);
}

static void what_resolving_and_tls_need_is_readable(void **state)
{
    static const char *const paths[] = {
        "/etc/hosts", "/etc/resolv.conf", "/etc/ssl", "/etc/nsswitch.conf", "/usr", "/usr/bin/env"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_int_equal(open_confined(paths[i], O_RDONLY),
                         access(paths[i], R_OK) == 0 ? 0 : ENOENT);
}

static void nothing_else_is(void **state)
{
    static const char *const paths[] = {"/etc/passwd", "/etc", "/", "/tmp", "/dev/null"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_int_equal(open_confined(paths[i], O_RDONLY), EACCES);
}

static void nothing_is_written(void **state)
{
    char path[] = "/tmp/belay-confine.XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(open_confined(path, O_WRONLY), EACCES);
    assert_int_equal(open_confined(path, O_RDONLY | O_TRUNC), EACCES);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(open_confined(path, O_WRONLY | O_CREAT), EACCES);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(open_confined("/dev/null", O_WRONLY), EACCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_resolving_and_tls_need_is_readable),
        cmocka_unit_test(nothing_else_is),
        cmocka_unit_test(nothing_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
