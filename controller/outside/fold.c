/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/outside/fold.h"

#include <errno.h>
#include <string.h>

#include "controller/outside/out.h"

enum {
    GAP_MIN = 2, /* blanks that part columns */
};

static const char command_begins[] = "'belay ";

void ctl_fold_begin(struct ctl_fold *fold, uint32_t width, ctl_fold_write_fn write, void *userdata)
{
    *fold = (struct ctl_fold){.width = width, .write = write, .userdata = userdata};
}

/* The bytes of a sequence that begins with ESC: of "\033[1;31m" all. */
static size_t sequence_bytes(const char *text, size_t text_bytes)
{
    size_t length = 1;

    if (length < text_bytes && text[length] == '[') {
        for (length++; length < text_bytes; length++) {
            if (text[length] >= '@')
                return length + 1;
        }
    }

    return length;
}

static uint32_t word_columns(const struct ctl_fold *fold)
{
    uint32_t columns = 0, one;

    for (size_t i = 0; i < fold->word_bytes;) {
        if (fold->word[i] == '\033') {
            i += sequence_bytes(fold->word + i, fold->word_bytes - i);
            continue;
        }
        i += ctl_out_character(fold->word + i, &one);
        columns += fold->word[i - 1] == '\r' ? 0 : one;
    }

    return columns;
}

static int put_blanks(struct ctl_fold *fold, uint32_t count)
{
    static const char blanks[] = "                                ";
    int r = 0;

    while (count > 0 && r >= 0) {
        uint32_t part = count < sizeof(blanks) - 1 ? count : (uint32_t)sizeof(blanks) - 1;

        r = fold->write(fold->userdata, blanks, part);
        count -= part;
    }

    return r;
}

/* Below the column that it belongs to, as long as half of the screen is left for it. */
static void note_column(struct ctl_fold *fold)
{
    const uint32_t begins = fold->column + fold->blanks;

    if (fold->column == 0)
        fold->indent = begins + GAP_MIN;
    else if (fold->blanks >= GAP_MIN)
        fold->indent = begins;
    if (fold->indent > fold->width / 2)
        fold->indent = fold->width / 4;
}

static int put_word(struct ctl_fold *fold)
{
    const uint32_t columns = word_columns(fold);
    int r = 0;

    if (fold->word_bytes == 0)
        return 0;
    if (columns > 0 && fold->column > fold->indent &&
        fold->column + fold->blanks + columns > fold->width) {
        r = fold->write(fold->userdata, "\n", 1);
        fold->column = 0;
        fold->blanks = fold->indent;
    } else if (columns > 0) {
        note_column(fold);
    }
    if (r >= 0)
        r = put_blanks(fold, fold->blanks);
    if (r >= 0)
        r = fold->write(fold->userdata, fold->word, fold->word_bytes);
    fold->column += fold->blanks + columns;
    fold->blanks = 0;
    fold->word_bytes = 0;

    return r;
}

static int end_line(struct ctl_fold *fold)
{
    int r = put_word(fold);

    if (r >= 0)
        r = fold->write(fold->userdata, "\n", 1);
    fold->column = fold->blanks = fold->indent = 0;

    return r;
}

/* A command that is quoted goes on behind a blank, as long as it has room in one line. */
static bool goes_on(const struct ctl_fold *fold)
{
    const size_t begins_bytes = sizeof(command_begins) - 2; /* without the blank that comes now */

    return fold->word_bytes >= begins_bytes &&
           memcmp(fold->word, command_begins, begins_bytes) == 0 &&
           memchr(fold->word + 1, '\'', fold->word_bytes - 1) == NULL &&
           (fold->word_bytes == begins_bytes || fold->word[begins_bytes] == ' ') &&
           word_columns(fold) < fold->width / 2;
}

int ctl_fold_put(struct ctl_fold *fold, const char *text, size_t text_bytes)
{
    int r = 0;

    for (size_t i = 0; i < text_bytes && r >= 0; i++) {
        if (text[i] == '\n') {
            r = end_line(fold);
        } else if (text[i] == ' ' && !goes_on(fold)) {
            r = put_word(fold);
            fold->blanks++;
        } else {
            if (fold->word_bytes == sizeof(fold->word))
                r = put_word(fold);
            fold->word[fold->word_bytes++] = text[i];
        }
    }

    return r;
}

int ctl_fold_end(struct ctl_fold *fold)
{
    int r = put_word(fold);

    if (r >= 0)
        r = put_blanks(fold, fold->blanks);
    fold->column += fold->blanks;
    fold->blanks = 0;

    return r;
}
