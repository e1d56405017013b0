/* SPDX-License-Identifier: Apache-2.0 */
#include "common/path.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

static void only_plain_paths_pass(void **state)
{
    static const char *const good[] = {"/a", "/usr/local/bin", "/srv/a b", "/a/...", "/.hidden/x"};
    static const struct {
        const char *path, *wanted;
    } bad[] = {
        {"", "absolute"},         {"a/b", "absolute"},       {"/", "plain form"},
        {"//a", "plain form"},    {"/a/", "plain form"},     {"/a//b", "plain form"},
        {"/a/./b", "plain form"}, {"/a/../b", "plain form"}, {"/..", "plain form"},
        {"/a/.", "plain form"},   {"/a\nb", "one line"},     {"/a\x01", "one line"},
        {"/a\xff", "one line"},
    };
    struct bl_error err = {0};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(bl_path_check_plain(good[i], &err), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(bl_path_check_plain(bad[i].path, &err), -EINVAL);
        assert_non_null(strstr(err.text, bad[i].wanted));
    }
}

static void a_directory_holds_what_is_below_it(void **state)
{
    assert_true(bl_path_is_within("/var", "/var"));
    assert_true(bl_path_is_within("/var/lib", "/var"));
    assert_false(bl_path_is_within("/variable", "/var"));
    assert_false(bl_path_is_within("/va", "/var"));
    assert_false(bl_path_is_within("/var", "/var/lib"));
}

static void what_is_refused_is_neither_named_nor_held(void **state)
{
    static const char *const refused[] = {"/proc", "/var/lib/belay", NULL};
    struct bl_error err = {0};

    assert_int_equal(bl_path_check_outside("/srv", refused, &err), 0);
    assert_int_equal(bl_path_check_outside("/processes", refused, &err), 0);
    assert_int_equal(bl_path_check_outside("/var/lib/belays", refused, &err), 0);
    assert_int_equal(bl_path_check_outside("/proc/sys", refused, &err), -EINVAL);
    assert_non_null(strstr(err.text, "lies in '/proc'"));
    assert_int_equal(bl_path_check_outside("/var/lib/belay", refused, &err), -EINVAL);
    assert_int_equal(bl_path_check_outside("/var", refused, &err), -EINVAL);
    assert_non_null(strstr(err.text, "holds '/var/lib/belay'"));
    assert_int_equal(bl_path_check_outside("srv", refused, &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_plain_paths_pass),
        cmocka_unit_test(a_directory_holds_what_is_below_it),
        cmocka_unit_test(what_is_refused_is_neither_named_nor_held),
    };

    return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
