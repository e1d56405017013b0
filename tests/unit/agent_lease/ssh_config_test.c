/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease/ssh_config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "tests/lib/unit.h"

/* The lock on disk: where it is put, and that nothing else of sshd's files changes. */
#define LOCK "Match all\n    DenyUsers *\nMatch all\n"

struct ssh {
    char top[32], main_path[64], dir_path[64];
    struct agent_lease_places places;
};

static int set_up(void **state)
{
    static struct ssh ssh;

    (void)snprintf(ssh.top, sizeof(ssh.top), "/tmp/belay-ssh-XXXXXX");
    if (mkdtemp(ssh.top) == NULL)
        return -1;
    (void)snprintf(ssh.main_path, sizeof(ssh.main_path), "%s/sshd_config", ssh.top);
    (void)snprintf(ssh.dir_path, sizeof(ssh.dir_path), "%s/sshd_config.d", ssh.top);
    ssh.places =
        (struct agent_lease_places){.sshd_config = ssh.main_path, .sshd_lock_dir = ssh.dir_path};
    *state = &ssh;

    return mkdir(ssh.dir_path, 0755);
}

static const char *path_of(const struct ssh *ssh, const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", ssh->top, name);
    return path;
}

static int tear_down(void **state)
{
    const struct ssh *ssh = *state;

    (void)unlink(ssh->main_path);
    (void)unlink(path_of(ssh, "real"));
    (void)rmdir(ssh->dir_path);

    return rmdir(ssh->top); /* nothing else was left behind */
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_text(const char *path, const char *wanted)
{
    BL_AUTO_FREE char *text = NULL;
    struct bl_error err = {0};
    size_t bytes;

    assert_int_equal(bl_file_read(AT_FDCWD, path, 4096, &text, &bytes, &err), 0);
    assert_string_equal(text, wanted);
}

static enum agent_ssh_place place_for(const struct ssh *ssh, const char *before, const char *after)
{
    enum agent_ssh_place place;
    struct bl_error err = {0};
    char text[256];

    (void)snprintf(text, sizeof(text), "%s%s%s", before, ssh->dir_path, after);
    write_text(ssh->main_path, text);
    assert_int_equal(agent_ssh_config_find_place(&ssh->places, &place, &err), 0);

    return place;
}

static void test_the_directory_is_used_when_it_is_included_for_all(void **state)
{
    const struct ssh *ssh = *state;

    assert_int_equal(place_for(ssh, "Include ", "/*.conf\nPort 22\n"), AGENT_SSH_DROP_IN);
    assert_int_equal(place_for(ssh, "#Include ", "/*.conf\nPort 22\n"), AGENT_SSH_MAIN_FILE);
    assert_int_equal(place_for(ssh, "Match User x\nInclude ", "/*.conf\n"), AGENT_SSH_MAIN_FILE);
    assert_int_equal(rmdir(ssh->dir_path), 0);
    assert_int_equal(place_for(ssh, "Include ", "/*.conf\n"), AGENT_SSH_MAIN_FILE);
}

static void test_the_main_file_is_again_what_it_was(void **state)
{
    const struct timespec times[] = {{1700000000, 5}, {1600000000, 7}};
    const struct ssh *ssh = *state;
    struct bl_error err = {0};
    struct stat now;

    write_text(ssh->main_path, "Port 22");
    assert_int_equal(chmod(ssh->main_path, 0640), 0);
    assert_int_equal(utimensat(AT_FDCWD, ssh->main_path, times, 0), 0);
    for (int i = 0; i < 2; i++) /* twice: it replaces the one that is there */
        assert_int_equal(agent_ssh_config_lock(&ssh->places, AGENT_SSH_MAIN_FILE, LOCK, &err), 0);
    assert_int_equal(agent_ssh_config_is_locked(&ssh->places, &err), 1);
    assert_int_equal(agent_ssh_config_unlock(&ssh->places, &err), 0);
    assert_text(ssh->main_path, "Port 22");
    assert_int_equal(stat(ssh->main_path, &now), 0);
    assert_int_equal(now.st_mode & 07777, 0640);
    assert_int_equal(now.st_mtim.tv_sec, 1600000000);
    assert_int_equal(now.st_mtim.tv_nsec, 7);
    assert_int_equal(agent_ssh_config_unlock(&ssh->places, &err), 1);
}

static void test_a_file_that_replaced_it_stays(void **state)
{
    const struct ssh *ssh = *state;
    struct bl_error err = {0};

    write_text(ssh->main_path, "Port 22\n");
    assert_int_equal(agent_ssh_config_lock(&ssh->places, AGENT_SSH_MAIN_FILE, LOCK, &err), 0);
    assert_int_equal(agent_ssh_config_lock(&ssh->places, AGENT_SSH_DROP_IN, LOCK, &err), 0);
    write_text(ssh->main_path, "Port 23\n");
    assert_int_equal(agent_ssh_config_unlock(&ssh->places, &err), 0);
    assert_int_equal(agent_ssh_config_is_locked(&ssh->places, &err), 0);
    assert_text(ssh->main_path, "Port 23\n");
}

static void test_a_link_stays_a_link(void **state)
{
    const struct ssh *ssh = *state;
    struct bl_error err = {0};
    struct stat now;

    write_text(path_of(ssh, "real"), "Port 22\n");
    assert_int_equal(symlink("real", ssh->main_path), 0);
    assert_int_equal(agent_ssh_config_lock(&ssh->places, AGENT_SSH_MAIN_FILE, LOCK, &err), 0);
    assert_int_equal(lstat(ssh->main_path, &now), 0);
    assert_true(S_ISLNK(now.st_mode));
    assert_int_equal(agent_ssh_config_unlock(&ssh->places, &err), 0);
    assert_text(path_of(ssh, "real"), "Port 22\n");
}

static void test_without_any_file_nothing_is_locked(void **state)
{
    const struct ssh *ssh = *state;
    struct bl_error err = {0};

    assert_int_equal(agent_ssh_config_lock(&ssh->places, AGENT_SSH_MAIN_FILE, LOCK, &err), -ENOENT);
    assert_int_equal(agent_ssh_config_is_locked(&ssh->places, &err), 0);
    assert_int_equal(agent_ssh_config_unlock(&ssh->places, &err), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_directory_is_used_when_it_is_included_for_all,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_main_file_is_again_what_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_replaced_it_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_link_stays_a_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_any_file_nothing_is_locked, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
