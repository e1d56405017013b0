/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/outside/canvas.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/text.h"

enum {
    ESCAPED_FACTOR = 4, /* "\\xNN" for each byte is the longest that escaping makes of a text */
    FORMAT_BYTES = 2048,
    LAST_COLUMN_MIN = 16, /* narrower than that a sentence is no longer read */
};

static const char ellipsis[] = "…";

void ctl_canvas_begin(struct ctl_canvas *canvas, uint32_t width, uint32_t rows_max, bool colour)
{
    BL_ASSERT(width >= 1);
    *canvas = (struct ctl_canvas){.width = width, .rows_max = rows_max, .colour = colour};
}

void ctl_canvas_release(struct ctl_canvas *canvas)
{
    for (uint32_t i = 0; i < canvas->count; i++)
        free(canvas->lines[i].text);
    free(canvas->lines);
    free(canvas->text);
    free(canvas->styles);
    *canvas = (struct ctl_canvas){0};
}

/* ---- the line that is being written ---- */

static bool reserve(struct ctl_canvas *canvas, size_t more_bytes)
{
    size_t wanted = canvas->text_bytes + more_bytes + 1;
    char *text, *styles;

    if (wanted <= canvas->text_capacity)
        return true;
    wanted = wanted * 2 + 128;
    text = realloc(canvas->text, wanted);
    canvas->text = text != NULL ? text : canvas->text;
    styles = realloc(canvas->styles, wanted);
    canvas->styles = styles != NULL ? styles : canvas->styles;
    if (text == NULL || styles == NULL) {
        canvas->failed = true;
        return false;
    }
    canvas->text_capacity = wanted;

    return true;
}

/* `text` is escaped already. */
static void put_escaped(struct ctl_canvas *canvas, enum ctl_style style, const char *text,
                        size_t text_bytes)
{
    if (!reserve(canvas, text_bytes))
        return;
    memcpy(canvas->text + canvas->text_bytes, text, text_bytes);
    memset(canvas->styles + canvas->text_bytes, (int)style, text_bytes);
    canvas->text_bytes += text_bytes;
    canvas->text[canvas->text_bytes] = '\0';
}

static void put_blanks(struct ctl_canvas *canvas, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        put_escaped(canvas, CTL_STYLE_PLAIN, " ", 1);
}

void ctl_canvas_put(struct ctl_canvas *canvas, enum ctl_style style, const char *text)
{
    size_t capacity = strlen(text) * ESCAPED_FACTOR + 8;
    char *escaped = malloc(capacity);

    if (escaped == NULL) {
        canvas->failed = true;
        return;
    }
    (void)ctl_out_escape(text, escaped, capacity);
    put_escaped(canvas, style, escaped, strlen(escaped));
    free(escaped);
}

void ctl_canvas_format(struct ctl_canvas *canvas, enum ctl_style style, const char *fmt, ...)
{
    char text[FORMAT_BYTES];
    va_list arguments;

    va_start(arguments, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, arguments);
    va_end(arguments);
    ctl_canvas_put(canvas, style, text);
}

uint32_t ctl_canvas_column(const struct ctl_canvas *canvas)
{
    return canvas->text_bytes == 0 ? 0 : (uint32_t)ctl_out_width(canvas->text);
}

void ctl_canvas_fill(struct ctl_canvas *canvas, uint32_t column)
{
    uint32_t at = ctl_canvas_column(canvas);

    put_blanks(canvas, at < column ? column - at : at > 0 ? 1 : 0);
}

/* ---- finished lines ---- */

/* How many bytes of `text` fit into `width` columns: whole characters with their marks. */
static size_t fitting_bytes(const char *text, uint32_t width)
{
    size_t used = 0;
    uint32_t column = 0;

    while (text[used] != '\0') {
        uint32_t columns;
        size_t bytes = ctl_out_character(text + used, &columns);

        if (column + columns > width)
            break;
        column += columns;
        used += bytes;
    }

    return used;
}

