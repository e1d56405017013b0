/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/tree.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/xattr.h>

#include "agent/packages/settings.h"
#include "common/file.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent_packages/job_dir.h"

static struct job_dir d;
static struct bl_error err;
static char top[96];
static int top_fd;

static int setup(void **state)
{
    job_dir_make(&d);
    err = (struct bl_error){0};
    (void)snprintf(top, sizeof(top), "%s/top", d.state_dir);
    if (mkdir(top, 0755) < 0)
        return -1;
    top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return sodium_init() < 0 || top_fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)close(top_fd);
    job_dir_remove(&d);

    return 0;
}

static void put(const char *name, const char *text, mode_t mode)
{
    BL_AUTO_FD int fd = openat(top_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(bl_fd_write(fd, text, strlen(text), &err), 0);
    assert_int_equal(fchmod(fd, mode), 0);
}

static struct agent_packages_tree list(const char *copies)
{
    const char *tops[] = {top};
    const struct agent_packages_paths paths = {tops, 1};
    struct agent_packages_tree tree = {0};

    assert_int_equal(
        agent_packages_tree_list(&d.job, &paths, AGENT_PACKAGES_DIGESTS, copies, &tree, &err), 0);

    return tree;
}

static int put_back(const struct agent_packages_tree *before)
{
    const struct agent_packages_tree now = list(NULL);

    return agent_packages_tree_put_back(&d.job, before, &now, NULL, &err);
}

static void assert_same(const struct agent_packages_tree *before)
{
    const struct agent_packages_tree now = list(NULL);
    struct agent_packages_tree_pair pair = {0};

    while (agent_packages_tree_next(before, &now, &pair))
        assert_null(agent_packages_entry_difference(pair.before, pair.now));
}

static void make_tree(void)
{
    put("run", "#!/bin/sh\n", 0750);
    put("secret", "sesame\n", 0600);
    assert_int_equal(mkdirat(top_fd, "sub", 0710), 0);
    put("sub/a-b", "1\n", 0644);
    assert_int_equal(mkdirat(top_fd, "sub/a", 0755), 0);
    put("sub/a/deep", "", 0644);
    assert_int_equal(symlinkat("../nowhere", top_fd, "link"), 0);
}

static void whatever_became_of_it_comes_back(void **state)
{
    struct agent_packages_tree before;

    make_tree();
    before = list("copies");
    assert_int_equal(before.entries_count, 8);
    assert_int_equal(put_back(&before), 0);

    put("run", "#!/bin/bash\n", 0777);
    assert_int_equal(unlinkat(top_fd, "link", 0), 0);
    put("link", "a file now\n", 0644);
    assert_int_equal(unlinkat(top_fd, "secret", 0), 0);
    assert_int_equal(mkdirat(top_fd, "secret", 0755), 0);
    put("secret/in", "x\n", 0644);
    assert_int_equal(unlinkat(top_fd, "sub/a/deep", 0), 0);
    assert_int_equal(unlinkat(top_fd, "sub/a", AT_REMOVEDIR), 0);
    put("sub/new", "x\n", 0644);
    assert_int_equal(fchmodat(top_fd, "sub", 0700, 0), 0);
    assert_true(put_back(&before) > 0);
    assert_same(&before);
    assert_int_equal(put_back(&before), 0);
}

static void what_was_absent_is_gone_again_and_what_was_there_returns(void **state)
{
    struct agent_packages_tree empty, before;

    assert_int_equal(rmdir(top), 0);
    empty = list("none");
    assert_int_equal(empty.entries_count, 0);
    assert_int_equal(mkdir(top, 0755), 0);
    (void)close(top_fd);
    top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_tree();
    before = list("copies");
    assert_true(put_back(&empty) > 0);
    assert_int_equal(access(top, F_OK), -1);
    assert_true(put_back(&before) > 0);
    assert_same(&before);
}

/* A user swaps a directory of his for a link: nothing behind it is read, written or removed. */
static void no_link_is_followed(void **state)
{
    struct agent_packages_tree before, now;
    char outside[96], victim[128];
    BL_AUTO_FD int outside_fd = -1;

    (void)snprintf(outside, sizeof(outside), "%s/outside", d.state_dir);
    (void)snprintf(victim, sizeof(victim), "%s/a-b", outside);
    assert_int_equal(mkdir(outside, 0755), 0);
    outside_fd = open(victim, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_true(outside_fd >= 0);
    make_tree();
    before = list("copies");
    put("sub/a-b", "2\n", 0600);
    now = list(NULL);

    /* Between the look and the deed. */
    assert_int_equal(renameat(top_fd, "sub", top_fd, "moved"), 0);
    assert_int_equal(symlinkat(outside, top_fd, "sub"), 0);
    assert_int_equal(agent_packages_tree_put_back(&d.job, &before, &now, NULL, &err), -ELOOP);
    assert_int_equal(lseek(outside_fd, 0, SEEK_END), 0);
    assert_int_equal(d.result.findings_count, 1);

    /* Looked at anew, the link is what is in the way. */
    assert_true(put_back(&before) > 0);
    assert_same(&before);
    assert_int_equal(access(victim, F_OK), 0);
}

/* A second name of somebody's file must not give that file another owner, mode or content. */
static void a_further_name_is_not_written_through(void **state)
{
    struct agent_packages_tree before;
    char victim[128];
    struct stat st;

    (void)snprintf(victim, sizeof(victim), "%s/victim", d.state_dir);
    make_tree();
    before = list("copies");
    assert_int_equal(unlinkat(top_fd, "run", 0), 0);
    put("run", "#!/bin/sh\n", 0600);
    assert_int_equal(linkat(top_fd, "run", AT_FDCWD, victim, 0), 0);
    assert_true(put_back(&before) > 0);
    assert_same(&before);
    assert_int_equal(stat(victim, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void attributes_come_back_and_strange_ones_go(void **state)
{
    BL_AUTO_FD int fd = -1;
    struct agent_packages_tree before;
    char value[16];

    make_tree();
    fd = openat(top_fd, "run", O_RDONLY | O_CLOEXEC);
    if (fsetxattr(fd, "user.one", "1\0x", 3, 0) < 0)
        skip(); /* this file system has none */
    before = list("copies");
    assert_int_equal(fsetxattr(fd, "user.one", "2", 1, 0), 0);
    assert_int_equal(fsetxattr(fd, "user.two", "2", 1, 0), 0);
    bl_close_fd(&fd);
    assert_true(put_back(&before) > 0);
    assert_same(&before);
    fd = openat(top_fd, "run", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fgetxattr(fd, "user.one", value, sizeof(value)), 3);
    assert_int_equal(fgetxattr(fd, "user.two", value, sizeof(value)), -1);
}

static void a_path_behind_a_link_is_refused(void **state)
{
    char path[128];
    const char *tops[] = {path};
    const struct agent_packages_paths paths = {tops, 1};
    struct agent_packages_tree tree;

    assert_int_equal(symlinkat(".", top_fd, "loop"), 0);
    (void)snprintf(path, sizeof(path), "%s/loop/x", top);
    assert_int_equal(
        agent_packages_tree_list(&d.job, &paths, AGENT_PACKAGES_DIGESTS, NULL, &tree, &err),
        -ELOOP);
    assert_non_null(strstr(err.text, "/loop' is a link"));
}

static void too_much_is_refused(void **state)
{
    const char *tops[] = {top};
    const struct agent_packages_paths paths = {tops, 1};
    struct agent_packages_tree tree;
    BL_AUTO_FD int large_fd = -1;

    large_fd = openat(top_fd, "large", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(large_fd, (off_t)AGENT_PACKAGES_TREE_BYTES_MAX + 1), 0);
    assert_int_equal(
        agent_packages_tree_list(&d.job, &paths, AGENT_PACKAGES_SIZES, NULL, &tree, &err),
        -EMSGSIZE);
    assert_int_equal(ftruncate(large_fd, 0), 0);
    assert_int_equal(
        agent_packages_tree_list(&d.job, &paths, AGENT_PACKAGES_SIZES, NULL, &tree, &err), 0);
    assert_int_equal(symlinkat("\xff", top_fd, "odd"), 0);
    assert_int_equal(
        agent_packages_tree_list(&d.job, &paths, AGENT_PACKAGES_SIZES, NULL, &tree, &err),
        -EBADMSG);
}

static void the_record_comes_back_and_damage_is_seen(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    struct agent_packages_tree before, loaded;

    make_tree();
    before = list("copies");
    assert_int_equal(agent_packages_tree_load(&d.job, "t", &arena, &loaded, &err), -ENOENT);
    assert_int_equal(agent_packages_tree_save(&d.job, "t", &before, &err), 0);
    assert_int_equal(agent_packages_tree_load(&d.job, "t", &arena, &loaded, &err), 0);
    assert_string_equal(loaded.copies, "copies");
    assert_string_equal(loaded.tops[0].text, top);
    assert_same(&loaded);
    before.entries[1].path = before.entries[0].path;
    assert_int_equal(agent_packages_tree_save(&d.job, "t", &before, &err), 0);
    assert_int_equal(agent_packages_tree_load(&d.job, "t", &arena, &loaded, &err), -EUCLEAN);
}

static void the_links_of_an_alternative_are_read(void **state)
{
    static const char text[] =
        "auto\n/usr/bin/editor\neditor.1.gz\n/usr/share/man/man1/editor.1.gz\n"
        "editor.de\n/usr/share/man/de/editor\n\n/bin/ed\n-100\n/not/one\n";
    struct agent_packages_paths links = {0};

    assert_int_equal(agent_packages_settings_parse_links(&d.job, text, &links, &err), 0);
    assert_int_equal(links.count, 3);
    assert_string_equal(links.list[0], "/usr/bin/editor");
    assert_string_equal(links.list[2], "/usr/share/man/de/editor");
    links.count = 0;
    assert_int_equal(
        agent_packages_settings_parse_links(&d.job, "manual\n/usr/bin/x\n\n/y\n", &links, &err), 0);
    assert_int_equal(links.count, 1);
}

/* What the change did, what a person did since, what the way back's own scripts did. */
static void only_what_was_touched_is_put_back(void **state)
{
    const struct agent_packages_entry on = {
        .path = "/x", .kind = AGENT_PACKAGES_ENTRY_LINK, .target = "on"};
    const struct agent_packages_entry off = {
        .path = "/x", .kind = AGENT_PACKAGES_ENTRY_LINK, .target = "off"};
    const struct {
        struct agent_packages_setting setting;
        bool touched;
    } cases[] = {
        {{&on, &on, &on, &on}, false},     {{&on, &off, &off, &off}, true},
        {{&on, NULL, NULL, NULL}, true},   {{NULL, &on, &on, &on}, true},
        {{&on, &on, &off, &off}, false},   {{NULL, NULL, &on, &on}, false},
        {{&on, &on, &off, &on}, true},     {{&on, &off, &on, &on}, true},
        {{NULL, NULL, NULL, NULL}, false}, {{&on, &on, &on, NULL}, true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(agent_packages_setting_is_touched(&cases[i].setting), cases[i].touched);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(whatever_became_of_it_comes_back),
        CASE(what_was_absent_is_gone_again_and_what_was_there_returns),
        CASE(no_link_is_followed),
        CASE(a_further_name_is_not_written_through),
        CASE(attributes_come_back_and_strange_ones_go),
        CASE(a_path_behind_a_link_is_refused),
        CASE(too_much_is_refused),
        CASE(the_record_comes_back_and_damage_is_seen),
        CASE(the_links_of_an_alternative_are_read),
        CASE(only_what_was_touched_is_put_back),
    };

    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
