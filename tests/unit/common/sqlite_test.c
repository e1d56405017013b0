/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/unit.h"

static const char *const steps[] = {
    "CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT NOT NULL, raw BLOB) STRICT;",
    "CREATE TABLE u (id INTEGER PRIMARY KEY) STRICT;",
};
static const struct bl_sqlite_schema one_step = {steps, 1};
static const struct bl_sqlite_schema two_steps = {steps, 2};

struct place {
    char dir[32];
    char path[64];
};

static int set_up(void **state)
{
    static struct place place;

    (void)snprintf(place.dir, sizeof(place.dir), "/tmp/bl-sqlite-XXXXXX");
    if (mkdtemp(place.dir) == NULL)
        return -1;
    (void)snprintf(place.path, sizeof(place.path), "%s/x.db", place.dir);
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    const struct place *place = *state;
    char path[80];

    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s%s", place->path, suffixes[i]);
        (void)unlink(path);
    }
    return rmdir(place->dir);
}

static void add(struct bl_sqlite *s, const char *word)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    struct bl_error err = {0};

    assert_int_equal(bl_sqlite_prepare(s, "INSERT INTO t(word, raw) VALUES (?, ?)", &stmt, &err),
                     0);
    assert_int_equal(bl_sqlite_bind_text(stmt, 1, word, &err), 0);
    assert_int_equal(bl_sqlite_bind_blob(stmt, 2, "\0\1", 2, &err), 0);
    assert_int_equal(bl_sqlite_run(s, stmt, &err), 0);
}

static int64_t count(struct bl_sqlite *s)
{
    BL_AUTO_STMT sqlite3_stmt *stmt = NULL;
    struct bl_error err = {0};

    assert_int_equal(bl_sqlite_prepare(s, "SELECT count(*) FROM t", &stmt, &err), 0);
    assert_int_equal(bl_sqlite_step(s, stmt, &err), 1);
    return bl_sqlite_column_i64(stmt, 0);
}

static void keeps_what_was_committed_and_nothing_else(void **state)
{
    const struct place *place = *state;
    struct bl_sqlite s;
    struct bl_error err = {0};
    struct stat status;

    assert_int_equal(bl_sqlite_open(&s, place->path, &one_step, &err), 0);
    assert_int_equal(stat(place->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(bl_sqlite_begin(&s, &err), 0);
    add(&s, "kept");
    assert_int_equal(bl_sqlite_commit(&s, &err), 0);
    assert_int_equal(bl_sqlite_begin(&s, &err), 0);
    add(&s, "not kept");
    bl_sqlite_close(&s);

    assert_int_equal(bl_sqlite_open(&s, place->path, &one_step, &err), 0);
    assert_int_equal(count(&s), 1);
    bl_sqlite_close(&s);
}

static void brings_an_older_format_up_and_refuses_a_newer_one(void **state)
{
    const struct place *place = *state;
    struct bl_sqlite s;
    struct bl_error err = {0};

    assert_int_equal(bl_sqlite_open(&s, place->path, &one_step, &err), 0);
    add(&s, "old");
    bl_sqlite_close(&s);
    assert_int_equal(bl_sqlite_open(&s, place->path, &two_steps, &err), 0);
    assert_int_equal(count(&s), 1);
    assert_int_equal(bl_sqlite_exec(&s, "INSERT INTO u(id) VALUES (1)", &err), 0);
    bl_sqlite_close(&s);
    assert_int_equal(bl_sqlite_open(&s, place->path, &one_step, &err), -EUCLEAN);
    assert_non_null(strstr(err.text, "newer"));
    assert_null(s.db);
}

static void refuses_a_damaged_file(void **state)
{
    const struct place *place = *state;
    struct bl_sqlite s;
    struct bl_error err = {0};
    int fd;

    assert_int_equal(bl_sqlite_open(&s, place->path, &one_step, &err), 0);
    add(&s, "x");
    bl_sqlite_close(&s);
    fd = open(place->path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "this is no database at all, is it", 33, 0), 33);
    assert_int_equal(close(fd), 0);
    assert_int_equal(bl_sqlite_open(&s, place->path, &one_step, &err), -EUCLEAN);
    assert_non_null(strstr(err.text, place->path));
}

static void a_violated_constraint_is_told_apart(void **state)
{
    const struct place *place = *state;
    struct bl_sqlite s;
    struct bl_error err = {0};

    assert_int_equal(bl_sqlite_open(&s, place->path, &two_steps, &err), 0);
    assert_int_equal(bl_sqlite_exec(&s, "INSERT INTO u(id) VALUES (1)", &err), 0);
    assert_int_equal(bl_sqlite_exec(&s, "INSERT INTO u(id) VALUES (1)", &err), -EEXIST);
    bl_sqlite_close(&s);
}

/* ---- another program has the database ---- */

struct stranger {
    pid_t pid;
    int go, done;
};

/*
 * A process of its own that will run `sql` on the database and keep what that locks. Forked while
 * this one has no database open: SQLite's locks are not to be taken through a fork.
 */
static struct stranger fork_stranger(const struct place *place, const char *sql)
{
    struct stranger stranger;
    int go[2], done[2];
    char is_done = 0;

    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(done), 0);
    stranger.pid = fork();
    assert_true(stranger.pid >= 0);
    if (stranger.pid == 0) {
        sqlite3 *db = NULL;

        (void)close(go[1]);
        is_done = read(go[0], &is_done, 1) == 1 && sqlite3_open(place->path, &db) == SQLITE_OK &&
                  sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
        if (write(done[1], &is_done, 1) != 1 || read(go[0], &is_done, 1) != 0)
            _exit(1);
        (void)sqlite3_close(db);
        _exit(0);
    }
    (void)close(go[0]);
    (void)close(done[1]);
    stranger.go = go[1];
    stranger.done = done[0];

    return stranger;
}

