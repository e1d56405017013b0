/* SPDX-License-Identifier: Apache-2.0 */
#include "common/text.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    NAME_BYTES_MAX = 64,
    DNS_BYTES_MAX = 253,
    UNIT_BYTES_MAX = 255, /* systemd's own limit is 256 with the NUL */
    PACKAGE_BYTES_MAX = 128,
    DISTANCE_BYTES_MAX = 40,
};

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

int bl_text_format(char *ret_text, size_t size_bytes, const char *fmt, ...)
{
    va_list args;
    int length;

    BL_ASSERT(size_bytes > 0);

    va_start(args, fmt);
    length = vsnprintf(ret_text, size_bytes, fmt, args);
    va_end(args);
    if (length < 0 || (size_t)length >= size_bytes) {
        ret_text[0] = '\0';
        return -EMSGSIZE;
    }

    return length;
}

bool bl_text_matches(const char *glob, const char *text)
{
    return fnmatch(glob, text, FNM_NOESCAPE) == 0;
}

int bl_text_to_u64(const char *text, uint64_t value_max, uint64_t *ret_value, struct bl_error *err)
{
    uint64_t value = 0;

    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
        return bl_fail(err, -EINVAL, "'%.40s' is not a whole number", text);

    for (const char *c = text; *c != '\0'; c++) {
        uint64_t digit;

        if (*c < '0' || *c > '9')
            return bl_fail(err, -EINVAL, "'%.40s' is not a whole number", text);
        digit = (uint64_t)(*c - '0');
        if (digit > value_max || value > (value_max - digit) / 10) {
            return bl_fail(err, -ERANGE, "%.40s is above %llu", text,
                           (unsigned long long)value_max);
        }
        value = value * 10 + digit;
    }
    *ret_value = value;

    return 0;
}

/* The bytes of the well-formed character at `text` and its code point; 0 when it is ill-formed. */
static size_t utf8_character(const uint8_t *text, size_t left_bytes, uint32_t *ret_code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length;
    uint32_t code;

    if (text[0] < 0x80) {
        *ret_code = text[0];
        return 1;
    }
    if (text[0] >= 0xf8 || text[0] < 0xc0)
        return 0;
    length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    if (left_bytes < length)
        return 0;

    code = text[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3fU);
    }
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code = code;

    return length;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/* Characters that make a line read otherwise than it is written. */
static bool is_direction(uint32_t code)
{
    return code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

bool bl_text_is_clean(const void *data, size_t size_bytes)
{
    const uint8_t *text = data;
    size_t at = 0;

    while (at < size_bytes) {
        uint32_t code;
        size_t length = utf8_character(text + at, size_bytes - at, &code);

        if (length == 0 || (is_control(code) && code != '\n' && code != '\t'))
            return false;
        at += length;
    }

    return true;
}

/* What stands for the character at `text`, at most 16 bytes; returns how many bytes it eats. */
static size_t escape_one(const uint8_t *text, size_t left_bytes, char ret_piece[17])
{
    uint32_t code;
    size_t length = utf8_character(text, left_bytes, &code);
    size_t used = 0;

    if (length == 0) {
        (void)snprintf(ret_piece, 17, "\\x%02x", (unsigned)text[0]);
        return 1;
    }
    if (code == '\n' || code == '\t' || code == '\\') {
        ret_piece[0] = '\\';
        ret_piece[1] = '\\';
        if (code == '\n')
            ret_piece[1] = 'n';
        else if (code == '\t')
            ret_piece[1] = 't';
        ret_piece[2] = '\0';
        return length;
    }
    if (!is_control(code) && !is_direction(code)) {
        memcpy(ret_piece, text, length);
        ret_piece[length] = '\0';
        return length;
    }
    for (size_t i = 0; i < length; i++)
        used += (size_t)snprintf(ret_piece + used, 17 - used, "\\x%02x", (unsigned)text[i]);

    return length;
}

void bl_text_escape(char *ret_text, size_t size_bytes, const void *data, size_t data_bytes)
{
    const uint8_t *text = data;
    size_t used = 0;
    size_t safe = 0; /* where "..." still fits */
    size_t at = 0;

    BL_ASSERT(size_bytes >= 4);

    while (at < data_bytes) {
        char piece[17];
        size_t piece_bytes;

        at += escape_one(text + at, data_bytes - at, piece);
        piece_bytes = strlen(piece);
        if (used + piece_bytes >= size_bytes) {
            memcpy(ret_text + safe, "...", 4);
            return;
        }
        memcpy(ret_text + used, piece, piece_bytes);
        used += piece_bytes;
        if (used + 3 < size_bytes)
            safe = used;
    }
    ret_text[used] = '\0';
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* 1..length_max letters, digits and characters of `others`, the first neither '-' nor '.'. */
static bool is_made_of(const char *text, const char *others, size_t length_max)
{
    size_t length = strnlen(text, length_max + 1);

    if (length == 0 || length > length_max || text[0] == '-' || text[0] == '.')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_alnum(text[i]) && strchr(others, text[i]) == NULL)
            return false;
    }

    return true;
}

