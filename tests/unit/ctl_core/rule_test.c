/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/core/rule.h"

#include <string.h>

#include "tests/lib/unit.h"

/* A state without a rule would leave somebody who asks "why?" without an answer. */
static void every_state_has_a_rule_of_its_own(void **state)
{
    for (uint32_t i = 1; i <= CTL_ROLLOUT_STATE_LAST; i++) {
        assert_true(strlen(ctl_rule_of_rollout(i).rule) > 10);
        assert_true(strlen(ctl_rule_of_rollout(i).moves) > 5);
        for (uint32_t j = 1; j < i; j++)
            assert_string_not_equal(ctl_rule_of_rollout(i).rule, ctl_rule_of_rollout(j).rule);
    }
    for (uint32_t i = 1; i <= CTL_HOST_STATE_LAST; i++) {
        assert_true(strlen(ctl_rule_of_host(i).rule) > 10);
        assert_true(strlen(ctl_rule_of_host(i).moves) > 5);
        for (uint32_t j = 1; j < i; j++)
            assert_string_not_equal(ctl_rule_of_host(i).rule, ctl_rule_of_host(j).rule);
    }
}

static void other_numbers_have_none(void **state)
{
    assert_string_equal(ctl_rule_of_rollout(0).rule, "");
    assert_string_equal(ctl_rule_of_rollout(CTL_ROLLOUT_STATE_LAST + 1).moves, "");
    assert_string_equal(ctl_rule_of_host(0).moves, "");
    assert_string_equal(ctl_rule_of_host(UINT32_MAX).rule, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_has_a_rule_of_its_own),
        cmocka_unit_test(other_numbers_have_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
