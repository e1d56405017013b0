/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/place.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "tests/lib/unit.h"

enum {
    HOSTS = 12,
    ZONES = 3,
};

static const uint8_t rollout_id[PROTO_ROLLOUT_ID_BYTES] = {7};
static uint8_t values[HOSTS];
static struct proto_policy_value zones[] = {{"a", 4}, {"b", 4}, {"c", 4}};
static struct proto_policy_spread spread = {
    .label = "zone", .values = zones, .values_count = ZONES, .hosts = {values, HOSTS}};
static struct proto_policy_wave thirds[] = {{3, 0}, {3, 0}, {6, 0}};

/* Host i has the id i, and is of zone 1 + i / 4: four of each. */
static struct proto_policy make(struct proto_place places[HOSTS])
{
    memset(places, 0, HOSTS * sizeof(*places));
    for (uint32_t i = 0; i < HOSTS; i++) {
        places[i].host_id[0] = (uint8_t)i;
        values[i] = (uint8_t)(1 + i / 4);
        places[i].value = values[i];
    }

    return (struct proto_policy){
        .waves = thirds, .waves_count = 3, .spread = &spread, .spread_count = 1};
}

static void deal(struct proto_place places[HOSTS], const struct proto_policy *policy)
{
    uint32_t next = 0;

    proto_places_sort(places, HOSTS, rollout_id);
    for (uint32_t wave = 0; wave < policy->waves_count; wave++) {
        for (uint64_t i = 0; i < policy->waves[wave].hosts_count; i++)
            places[next++].wave = wave;
    }
}

static int set_up(void **state)
{
    return sodium_init() >= 0 ? 0 : -1;
}

static void without_values_the_hash_says_who_goes(void **state)
{
    struct proto_place places[HOSTS];
    uint8_t both[PROTO_HOST_ID_BYTES + PROTO_ROLLOUT_ID_BYTES], hash[PROTO_HASH_BYTES];

    (void)make(places);
    for (uint32_t i = 0; i < HOSTS; i++)
        places[i].value = 0;
    proto_places_sort(places, HOSTS, rollout_id);
    for (uint32_t i = 0; i < HOSTS; i++) {
        memcpy(both, places[i].host_id, PROTO_HOST_ID_BYTES);
        memcpy(both + PROTO_HOST_ID_BYTES, rollout_id, PROTO_ROLLOUT_ID_BYTES);
        (void)crypto_generichash(hash, sizeof(hash), both, sizeof(both), NULL, 0);
        assert_memory_equal(places[i].order, hash, sizeof(hash));
        assert_true(i == 0 || memcmp(places[i - 1].order, places[i].order, sizeof(hash)) < 0);
    }
}

static void each_zone_is_as_far_as_every_other(void **state)
{
    for (uint8_t id = 0; id < 50; id++) {
        const uint8_t other_id[PROTO_ROLLOUT_ID_BYTES] = {id};
        struct proto_place places[HOSTS];
        uint32_t counts[ZONES + 1] = {0};

        (void)make(places);
        proto_places_sort(places, HOSTS, other_id);
        for (uint32_t i = 0; i < HOSTS; i++) {
            counts[places[i].value]++;
            for (uint32_t zone = 1; zone <= ZONES; zone++)
                assert_true(counts[zone] >= (i + 1) / ZONES && counts[zone] <= i / ZONES + 1);
        }
    }
}

/* Two of a small zone, ten of a large one: both begin at the front, and end at the end. */
static void a_small_zone_is_spread_as_well(void **state)
{
    struct proto_place places[HOSTS];

    (void)make(places);
    for (uint32_t i = 0; i < HOSTS; i++)
        places[i].value = i < 2 ? 1 : 2;
    proto_places_sort(places, HOSTS, rollout_id);
    for (uint32_t i = 0, seen = 0; i < HOSTS; i++) {
        seen += places[i].value == 1 ? 1 : 0;
        assert_int_equal(seen, i == 0 ? places[0].value == 1 : i < 6 ? 1 : i > 7 ? 2 : seen);
    }
}

static void what_is_signed_is_checked(void **state)
{
    struct proto_place places[HOSTS];
    struct proto_policy policy = make(places);
    struct bl_error err = {0};

    deal(places, &policy);
    for (uint32_t i = 0; i < HOSTS; i++)
        places[i].value = 0; /* nobody's word but what is signed */
    assert_int_equal(proto_places_check(places, HOSTS, rollout_id, &policy, &err), 0);

    places[2].wave = 1; /* two change places */
    places[3].wave = 0;
    assert_int_equal(proto_places_check(places, HOSTS, rollout_id, &policy, &err), -EUCLEAN);

    policy = make(places);
    deal(places, &policy);
    for (uint32_t i = 0; i < HOSTS; i++)
        values[i] = (uint8_t)(1 + i % 3); /* other zones were signed than they were dealt by */
    assert_int_equal(proto_places_check(places, HOSTS, rollout_id, &policy, &err), -EUCLEAN);
}

static void no_wave_takes_a_whole_zone(void **state)
{
    static struct proto_policy_wave two[] = {{1, 0}, {11, 0}};
    struct proto_place places[HOSTS];
    struct proto_policy policy = make(places);
    struct bl_error err = {0};

    policy.waves = two;
    policy.waves_count = 2;
    deal(places, &policy);
    assert_int_equal(proto_places_check(places, HOSTS, rollout_id, &policy, &err), -ERANGE);
    assert_non_null(strstr(err.text, "wave 2 would take all 4 hosts of zone="));
    assert_non_null(strstr(err.text, "at least 3 hosts, one of each, or set 'budget' below 4"));
    policy.budget = 4;
    assert_int_equal(proto_places_check(places, HOSTS, rollout_id, &policy, &err), -ERANGE);
    policy.budget = 3;
    assert_int_equal(proto_places_check(places, HOSTS, rollout_id, &policy, &err), 0);
    policy.budget = 0;
    for (uint32_t i = 0; i < ZONES; i++)
        zones[i].hosts_count = 5; /* one of each is not in it, and serves */
    assert_int_equal(proto_places_check(places, HOSTS, rollout_id, &policy, &err), 0);
    for (uint32_t i = 0; i < ZONES; i++)
        zones[i].hosts_count = 4;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_values_the_hash_says_who_goes),
        cmocka_unit_test(each_zone_is_as_far_as_every_other),
        cmocka_unit_test(a_small_zone_is_spread_as_well),
        cmocka_unit_test(what_is_signed_is_checked),
        cmocka_unit_test(no_wave_takes_a_whole_zone),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
