/* SPDX-License-Identifier: Apache-2.0 */
/* What a host keeps of the controller's audit, and what it tells of its own. */
#include "agent/root/heads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/unit.h"

static struct agent_host host;
static struct agent_refusal_bucket bucket;
static struct bl_error err;
static char directory[40], path[64];

static int set_up(void **state)
{
    err = (struct bl_error){0};
    host = (struct agent_host){.boot_id = "boot-1", .state_dir = directory};
    bucket = agent_refusal_bucket_full(bl_mono_now());
    (void)snprintf(directory, sizeof(directory), "/tmp/belay-heads-XXXXXX");
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/journal.db", directory);
    return agent_journal_open(path, &host.journal, &err);
}

static int tear_down(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char file[80];

    host.journal = agent_journal_free(host.journal);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        (void)snprintf(file, sizeof(file), "%s%s", path, ends[i]);
        (void)unlink(file);
    }
    return rmdir(directory);
}

static void note(void)
{
    const struct agent_journal_row row = {
        .boot_id = "boot-1", .what = "start", .who = "", .code = "", .reason = ""};

    assert_int_equal(agent_journal_note(host.journal, &row, &err), 0);
}

static struct proto_audit_state state_asked(uint64_t asked_rows)
{
    struct proto_audit_state state;

    assert_int_equal(agent_heads_state(&host, asked_rows, &state, &err), 0);
    return state;
}

static int hear(uint64_t rows, uint8_t hash, uint64_t kept_rows, uint8_t kept_hash)
{
    const struct proto_audit_head head = {
        .rows = rows, .hash = {hash}, .kept_rows = kept_rows, .kept_hash = {kept_hash}};

    return agent_heads_hear(&host, &head, &bucket, &err);
}

static void its_head_and_any_row_are_told(void **state)
{
    struct proto_audit_state first, now;

    assert_int_equal(state_asked(0).rows, 0);
    note();
    first = state_asked(0);
    assert_int_equal(first.rows, 1);
    assert_int_equal(first.asked_rows, 0);
    note();
    now = state_asked(1);
    assert_int_equal(now.rows, 2);
    assert_int_equal(now.asked_rows, 1);
    assert_memory_equal(now.asked_hash, first.hash, sizeof(first.hash));
    assert_memory_not_equal(now.hash, first.hash, sizeof(first.hash));
    now = state_asked(3); /* there is none */
    assert_int_equal(now.asked_rows, 3);
    assert_int_equal(now.asked_hash[0] | now.asked_hash[31], 0);
}

static void what_fits_is_kept_and_survives(void **state)
{
    struct proto_audit_state now;

    assert_int_equal(hear(5, 0xa5, 0, 0), 1);
    assert_int_equal(hear(9, 0xa9, 5, 0xa5), 1);
    assert_int_equal(agent_journal_last_row(host.journal), 0);
    host.journal = agent_journal_free(host.journal);
    assert_int_equal(agent_journal_open(path, &host.journal, &err), 0);
    now = state_asked(0);
    assert_int_equal(now.kept_rows, 9);
    assert_int_equal(now.kept_hash[0], 0xa9);
    /* It has not heard that by now 9 are kept: nothing can be compared. */
    assert_int_equal(hear(12, 0xac, 5, 0xa5), 0);
    assert_int_equal(state_asked(0).kept_rows, 9);
}

static void a_controllers_audit_that_was_cut_or_written_anew_is_a_row(void **state)
{
    static const struct {
        uint64_t rows;
        uint8_t kept_hash;
        const char *word;
    } cases[] = {{12, 0x99, "was a900"}, {3, 0, "cut off"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        PROTO_AUTO_ARENA arena = {0};
        struct agent_journal_row row;

        assert_int_equal(agent_journal_keep_head(host.journal, 9, (const uint8_t[32]){0xa9}, &err),
                         0);
        assert_int_equal(hear(cases[i].rows, 0xac, 9, cases[i].kept_hash), 1);
        assert_int_equal(agent_journal_last_row(host.journal), i + 1);
        assert_int_equal(agent_journal_read_row(host.journal, i + 1, &arena, &row, &err), 1);
        assert_string_equal(row.code, "controller_audit_differs");
        assert_non_null(strstr(row.reason, "row 9 "));
        assert_non_null(strstr(row.reason, cases[i].word));
        assert_int_equal(state_asked(0).kept_rows, cases[i].rows);
    }
}

/* Another controller has another chain: that is no break of the former one's. */
static void what_a_former_controller_told_is_forgotten_with_a_join(void **state)
{
    char dir[64];

    (void)snprintf(dir, sizeof(dir), "%s/agent", directory);
    assert_int_equal(agent_heads_note_join(directory, &err), 0); /* no agent has run here yet */
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(hear(9, 0xa9, 0, 0), 1);
    assert_int_equal(agent_heads_heed_join(&host, &err), 0);
    assert_int_equal(state_asked(0).kept_rows, 9);
    assert_int_equal(agent_heads_note_join(directory, &err), 0);
    assert_int_equal(agent_heads_heed_join(&host, &err), 0);
    assert_int_equal(state_asked(0).kept_rows, 0);
    assert_int_equal(hear(3, 0xa3, 0, 0), 1);
    assert_int_equal(agent_heads_heed_join(&host, &err), 0); /* once */
    assert_int_equal(state_asked(0).kept_rows, 3);
    assert_int_equal(rmdir(dir), 0);
}

/* Whoever holds the link may tell another head each time. */
static void a_flood_of_heads_fills_no_disk(void **state)
{
    for (uint64_t i = 1; i <= 200; i++)
        (void)hear(i, (uint8_t)i, state_asked(0).kept_rows, 0x77);
    assert_in_range(agent_journal_last_row(host.journal), 15, 21);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(its_head_and_any_row_are_told),
        CASE(what_fits_is_kept_and_survives),
        CASE(a_controllers_audit_that_was_cut_or_written_anew_is_a_row),
        CASE(what_a_former_controller_told_is_forgotten_with_a_join),
        CASE(a_flood_of_heads_fills_no_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
