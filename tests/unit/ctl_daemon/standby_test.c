/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that a rollout keeps as they were: never reached by it, looked after, and free at its end. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/world.h"

static struct world world;

static int open_world(void **state)
{
    world_open(&world);
    world_set_trust(&world, 1);
    world_add_hosts(&world, 3);

    return 0;
}

static int close_world(void **state)
{
    world_close(&world);

    return 0;
}

/* web1, then web2, which waits for an approval when `stays`; web3 is kept. */
static struct submission_wish keeping(bool stays)
{
    struct submission_wish wish = world_two_waves(&world);

    wish.standby = "web3";
    wish.approvals = stays ? 1 : 0;

    return wish;
}

static struct submission_wish only(unsigned host, uint8_t number)
{
    struct submission_wish wish = world_two_waves(&world);

    wish.number = number;
    wish.first_host = host;
    wish.hosts_per_wave[1] = 0;

    return wish;
}

/* The code of the refusal, or "". */
static void submit(struct submission_wish wish, const char *standby_of, const char *code)
{
    json_t *request = world_submission(&world, &wish), *answer;

    if (standby_of != NULL)
        (void)json_object_set_new(request, "standby_of", json_string(standby_of));
    answer = world_ask(&world, request);
    assert_string_equal(json_word(answer, "code"), code);
    json_decref(answer);
}

/* A status in which the standby hosts are so: one of one is ready, or that is said of it. */
static json_t *wait_text(const char *text)
{
    const int64_t end_ms = bl_mono_now().ms + WORLD_WAIT_MS;

    for (;;) {
        json_t *status = world_ask_verb(&world, "status");
        const json_t *standby = json_object_get(status, "standby");

        if (strstr(json_word(standby, "text"), text) != NULL)
            return status;
        if (bl_mono_now().ms > end_ms)
            fail_msg("standby: %s", json_word(standby, "text"));
        json_decref(status);
        world_turn(&world);
    }
}

static const json_t *first_of(const json_t *status)
{
    return json_array_get(json_object_get(json_object_get(status, "standby"), "hosts"), 0);
}

static json_t *why(const char *subject)
{
    return world_ask(&world, json_pack("{s:s, s:s}", "verb", "why", "subject", subject));
}

static void test_it_is_left_alone_and_shown(void **state)
{
    struct submission_wish wish = keeping(/* stays= */ true);
    json_t *status, *answer;
    char id[17];

    world_submit(&world, &wish, id);
    status = wait_text("1 of 1 ready");
    assert_string_equal(json_word(first_of(status), "name"), "web3");
    assert_string_equal(json_word(first_of(status), "state"), "ready");
    assert_string_not_equal(json_word(first_of(status), "looked"), "");
    assert_int_equal(json_number(status, "hosts_count"), 2);
    assert_non_null(
        strstr(json_word(json_object_get(status, "blast"), "text"), "; standby 1 of 1 ready"));
    json_decref(status);
    answer = why("web3");
    assert_string_equal(json_word(answer, "state"), "standby");
    assert_non_null(strstr(json_word(answer, "next"), "belay status"));
    json_decref(answer);

    /* Neither another rollout nor this one gets at it; what it is kept for may come at any moment. */
    submit(only(2, 2), NULL, "host_standby");
    submit(only(2, 2), id, "not_complete");
    world_restart(&world);
    json_decref(wait_text("0 of 1 ready; web3: it is not connected"));
    fake_host_hello(&world.hosts[2]);
    json_decref(wait_text("1 of 1 ready"));
    assert_int_equal(world.hosts[2].offers + world.hosts[2].starts, 0);
}

static void test_what_is_not_as_it_was_is_told(void **state)
{
    struct submission_wish wish = keeping(/* stays= */ true);
    json_t *status;
    char id[17];

    world.hosts[2].installed = "2";
    world_submit(&world, &wish, id);
    status = wait_text("0 of 1 ready; web3: nginx is 2 there, signed was 1");
    assert_string_equal(json_word(first_of(status), "state"), "changed");
    json_decref(status);
    fake_host_disconnect(&world.hosts[2]);
    json_decref(wait_text("0 of 1 ready; web3: it is not connected"));
}

static void test_a_unit_that_failed_since_is_told(void **state)
{
    struct submission_wish wish = keeping(/* stays= */ true);
    char id[17];

    world.hosts[2].failed_unit = "nginx.service";
    world_submit(&world, &wish, id);
    json_decref(wait_text("0 of 1 ready; web3: nginx.service has failed there"));
}

static void test_it_is_upgraded_when_the_others_are_well(void **state)
{
    struct submission_wish wish = keeping(/* stays= */ false);
    json_t *status;
    char id[17], second[17];

    world_submit(&world, &wish, id);
    json_decref(world_wait_state(&world, "complete"));
    submit(only(0, 2), id, "not_standby");
    wish = only(2, 2);
    submit(wish, id, "");
    status = world_ask_verb(&world, "status"); /* of the latest */
    assert_string_equal(json_word(status, "standby_of"), id);
    assert_true(json_is_null(json_object_get(status, "standby")));
    assert_true(json_is_null(json_object_get(status, "retry_of")));
    (void)snprintf(second, sizeof(second), "%s", json_word(status, "rollout"));
    json_decref(status);
    json_decref(world_wait_state(&world, "complete"));
    assert_int_equal(world.hosts[2].commits, 1);
    world_restart(&world);
    status = world_ask(&world, json_pack("{s:s, s:s}", "verb", "status", "rollout", id));
    assert_string_equal(json_word(status, "standby_by"), second);
    assert_true(json_is_null(json_object_get(status, "retried_by")));
    json_decref(status);
}

static void test_what_cannot_be_kept_is_refused(void **state)
{
    struct submission_wish wish = keeping(/* stays= */ true);
    struct submission_wish other = only(2, 2);
    char id[17];

    wish.standby = "web1";
    submit(wish, NULL, "targets_differ");
    other.approvals = 1;
    world.hosts[2].end = FAKE_SILENT;
    world_submit(&world, &other, id);
    wish.standby = "web3";
    submit(wish, NULL, "host_busy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_is_left_alone_and_shown, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_what_is_not_as_it_was_is_told, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_a_unit_that_failed_since_is_told, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_it_is_upgraded_when_the_others_are_well, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_kept_is_refused, open_world,
                                        close_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
