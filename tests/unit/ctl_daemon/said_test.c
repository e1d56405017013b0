/* SPDX-License-Identifier: Apache-2.0 */
/* What hosts say of themselves twice a minute: their load, and the ways back that are not whole. */
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/one_world.h"

/* ---- figures ---- */

/* What `hosts show` tells of the host under this key. */
static json_t *told_of_web1(const char *key)
{
    json_t *answer =
        world_ask(&world, json_pack("{s:s, s:s}", "verb", "hosts.show", "host", "web1"));
    json_t *told = json_incref(json_object_get(json_object_get(answer, "host"), key));

    json_decref(answer);
    return told;
}

static void test_figures_are_shown_until_the_host_comes_anew(void **state)
{
    struct proto_figure_value values[] = {{PROTO_FIGURE_CPU, 125}, {PROTO_FIGURE_AWAIT, 2500}};
    const struct proto_figures said = {
        .wall_ms = 5, .span_ms = 10000, .values = values, .values_count = 2};
    struct fake_host *host;
    json_t *figures;

    host = world_add_host(&world, "web1");
    figures = told_of_web1("figures");
    assert_true(json_is_null(json_object_get(figures, "at")));
    assert_true(json_is_false(json_object_get(figures, "fresh")));
    assert_true(json_is_null(json_object_get(figures, "cpu")));
    json_decref(figures);

    fake_host_figures(host, &said);
    figures = told_of_web1("figures");
    for (unsigned i = 0; i < 1000 && !json_is_true(json_object_get(figures, "fresh")); i++) {
        json_decref(figures);
        world_turn(&world);
        figures = told_of_web1("figures");
    }
    assert_true(json_is_string(json_object_get(figures, "at")));
    assert_true(json_real_value(json_object_get(figures, "cpu")) > 12.4 &&
                json_real_value(json_object_get(figures, "cpu")) < 12.6);
    assert_true(json_real_value(json_object_get(figures, "await")) > 2.4 &&
                json_real_value(json_object_get(figures, "await")) < 2.6);
    assert_int_equal(json_number(figures, "span_ms"), 10000);
    assert_true(json_is_null(json_object_get(figures, "disk"))); /* not said: unknown */
    json_decref(figures);

    world_restart(&world); /* they are nowhere but in memory */
    figures = told_of_web1("figures");
    assert_true(json_is_false(json_object_get(figures, "fresh")));
    assert_true(json_is_null(json_object_get(figures, "cpu")));
    json_decref(figures);
}

/* ---- ways back ---- */

static const char *text_of(const json_t *list, const char *key)
{
    return json_string_value(json_object_get(json_array_get(list, 0), key));
}

/* Says so, and waits until the controller tells of `expected` of them. */
static void tell_way_backs(struct fake_host *host, struct proto_way_back *list, uint32_t count,
                           bool known, size_t expected)
{
    json_t *told;

    fake_host_figures(host, &(struct proto_figures){.wall_ms = 5,
                                                    .way_backs = list,
                                                    .way_backs_count = count,
                                                    .way_backs_known = known});
    told = told_of_web1("way_backs");
    for (unsigned i = 0; i < 1000 && json_array_size(told) != expected; i++) {
        json_decref(told);
        world_turn(&world);
        told = told_of_web1("way_backs");
    }
    assert_int_equal(json_array_size(told), expected);
    json_decref(told);
}

static void test_a_lost_way_back_is_shown_until_the_host_knows_better(void **state)
{
    struct proto_way_back lost[] = {
        {.rollout_id = {1}, .state = PROTO_WAY_BACK_LOST, .reason = "that of /var is full"},
        {.rollout_id = {2}, .state = PROTO_WAY_BACK_NEARLY_LOST, .reason = "that of / is"},
    };
    struct fake_host *host;
    json_t *told;

    host = world_add_host(&world, "web1");
    tell_way_backs(host, lost, 1, true, 1);
    told = told_of_web1("way_backs");
    assert_string_equal(text_of(told, "rollout"), "0100000000000000");
    assert_string_equal(text_of(told, "state"), "lost");
    assert_string_equal(text_of(told, "reason"), "that of /var is full");
    json_decref(told);

    /* After a start it has not looked at all of them yet. */
    tell_way_backs(host, &lost[1], 1, false, 2);
    tell_way_backs(host, &lost[1], 1, true, 1);
    tell_way_backs(host, NULL, 0, true, 0);
}

#define SAID_TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAID_TEST(test_figures_are_shown_until_the_host_comes_anew),
        SAID_TEST(test_a_lost_way_back_is_shown_until_the_host_knows_better),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
