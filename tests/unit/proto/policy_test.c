/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/policy.h"

#include <errno.h>
#include <string.h>

#include "proto/memory.h"
#include "proto/trust.h"
#include "tests/lib/proto_walk.h"
#include "tests/lib/unit.h"

static struct proto_policy_window sample_windows[] = {{31, 1320, 240}, {64, 0, 600}};
static struct proto_policy_wave sample_waves[] = {{1, 0}, {300, 3}, {70, 1}};

static uint8_t sample_values[371];
static struct proto_policy_value sample_zones[] = {{"east", 20}, {"west", 351}};
static struct proto_policy_spread sample_spread = {
    .label = "zone",
    .values = sample_zones,
    .values_count = 2,
    .hosts = {sample_values, sizeof(sample_values)},
};

static uint8_t sample_kept[2][2 * PROTO_HOST_ID_BYTES];
static struct proto_package sample_former[] = {{"nginx", "1.0-1"}, {"nginx-extra", ""}};
static struct proto_text sample_failed[] = {{"cron.service"}};
static struct proto_policy_standby sample_standby[] = {
    {{sample_kept[0], sizeof(sample_kept[0])}, sample_former, 2, sample_failed, 1},
    {{sample_kept[1], PROTO_HOST_ID_BYTES}, sample_former, 1, NULL, 0},
};

/* 20 hosts in the east, 350 in the west, and one without a label. */
static struct proto_policy sample(void)
{
    for (uint32_t i = 0; i < sizeof(sample_values); i++)
        sample_values[i] = i == 0 ? 0 : i <= 20 ? 1 : 2;

    sample_kept[0][0] = 1;
    sample_kept[0][PROTO_HOST_ID_BYTES] = 2;
    sample_kept[1][0] = 3;

    return (struct proto_policy){.format = PROTO_POLICY_FORMAT,
                                 .requester = {1, 2, 3},
                                 .plan_hash = {4, 5, 6},
                                 .stage_ms = 3600000,
                                 .job_ms = 7200000,
                                 .revert_ms = 5400000,
                                 .soak_ms = 60000,
                                 .failures_allowed = 4,
                                 .budget = 20,
                                 .first_alone = true,
                                 .waves = sample_waves,
                                 .waves_count = 3,
                                 .spread = &sample_spread,
                                 .spread_count = 1,
                                 .standby = sample_standby,
                                 .standby_count = 2,
                                 .windows = sample_windows,
                                 .windows_count = 2,
                                 .approvals = 2,
                                 .approvals_by = PROTO_ROLE_COMMANDER,
                                 .approval_ms = 86400000,
                                 .answer_ms = 170000,
                                 .otherwise = PROTO_OTHERWISE_ROLLBACK,
                                 .page = "page-team",
                                 .page_every_ms = 60000,
                                 .traffic = "to-standby",
                                 .traffic_ms = 30000,
                                 .vendor = "open-ticket",
                                 .downtime_ms = 1800000,
                                 .rollback_starts_ms = 1800000,
                                 .restored_ms = 7200000};
}

static void encode(const struct proto_policy *policy, struct proto_buffer *buffer)
{
    struct bl_error err = {0};

    if (proto_policy_encode(policy, buffer, &err) < 0)
        fail_msg("%s", err.text);
}

static void a_good_one_comes_back(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    const struct proto_policy in = sample();
    struct proto_policy out;
    struct bl_error err = {0};

    encode(&in, &buffer);
    if (proto_policy_decode(buffer.data, buffer.size_bytes, &arena, &out, &err) < 0)
        fail_msg("%s", err.text);
    walk_assert_equal(&proto_policy_schema, &in, &out);
}

/* Refused by who writes it and, when somebody writes it all the same, by who reads it. */
static void assert_refused(const struct proto_policy *policy, const char *wanted)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    struct bl_error err = {0};
    struct proto_policy out;

    assert_int_equal(proto_policy_encode(policy, &buffer, &err), -EINVAL);
    if (strstr(err.text, wanted) == NULL)
        fail_msg("'%s' is not in '%s'", wanted, err.text);
    assert_int_equal(buffer.size_bytes, 0);

    assert_int_equal(proto_encode(&proto_policy_schema, policy, &buffer, &err), 0);
    assert_int_equal(proto_policy_decode(buffer.data, buffer.size_bytes, &arena, &out, &err),
                     -EPROTO);
    if (strstr(err.text, wanted) == NULL)
        fail_msg("'%s' is not in '%s'", wanted, err.text);
}

#define REFUSED(wanted, ...)              \
    do {                                  \
        struct proto_policy p = sample(); \
                                          \
        __VA_ARGS__;                      \
        assert_refused(&p, (wanted));     \
    } while (0)

