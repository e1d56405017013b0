/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/probe/logs_lines.h"
#include "tests/lib/unit.h"

static const struct proto_log_check check = {
    .unit = "", .file = "/var/log/x", .bad = "^bad", .good = "good$", .within_ms = 1000};

static void init(struct agent_logs_lines *lines)
{
    struct bl_error err = {0};

    memset(lines, 0, sizeof(*lines));
    assert_int_equal(agent_logs_lines_init(lines, &check, &err), 0);
}

/* ---- lines ---- */

static void test_lines_in_any_pieces(void **state)
{
    static const char text[] = "bad one\nall good\n\nnot bad\nbad \033two";

    for (size_t piece = 1; piece < sizeof(text); piece++) {
        struct agent_logs_lines lines;

        init(&lines);
        for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
            size_t left = sizeof(text) - 1 - at;

            agent_logs_lines_feed(&lines, text + at, left < piece ? left : piece);
        }
        assert_int_equal(lines.bad_count, 1);
        agent_logs_lines_end(&lines);
        assert_int_equal(lines.bad_count, 2);
        assert_string_equal(lines.bad_line, "bad one");
        assert_true(lines.good_seen);
        agent_logs_lines_release(&lines);
    }
}

static void test_a_long_line_is_one_line(void **state)
{
    static char text[10000];
    struct agent_logs_lines lines;

    init(&lines);
    memset(text, 'x', sizeof(text));
    memcpy(text, "bad", 3);
    memcpy(text + 5000, "bad", 3);
    memcpy(text + 9000, "\nbad \xff\n", 7);
    agent_logs_lines_feed(&lines, text, sizeof(text));
    agent_logs_lines_end(&lines);
    assert_int_equal(lines.bad_count, 2);
    assert_true(strlen(lines.bad_line) <= AGENT_LOGS_LINE_BYTES_MAX);
    assert_false(lines.good_seen);
    agent_logs_lines_release(&lines);
}

/* ---- files ---- */

struct place {
    char path[32];
    int dir_fd;
    struct agent_logs_lines lines;
    struct agent_logs_file file;
};

static void write_to(const struct place *place, const char *name, int flags, const char *text)
{
    int fd = openat(place->dir_fd, name, O_WRONLY | O_CREAT | flags, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static void append(const struct place *place, const char *text)
{
    write_to(place, "log", O_APPEND, text);
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    (void)snprintf(place->path, sizeof(place->path), "/tmp/logs-XXXXXX");
    assert_non_null(mkdtemp(place->path));
    place->dir_fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(place->dir_fd >= 0);
    init(&place->lines);
    place->file.fd = -1;
    *state = place;

    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"log", "log.1", "link", "fifo", "sub/log"};
    struct place *place = *state;

    agent_logs_file_release(&place->file);
    agent_logs_lines_release(&place->lines);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unlinkat(place->dir_fd, names[i], 0);
    (void)unlinkat(place->dir_fd, "sub", AT_REMOVEDIR);
    (void)close(place->dir_fd);
    (void)rmdir(place->path);
    free(place);

    return 0;
}

static void mark(struct place *place)
{
    struct bl_error err = {0};

    assert_int_equal(agent_logs_mark_file(place->dir_fd, "log", &place->file.at, &err), 0);
}

/* How many bad lines there are by now. */
static uint64_t count(struct place *place)
{
    struct bl_error err = {0};

    assert_int_equal(agent_logs_read_file(place->dir_fd, "log", &place->file, &place->lines, &err),
                     0);

    return place->lines.bad_count;
}

static void test_only_what_came_behind_the_mark_counts(void **state)
{
    struct place *place = *state;

    append(place, "bad before\n");
    mark(place);
    assert_int_equal(count(place), 0);
    append(place, "bad 1\nfine\n");
    assert_int_equal(count(place), 1);
    assert_int_equal(count(place), 1);
    append(place, "bad 2\n");
    assert_int_equal(count(place), 2);
    assert_string_equal(place->lines.bad_line, "bad 1");
}

static void test_a_file_that_is_rotated_before_it_is_read(void **state)
{
    struct place *place = *state;

    append(place, "bad before\n");
    mark(place);
    append(place, "bad 1\n");
    assert_int_equal(renameat(place->dir_fd, "log", place->dir_fd, "log.1"), 0);
    assert_int_equal(count(place), 0); /* between the two */
    append(place, "bad 2\n");
    assert_int_equal(count(place), 2);
}

static void test_a_file_that_is_rotated_while_it_is_read(void **state)
{
    struct place *place = *state;

    mark(place);
    append(place, "bad 1\n");
    assert_int_equal(count(place), 1);
    append(place, "bad 2\n");
    assert_int_equal(renameat(place->dir_fd, "log", place->dir_fd, "log.1"), 0);
    append(place, "bad 3\n");
    assert_int_equal(count(place), 3);
}

static void test_a_file_that_is_cut(void **state)
{
    struct place *place = *state;

    append(place, "bad before\nbad before\n");
    mark(place);
    write_to(place, "log", O_TRUNC, "bad 1\n");
    assert_int_equal(count(place), 1);
}

static void test_a_file_that_comes_later(void **state)
{
    struct place *place = *state;

    mark(place);
    assert_int_equal(count(place), 0);
    assert_false(place->file.is_found);
    append(place, "bad 1\n");
    assert_int_equal(count(place), 1);
    assert_true(place->file.is_found);
}

/* Who may write into a folder of logs must not choose what a reader of all files reads. */
static void test_no_link_and_nothing_but_a_file_is_read(void **state)
{
    static const char *const paths[] = {"link",          "fifo",        "sub",     "sub/../log",
                                        "../etc/passwd", "/etc/passwd", "way/log", "",
                                        "sub/",          "./log"};
    struct place *place = *state;
    struct bl_error err = {0};
    int fd;

    append(place, "x\n");
    assert_int_equal(symlinkat("log", place->dir_fd, "link"), 0);
    assert_int_equal(mkfifoat(place->dir_fd, "fifo", 0600), 0);
    assert_int_equal(mkdirat(place->dir_fd, "sub", 0700), 0);
    assert_int_equal(symlinkat("sub", place->dir_fd, "way"), 0);
    write_to(place, "sub/log", 0, "x\n");
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_true(agent_logs_open(place->dir_fd, paths[i], &err) < 0);
    fd = agent_logs_open(place->dir_fd, "sub/log", &err);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(unlinkat(place->dir_fd, "way", 0), 0);
}

int main(void)
{
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_in_any_pieces),
        cmocka_unit_test(test_a_long_line_is_one_line),
        WITH_PLACE(test_only_what_came_behind_the_mark_counts),
        WITH_PLACE(test_a_file_that_is_rotated_before_it_is_read),
        WITH_PLACE(test_a_file_that_is_rotated_while_it_is_read),
        WITH_PLACE(test_a_file_that_is_cut),
        WITH_PLACE(test_a_file_that_comes_later),
        WITH_PLACE(test_no_link_and_nothing_but_a_file_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
