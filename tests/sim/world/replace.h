/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_REPLACE_H
#define TESTS_SIM_WORLD_REPLACE_H

#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/error.h"

/* The linker's --wrap gives calls of NAME to __wrap_NAME, and knows the first one as __real_NAME. */
/* NOLINTBEGIN(bugprone-reserved-identifier) */
struct bl_mono __wrap_bl_mono_now(void);
int64_t __wrap_bl_mono_now_us(void);
struct bl_wall __wrap_bl_wall_now(void);
int __wrap_bl_random_u64(uint64_t *ret_value, struct bl_error *err);
int __wrap_bl_random_fill(void *ret_data, size_t size_bytes, struct bl_error *err);
int __wrap_open64(const char *path, int flags, ...);
int __real_open64(const char *path, int flags, ...);
/* NOLINTEND(bugprone-reserved-identifier) */

#endif
