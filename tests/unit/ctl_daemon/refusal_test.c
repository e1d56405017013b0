/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/daemon/refusal.h"

#include "tests/lib/unit.h"

static const struct bl_mono start = {5000};

static void the_first_is_told_and_a_flood_only_counted(void **state)
{
    struct ctl_refusals refusals = {0};
    uint64_t untold = 77;

    assert_true(ctl_refusals_count(&refusals, CTL_REFUSAL_STRANGER, start, &untold));
    assert_int_equal(untold, 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_false(ctl_refusals_count(&refusals, CTL_REFUSAL_STRANGER,
                                        bl_mono_after(start, CTL_REFUSAL_EVERY_MS - 1), &untold));
    assert_true(ctl_refusals_count(&refusals, CTL_REFUSAL_STRANGER,
                                   bl_mono_after(start, CTL_REFUSAL_EVERY_MS), &untold));
    assert_int_equal(untold, 1000);
    assert_false(ctl_refusals_count(&refusals, CTL_REFUSAL_STRANGER,
                                    bl_mono_after(start, CTL_REFUSAL_EVERY_MS), &untold));
}

static void a_flood_of_one_kind_hides_no_other(void **state)
{
    struct ctl_refusals refusals = {0};
    uint64_t untold;

    for (unsigned kind = 0; kind < CTL_REFUSAL_KINDS; kind++) {
        assert_true(ctl_refusals_count(&refusals, kind, start, &untold));
        assert_false(ctl_refusals_count(&refusals, kind, start, &untold));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_told_and_a_flood_only_counted),
        cmocka_unit_test(a_flood_of_one_kind_hides_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