static const char *sgr(enum ctl_style style)
{
    static const char *const codes[] = {
        [CTL_STYLE_PLAIN] = "\033[0m",  [CTL_STYLE_STRONG] = "\033[1m",
        [CTL_STYLE_FAINT] = "\033[2m",  [CTL_STYLE_GOOD] = "\033[32m",
        [CTL_STYLE_BAD] = "\033[1;31m", [CTL_STYLE_BUSY] = "\033[33m",
    };

    return codes[style];
}

/* A run of bytes in one style is written between its code and the one that ends it. */
static void write_styled(const struct ctl_canvas *canvas, size_t bytes, FILE *to)
{
    for (size_t at = 0; at < bytes;) {
        const char style = canvas->styles[at];
        size_t end = at;

        while (end < bytes && canvas->styles[end] == style)
            end++;
        if (style != CTL_STYLE_PLAIN)
            (void)fputs(sgr((enum ctl_style)style), to);
        (void)fwrite(canvas->text + at, 1, end - at, to);
        if (style != CTL_STYLE_PLAIN)
            (void)fputs(sgr(CTL_STYLE_PLAIN), to);
        at = end;
    }
}

/* The text is NULL when memory is out. */
static struct ctl_canvas_line render(const struct ctl_canvas *canvas)
{
    const uint32_t columns = ctl_canvas_column(canvas);
    const bool is_cut = columns > canvas->width;
    struct ctl_canvas_line line = {.columns = is_cut ? canvas->width : columns};
    size_t line_bytes = 0, bytes = canvas->text_bytes;
    FILE *memory = open_memstream(&line.text, &line_bytes);

    if (memory == NULL)
        return line;
    if (is_cut)
        bytes = fitting_bytes(canvas->text, canvas->width - 1);
    while (!is_cut && bytes > 0 && canvas->text[bytes - 1] == ' ')
        bytes--;
    if (canvas->colour)
        write_styled(canvas, bytes, memory);
    else if (bytes > 0)
        (void)fwrite(canvas->text, 1, bytes, memory);
    if (is_cut)
        (void)fputs(ellipsis, memory);
    if (fclose(memory) != 0) {
        free(line.text);
        line.text = NULL;
    }

    return line;
}

static void keep_line(struct ctl_canvas *canvas)
{
    struct ctl_canvas_line line;

    if (canvas->count == canvas->capacity) {
        uint32_t capacity = canvas->capacity == 0 ? 32 : canvas->capacity * 2;
        struct ctl_canvas_line *grown = realloc(canvas->lines, capacity * sizeof(*grown));

        canvas->failed = canvas->failed || grown == NULL;
        if (grown == NULL)
            return;
        canvas->lines = grown;
        canvas->capacity = capacity;
    }
    line = render(canvas);
    canvas->failed = canvas->failed || line.text == NULL;
    if (line.text != NULL)
        canvas->lines[canvas->count++] = line;
}

void ctl_canvas_end_line(struct ctl_canvas *canvas)
{
    if (canvas->count < canvas->rows_max)
        keep_line(canvas);
    canvas->text_bytes = 0;
    if (canvas->text != NULL)
        canvas->text[0] = '\0';
}

uint32_t ctl_canvas_rows_left(const struct ctl_canvas *canvas)
{
    return canvas->rows_max - canvas->count;
}

void ctl_canvas_print(const struct ctl_canvas *canvas, FILE *to)
{
    if (canvas->failed)
        (void)fputs("(out of memory: this is not all)\n", to);
    for (uint32_t i = 0; i < canvas->count; i++) {
        (void)fputs(canvas->lines[i].text, to);
        (void)fputc('\n', to);
    }
}

/* ---- words and tables ---- */

/* Where a line of `width` columns ends: behind a word, or within one that is longer than that. */
static size_t line_bytes_of(const char *text, uint32_t width)
{
    size_t fits = fitting_bytes(text, width), at = fits;

    if (text[fits] == '\0' || text[fits] == ' ')
        return fits;
    while (at > 0 && text[at - 1] != ' ')
        at--;
    while (at > 0 && text[at - 1] == ' ')
        at--;
    if (at > 0)
        return at;

    /* A character that is wider than the column still has to go somewhere. */
    return fits > 0 ? fits : ctl_out_character(text, &(uint32_t){0});
}

/* `text` is escaped; the column of its first line is where the canvas is. */
static void wrap_escaped(struct ctl_canvas *canvas, uint32_t indent, uint32_t rows_max,
                         enum ctl_style style, const char *text)
{
    const char *rest = text;

