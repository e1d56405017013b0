/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/snapshot/put.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/xattr.h>

#include "common/file.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent_packages/job_dir.h"

#define TOP "/var/lib/demo" /* what the tree is called; it lies elsewhere */

static struct job_dir d;
static struct bl_error err;
static struct agent_snapshot_pair pair;
static struct agent_snapshot_list list;

static int open_tree(const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", d.state_dir, name);
    if (mkdir(path, 0755) < 0)
        return -1;

    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int setup(void **state)
{
    job_dir_make(&d);
    err = (struct bl_error){0};
    list = (struct agent_snapshot_list){0};
    pair = (struct agent_snapshot_pair){TOP, open_tree("before"), open_tree("now")};

    return sodium_init() < 0 || pair.before_fd < 0 || pair.now_fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)close(pair.before_fd);
    (void)close(pair.now_fd);
    job_dir_remove(&d);

    return 0;
}

static void put(int tree_fd, const char *name, const char *text, mode_t mode)
{
    BL_AUTO_FD int fd = openat(tree_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(bl_fd_write(fd, text, strlen(text), &err), 0);
    assert_int_equal(fchmod(fd, mode), 0);
}

static void make(int tree_fd, const char *name, mode_t mode)
{
    assert_int_equal(mkdirat(tree_fd, name, 0700), 0);
    assert_int_equal(fchmodat(tree_fd, name, mode, 0), 0);
}

static void put_both(const char *name, const char *text)
{
    put(pair.before_fd, name, text, 0644);
    put(pair.now_fd, name, text, 0644);
}

static int found(void *userdata, const char *path, struct bl_error *walk_err)
{
    static const uint8_t none[PROTO_HASH_BYTES];

    return agent_snapshot_list_add(&d.job, &list, path, none, walk_err);
}

static void walk(void)
{
    const struct agent_snapshot_finder finder = {NULL, found};

    list = (struct agent_snapshot_list){0};
    assert_int_equal(agent_snapshot_walk(&d.job, &pair, &finder, &err), 0);
    agent_snapshot_list_sort(&list);
}

static void assert_listed(const char *path)
{
    char whole[128];

    (void)snprintf(whole, sizeof(whole), TOP "/%s", path);
    assert_non_null(agent_snapshot_list_find(&list, whole));
}

static int put_back(bool keeps_foreign)
{
    const struct agent_snapshot_put task = {&pair, &list, keeps_foreign};

    err = (struct bl_error){0};
    return agent_snapshot_put_back(&d.job, &task, &err);
}

/* One of each way in which two trees can differ, and some that are the same. */
static void make_trees(void)
{
    put_both("same", "same");
    put(pair.before_fd, "content", "before", 0640);
    put(pair.now_fd, "content", "after", 0640);
    put(pair.before_fd, "mode", "x", 04755);
    put(pair.now_fd, "mode", "x", 0644);
    put(pair.before_fd, "gone", "was here", 0600);
    put(pair.now_fd, "new", "is here", 0600);
    make(pair.before_fd, "lost", 0750);
    make(pair.before_fd, "lost/deep", 0700);
    put(pair.before_fd, "lost/deep/file", "found", 0644);
    make(pair.now_fd, "made", 0755);
    make(pair.now_fd, "made/deep", 0755);
    put(pair.now_fd, "made/deep/file", "away", 0644);
    assert_int_equal(symlinkat("first", pair.before_fd, "link"), 0);
    assert_int_equal(symlinkat("second", pair.now_fd, "link"), 0);
    put(pair.before_fd, "file-to-folder", "file", 0644);
    make(pair.now_fd, "file-to-folder", 0755);
    put(pair.now_fd, "file-to-folder/in", "in", 0644);
    make(pair.before_fd, "folder-to-link", 0755);
    put(pair.before_fd, "folder-to-link/in", "in", 0644);
    assert_int_equal(symlinkat("/etc", pair.now_fd, "folder-to-link"), 0);
    make(pair.before_fd, "folder-mode", 0755);
    make(pair.now_fd, "folder-mode", 0700);
    put(pair.now_fd, "name\nof\x01two\xff lines", "new", 0644);
}

static void everything_goes_back(void **state)
{
    make_trees();
    walk();
    assert_listed("content");
    assert_listed("lost/deep/file");
    assert_listed("made/deep/file");
    assert_listed("folder-to-link/in");
    assert_null(agent_snapshot_list_find(&list, TOP "/same"));
    assert_int_equal(put_back(false), 0);
    walk();
    assert_int_equal(list.count, 0);
    assert_int_equal(d.result.findings_count, 0);
}

static void the_link_into_the_system_was_not_followed(void **state)
{
    struct stat st;

    everything_goes_back(state);
    assert_int_equal(fstatat(pair.now_fd, "folder-to-link", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_true(access("/etc/in", F_OK) < 0);
}

/* Whatever an interruption left is no file's content, even if its name says so. */
static void an_interruption_leaves_nothing_behind(void **state)
{
    char name[64];

    make_trees();
    walk();
    for (uint32_t i = 0; i < list.count; i++) {
        (void)snprintf(name, sizeof(name), AGENT_SNAPSHOT_UNFINISHED "%u", i);
        put(pair.now_fd, name, "half", 0600);
    }
    walk();
    assert_int_equal(put_back(false), 0);
    walk();
    assert_int_equal(list.count, 0);
    put(pair.now_fd, "content", "again", 0640);
    walk();
    assert_int_equal(list.count, 1);
    put(pair.now_fd, AGENT_SNAPSHOT_UNFINISHED "0", "half", 0600);
    put(pair.now_fd, "content", "before", 0640);
    assert_int_equal(put_back(false), 0);
    walk();
    assert_int_equal(list.count, 0);
}

static void attributes_and_times_go_back(void **state)
{
    const struct timespec times[] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
    BL_AUTO_FD int fd = -1;
    struct stat st;

    put(pair.before_fd, "file", "x", 0644);
    put(pair.now_fd, "file", "x", 0644);
    fd = openat(pair.before_fd, "file", O_RDWR | O_CLOEXEC);
    assert_int_equal(futimens(fd, times), 0);
    if (fsetxattr(fd, "user.test", "v", 1, 0) < 0)
        skip(); /* a file system without attributes */
    walk();
    assert_int_equal(list.count, 1);
    assert_int_equal(put_back(false), 0);
    walk();
    assert_int_equal(list.count, 0);
    assert_int_equal(fstatat(pair.now_fd, "file", &st, 0), 0);
    assert_int_equal(st.st_mtim.tv_sec, 2000);
}

static void what_others_put_into_a_new_folder_stays(void **state)
{
    make(pair.now_fd, "made", 0755);
    walk();
    put(pair.now_fd, "made/theirs", "later", 0644);
    assert_int_equal(put_back(false), -ENOTEMPTY);
    assert_true(d.result.findings_count > 0);
    assert_int_equal(put_back(true), 0);
    assert_int_equal(faccessat(pair.now_fd, "made/theirs", F_OK, 0), 0);
}

static void a_path_belongs_to_the_deepest_tree(void **state)
{
    static const struct agent_snapshot_pair pairs[] = {
        {.path = "/"}, {.path = "/var"}, {.path = "/var/lib"}};
    static const struct {
        const char *path;
        uint32_t which;
    } cases[] = {{"/etc/passwd", 0}, {"/various", 0}, {"/var", 0},
                 {"/var/x", 1},      {"/var/lib", 1}, {"/var/lib/dpkg", 2}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (uint32_t j = 0; j < 3; j++)
            assert_int_equal(agent_snapshot_is_of(pairs, 3, j, cases[i].path), j == cases[i].which);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(everything_goes_back),
        CASE(the_link_into_the_system_was_not_followed),
        CASE(an_interruption_leaves_nothing_behind),
        CASE(attributes_and_times_go_back),
        CASE(what_others_put_into_a_new_folder_stays),
        cmocka_unit_test(a_path_belongs_to_the_deepest_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
