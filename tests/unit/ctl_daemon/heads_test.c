/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of audits: what hosts tell of theirs, and what they have kept of ours. */
#include <string.h>

#include "controller/daemon/audit_heads.h"
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/one_world.h"

static void each_break_has_its_sentence(void **state)
{
    static const struct {
        uint64_t kept_rows, rows, asked_rows;
        uint8_t hash, asked_hash; /* the kept one begins with 5 */
        const char *word;         /* NULL: it fits */
    } cases[] = {
        {0, 9, 0, 9, 0, NULL},           {5, 5, 5, 5, 5, NULL},
        {5, 9, 5, 9, 5, NULL},           {5, 4, 0, 4, 0, "behind 4 are cut off"},
        {5, 0, 0, 0, 0, "row 5"},        {5, 9, 5, 9, 6, "at or before that row"},
        {5, 5, 0, 6, 0, "written anew"}, {5, 5, 5, 6, 6, "written anew"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct ctl_store_head kept = {.rows = cases[i].kept_rows, .hash = {5}};
        const struct proto_audit_state now = {.rows = cases[i].rows,
                                              .hash = {cases[i].hash},
                                              .asked_rows = cases[i].asked_rows,
                                              .asked_hash = {cases[i].asked_hash}};
        char text[CTL_AUDIT_BREAK_BYTES];

        ctl_audit_heads_compare(&kept, &now, text);
        if (cases[i].word == NULL)
            assert_string_equal(text, "");
        else if (strstr(text, cases[i].word) == NULL)
            fail_msg("case %zu: %s", i, text);
    }
}

/* The host tells this, and the controller has taken it in: its PONG comes behind it. */
static void tell(struct fake_host *host, const struct proto_audit_state *state)
{
    json_t *frame;

    fake_host_tell_audit(host, state);
    frame = world_ask(&world, json_pack("{s:s, s:[s]}", "verb", "ping", "hosts", host->name));
    while (!json_is_true(json_object_get(frame, "end"))) {
        assert_true(json_is_true(json_object_get(frame, "ok")));
        json_decref(frame);
        frame = world_receive(&world);
    }
    json_decref(frame);
}

static void tell_rows(struct fake_host *host, uint64_t rows, uint8_t hash)
{
    const struct proto_audit_state state = {.rows = rows,
                                            .hash = {hash},
                                            .asked_rows = host->audit_head.asked_rows,
                                            .asked_hash = {5},
                                            .kept_rows = host->audit_head.rows};
    struct proto_audit_state with_head = state;

    memcpy(with_head.kept_hash, host->audit_head.hash, sizeof(with_head.kept_hash));
    tell(host, &with_head);
}

/* A new connection: the host tells its head, is told ours, and answers. */
static void compare(struct fake_host *host, uint64_t rows, uint8_t hash)
{
    host->audit_head = (struct proto_audit_head){.asked_rows = host->audit_head.asked_rows};
    fake_host_hello(host);
    tell_rows(host, rows, hash);
    while (host->audit_head.rows == 0) /* else the second one answers an older question */
        world_turn(&world);
    tell_rows(host, rows, hash);
}

/* Its row of "audit verify"; the answer is to be released. */
static json_t *ask_heads(const json_t **ret_host)
{
    json_t *answer = world_ask(&world, json_pack("{s:s, s:b}", "verb", "audit", "heads", true));

    *ret_host = json_host(answer, "web1");
    return answer;
}

static void assert_broken(const char *word)
{
    const json_t *host;
    json_t *answer = ask_heads(&host);

    if (word == NULL)
        assert_true(json_is_null(json_object_get(host, "broken")));
    else
        assert_non_null(strstr(json_word(host, "broken"), word));
    json_decref(answer);
}

static void accept_it(bool wanted)
{
    json_t *answer =
        world_ask(&world, json_pack("{s:s, s:s}", "verb", "audit.accept", "host", "web1"));

    assert_int_equal(json_is_true(json_object_get(answer, "cleared")), wanted);
    json_decref(answer);
}

static void a_host_that_cuts_its_log_shows_until_a_person_looked(void **state)
{
    struct fake_host *host = &world.hosts[0];
    const json_t *told;
    json_t *answer;

    compare(host, 5, 5);
    answer = ask_heads(&told);
    assert_int_equal(json_number(told, "rows"), 5);
    assert_memory_equal(json_word(told, "head"), "0500", 4);
    json_decref(answer);
    assert_broken(NULL);
    assert_int_equal(world_count_audit(&world, "audit.head"), 1);

    compare(host, 9, 9); /* it goes on, and what is told of row 5 fits */
    assert_broken(NULL);
    assert_int_equal(host->audit_head.asked_rows, 5);
    assert_int_equal(world_count_audit(&world, "audit.head"), 1); /* one a day */

    compare(host, 7, 7);
    assert_broken("the rows behind 7 are cut off");
    assert_int_equal(world_count_audit(&world, "audit.broken"), 1);
    compare(host, 3, 3); /* again and again: one row an hour */
    assert_int_equal(world_count_audit(&world, "audit.broken"), 1);
    accept_it(true);
    accept_it(false);
    assert_broken(NULL);
    assert_int_equal(world_count_audit(&world, "audit.accept"), 1);
    compare(host, 4, 4);
    assert_broken(
        "the rows behind 4 are cut off"); /* 7 is kept: what came within the hour was not noted */
}

static void our_own_log_cut_or_written_anew_shows_by_what_hosts_kept(void **state)
{
    struct fake_host *host = &world.hosts[0];
    struct proto_audit_state kept = {.rows = 1, .hash = {1}};

    compare(host, 1, 1);
    fake_host_hello(host);
    kept.kept_rows = 1;
    kept.kept_hash[0] = 0x77;
    tell(host, &kept);
    assert_broken("another hash of row 1 of this controller's audit");
    accept_it(true);

    fake_host_hello(host);
    kept.kept_rows = 100000;
    tell(host, &kept);
    assert_broken("row 100000 of this controller's audit, which is not there");
}

/* Nothing is written for what nobody asked for. */
static void a_host_that_tells_again_and_again_fills_no_store(void **state)
{
    struct fake_host *host = &world.hosts[0];
    const json_t *told;
    json_t *answer;

    compare(host, 5, 5);
    for (uint8_t i = 6; i < 50; i++)
        fake_host_tell_audit(host, &(struct proto_audit_state){.rows = i, .hash = {i}});
    tell_rows(host, 50, 50);
    answer = ask_heads(&told);
    assert_int_equal(json_number(told, "rows"), 5);
    json_decref(answer);
    assert_int_equal(world_count_audit(&world, "audit.broken"), 0);
}

#define HEADS_TEST(name) cmocka_unit_test_setup_teardown(name, open_world_of_two, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_break_has_its_sentence),
        HEADS_TEST(a_host_that_cuts_its_log_shows_until_a_person_looked),
        HEADS_TEST(our_own_log_cut_or_written_anew_shows_by_what_hosts_kept),
        HEADS_TEST(a_host_that_tells_again_and_again_fills_no_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
