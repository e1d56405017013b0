/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/conffile.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "agent/lease/ssh_block.h"
#include "common/file.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent_packages/job_dir.h"

static struct job_dir d;
static struct bl_error err;
static int etc_fd;
static char path[128];

static int setup(void **state)
{
    char etc[96];

    job_dir_make(&d);
    err = (struct bl_error){0};
    (void)snprintf(etc, sizeof(etc), "%s/etc", d.state_dir);
    (void)snprintf(path, sizeof(path), "%s/etc/demo.conf", d.state_dir);
    if (mkdir(etc, 0755) < 0)
        return -1;
    etc_fd = open(etc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return sodium_init() < 0 || etc_fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)close(etc_fd);
    job_dir_remove(&d);

    return 0;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    assert_int_equal(bl_file_replace_mode(etc_fd, name, text, strlen(text), mode, &err), 0);
}

static void assert_file(const char *name, const char *text, mode_t mode)
{
    BL_AUTO_FREE char *data = NULL;
    size_t size_bytes;
    struct stat st;

    assert_int_equal(bl_file_read(etc_fd, name, 4096, &data, &size_bytes, &err), 0);
    assert_string_equal(data, text);
    assert_int_equal(fstatat(etc_fd, name, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static struct agent_packages_kept keep(void)
{
    struct agent_packages_kept kept = {.number = 7};

    assert_int_equal(agent_packages_conffile_keep(&d.job, path, &kept, &err), 0);

    return kept;
}

static void what_is_as_it_was_is_left_alone(void **state)
{
    struct agent_packages_kept kept;
    struct stat before, after;

    write_file("demo.conf", "mine\n", 0640);
    kept = keep();
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(agent_packages_conffile_restore(&d.job, &kept, &err), 0);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

static void changed_content_and_mode_come_back(void **state)
{
    struct agent_packages_kept kept;

    write_file("demo.conf", "mine\n", 0640);
    kept = keep();
    write_file("demo.conf", "theirs\n", 0640);
    assert_int_equal(agent_packages_conffile_restore(&d.job, &kept, &err), 1);
    assert_file("demo.conf", "mine\n", 0640);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(agent_packages_conffile_restore(&d.job, &kept, &err), 1);
    assert_file("demo.conf", "mine\n", 0640);
}

static void a_removed_file_comes_back_with_its_directory(void **state)
{
    struct agent_packages_kept kept;
    char etc[96];

    write_file("demo.conf", "mine\n", 0604);
    kept = keep();
    (void)snprintf(etc, sizeof(etc), "%s/etc", d.state_dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(etc), 0);
    assert_int_equal(agent_packages_conffile_restore(&d.job, &kept, &err), 1);
    (void)close(etc_fd);
    etc_fd = open(etc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_file("demo.conf", "mine\n", 0604);
}

static void a_file_that_was_not_there_goes_again(void **state)
{
    struct agent_packages_kept kept = keep();

    assert_false(kept.present);
    assert_int_equal(agent_packages_conffile_restore(&d.job, &kept, &err), 0);
    write_file("demo.conf", "theirs\n", 0644);
    assert_int_equal(agent_packages_conffile_restore(&d.job, &kept, &err), 1);
    assert_int_equal(access(path, F_OK), -1);
}

static void only_our_own_leftovers_go(void **state)
{
    struct agent_packages_kept kept;

    write_file("demo.conf", "mine\n", 0644);
    write_file("demo.conf.dpkg-old", "from last year\n", 0644);
    kept = keep();
    write_file("demo.conf.dpkg-dist", "theirs\n", 0644);
    write_file("demo.conf.rpmnew", "theirs\n", 0644);
    agent_packages_conffile_note_leftovers(&d.job, &kept);
    assert_int_equal(d.result.notes_count, 2);
    assert_non_null(strstr(d.result.notes[0].text, "demo.conf.dpkg-dist"));
    assert_non_null(strstr(d.result.notes[1].text, "demo.conf.rpmnew"));
    assert_int_equal(agent_packages_conffile_restore(&d.job, &kept, &err), 0);
    assert_file("demo.conf.dpkg-old", "from last year\n", 0644);
    assert_int_equal(bl_file_exists(etc_fd, "demo.conf.dpkg-dist", &err), 0);
    assert_int_equal(bl_file_exists(etc_fd, "demo.conf.rpmnew", &err), 0);
}

static void a_link_is_followed_when_it_is_recorded(void **state)
{
    struct agent_packages_kept kept;
    struct stat st;

    write_file("real.conf", "mine\n", 0644);
    assert_int_equal(symlinkat("real.conf", etc_fd, "demo.conf"), 0);
    kept = keep();
    write_file("real.conf", "theirs\n", 0644);
    assert_int_equal(agent_packages_conffile_restore(&d.job, &kept, &err), 1);
    assert_file("real.conf", "mine\n", 0644);
    assert_int_equal(fstatat(etc_fd, "demo.conf", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISLNK(st.st_mode));
}

static void what_is_no_plain_file_is_refused(void **state)
{
    struct agent_packages_kept kept = {.number = 1};

    assert_int_equal(mkdirat(etc_fd, "demo.conf", 0755), 0);
    assert_int_equal(agent_packages_conffile_keep(&d.job, path, &kept, &err), -EUCLEAN);
}

static void what_was_edited_since_is_kept_anew_and_proven(void **state)
{
    struct agent_packages_kept kept[2];
    struct agent_packages_way_back way_back = {.kept = kept, .kept_count = 2};

    write_file("demo.conf", "of the staging\n", 0640);
    kept[0] = keep();
    kept[1] = (struct agent_packages_kept){.number = 8, .path = "/nonexistent/belay.conf"};
    assert_int_equal(agent_packages_conffiles_keep_again(&d.job, &way_back, &err), 0);
    write_file("demo.conf", "of this morning\n", 0600);
    assert_int_equal(agent_packages_conffiles_keep_again(&d.job, &way_back, &err), 1);
    assert_true(kept[0].number != 7 && kept[0].number != 8);

    write_file("demo.conf", "of the package\n", 0644);
    assert_int_equal(agent_packages_conffiles_prove(&d.job, &way_back, &err), 0);
    assert_int_equal(d.result.findings_count, 1);
    assert_string_equal(d.result.findings[0].code, "conffile_differs");
    assert_non_null(strstr(d.result.findings[0].reason, "demo.conf is not as it was"));
    assert_int_equal(agent_packages_conffile_restore(&d.job, &kept[0], &err), 1);
    assert_file("demo.conf", "of this morning\n", 0600);
    assert_int_equal(agent_packages_conffiles_prove(&d.job, &way_back, &err), 0);
    assert_int_equal(d.result.findings_count, 1);
}

/* While a job goes back, the lock is in the file, and is given back after it was proven. */
static void the_lock_of_ssh_is_not_of_the_file(void **state)
{
    struct agent_packages_kept kept;
    struct agent_packages_way_back way_back = {.kept = &kept, .kept_count = 1};
    static const char mine[] = "UsePAM yes";
    static const char lock[] = "Match all\n    DenyUsers *\nMatch all\n";
    BL_AUTO_FREE char *locked = NULL;
    size_t locked_bytes;

    write_file("demo.conf", mine, 0644);
    kept = keep();
    assert_int_equal(agent_ssh_block_add(mine, strlen(mine), lock, &locked, &locked_bytes, &err),
                     0);
    write_file("demo.conf", locked, 0644);
    assert_int_equal(agent_packages_conffile_restore(&d.job, &kept, &err), 0);
    assert_file("demo.conf", locked, 0644);
    assert_int_equal(agent_packages_conffiles_prove(&d.job, &way_back, &err), 0);
    assert_int_equal(d.result.findings_count, 0);

    locked[3] = 'X';
    write_file("demo.conf", locked, 0644);
    assert_int_equal(agent_packages_conffiles_prove(&d.job, &way_back, &err), 0);
    assert_int_equal(d.result.findings_count, 1);
    assert_int_equal(agent_packages_conffile_restore(&d.job, &kept, &err), 1);
    assert_file("demo.conf", mine, 0644);
}

static void a_large_file_is_looked_at_as_well(void **state)
{
    enum {
        LARGE_BYTES = 1024 * 1024 + 1
    };
    BL_AUTO_FREE char *large = malloc(LARGE_BYTES + 1);
    struct agent_packages_kept kept;

    assert_non_null(large);
    memset(large, 'a', LARGE_BYTES);
    large[LARGE_BYTES] = '\0';
    write_file("demo.conf", large, 0644);
    kept = keep();
    assert_int_equal(agent_packages_conffile_restore(&d.job, &kept, &err), 0);
    large[LARGE_BYTES - 1] = 'b';
    write_file("demo.conf", large, 0644);
    assert_int_equal(agent_packages_conffile_restore(&d.job, &kept, &err), 1);
}

static void a_lost_copy_is_told(void **state)
{
    struct agent_packages_kept kept;

    write_file("demo.conf", "mine\n", 0644);
    kept = keep();
    assert_int_equal(unlinkat(d.job.job_fd, "way-back/conffiles/00007", 0), 0);
    assert_int_equal(agent_packages_conffile_restore(&d.job, &kept, &err), 0);
    write_file("demo.conf", "theirs\n", 0644);
    assert_int_equal(agent_packages_conffile_restore(&d.job, &kept, &err), -ENOENT);
    assert_file("demo.conf", "theirs\n", 0644);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_as_it_was_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(changed_content_and_mode_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_removed_file_comes_back_with_its_directory, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_file_that_was_not_there_goes_again, setup, teardown),
        cmocka_unit_test_setup_teardown(only_our_own_leftovers_go, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_is_followed_when_it_is_recorded, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_plain_file_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_edited_since_is_kept_anew_and_proven, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_lock_of_ssh_is_not_of_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_file_is_looked_at_as_well, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_copy_is_told, setup, teardown),
    };

    return cmocka_run_group_tests_name("conffile", tests, NULL, NULL);
}