    for (uint32_t row = 1;; row++) {
        uint32_t at = ctl_canvas_column(canvas);
        uint32_t width = canvas->width > at ? canvas->width - at : 1;
        size_t bytes = line_bytes_of(rest, width);

        /* The last line may be too long: it is cut, and says so. */
        if (row >= rows_max || canvas->width == CTL_CANVAS_ENDLESS)
            bytes = strlen(rest);
        put_escaped(canvas, style, rest, bytes);
        ctl_canvas_end_line(canvas);
        rest += bytes;
        rest += strspn(rest, " ");
        if (*rest == '\0' || canvas->failed)
            return;
        put_blanks(canvas, indent);
    }
}

void ctl_canvas_wrap(struct ctl_canvas *canvas, uint32_t indent, uint32_t rows_max,
                     enum ctl_style style, const char *text)
{
    size_t capacity = strlen(text) * ESCAPED_FACTOR + 8;
    char *escaped = malloc(capacity);

    if (escaped == NULL) {
        canvas->failed = true;
        return;
    }
    (void)ctl_out_escape(text, escaped, capacity);
    wrap_escaped(canvas, indent, rows_max, style, escaped);
    free(escaped);
}

/* Cells of a table are escaped. One that is too wide is cut, so that the others stay in place. */
static void put_cell(struct ctl_canvas *canvas, enum ctl_style style, const char *cell,
                     uint32_t width, bool is_right)
{
    uint32_t columns = (uint32_t)ctl_out_width(cell);

    if (columns > width) {
        put_escaped(canvas, style, cell, fitting_bytes(cell, width - 1));
        put_escaped(canvas, style, ellipsis, strlen(ellipsis));
        return;
    }
    if (is_right)
        put_blanks(canvas, width - columns);
    put_escaped(canvas, style, cell, strlen(cell));
}

static void put_table_row(struct ctl_canvas *canvas, const struct ctl_table *table,
                          const struct ctl_canvas_table *how, const uint32_t *widths, uint32_t row)
{
    const uint32_t last = table->columns - 1;
    const char *const *cells = (const char *const *)&table->cells[row * table->columns];
    uint32_t column = how->indent;

    for (uint32_t i = 0; i <= last; i++) {
        const bool is_head = row == 0 && !how->has_no_head;
        enum ctl_style style = is_head ? CTL_STYLE_FAINT : CTL_STYLE_PLAIN;

        if (!is_head && how->style != NULL)
            style = how->style(cells[i]);
        if (cells[i][0] != '\0') {
            uint32_t at = ctl_canvas_column(canvas);

            put_blanks(canvas, at < column ? column - at : 0);
        }
        if (i == last)
            wrap_escaped(canvas, column, how->last_rows_max > 1 ? how->last_rows_max : 1, style,
                         cells[i]);
        else
            put_cell(canvas, style, cells[i], widths[i], (how->right >> i & 1) != 0);
        column += widths[i] + how->gap;
    }
}

void ctl_canvas_put_table(struct ctl_canvas *canvas, const struct ctl_table *table,
                          const struct ctl_canvas_table *how)
{
    uint32_t widths[CTL_TABLE_COLUMNS_MAX] = {0}, before = how->indent;
    struct ctl_canvas_table fitted = *how;

    if (table->failed) {
        canvas->failed = true;
        return;
    }
    for (uint32_t i = 0; i < table->rows * table->columns; i++) {
        uint32_t column = i % table->columns, width = (uint32_t)ctl_out_width(table->cells[i]);

        if (how->cell_max > 1 && width > how->cell_max)
            width = how->cell_max;
        if (width > widths[column])
            widths[column] = width;
    }
    for (uint32_t i = 0; i + 1 < table->columns; i++)
        before += widths[i] + how->gap;
    /* Where hardly anything is left for it, wrapping would make a column of single words. */
    if (canvas->width - 1 < before + LAST_COLUMN_MIN)
        fitted.last_rows_max = 1;
    for (uint32_t row = 0; row < table->rows; row++)
        put_table_row(canvas, table, &fitted, widths, row);
}
