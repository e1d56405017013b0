/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BL_COMMON_TEXT_H
#define BL_COMMON_TEXT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Builds a sentence in a fixed buffer, for code that may not call the C library's printf family:
 * the decision cores. What does not fit is cut, never in the middle of a UTF-8 character, and the
 * text always ends with a NUL.
 */
struct bl_text {
    char *at; /* borrowed: size_bytes of them */
    size_t size_bytes, used_bytes;
};

/* Starts with the empty text. `size_bytes` counts the closing NUL and is at least 1. */
void bl_text_init(struct bl_text *text, char *at, size_t size_bytes);

void bl_text_add(struct bl_text *text, const char *words);
void bl_text_add_number(struct bl_text *text, uint64_t number);

/* The whole of it for a plain copy: `to` becomes `from`, cut to `size_bytes` - 1 bytes. */
void bl_text_copy(char *to, size_t size_bytes, const char *from);

#endif
