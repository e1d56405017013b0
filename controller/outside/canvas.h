/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_OUTSIDE_CANVAS_H
#define CTL_OUTSIDE_CANVAS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/attr.h"
#include "controller/outside/out.h"

/*
 * Lines of a screen, built in memory: none is ever wider than the screen, and there are never more
 * than it has rows, whatever hosts wrote. No terminal is asked for anything here, so a test reads
 * what a person would see. All text is foreign, and escaped.
 */

/* As a width or number of rows: not a screen but a pipe. */
#define CTL_CANVAS_ENDLESS UINT32_MAX

enum ctl_style {
    CTL_STYLE_PLAIN = 0,
    CTL_STYLE_STRONG,
    CTL_STYLE_FAINT,
    CTL_STYLE_GOOD,
    CTL_STYLE_BAD,
    CTL_STYLE_BUSY,
};

struct ctl_canvas_line {
    char *text; /* without a newline; with colours when there are any */
    uint32_t columns;
};

struct ctl_canvas {
    uint32_t width, rows_max;
    bool colour;
    struct ctl_canvas_line *lines; /* finished ones */
    uint32_t count, capacity;
    char *text;   /* of the line that is being written, escaped and of any length */
    char *styles; /* enum ctl_style of each of its bytes */
    size_t text_bytes, text_capacity;
    bool failed; /* memory ran out: the page says so instead */
};

void ctl_canvas_begin(struct ctl_canvas *canvas, uint32_t width, uint32_t rows_max, bool colour);
void ctl_canvas_release(struct ctl_canvas *canvas);
#define CTL_AUTO_CANVAS BL_CLEANUP(ctl_canvas_release) struct ctl_canvas

/* Behind what the line has already. */
void ctl_canvas_put(struct ctl_canvas *canvas, enum ctl_style style, const char *text);
void ctl_canvas_format(struct ctl_canvas *canvas, enum ctl_style style, const char *fmt, ...)
    BL_PRINTF(3, 4);
/* Blanks up to this column (from 0); one at least when something stands there. */
void ctl_canvas_fill(struct ctl_canvas *canvas, uint32_t column);
/* Columns that the line has so far. */
uint32_t ctl_canvas_column(const struct ctl_canvas *canvas);

/* Ends the line; what is too wide for the screen ends in "…". Lines below its last row are dropped. */
void ctl_canvas_end_line(struct ctl_canvas *canvas);

/*
 * Words over as many lines as they take, at most `rows_max`, and ends the last one. All but the
 * first begin with `indent` blanks; the first goes on where the line is.
 */
void ctl_canvas_wrap(struct ctl_canvas *canvas, uint32_t indent, uint32_t rows_max,
                     enum ctl_style style, const char *text);

/* How many more lines the screen has room for. */
uint32_t ctl_canvas_rows_left(const struct ctl_canvas *canvas);

/* How a table of out.h stands on a canvas. Its last column takes what is left of the width. */
struct ctl_canvas_table {
    uint32_t indent;
    uint32_t right;         /* bit i: column i holds numbers, flush right */
    uint32_t gap;           /* blanks between columns */
    uint32_t cell_max;      /* columns of the screen that a cell may take, the last one's aside */
    uint32_t last_rows_max; /* lines that the last column may take in each row; 0 is 1 */
    bool has_no_head;
    enum ctl_style (*style)(const char *cell); /* of a cell below the head; NULL = plain */
};
void ctl_canvas_put_table(struct ctl_canvas *canvas, const struct ctl_table *table,
                          const struct ctl_canvas_table *how);

/* Every line and a newline. */
void ctl_canvas_print(const struct ctl_canvas *canvas, FILE *to);

#endif