static void let_lock(const struct stranger *stranger)
{
    char is_done = 0;

    assert_int_equal(write(stranger->go, "g", 1), 1);
    assert_int_equal(read(stranger->done, &is_done, 1), 1);
    assert_int_equal(is_done, 1);
    (void)close(stranger->done);
}

static void end_stranger(const struct stranger *stranger)
{
    int status;

    (void)close(stranger->go);
    assert_int_equal(waitpid(stranger->pid, &status, 0), stranger->pid);
    assert_int_equal(status, 0);
}

static void assert_names(const struct stranger *stranger, const struct bl_error *err)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "process %ld has it locked: 'ps -fp %ld'",
                   (long)stranger->pid, (long)stranger->pid);
    if (strstr(err->text, text) == NULL)
        fail_msg("'%s' is not in '%s'", text, err->text);
}

/* What could not be begun is no failure of the disk: the same handle goes on afterwards. */
static void names_the_process_that_holds_the_lock_and_goes_on_without_it(void **state)
{
    const struct place *place = *state;
    const struct stranger stranger = fork_stranger(place, "BEGIN EXCLUSIVE");
    struct bl_error err = {0};
    struct bl_sqlite s;

    assert_int_equal(bl_sqlite_open(&s, place->path, &one_step, &err), 0);
    (void)sqlite3_busy_timeout(s.db, 1);
    let_lock(&stranger);
    assert_int_equal(bl_sqlite_begin(&s, &err), -EBUSY);
    assert_names(&stranger, &err);
    assert_int_equal(count(&s), 0);
    end_stranger(&stranger);
    assert_int_equal(bl_sqlite_begin(&s, &err), 0);
    add(&s, "later");
    assert_int_equal(bl_sqlite_commit(&s, &err), 0);
    assert_int_equal(count(&s), 1);
    bl_sqlite_close(&s);
}

/* Also by one who only reads: what the log holds would not be begun anew. */
static void is_not_opened_while_another_has_it(void **state)
{
    static const char *const ways[] = {
        "BEGIN; SELECT count(*) FROM t",
        "PRAGMA locking_mode=EXCLUSIVE; BEGIN IMMEDIATE; COMMIT",
    };
    const struct place *place = *state;
    struct bl_sqlite s, writer;
    struct bl_error err = {0};

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        const struct stranger stranger = fork_stranger(place, ways[i]);

        assert_int_equal(bl_sqlite_open(&writer, place->path, &one_step, &err), 0);
        add(&writer, "in the log");
        if (i == 1)
            bl_sqlite_close(&writer); /* it wants to be alone */
        let_lock(&stranger);
        bl_sqlite_close(&writer);
        assert_int_equal(bl_sqlite_open(&s, place->path, &one_step, &err), -EBUSY);
        assert_null(s.db);
        assert_names(&stranger, &err);
        end_stranger(&stranger);
        assert_int_equal(bl_sqlite_open(&s, place->path, &one_step, &err), 0);
        assert_int_equal(count(&s), i + 1);
        bl_sqlite_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_what_was_committed_and_nothing_else, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(brings_an_older_format_up_and_refuses_a_newer_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_damaged_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_violated_constraint_is_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            names_the_process_that_holds_the_lock_and_goes_on_without_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_not_opened_while_another_has_it, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
