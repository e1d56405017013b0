/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BL_COMMON_HEX_H
#define BL_COMMON_HEX_H

#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/* The room that the hex form of `size_bytes` bytes takes, with the NUL. */
#define BL_HEX_BYTES(size_bytes) (2 * (size_bytes) + 1)

/* Writes BL_HEX_BYTES(size_bytes) bytes: lower-case digits and NUL. */
void bl_hex_encode(const uint8_t *data, size_t size_bytes, char *ret_text);

/* Exactly 2 x size_bytes lower-case digits, so that there is one form of an id; else -EINVAL. */
int bl_hex_decode(const char *text, uint8_t *ret_data, size_t size_bytes, struct bl_error *err)
    BL_CHECKED;

#endif
