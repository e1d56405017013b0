/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/check.h"

/* What libFuzzer calls, and tests/fuzz/corpus_main.c where there is no libFuzzer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static inline void fuzz_assert_same(const uint8_t *again, size_t again_bytes, const uint8_t *data,
                                    size_t size_bytes)
{
    BL_ASSERT(again_bytes == size_bytes);
    BL_ASSERT(memcmp(again, data, size_bytes) == 0);
}

#endif
