/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BL_COMMON_RANDOM_H
#define BL_COMMON_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/* The only randomness: the kernel's. Blocks only before the first seeding after boot. */
int bl_random_fill(void *ret_data, size_t size_bytes, struct bl_error *err) BL_CHECKED;

int bl_random_u64(uint64_t *ret_value, struct bl_error *err) BL_CHECKED;

#endif
