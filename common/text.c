/* SPDX-License-Identifier: Apache-2.0 */
#include "common/text.h"

#include <stdbool.h>
#include <string.h>

#include "common/check.h"

static bool is_utf8_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0U) == 0x80U;
}

void bl_text_init(struct bl_text *text, char *at, size_t size_bytes)
{
    BL_ASSERT(size_bytes > 0);

    *text = (struct bl_text){.at = at, .size_bytes = size_bytes};
    at[0] = '\0';
}

void bl_text_add(struct bl_text *text, const char *words)
{
    size_t room_bytes = text->size_bytes - text->used_bytes - 1;
    size_t length_bytes = strlen(words);

    if (length_bytes > room_bytes) {
        length_bytes = room_bytes;
        while (length_bytes > 0 && is_utf8_continuation(words[length_bytes]))
            length_bytes--;
        text->size_bytes = text->used_bytes + length_bytes + 1; /* nothing follows a cut */
    }

    memcpy(text->at + text->used_bytes, words, length_bytes);
    text->used_bytes += length_bytes;
    text->at[text->used_bytes] = '\0';
}

void bl_text_add_number(struct bl_text *text, uint64_t number)
{
    char digits[21];
    size_t first = sizeof(digits) - 1;

    digits[first] = '\0';
    do {
        digits[--first] = (char)('0' + (char)(number % 10));
        number /= 10;
    } while (number > 0);

    bl_text_add(text, digits + first);
}

void bl_text_copy(char *to, size_t size_bytes, const char *from)
{
    struct bl_text text;

    bl_text_init(&text, to, size_bytes);
    bl_text_add(&text, from);
}
