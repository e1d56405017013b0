/* SPDX-License-Identifier: Apache-2.0 */
#include "common/condition.h"

#include <errno.h>
#include <math.h>

#include "tests/lib/unit.h"

static void test_each_sign_and_form(void **state)
{
    static const struct {
        const char *text;
        enum bl_condition_sign sign;
        double limit;
        bool of_baseline;
    } rows[] = {
        {"", BL_CONDITION_NONE, 0, false},
        {"> 5", BL_CONDITION_MORE, 5, false},
        {">5", BL_CONDITION_MORE, 5, false},
        {">= 0.999", BL_CONDITION_MORE_EQUAL, 0.999, false},
        {"< -3", BL_CONDITION_LESS, -3, false},
        {"<= 12.50", BL_CONDITION_LESS_EQUAL, 12.5, false},
        {"> 2x", BL_CONDITION_MORE, 2, true},
        {"< 0.5x", BL_CONDITION_LESS, 0.5, true},
        {"> 123456789012345", BL_CONDITION_MORE, 123456789012345, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bl_condition condition;
        struct bl_error err = {0};

        assert_int_equal(bl_condition_parse(rows[i].text, &condition, &err), 0);
        assert_int_equal(condition.sign, rows[i].sign);
        assert_true(condition.limit >= rows[i].limit && condition.limit <= rows[i].limit);
        assert_int_equal(condition.of_baseline, rows[i].of_baseline);
    }
}

static void test_what_is_no_comparison_is_refused(void **state)
{
    static const char *const bad[] = {
        "5",     "> ",   "= 5",   "> 5%",    "> 5 x", "> x",
        "> .5",  "> 5.", "> 1e3", "> 5 ",    " > 5",  "> --5",
        "> -2x", "> 0x", "=> 5",  "> 5 > 6", "> nan", "> 1234567890123456"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bl_condition condition;
        struct bl_error err = {0};

        assert_int_equal(bl_condition_parse(bad[i], &condition, &err), -EINVAL);
    }
}

static bool holds(const char *text, double value, double baseline)
{
    struct bl_condition condition;
    struct bl_error err = {0};

    assert_int_equal(bl_condition_parse(text, &condition, &err), 0);
    return bl_condition_holds(&condition, value, baseline);
}

static void test_limits_are_exact(void **state)
{
    assert_false(holds("> 5", 5, 0));
    assert_true(holds(">= 5", 5, 0));
    assert_false(holds("< 5", 5, 0));
    assert_true(holds("<= 5", 5, 0));
    assert_true(holds(">= 0.999", 0.999, 0));
    assert_false(holds("> 0.1", 0.1, 0));
    assert_false(holds("> 2x", 20, 10));
    assert_true(holds("> 2x", 20.5, 10));
    assert_false(holds("", 1, 0));
}

static void test_no_number_fulfils_nothing(void **state)
{
    assert_false(holds("> 5", (double)NAN, 0));
    assert_false(holds("<= 5", (double)NAN, 0));
    assert_false(holds("> 2x", 5, (double)NAN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_sign_and_form),
        cmocka_unit_test(test_what_is_no_comparison_is_refused),
        cmocka_unit_test(test_limits_are_exact),
        cmocka_unit_test(test_no_number_fulfils_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
