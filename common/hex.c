/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hex.h"

#include <errno.h>
#include <string.h>

static const char DIGITS[] = "0123456789abcdef";

void bl_hex_encode(const uint8_t *data, size_t size_bytes, char *ret_text)
{
    for (size_t i = 0; i < size_bytes; i++) {
        ret_text[2 * i] = DIGITS[data[i] >> 4];
        ret_text[2 * i + 1] = DIGITS[data[i] & 15];
    }
    ret_text[2 * size_bytes] = '\0';
}

int bl_hex_decode(const char *text, uint8_t *ret_data, size_t size_bytes, struct bl_error *err)
{
    size_t digits = 2 * size_bytes;

    if (strnlen(text, digits + 1) != digits || strspn(text, DIGITS) != digits)
        return bl_fail(err, -EINVAL, "'%.80s' is not %zu lower-case hex digits", text, digits);

    for (size_t i = 0; i < size_bytes; i++) {
        size_t high = (size_t)(strchr(DIGITS, text[2 * i]) - DIGITS);
        size_t low = (size_t)(strchr(DIGITS, text[2 * i + 1]) - DIGITS);

        ret_data[i] = (uint8_t)(high << 4 | low);
    }

    return 0;
}
