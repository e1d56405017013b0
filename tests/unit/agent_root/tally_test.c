/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root/ops/tally.h"

#include "tests/lib/unit.h"

static void test_n_of_m(void **state)
{
    static const struct {
        uint32_t good, bad, errors, needed, samples;
        enum agent_tally_verdict verdict;
    } cases[] = {
        {0, 0, 0, 1, 1, AGENT_TALLY_OPEN},    {1, 0, 0, 1, 1, AGENT_TALLY_HOLDS},
        {0, 1, 0, 1, 1, AGENT_TALLY_FAILS},   {0, 0, 1, 1, 1, AGENT_TALLY_UNKNOWN},
        {0, 2, 0, 3, 5, AGENT_TALLY_OPEN},    {2, 2, 0, 3, 5, AGENT_TALLY_OPEN},
        {3, 0, 0, 3, 5, AGENT_TALLY_HOLDS}, /* early, either way */
        {3, 2, 0, 3, 5, AGENT_TALLY_HOLDS},   {0, 3, 0, 3, 5, AGENT_TALLY_FAILS},
        {2, 3, 0, 3, 5, AGENT_TALLY_FAILS},   {2, 0, 2, 3, 5, AGENT_TALLY_OPEN},
        {3, 0, 2, 3, 5, AGENT_TALLY_HOLDS},   {2, 0, 3, 3, 5, AGENT_TALLY_UNKNOWN},
        {2, 1, 2, 3, 5, AGENT_TALLY_UNKNOWN}, {0, 0, 3, 3, 5, AGENT_TALLY_UNKNOWN},
        {0, 3, 2, 3, 5, AGENT_TALLY_FAILS}, /* bad enough without what is not known */
        {0, 19, 0, 1, 20, AGENT_TALLY_OPEN},  {0, 20, 0, 1, 20, AGENT_TALLY_FAILS},
        {19, 0, 0, 20, 20, AGENT_TALLY_OPEN}, {19, 1, 0, 20, 20, AGENT_TALLY_FAILS},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct agent_tally tally = {cases[i].good, cases[i].bad, cases[i].errors};

        assert_int_equal(agent_tally_judge(&tally, cases[i].needed, cases[i].samples),
                         cases[i].verdict);
    }
}

/* Once it is certain, no further sample changes it. */
static void test_what_is_certain_stays(void **state)
{
    for (uint32_t needed = 1; needed <= 4; needed++) {
        for (uint32_t good = 0; good <= 3; good++) {
            for (uint32_t bad = 0; good + bad <= 3; bad++) {
                const struct agent_tally now = {good, bad, 0};
                const struct agent_tally better = {good + 1, bad, 0}, worse = {good, bad + 1, 0};
                enum agent_tally_verdict verdict = agent_tally_judge(&now, needed, 4);

                if (verdict == AGENT_TALLY_OPEN)
                    continue;
                assert_int_equal(agent_tally_judge(&better, needed, 4), verdict);
                assert_int_equal(agent_tally_judge(&worse, needed, 4), verdict);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_n_of_m),
        cmocka_unit_test(test_what_is_certain_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
