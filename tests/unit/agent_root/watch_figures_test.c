/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of a plan: what they are compared with, how that is told, and that it outlives a restart. */
#include "agent/root/watch_figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/unit.h"

static const struct proto_figure_rule twice = {PROTO_FIGURE_CPU, PROTO_BAD_TIMES, 200, 60000, 0};

static uint64_t limit_of(const struct proto_figure_rule *rule, uint64_t before)
{
    struct agent_figure_limit limit;

    agent_watch_figures_limit(rule, &before, &limit);
    assert_true(limit.is_known);
    return limit.limit;
}

static void twice_of_hardly_anything_is_no_alarm(void **state)
{
    struct proto_figure_rule rule = twice;

    assert_int_equal(limit_of(&rule, 300), 600);
    assert_int_equal(limit_of(&rule, 1), 101); /* 0.1% and 0.3% are the same */
    assert_int_equal(limit_of(&rule, 0), 100);
    rule.figure = PROTO_FIGURE_PRESSURE_IO;
    assert_int_equal(limit_of(&rule, 10), 60);
    rule.figure = PROTO_FIGURE_AWAIT;
    assert_int_equal(limit_of(&rule, 2000), 7000);
    assert_int_equal(limit_of(&rule, 20000), 40000);
    rule.figure = PROTO_FIGURE_LOAD;
    assert_int_equal(limit_of(&rule, 500), 1500);
}

static void what_was_before_is_needed_only_to_compare_with_it(void **state)
{
    const struct proto_figure_rule room = {PROTO_FIGURE_DISK, PROTO_BAD_ROOM, 2048, 60000, 0};
    struct agent_figure_limit limit;

    agent_watch_figures_limit(&twice, NULL, &limit);
    assert_false(limit.is_known);
    agent_watch_figures_limit(&room, NULL, &limit);
    assert_true(limit.is_known && limit.is_floor);
    assert_int_equal(limit.limit, 2048);
    assert_int_equal(limit.for_ms, 60000);
}

static void the_shortest_time_decides_how_often(void **state)
{
    struct proto_figure_rule rules[] = {twice, twice};

    assert_int_equal(agent_watch_figures_every_ms(rules, 2), 10000);
    rules[1].for_ms = 20000;
    assert_int_equal(agent_watch_figures_every_ms(rules, 2), 4000);
    rules[0].for_ms = 5000;
    assert_int_equal(agent_watch_figures_every_ms(rules, 2), 1000);
}

static void a_finding_names_figure_value_limit_and_time(void **state)
{
    const struct proto_figure_rule room = {PROTO_FIGURE_DISK, PROTO_BAD_ROOM, 2048, 30000,
                                           PROTO_MOUNT_VAR};
    const struct agent_figure_watch watch = {.bad_ms = 65000, .worst = 972};
    struct agent_figure_limit limit;
    uint64_t before = 300;
    char text[256];

    agent_watch_figures_limit(&twice, &before, &limit);
    agent_watch_figures_describe(&twice, &limit, &watch, text, sizeof(text));
    assert_string_equal(text, "cpu was above 60.0% (from what it was before the change) for 1m5s "
                              "without a good sample, up to 97.2%");
    agent_watch_figures_limit(&room, NULL, &limit);
    agent_watch_figures_describe(&room, &limit, &watch, text, sizeof(text));
    assert_string_equal(text, "disk of /var was below 2048MiB for 1m5s without a good sample, "
                              "down to 972MiB");
}

static void what_was_counted_outlives_a_restart(void **state)
{
    char dir[] = "/tmp/belay-figures-XXXXXX", path[64];
    struct agent_figure_watch watch = {.seen = {.ms = 5000}, .bad_ms = 4000, .was_bad = true};
    const struct agent_watch_figures_record record = {
        .job = "0123", .watches = &watch, .watches_count = 1};
    struct agent_figure_watch back = {0};
    const struct bl_mono now = {.ms = 6000}, before = {.ms = 4999};

    assert_non_null(mkdtemp(dir));
    assert_false(agent_watch_figures_load(dir, "0123", now, &back, 1));
    agent_watch_figures_save(dir, &record);
    assert_true(agent_watch_figures_load(dir, "0123", now, &back, 1));
    assert_int_equal(back.bad_ms, 4000);
    assert_true(back.was_bad);
    assert_false(agent_watch_figures_load(dir, "0124", now, &back, 1)); /* another job */
    assert_false(agent_watch_figures_load(dir, "0123", now, &back, 2));
    assert_false(agent_watch_figures_load(dir, "0123", before, &back, 1)); /* of no time of ours */
    (void)snprintf(path, sizeof(path), "%s/figures", dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void the_level_before_is_what_a_figure_kept(void **state)
{
    struct agent_figures_history history = {0};
    struct agent_figures_values values = {0};
    uint64_t level = 0;

    assert_false(agent_figures_history_level(&history, PROTO_FIGURE_CPU, 60000, &level));
    for (uint64_t i = 0; i < 40; i++) { /* more than it keeps; a peak of two samples at the end */
        agent_figures_set(&values, PROTO_FIGURE_CPU, i < 10 ? 999 : i >= 38 ? 900 : 100 + i % 3);
        agent_figures_history_add(&history, &values);
    }
    assert_true(agent_figures_history_level(&history, PROTO_FIGURE_CPU, 5000, &level));
    assert_int_equal(level, 900);
    assert_true(agent_figures_history_level(&history, PROTO_FIGURE_CPU, 20000, &level));
    assert_int_equal(level, 900);
    assert_true(agent_figures_history_level(&history, PROTO_FIGURE_CPU, 30000, &level));
    assert_int_equal(level, 101);
    assert_true(agent_figures_history_level(&history, PROTO_FIGURE_CPU, 3600000, &level));
    assert_int_equal(level, 100);
    assert_false(agent_figures_history_level(&history, PROTO_FIGURE_AWAIT, 5000, &level));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twice_of_hardly_anything_is_no_alarm),
        cmocka_unit_test(what_was_before_is_needed_only_to_compare_with_it),
        cmocka_unit_test(the_shortest_time_decides_how_often),
        cmocka_unit_test(a_finding_names_figure_value_limit_and_time),
        cmocka_unit_test(what_was_counted_outlives_a_restart),
        cmocka_unit_test(the_level_before_is_what_a_figure_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
