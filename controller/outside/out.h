/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_OUTSIDE_OUT_H
#define CTL_OUTSIDE_OUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/attr.h"

/*
 * What reaches a terminal. Text that came from a host, a plan or the controller is foreign: it is
 * escaped before it is shown, so that no byte of it can move the cursor or fake a line.
 */

/* Copies `text` as bl_text_escape() does, cut with "..." to fit, and returns ret_text. */
const char *ctl_out_escape(const char *text, char *ret_text, size_t text_bytes);

/* Writes `text` escaped, whole. */
void ctl_out_put(FILE *to, const char *text);

/* One JSON value and a newline, keys in the order of insertion. */
void ctl_out_json(const json_t *value, FILE *to);

/* Columns as wide as their widest cell; the first row is the head. Cells are copied and escaped. */
enum {
    CTL_TABLE_COLUMNS_MAX = 12,
};

struct ctl_table {
    uint32_t columns, rows, capacity;
    char **cells;
    bool failed; /* memory ran out: ctl_table_print says so */
};

void ctl_table_begin(struct ctl_table *table, uint32_t columns);
void ctl_table_row(struct ctl_table *table, const char *const *cells);
void ctl_table_print(const struct ctl_table *table, FILE *to, const char *indent);
void ctl_table_release(struct ctl_table *table);
#define CTL_AUTO_TABLE BL_CLEANUP(ctl_table_release) struct ctl_table

/* Display columns of a UTF-8 text without control characters; wide characters take two, marks none. */
size_t ctl_out_width(const char *text);
/* The bytes of the character at `text`, which is not empty, and how many columns it takes. */
size_t ctl_out_character(const char *text, uint32_t *ret_columns);

#endif
