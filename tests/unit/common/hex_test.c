/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hex.h"

#include <errno.h>
#include <string.h>

#include "common/random.h"
#include "tests/lib/unit.h"

static void bytes_come_back(void **state)
{
    char text[BL_HEX_BYTES(256)];
    uint8_t in[256];
    uint8_t out[256] = {0};
    struct bl_error err = {0};

    for (unsigned i = 0; i < 256; i++)
        in[i] = (uint8_t)i;
    bl_hex_encode(in, sizeof(in), text);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "000102", 6);
    assert_string_equal(text + 506, "fdfeff");
    assert_int_equal(bl_hex_decode(text, out, sizeof(out), &err), 0);
    assert_memory_equal(in, out, sizeof(in));
}

static void only_one_form_is_read(void **state)
{
    static const char *const bad[] = {"", "0", "0g", "AB", "abc", "abcd", " a", "a ", "0x"};
    uint8_t out[1] = {7};
    struct bl_error err = {0};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(bl_hex_decode(bad[i], out, 1, &err), -EINVAL);
    assert_int_equal(out[0], 7);
    assert_int_equal(bl_hex_decode("ab", out, 1, &err), 0);
    assert_int_equal(out[0], 0xab);
    assert_int_equal(bl_hex_decode("", out, 0, &err), 0);
}

/* Of 64 random bytes twice, equal ones mean that nothing was written. */
static void randomness_differs(void **state)
{
    uint8_t first[64] = {0};
    uint8_t second[64] = {0};
    uint64_t a;
    uint64_t b;
    struct bl_error err = {0};

    assert_int_equal(bl_random_fill(first, sizeof(first), &err), 0);
    assert_int_equal(bl_random_fill(second, sizeof(second), &err), 0);
    assert_memory_not_equal(first, second, sizeof(first));
    assert_memory_not_equal(first + 32, first, 32);
    assert_int_equal(bl_random_u64(&a, &err), 0);
    assert_int_equal(bl_random_u64(&b, &err), 0);
    assert_true(a != b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back),
        cmocka_unit_test(only_one_form_is_read),
        cmocka_unit_test(randomness_differs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
