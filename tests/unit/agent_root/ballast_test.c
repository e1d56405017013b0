/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/txn/ballast.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/unit.h"

/* A small disk of our own, which ends with the process. */
static char disk[] = "/tmp/belay-ballast-XXXXXX";

static int make_disk(const char *size)
{
    char options[40], folder[64];

    (void)snprintf(options, sizeof(options), "mode=700,size=%s", size);
    (void)snprintf(folder, sizeof(folder), "%s/agent", disk);

    return mount("tmpfs", disk, "tmpfs", 0, options) < 0 ? -1 : mkdir(folder, 0700);
}

static off_t size_of(const char *name)
{
    char path[80];
    struct stat status;

    (void)snprintf(path, sizeof(path), "%s/%s", disk, name);
    return stat(path, &status) < 0 ? -1 : status.st_size;
}

/* Until nothing goes in any more. */
static void fill_disk(const char *name)
{
    static const char bytes[64 * 1024] = {1};
    char path[80];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", disk, name);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    while (write(fd, bytes, sizeof(bytes)) > 0)
        ;
    assert_int_equal(errno, ENOSPC);
    (void)close(fd);
}

static int set_up_group(void **state)
{
    int spaces = CLONE_NEWNS | (geteuid() != 0 ? CLONE_NEWUSER : 0);

    if (mkdtemp(disk) == NULL)
        return -1;
    if (unshare(spaces) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        *state = disk; /* anything: no disks can be made here */

    return 0;
}

static int tear_down_group(void **state)
{
    return rmdir(disk);
}

static int tear_down(void **state)
{
    (void)umount2(disk, MNT_DETACH);
    return 0;
}

static void test_it_is_dropped_when_the_disk_is_full(void **state)
{
    struct bl_error err = {0};

    if (*state != NULL || make_disk("300m") < 0)
        skip();
    assert_int_equal(agent_ballast_make(disk, &err), 1);
    assert_int_equal(size_of("agent/ballast"), AGENT_BALLAST_BYTES);
    assert_int_equal(agent_ballast_make(disk, &err), 1); /* again: it is there */
    assert_int_equal(agent_ballast_find_room(disk, &err), 0);
    assert_int_equal(size_of("agent/ballast"), AGENT_BALLAST_BYTES);

    fill_disk("first");
    assert_int_equal(agent_ballast_find_room(disk, &err), 0);
    assert_int_equal(size_of("agent/ballast"), -1);
    fill_disk("second");
    assert_int_equal(agent_ballast_find_room(disk, &err), -ENOSPC);
    assert_non_null(strstr(err.text, disk));
}

static void test_it_leaves_most_of_the_room(void **state)
{
    struct bl_error err = {0};

    if (*state != NULL || make_disk("200m") < 0)
        skip();
    assert_int_equal(agent_ballast_make(disk, &err), 0);
    assert_int_equal(size_of("agent/ballast"), -1);
}

static void test_a_disk_that_cannot_be_looked_at_is_not_full(void **state)
{
    struct bl_error err = {0};

    assert_int_equal(agent_ballast_find_room("/nowhere/at/all", &err), 0);
    assert_int_equal(agent_ballast_make("/nowhere/at/all", &err), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_it_is_dropped_when_the_disk_is_full, tear_down),
        cmocka_unit_test_teardown(test_it_leaves_most_of_the_room, tear_down),
        cmocka_unit_test(test_a_disk_that_cannot_be_looked_at_is_not_full),
    };

    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
