/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts know which one they do again, and who joined too late to be in them. */
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/one_world.h"

/* Submits with more keys; the code of the refusal, or "". */
static void submit(uint8_t number, const char *targets, const char *retry_of, const char *code,
                   char ret_id[17])
{
    struct submission_wish wish = world_two_waves(&world);
    json_t *request, *answer;

    wish.number = number;
    request = world_submission(&world, &wish);
    if (targets != NULL)
        (void)json_object_set_new(request, "targets", json_string(targets));
    if (retry_of != NULL)
        (void)json_object_set_new(request, "retry_of", json_string(retry_of));
    answer = world_ask(&world, request);
    assert_string_equal(json_word(answer, "code"), code);
    (void)snprintf(ret_id, 17, "%s", json_word(answer, "rollout"));
    json_decref(answer);
}

static json_t *status_of(const char *id)
{
    return world_ask(&world, json_pack("{s:s, s:s}", "verb", "status", "rollout", id));
}

static void assert_related(const char *id, const char *retry_of, const char *retried_by)
{
    json_t *status = status_of(id);

    assert_string_equal(json_word(status, "retry_of"), retry_of);
    assert_string_equal(json_word(status, "retried_by"), retried_by);
    json_decref(status);
}

static void test_a_rollout_and_its_retry_name_each_other(void **state)
{
    char first[17], second[17], none[17];
    json_t *answer;

    submit(1, NULL, NULL, "", first);
    submit(2, NULL, first, "not_final", none); /* hosts are still busy with it */
    json_decref(world_wait_state(&world, "complete"));
    submit(2, NULL, "ffff", "not_found", none);
    submit(2, NULL, first, "", second);
    assert_related(first, "", second);
    assert_related(second, first, "");
    json_decref(world_wait_state(&world, "complete"));
    world_restart(&world);
    assert_related(first, "", second);
    assert_related(second, first, "");
    answer = world_ask(&world, json_pack("{s:s, s:s}", "verb", "plan", "rollout", first));
    assert_string_equal(json_word(answer, "plan_text"), "plan: nginx-2026\n");
    assert_string_equal(json_word(answer, "rollout"), first);
    json_decref(answer);
}

static void assert_joined(const char *id, int64_t count)
{
    json_t *status = status_of(id);

    assert_int_equal(json_number(status, "joined_count"), count);
    json_decref(status);
}

static void test_who_joins_later_is_counted_and_not_in_it(void **state)
{
    char id[17], none[17], lists[17];
    json_t *status;

    submit(1, "name=", NULL, "bad_request", none);
    submit(1, "name~web*, name!=web4", NULL, "", id);
    json_decref(world_wait_state(&world, "complete"));
    assert_joined(id, 0); /* those in it came before */
    (void)world_add_host(&world, "web3");
    (void)world_add_host(&world, "web4");
    (void)world_add_host(&world, "db9");
    assert_joined(id, 1);
    status = status_of(id);
    assert_int_equal(json_array_size(json_object_get(status, "hosts")), 2);
    json_decref(status);
    submit(2, NULL, NULL, "", lists);
    assert_joined(lists, 0); /* a plan that only lists hosts misses nobody */
    world_restart(&world);
    assert_joined(id, 1);
}

#define ORIGIN_TEST(name) cmocka_unit_test_setup_teardown(name, open_world_of_two, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ORIGIN_TEST(test_a_rollout_and_its_retry_name_each_other),
        ORIGIN_TEST(test_who_joins_later_is_counted_and_not_in_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