static void what_makes_no_sense_is_refused(void **state)
{
    struct proto_policy_window no_day[] = {{0, 0, 600}}, no_time[] = {{1, 0, 0}},
                               shorter[] = {{127, 0, 119}};
    struct proto_policy_value twice[] = {{"west", 351}, {"west", 351}},
                              fewer[] = {{"east", 20}, {"west", 349}};
    struct proto_policy_spread spread = sample_spread;
    struct proto_policy_standby kept[1] = {sample_standby[0]};
    struct proto_policy_wave empty[] = {{1, 0}, {0, 0}}, large[] = {{20000, 0}, {1, 0}};

    REFUSED("format", p.format = 2);
    REFUSED("stage_ms: is 0", p.stage_ms = 0);
    REFUSED("job_ms: is 0", p.job_ms = 0);
    REFUSED("revert_ms: is 0", p.revert_ms = 0);
    REFUSED("stage_ms: above", p.stage_ms = PROTO_POLICY_DURATION_MS_MAX + 1);
    REFUSED("job_ms: above", p.job_ms = UINT64_MAX);
    REFUSED("revert_ms: above", p.revert_ms = UINT64_MAX);
    REFUSED("soak_ms: above", p.soak_ms = UINT64_MAX);
    REFUSED("windows[0]: is never open", p.windows = no_day; p.windows_count = 1);
    REFUSED("windows[0]: is never open", p.windows = no_time; p.windows_count = 1);
    REFUSED("the longest is 119 minutes, and a host may need 120", p.windows = shorter;
            p.windows_count = 1);
    REFUSED("spread: not one value for each host", p.waves_count = 2);
    REFUSED("spread: not one value for each host", spread.hosts.size_bytes = 370;
            p.spread = &spread);
    REFUSED("spread: a host has a value that is not listed", spread = sample_spread;
            spread.values_count = 1; p.spread = &spread);
    REFUSED("spread: values are not sorted", spread = sample_spread; spread.values = twice;
            p.spread = &spread);
    REFUSED("standby[1]: a host is of two kinds", sample_kept[1][0] = 2);
    REFUSED("standby[0]: hosts are not sorted", sample_kept[0][PROTO_HOST_ID_BYTES] = 1);
    REFUSED("standby[0]: not one or more whole ids", kept[0] = sample_standby[0];
            kept[0].hosts.size_bytes = 33; p.standby = kept; p.standby_count = 1);
    REFUSED("standby[0]: not one or more whole ids", kept[0].hosts.size_bytes = 0; p.standby = kept;
            p.standby_count = 1);
    REFUSED("spread: 'west' counts other hosts than it has", spread = sample_spread;
            spread.values = fewer; p.spread = &spread);
    REFUSED("waves: none", p.waves_count = 0);
    REFUSED("waves[1]: has no hosts", p.waves = empty; p.waves_count = 2);
    REFUSED("waves: 20001 hosts", p.waves = large; p.waves_count = 2);
}

static void limits_are_of_the_tables(void **state)
{
    PROTO_AUTO_BUFFER buffer = {0};
    struct proto_policy_wave many[PROTO_POLICY_WAVES_MAX + 1];
    struct proto_policy policy = sample();
    struct bl_error err = {0};

    for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
        many[i] = (struct proto_policy_wave){1, 0};
    policy.waves = many;
    policy.spread_count = 0;
    policy.waves_count = PROTO_POLICY_WAVES_MAX;
    encode(&policy, &buffer);
    policy.waves_count++;
    assert_int_equal(proto_policy_encode(&policy, &buffer, &err), -EINVAL);
    policy.waves_count = 1;
    policy.failures_allowed = PROTO_POLICY_HOSTS_MAX + 1;
    assert_int_equal(proto_policy_encode(&policy, &buffer, &err), -EINVAL);
    policy.failures_allowed = 0;
    policy.budget = PROTO_POLICY_HOSTS_MAX + 1;
    assert_int_equal(proto_policy_encode(&policy, &buffer, &err), -EINVAL);
}

static void nothing_short_and_nothing_behind_is_read(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    const struct proto_policy in = sample();
    struct proto_policy out;
    struct bl_error err = {0};

    encode(&in, &buffer);
    for (size_t size = 0; size < buffer.size_bytes; size++) {
        assert_int_equal(proto_policy_decode(buffer.data, size, &arena, &out, &err), -EBADMSG);
    }
    assert_int_equal(proto_buffer_append(&buffer, "\0", 1, &err), 0);
    assert_int_equal(proto_policy_decode(buffer.data, buffer.size_bytes, &arena, &out, &err),
                     -EBADMSG);
    assert_int_equal(
        proto_policy_decode(buffer.data, PROTO_POLICY_BYTES_MAX + 1, &arena, &out, &err),
        -EMSGSIZE);
}

static void each_bit_counts(void **state)
{
    PROTO_AUTO_ARENA arena = {0};
    PROTO_AUTO_BUFFER buffer = {0};
    const struct proto_policy in = sample();
    uint8_t hash[PROTO_HASH_BYTES], other[PROTO_HASH_BYTES];
    struct bl_error err = {0};

    encode(&in, &buffer);
    assert_int_equal(proto_policy_hash(buffer.data, buffer.size_bytes, hash, &err), 0);
    for (size_t bit = 0; bit < buffer.size_bytes * 8; bit++) {
        PROTO_AUTO_BUFFER again = {0};
        struct proto_policy out;

        buffer.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(proto_policy_hash(buffer.data, buffer.size_bytes, other, &err), 0);
        assert_memory_not_equal(hash, other, sizeof(hash));
        /* Either refused, or another policy with these bytes as its only encoding. */
        if (proto_policy_decode(buffer.data, buffer.size_bytes, &arena, &out, &err) >= 0) {
            encode(&out, &again);
            assert_int_equal(again.size_bytes, buffer.size_bytes);
            assert_memory_equal(again.data, buffer.data, buffer.size_bytes);
        }
        buffer.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

/* Who hashes without the domain could pass off other signed bytes as a policy. */
static void the_hash_has_a_domain_of_its_own(void **state)
{
    static const uint8_t known[] = {0};
    uint8_t hash[PROTO_HASH_BYTES], other[PROTO_HASH_BYTES];
    struct bl_error err = {0};

    assert_int_equal(proto_policy_hash(known, 0, hash, &err), 0);
    assert_int_equal(
        proto_policy_hash(PROTO_POLICY_DOMAIN, strlen(PROTO_POLICY_DOMAIN), other, &err), 0);
    assert_memory_not_equal(hash, other, sizeof(hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one_comes_back),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(limits_are_of_the_tables),
        cmocka_unit_test(nothing_short_and_nothing_behind_is_read),
        cmocka_unit_test(each_bit_counts),
        cmocka_unit_test(the_hash_has_a_domain_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
