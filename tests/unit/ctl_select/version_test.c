/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/select/version.h"

#include <stddef.h>

#include "tests/lib/unit.h"

struct row {
    const char *older, *newer;
};

static int sign(int order)
{
    return order < 0 ? -1 : order > 0;
}

static void check(int (*compare)(const char *, const char *), const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sign(compare(rows[i].older, rows[i].newer)) != -1 ||
            sign(compare(rows[i].newer, rows[i].older)) != 1)
            fail_msg("'%s' is not older than '%s'", rows[i].older, rows[i].newer);
        assert_int_equal(compare(rows[i].older, rows[i].older), 0);
        assert_int_equal(compare(rows[i].newer, rows[i].newer), 0);
    }
}

/* Each pair was put to `dpkg --compare-versions`. */
static void versions_of_deb_are_in_the_order_of_dpkg(void **state)
{
    static const struct row rows[] = {
        {"1.0", "1.1"},
        {"1.9", "1.10"},
        {"1.0~rc1", "1.0"},
        {"1.0~~", "1.0~"},
        {"1.0", "1.0a"},
        {"1.0a", "1.0+b1"},
        {"1.0-1", "1.0-1+b1"},
        {"3.0.11-1~deb12u2", "3.0.11-1"},
        {"3.0.11-1~deb12u2", "3.0.15-1~deb12u1"},
        {"9.9", "1:0.1"},
        {"1.0", "1.0-1"},
        {"1.0-1", "1.0-1.1"},
        {"1.2-3-1", "1.2-4-1"},
        {"6.1", "6.1.0-18-amd64"},
        {"5.10.0-28-amd64", "6.1"},
        {"1.0.1", "1.00002"},
        {"0", "00001"},
    };

    check(ctl_version_compare_deb, rows, sizeof(rows) / sizeof(rows[0]));
    assert_int_equal(ctl_version_compare_deb("1.0", "1.00"), 0);
    assert_int_equal(ctl_version_compare_deb("0:1.0", "1.0"), 0);
    assert_int_equal(ctl_version_compare_deb("1.0-0", "1.0"), 0);
}

static void releases_of_kernels_are_compared_whole(void **state)
{
    static const struct row rows[] = {
        {"6.1.0-18-amd64", "6.1.0-20"},      {"6.1.0-18-amd64", "6.1.0-20-amd64"},
        {"5.15.0-91-generic", "5.15.0-100"}, {"5.15.0-91-generic", "5.15.0-100-generic"},
        {"5.15.0-100-generic", "6.1"},       {"6.1", "6.1.0-18-amd64"},
        {"6.1.0-18", "6.1.0-18-amd64"},
    };

    check(ctl_version_compare_deb_kernel, rows, sizeof(rows) / sizeof(rows[0]));
}

static void versions_of_rpm_are_in_the_order_of_rpm(void **state)
{
    static const struct row rows[] = {
        {"1.0", "1.1"},
        {"1.9", "1.10"},
        {"1.0~rc1", "1.0"},
        {"1.0", "1.0^git1"},
        {"1.0^git1", "1.0.1"},
        {"1.0", "1.0a"},
        {"1.0a", "1.0.1"},
        {"2.0-1.el9", "2.0-2.el9"},
        {"9.9", "1:0.1"},
        {"1.0-1", "1.1-1"},
        {"5.5p1", "5.5p10"},
        {"10xyz", "10.1xyz"},
        {"xyz10", "xyz10.1"},
        {"2.0~a", "2.0~b"},
        {"1.0~rc1^git", "1.0"},
        {"FC5", "fc4"},
        {"4.18.0-553.el8", "5.14.0-70.el9"},
    };

    check(ctl_version_compare_rpm, rows, sizeof(rows) / sizeof(rows[0]));
    assert_int_equal(ctl_version_compare_rpm("1.0", "1_0"), 0);
    assert_int_equal(ctl_version_compare_rpm("2.0", "2.0-1.el9"), 0);
    assert_int_equal(ctl_version_compare_rpm("1.05", "1.5"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_of_deb_are_in_the_order_of_dpkg),
        cmocka_unit_test(releases_of_kernels_are_compared_whole),
        cmocka_unit_test(versions_of_rpm_are_in_the_order_of_rpm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
