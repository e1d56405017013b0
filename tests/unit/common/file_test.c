/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/unit.h"

/* A directory of its own for each test; it must be empty again at the end. */
struct place {
    char path[32];
    int fd;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    struct bl_error err = {0};

    assert_non_null(place);
    memcpy(place->path, "/tmp/bl-file-XXXXXX", 20);
    assert_non_null(mkdtemp(place->path));
    place->fd = bl_dir_open(AT_FDCWD, place->path, &err);
    assert_true(place->fd >= 0);
    *state = place;

    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    assert_int_equal(close(place->fd), 0);
    assert_int_equal(rmdir(place->path), 0);
    free(place);

    return 0;
}

static mode_t mode_of(int dir_fd, const char *path)
{
    struct stat status;

    assert_int_equal(fstatat(dir_fd, path, &status, AT_SYMLINK_NOFOLLOW), 0);

    return status.st_mode & 07777;
}

static void assert_content(int dir_fd, const char *name, const char *wanted)
{
    BL_AUTO_FREE char *data = NULL;
    size_t size_bytes = 0;
    struct bl_error err = {0};

    if (bl_file_read(dir_fd, name, 1000, &data, &size_bytes, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(size_bytes, strlen(wanted));
    assert_string_equal(data, wanted);
}

static void replaces_whole_content(void **state)
{
    const struct place *place = *state;
    mode_t former_mask = umask(0);
    struct bl_error err = {0};

    assert_int_equal(bl_file_replace(place->fd, "state", "first", 5, &err), 0);
    assert_int_equal(bl_file_replace(place->fd, "state", "two", 3, &err), 0);
    assert_content(place->fd, "state", "two");
    assert_int_equal(mode_of(place->fd, "state"), 0600);

    (void)umask(0777);
    assert_int_equal(bl_file_replace_mode(place->fd, "state", "x", 1, 0644, &err), 0);
    assert_int_equal(mode_of(place->fd, "state"), 0644);
    (void)umask(former_mask);

    assert_int_equal(bl_file_exists(place->fd, "state", &err), 1);
    assert_int_equal(bl_file_exists(place->fd, "state.new", &err), 0);
    assert_int_equal(bl_file_remove(place->fd, "state", &err), 0);
    assert_int_equal(bl_file_exists(place->fd, "state", &err), 0);
    assert_int_equal(bl_file_remove(place->fd, "state", &err), 1);
}

/* What a crash leaves behind is overwritten; a link planted in its place is not followed. */
static void leftovers_do_not_matter(void **state)
{
    const struct place *place = *state;
    struct bl_error err = {0};
    int fd = openat(place->fd, "state.new", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a longer leftover", 17), 17);
    assert_int_equal(close(fd), 0);
    assert_int_equal(bl_file_replace(place->fd, "state", "new", 3, &err), 0);
    assert_content(place->fd, "state", "new");
    assert_int_equal(mode_of(place->fd, "state"), 0600);

    assert_int_equal(symlinkat("state", place->fd, "other.new"), 0);
    assert_int_equal(bl_file_replace(place->fd, "other", "evil", 4, &err), -ELOOP);
    assert_content(place->fd, "state", "new");
    assert_int_equal(bl_file_remove(place->fd, "other.new", &err), 0);
    assert_int_equal(bl_file_remove(place->fd, "state", &err), 0);
}

static void tells_where_and_why(void **state)
{
    BL_AUTO_FD int proc_fd = -1;
    struct bl_error err = {0};
    int r;

    proc_fd = bl_dir_open(AT_FDCWD, "/proc", &err);
    assert_true(proc_fd >= 0);
    r = bl_file_replace(proc_fd, "state", "x", 1, &err);
    assert_true(r < 0 && r == err.code);
    assert_memory_equal(err.text, "create 'state.new': ", 20);
    assert_non_null(strstr(err.where, "common/file.c:"));
    assert_int_equal(bl_dir_open(AT_FDCWD, "/nowhere", &err), -ENOENT);
    assert_string_equal(err.text, "open directory '/nowhere': No such file or directory");
}

static void reads_only_what_is_allowed(void **state)
{
    const struct place *place = *state;
    BL_AUTO_FREE char *data = NULL;
    static char large[10000];
    size_t size_bytes = 77;
    struct bl_error err = {0};

    memset(large, 'x', sizeof(large));
    assert_int_equal(bl_file_replace(place->fd, "f", large, sizeof(large), &err), 0);
    assert_int_equal(bl_file_read(place->fd, "f", sizeof(large) - 1, &data, &size_bytes, &err),
                     -EMSGSIZE);
    assert_null(data);
    assert_int_equal(size_bytes, 77);
    assert_int_equal(bl_file_read(place->fd, "f", sizeof(large), &data, &size_bytes, &err), 0);
    assert_int_equal(size_bytes, sizeof(large));
    assert_memory_equal(data, large, sizeof(large));
    assert_int_equal(data[size_bytes], '\0');
    bl_free_pointer(&data);
    assert_null(data);

    assert_int_equal(bl_file_replace(place->fd, "f", "", 0, &err), 0);
    assert_int_equal(bl_file_read(place->fd, "f", 0, &data, &size_bytes, &err), 0);
    assert_int_equal(size_bytes, 0);
    assert_string_equal(data, "");
    assert_int_equal(bl_file_remove(place->fd, "f", &err), 0);
}

static void reads_only_files(void **state)
{
    const struct place *place = *state;
    BL_AUTO_FREE char *data = NULL;
    size_t size_bytes;
    struct bl_error err = {0};

    assert_int_equal(mkfifoat(place->fd, "fifo", 0600), 0);
    assert_int_equal(bl_file_read(place->fd, "fifo", 10, &data, &size_bytes, &err), -EPROTO);
    assert_int_equal(bl_file_read(place->fd, ".", 10, &data, &size_bytes, &err), -EPROTO);
    assert_int_equal(bl_file_read(place->fd, "none", 10, &data, &size_bytes, &err), -ENOENT);
    assert_int_equal(bl_file_remove(place->fd, "fifo", &err), 0);
}

static void makes_directories(void **state)
{
    const struct place *place = *state;
    struct bl_error err = {0};
    mode_t former_mask = umask(0777);

    assert_int_equal(bl_dir_make(place->fd, "a//b/c/", 0750, &err), 0);
    (void)umask(former_mask);
    assert_int_equal(mode_of(place->fd, "a"), 0755); /* above the last one others may pass */
    assert_int_equal(mode_of(place->fd, "a/b/c"), 0750);
    assert_int_equal(bl_dir_make(place->fd, "a/b", 0700, &err), 0); /* there: left alone */
    assert_int_equal(mode_of(place->fd, "a/b"), 0755);

    assert_int_equal(bl_file_replace(place->fd, "file", "", 0, &err), 0);
    assert_int_equal(bl_dir_make(place->fd, "file/x", 0750, &err), -ENOTDIR);
    assert_non_null(strstr(err.text, "make directory 'file/x'"));
    assert_int_equal(bl_file_remove(place->fd, "file", &err), 0);
    assert_int_equal(unlinkat(place->fd, "a/b/c", AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(place->fd, "a/b", AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(place->fd, "a", AT_REMOVEDIR), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(replaces_whole_content, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leftovers_do_not_matter, set_up, tear_down),
        cmocka_unit_test(tells_where_and_why),
        cmocka_unit_test_setup_teardown(reads_only_what_is_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_only_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(makes_directories, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
