/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/error.h"

/* What libFuzzer calls, and tests/fuzz/corpus_main.c where there is no libFuzzer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static inline void fuzz_assert_same(const uint8_t *again, size_t again_bytes, const uint8_t *data,
                                    size_t size_bytes)
{
    BL_ASSERT(again_bytes == size_bytes);
    BL_ASSERT(memcmp(again, data, size_bytes) == 0);
}

/* The input as a text of its own, so that a sanitizer sees one byte too many; the caller frees it. */
static inline char *fuzz_text(const uint8_t *data, size_t size_bytes)
{
    char *text = malloc(size_bytes + 1);

    BL_ASSERT(text != NULL);
    if (size_bytes > 0)
        memcpy(text, data, size_bytes);
    text[size_bytes] = '\0';

    return text;
}

/* A refusal says what is wrong. */
static inline void fuzz_assert_refusal(int r, const struct bl_error *err)
{
    BL_ASSERT(r < 0 && err->code == r && err->text[0] != '\0');
}

#endif
