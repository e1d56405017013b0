/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/outside/out.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "common/check.h"
#include "common/text.h"

/* "\\xNN" for each byte is the longest that escaping makes of a text. */
static char *escaped_copy(const char *text)
{
    size_t text_bytes = strlen(text), capacity = 4 * text_bytes + 8;
    char *copy = malloc(capacity);

    if (copy != NULL)
        bl_text_escape(copy, capacity, text, text_bytes);

    return copy;
}

const char *ctl_out_escape(const char *text, char *ret_text, size_t text_bytes)
{
    bl_text_escape(ret_text, text_bytes, text, strlen(text));

    return ret_text;
}

void ctl_out_put(FILE *to, const char *text)
{
    char *copy = escaped_copy(text);

    (void)fputs(copy == NULL ? "(out of memory)" : copy, to);
    free(copy);
}

void ctl_out_json(const json_t *value, FILE *to)
{
    /* ENSURE_ASCII: foreign text stays harmless even when a person looks at the JSON. */
    (void)json_dumpf(value, to, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);
    (void)fputc('\n', to);
}

static bool is_wide(uint32_t point)
{
    return (point >= 0x1100 && point <= 0x115f) || (point >= 0x2e80 && point <= 0xa4cf) ||
           (point >= 0xac00 && point <= 0xd7a3) || (point >= 0xf900 && point <= 0xfaff) ||
           (point >= 0xfe30 && point <= 0xfe6f) || (point >= 0xff00 && point <= 0xff60) ||
           (point >= 0xffe0 && point <= 0xffe6) || (point >= 0x1f300 && point <= 0x1faff) ||
           (point >= 0x20000 && point <= 0x3fffd);
}

/* Marks that are drawn onto the character before them, and what is not drawn at all. */
static bool is_mark(uint32_t point)
{
    return (point >= 0x300 && point <= 0x36f) || (point >= 0x483 && point <= 0x489) ||
           (point >= 0x591 && point <= 0x5bd) || (point >= 0x610 && point <= 0x61a) ||
           (point >= 0x64b && point <= 0x65f) || (point >= 0x1ab0 && point <= 0x1aff) ||
           (point >= 0x1dc0 && point <= 0x1dff) || (point >= 0x200b && point <= 0x200f) ||
           (point >= 0x2060 && point <= 0x2064) || (point >= 0x20d0 && point <= 0x20ff) ||
           (point >= 0xfe00 && point <= 0xfe0f) || (point >= 0xfe20 && point <= 0xfe2f) ||
           point == 0xfeff || (point >= 0xe0100 && point <= 0xe01ef);
}

/* The C library knows more, but only in a locale of UTF-8. */
static uint32_t columns_of(uint32_t point)
{
    int columns = point < 0x80 ? 1 : wcwidth((wchar_t)point);

    if (columns >= 0)
        return (uint32_t)columns;

    return is_mark(point) ? 0 : is_wide(point) ? 2 : 1;
}

/* `text` is escaped, so it is well-formed; a stray byte would only spoil the alignment. */
size_t ctl_out_character(const char *text, uint32_t *ret_columns)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t length = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : *at >= 0xc0 ? 2 : 1, used = 1;
    uint32_t point = length == 1 ? *at : *at & (0xffU >> (length + 1));

    for (; used < length && (at[used] & 0xc0) == 0x80; used++)
        point = point << 6 | (at[used] & 0x3fU);
    *ret_columns = columns_of(point);

    return used;
}

size_t ctl_out_width(const char *text)
{
    size_t width = 0;

    while (*text != '\0') {
        uint32_t columns;

        text += ctl_out_character(text, &columns);
        width += columns;
    }

    return width;
}

void ctl_table_begin(struct ctl_table *table, uint32_t columns)
{
    BL_ASSERT(columns >= 1);
    BL_ASSERT(columns <= CTL_TABLE_COLUMNS_MAX);
    *table = (struct ctl_table){.columns = columns};
}

void ctl_table_row(struct ctl_table *table, const char *const *cells)
{
    if (table->rows == table->capacity) {
        uint32_t capacity = table->capacity == 0 ? 16 : table->capacity * 2;
        char **grown = realloc(table->cells, sizeof(*grown) * table->columns * capacity);

        if (grown == NULL) {
            table->failed = true;
            return;
        }
        table->cells = grown;
        table->capacity = capacity;
    }
    for (uint32_t i = 0; i < table->columns; i++) {
        char *copy = escaped_copy(cells[i] == NULL ? "" : cells[i]);

        table->failed = table->failed || copy == NULL;
        table->cells[table->rows * table->columns + i] = copy;
    }
    table->rows++;
}

void ctl_table_print(const struct ctl_table *table, FILE *to, const char *indent)
{
    size_t widths[CTL_TABLE_COLUMNS_MAX] = {0};

    if (table->failed) {
        (void)fprintf(to, "%s(out of memory: this table is not shown)\n", indent);
        return;
    }
    for (uint32_t i = 0; i < table->rows * table->columns; i++) {
        size_t width = ctl_out_width(table->cells[i]);

        if (width > widths[i % table->columns])
            widths[i % table->columns] = width;
    }
    for (uint32_t row = 0; row < table->rows; row++) {
        size_t owed = 0; /* blanks are written late, so that no line ends in them */

        (void)fputs(indent, to);
        for (uint32_t i = 0; i < table->columns; i++) {
            const char *cell = table->cells[row * table->columns + i];

            if (cell[0] != '\0') {
                (void)fprintf(to, "%*s%s", (int)owed, "", cell);
                owed = 0;
            }
            owed += widths[i] - ctl_out_width(cell) + 2;
        }
        (void)fputc('\n', to);
    }
}

void ctl_table_release(struct ctl_table *table)
{
    for (uint32_t i = 0; i < table->rows * table->columns; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct ctl_table){0};
}