bool bl_text_is_name(const char *text)
{
    return is_made_of(text, "_.-", NAME_BYTES_MAX);
}

bool bl_text_is_dns_name(const char *text)
{
    const char *last;

    if (!is_made_of(text, ".-", DNS_BYTES_MAX) || !is_alnum(text[0]) || strstr(text, "..") != NULL)
        return false;
    last = strrchr(text, '.');
    last = last == NULL || last[1] == '\0' ? text : last + 1;

    /* All digits behind the last dot: an address, or a mistake. */
    return last == text || strspn(last, "0123456789") != strlen(last);
}

bool bl_text_is_unit_name(const char *text)
{
    static const char *const suffixes[] = {".service", ".timer", ".socket", ".path",  ".target",
                                           ".mount",   ".slice", ".scope",  ".device"};
    size_t length;

    if (!is_made_of(text, ":_.\\@-", UNIT_BYTES_MAX))
        return false;
    length = strlen(text);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        size_t suffix = strlen(suffixes[i]);

        if (length > suffix && memcmp(text + length - suffix, suffixes[i], suffix) == 0)
            return true;
    }

    return false;
}

bool bl_text_is_unit_glob(const char *text)
{
    return is_made_of(text, ":_.\\@-*?[]!", UNIT_BYTES_MAX) && text[0] != '!' && text[0] != ']';
}

bool bl_text_is_package_name(const char *text)
{
    const char *colon = strchr(text, ':');

    if (!is_made_of(text, "+._-:", PACKAGE_BYTES_MAX) || !is_alnum(text[0]))
        return false;
    /* apt reads "name-" as "remove it". */
    if (text[strlen(text) - 1] == '-')
        return false;
    if (colon != NULL)
        return colon[-1] != '-' && bl_text_is_name(colon + 1) && strchr(colon + 1, ':') == NULL;

    return true;
}

bool bl_text_is_version(const char *text)
{
    return is_made_of(text, ".+~_^:-", PACKAGE_BYTES_MAX) && is_alnum(text[0]) &&
           text[strlen(text) - 1] != '-';
}

bool bl_text_is_package_glob(const char *text)
{
    return is_made_of(text, "+._-*?[]", PACKAGE_BYTES_MAX) && strpbrk(text, "*?[") != NULL &&
           text[0] != ']' && text[strlen(text) - 1] != '-';
}

bool bl_text_is_version_glob(const char *text)
{
    return is_made_of(text, ".+~_^:-*?[]", PACKAGE_BYTES_MAX) && strpbrk(text, "*?[") != NULL &&
           text[0] != ']' && text[strlen(text) - 1] != '-';
}

static unsigned least_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned bl_text_distance(const char *a, const char *b)
{
    unsigned rows[3][DISTANCE_BYTES_MAX + 1]; /* of Damerau's matrix: two above, above, current */
    size_t a_length = strnlen(a, DISTANCE_BYTES_MAX);
    size_t b_length = strnlen(b, DISTANCE_BYTES_MAX);

    for (unsigned j = 0; j <= b_length; j++)
        rows[0][j] = rows[1][j] = j;

    for (unsigned i = 1; i <= a_length; i++) {
        unsigned *now = rows[(i + 1) % 3];
        const unsigned *above = rows[i % 3];
        const unsigned *above2 = rows[(i + 2) % 3];

        now[0] = i;
        for (unsigned j = 1; j <= b_length; j++) {
            unsigned cost = a[i - 1] != b[j - 1];

            now[j] = least_of(least_of(above[j], now[j - 1]) + 1, above[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least_of(now[j], above2[j - 2] + 1);
        }
    }

    return rows[(a_length + 1) % 3][b_length];
}

const char *bl_text_nearest(const char *text, const char *const *names, size_t name_count)
{
    unsigned best = (unsigned)(strnlen(text, DISTANCE_BYTES_MAX) / 3) + 1; /* not near any more */
    const char *nearest = NULL;

    if (best < 2)
        best = 2;
    if (best > 4)
        best = 4;
    for (size_t i = 0; i < name_count; i++) {
        unsigned distance = bl_text_distance(text, names[i]);

        if (distance < best) {
            best = distance;
            nearest = names[i];
        }
    }

    return nearest;
}
