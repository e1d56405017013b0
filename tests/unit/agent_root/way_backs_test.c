/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/way_backs.h"

#include "tests/lib/unit.h"

static void the_worst_of_a_jobs_snapshots_counts(void **state)
{
    struct agent_txn_finding found[] = {
        {.code = "snapshot_nearly_full", .reason = "of / is 92 % full", .remedy = "vgextend"},
        {.code = "snapshot_lost", .reason = "of /var is lost", .remedy = "vgextend"},
        {.code = "something_else", .reason = "of no way back", .remedy = ""},
    };
    struct agent_txn_result result = {.findings = found, .findings_count = 3};
    struct agent_way_back is;

    assert_true(agent_way_back_judge(&result, &is));
    assert_int_equal(is.state, PROTO_WAY_BACK_LOST);
    assert_string_equal(is.reason, "of /var is lost");

    result.findings_count = 1;
    assert_true(agent_way_back_judge(&result, &is));
    assert_int_equal(is.state, PROTO_WAY_BACK_NEARLY_LOST);
    assert_string_equal(is.reason, "of / is 92 % full");

    result = (struct agent_txn_result){.findings = &found[2], .findings_count = 1};
    assert_false(agent_way_back_judge(&result, &is));
}

static void the_worst_are_kept_when_there_are_too_many(void **state)
{
    static const uint32_t states[] = {
        PROTO_WAY_BACK_NEARLY_LOST, PROTO_WAY_BACK_LOST,        PROTO_WAY_BACK_NEARLY_LOST,
        PROTO_WAY_BACK_NEARLY_LOST, PROTO_WAY_BACK_NEARLY_LOST, PROTO_WAY_BACK_LOST,
    };
    static const uint8_t expected[PROTO_WAY_BACKS_MAX] = {2, 6, 1, 3};
    struct agent_way_backs way_backs = {.known = true};

    for (uint8_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        const struct agent_way_back is = {.rollout_id = {(uint8_t)(i + 1)}, .state = states[i]};

        agent_way_backs_add(&way_backs, &is);
    }
    assert_int_equal(way_backs.count, PROTO_WAY_BACKS_MAX);
    for (uint32_t i = 0; i < PROTO_WAY_BACKS_MAX; i++)
        assert_int_equal(way_backs.items[i].rollout_id[0], expected[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_of_a_jobs_snapshots_counts),
        cmocka_unit_test(the_worst_are_kept_when_there_are_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
