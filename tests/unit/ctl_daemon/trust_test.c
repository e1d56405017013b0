/* SPDX-License-Identifier: Apache-2.0 */
/* New trust files get to hosts: at once to those that are there, one by one to those that were away. */
#include "tests/lib/unit.h"
#include "tests/unit/ctl_daemon/one_world.h"

/* With the controller's own file, when that is the version. */
static void come(struct fake_host *host, uint64_t version)
{
    host->trust_version = version;
    if (version == world.engine->trust.trust.version)
        memcpy(host->trust_hash, world.engine->trust.trust.hash, sizeof(host->trust_hash));
    fake_host_hello(host);
}

/* Says its state again, and waits until that was heard. */
static void come_again(struct fake_host *host)
{
    unsigned pings = host->pings;

    fake_host_hello(host);
    while (host->pings == pings)
        world_turn(&world);
}

static void turn_until(const struct fake_host *host, uint64_t version)
{
    while (host->trust_version < version)
        world_turn(&world);
}

static int64_t behind_count(void)
{
    json_t *answer = world_ask_verb(&world, "trust.get");
    int64_t count = json_number(answer, "hosts_behind_count");

    json_decref(answer);
    return count;
}

static void wait_for_behind(int64_t count)
{
    while (behind_count() != count)
        world_turn(&world);
}

static void test_a_new_one_gets_to_hosts_at_once(void **state)
{
    struct fake_host *host = world_add_host(&world, "web1");
    json_t *answer;

    assert_int_equal(behind_count(), 1); /* it has not said */
    come(host, 1);
    wait_for_behind(0);
    assert_int_equal(host->trusts, 0);
    world_set_trust(&world, 2);
    turn_until(host, 2);
    wait_for_behind(0);
    answer = world_ask_verb(&world, "hosts.list");
    assert_int_equal(json_number(json_host(answer, "web1"), "trust_version"), 2);
    json_decref(answer);
    assert_int_equal(host->trusts, 1);
}

static void test_a_host_that_was_away_gets_each_in_between(void **state)
{
    struct fake_host *host = world_add_host(&world, "web1");

    for (uint64_t version = 2; version <= 5; version++)
        world_set_trust(&world, version);
    world_restart(&world);
    fake_host_disconnect(host);
    fake_host_connect(host, world.config.listen, world.engine->public_key);
    come(host, 1);
    turn_until(host, 5); /* the fake host asserts that each is the next one */
    wait_for_behind(0);
    assert_int_equal(host->trusts, 4);
}

static void test_a_host_that_refuses_is_not_asked_without_end(void **state)
{
    struct fake_host *host = world_add_host(&world, "web1");
    unsigned pings;

    host->refuses_trust = true;
    world_set_trust(&world, 2);
    come(host, 1);
    while (host->trusts == 0)
        world_turn(&world);
    pings = host->pings;
    for (unsigned i = 0; i < 3; i++) { /* its answers have been heard by then */
        fake_host_hello(host);
        while (host->pings == pings)
            world_turn(&world);
        pings = host->pings;
    }
    assert_int_equal(behind_count(), 1);
    assert_in_range(host->trusts, 1, 4); /* once for each time that it came */
}

/* A desk was restored and wrote another one: the same number is not the same file. */
static void test_another_file_of_the_same_version_counts_as_behind(void **state)
{
    struct fake_host *host = world_add_host(&world, "web1");

    come(host, 1);
    wait_for_behind(0);
    host->trust_hash[0] ^= 1;
    come_again(host);
    wait_for_behind(1);
    assert_int_equal(host->trusts, 0);
    host->trust_version = 7;
    come_again(host);
    assert_int_equal(behind_count(), 1);
    assert_int_equal(host->trusts, 0);
}

/* A desk hands over several at once, before any host has answered. */
static void test_one_on_its_way_is_not_sent_twice(void **state)
{
    struct fake_host *host = world_add_host(&world, "web1");

    come(host, 1);
    wait_for_behind(0);
    for (uint64_t version = 2; version <= 4; version++)
        world_set_trust(&world, version);
    turn_until(host, 4);
    assert_int_equal(host->trusts, 3);
}

static void test_no_version_is_left_out(void **state)
{
    json_t *answer = world_offer_trust(&world, 3);

    assert_string_equal(json_word(answer, "code"), "trust_gap");
    json_decref(answer);
    answer = world_ask_verb(&world, "trust.get");
    assert_int_equal(json_number(answer, "version"), 1);
    json_decref(answer);
}

/* Whoever was revoked while it was away must not be believed when it comes back. */
static void test_a_host_that_was_away_gets_no_order_before_the_newest(void **state)
{
    struct fake_host *away = world_add_host(&world, "web1");
    struct submission_wish wish;
    char id[17];

    (void)world_add_host(&world, "web2");
    fake_host_disconnect(away);
    while (ctl_fleet_is_connected(ctl_fleet_find(&world.engine->fleet, away->public_key)))
        world_turn(&world);
    for (uint64_t version = 2; version <= 4; version++)
        world_set_trust(&world, version);
    wish = world_two_waves(&world);
    world_submit(&world, &wish, id);
    fake_host_connect(away, world.config.listen, world.engine->public_key);
    come(away, 1);
    while (away->offers == 0)
        world_turn(&world);
    assert_int_equal(away->trust_at_offer, 4);
}

/* The roots are lost: belayd takes other ones for hosts that join, those that are in are behind. */
static void test_lost_roots_begin_a_new_chain(void **state)
{
    struct fake_host *host = world_add_host(&world, "web1");
    json_t *answer;

    come(host, 1);
    wait_for_behind(0);
    answer = world_begin_trust_anew(&world, 1); /* no version comes twice */
    assert_string_equal(json_word(answer, "code"), "stale_trust");
    json_decref(answer);
    answer = world_offer_trust(&world, 2); /* not said that it is one */
    assert_string_equal(json_word(answer, "code"), "foreign_trust");
    json_decref(answer);
    host->refuses_trust = true;
    answer = world_begin_trust_anew(&world, 2);
    assert_int_equal(json_number(answer, "version"), 2);
    json_decref(answer);
    wait_for_behind(1);
    while (!ctl_fleet_find(&world.engine->fleet, host->public_key)->trust_apart)
        world_turn(&world); /* it would refuse the next one for ever: it is not sent again */
    world_restart(&world);
    world_set_trust(&world, 3); /* by the new roots */
    assert_int_equal(behind_count(), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_one_gets_to_hosts_at_once),
        TEST(test_a_host_that_was_away_gets_each_in_between),
        TEST(test_a_host_that_refuses_is_not_asked_without_end),
        TEST(test_another_file_of_the_same_version_counts_as_behind),
        TEST(test_one_on_its_way_is_not_sent_twice),
        TEST(test_no_version_is_left_out),
        TEST(test_a_host_that_was_away_gets_no_order_before_the_newest),
        TEST(test_lost_roots_begin_a_new_chain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
