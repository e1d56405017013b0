/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"

#include <string.h>

#include "tests/lib/unit.h"

static void assert_text(int64_t ms, const char *wanted)
{
    char text[BL_WALL_TEXT_BYTES];

    bl_wall_to_text((struct bl_wall){.ms = ms}, text);
    assert_string_equal(text, wanted);
}

static void instants_become_text(void **state)
{
    assert_text(0, "1970-01-01T00:00:00.000Z");
    assert_text(-1, "1969-12-31T23:59:59.999Z");
    assert_text(INT64_C(1795241838123), "2026-11-21T06:17:18.123Z");
    assert_text(INT64_C(951782400000), "2000-02-29T00:00:00.000Z");
    assert_text(INT64_C(-62135596800000), "0001-01-01T00:00:00.000Z");
}

static void absurd_instants_become_text(void **state)
{
    assert_text(INT64_MAX, "9999-12-31T23:59:59.999Z");
    assert_text(INT64_MIN, "0000-01-01T00:00:00.000Z");
}

static void clocks_go_forward(void **state)
{
    struct bl_mono first = bl_mono_now();
    struct bl_mono second = bl_mono_now();

    assert_true(first.ms > 0);
    assert_true(bl_mono_reached(second, first));
    assert_false(bl_mono_reached(first, bl_mono_after(second, 3600000)));
    assert_true(bl_wall_now().ms > INT64_C(1600000000000)); /* this code is younger than 2020 */
}

static void the_boot_has_an_id(void **state)
{
    char first[BL_BOOT_ID_BYTES];
    char second[BL_BOOT_ID_BYTES];
    struct bl_error err = {0};

    assert_int_equal(bl_boot_id_read(first, &err), 0);
    assert_int_equal(bl_boot_id_read(second, &err), 0);
    assert_int_equal(strlen(first), 36);
    assert_string_equal(first, second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instants_become_text),
        cmocka_unit_test(absurd_instants_become_text),
        cmocka_unit_test(clocks_go_forward),
        cmocka_unit_test(the_boot_has_an_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
