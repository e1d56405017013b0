/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_OUTSIDE_FOLD_H
#define CTL_OUTSIDE_FOLD_H

#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"

/*
 * Text on a screen: a line that is too long goes on in the next one between two words, below the last
 * column that it had begun, instead of in the middle of a word. A command in quotes ('belay …') stays
 * whole, so that it can be copied. Sequences that colour text take no columns.
 */
enum {
    CTL_FOLD_WORD_BYTES = 1024,
};

/* Writes what is to be seen; below 0 ends it all. */
typedef int (*ctl_fold_write_fn)(void *userdata, const char *text, size_t text_bytes);

struct ctl_fold {
    uint32_t width;
    ctl_fold_write_fn write;
    void *userdata;

    uint32_t column, blanks; /* what the line has so far, and the blanks behind it */
    uint32_t indent;         /* of the lines that go on with it */
    char word[CTL_FOLD_WORD_BYTES];
    size_t word_bytes; /* of the last one, which may go on */
};

void ctl_fold_begin(struct ctl_fold *fold, uint32_t width, ctl_fold_write_fn write, void *userdata);

/* Any part of a text. Its last word is kept until what follows shows that it has ended. */
int ctl_fold_put(struct ctl_fold *fold, const char *text, size_t text_bytes) BL_CHECKED;
/* Writes that, too. */
int ctl_fold_end(struct ctl_fold *fold) BL_CHECKED;

#endif
