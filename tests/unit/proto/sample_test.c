/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sample.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

enum {
    HOSTS = 100,
};

static struct proto_policy_wave waves[] = {{1, 0}, {24, 0}, {75, 0}};
static struct proto_text units[] = {{"a.service"}}, more[] = {{"b.service"}, {"c.service"}};

struct draw {
    struct proto_place places[HOSTS];
    struct proto_policy policy;
    struct proto_manifest manifest;
    uint8_t hosts[HOSTS * PROTO_SAMPLE_HASH_BYTES];
};

static void set_up(uint64_t share, uint8_t rollout, struct draw *draw)
{
    struct bl_error err = {0};

    *draw = (struct draw){.policy = {.waves = waves, .waves_count = 3, .sample_share = share},
                          .manifest = {.rollout_id = {rollout},
                                       .verify_units = units,
                                       .verify_units_count = 1,
                                       .sample_units = more,
                                       .sample_units_count = 2}};
    for (uint8_t i = 0; i < HOSTS; i++) {
        draw->places[i].host_id[0] = i;
        proto_place_order(draw->places[i].host_id, draw->manifest.rollout_id,
                          draw->places[i].order);
    }
    for (uint32_t i = 0; i < HOSTS; i++) { /* the wave that its place gives */
        uint32_t before = 0;

        for (uint32_t j = 0; j < HOSTS; j++)
            before += memcmp(draw->places[j].order, draw->places[i].order, PROTO_HASH_BYTES) < 0;
        draw->places[i].wave = before < 1 ? 0 : before < 25 ? 1 : 2;
    }
    assert_int_equal(
        proto_places_check(draw->places, HOSTS, draw->manifest.rollout_id, &draw->policy, &err), 0);
    draw->manifest.sample_all = share == PROTO_SAMPLE_SHARE_ALL;
    draw->manifest.sample_hosts = (struct proto_bytes){
        draw->hosts, proto_sample_draw(draw->places, &draw->policy, draw->hosts)};
}

static void each_wave_has_its_share(void **state)
{
    uint32_t in_wave[3] = {0}, alike = 0;
    struct draw draw, other;

    set_up(1000, 1, &draw);
    set_up(1000, 2, &other);
    for (uint32_t i = 0; i < HOSTS; i++) {
        bool is_sampled = proto_sample_has(&draw.manifest, draw.places[i].host_id);

        in_wave[draw.places[i].wave] += is_sampled ? 1 : 0;
        alike += is_sampled && proto_sample_has(&other.manifest, draw.places[i].host_id) ? 1 : 0;
    }
    assert_int_equal(in_wave[0], 1); /* rounded up */
    assert_int_equal(in_wave[1], 3);
    assert_int_equal(in_wave[2], 8);
    assert_true(alike < 12); /* another rollout draws others */

    set_up(PROTO_SAMPLE_SHARE_ALL, 1, &draw);
    for (uint32_t i = 0; i < HOSTS; i++)
        assert_true(proto_sample_has(&draw.manifest, draw.places[i].host_id));
    set_up(0, 1, &draw);
    assert_int_equal(draw.manifest.sample_hosts.size_bytes, 0);
    assert_false(proto_sample_has(&draw.manifest, draw.places[0].host_id));
}

static void another_sample_is_refused(void **state)
{
    struct bl_error err = {0};
    struct draw draw;

    set_up(1000, 1, &draw);
    assert_int_equal(proto_sample_check(draw.places, &draw.manifest, &draw.policy, &err), 0);
    draw.hosts[0]++;
    assert_int_equal(proto_sample_check(draw.places, &draw.manifest, &draw.policy, &err), -EUCLEAN);
    draw.hosts[0]--;
    draw.manifest.sample_hosts.size_bytes =
        0; /* nobody is looked at, though people signed a tenth */
    assert_int_equal(proto_sample_check(draw.places, &draw.manifest, &draw.policy, &err), -EUCLEAN);
}

static void a_host_of_the_sample_verifies_more(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    struct bl_error err = {0};
    struct draw draw;

    set_up(1000, 1, &draw);
    assert_int_equal(
        proto_sample_apply(&draw.manifest, draw.places[HOSTS - 1].host_id, &arena, &err), 0);
    assert_int_equal(draw.manifest.verify_units_count, 1);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(proto_sample_apply(&draw.manifest, draw.places[0].host_id, &arena, &err),
                         0);
        assert_int_equal(draw.manifest.verify_units_count, 3);
        assert_string_equal(draw.manifest.verify_units[0].text, "a.service");
        assert_string_equal(draw.manifest.verify_units[2].text, "c.service");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wave_has_its_share),
        cmocka_unit_test(another_sample_is_refused),
        cmocka_unit_test(a_host_of_the_sample_verifies_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
