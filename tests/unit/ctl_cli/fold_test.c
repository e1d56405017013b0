/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/outside/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/unit.h"

enum {
    WIDTH = 40,
};

static int append(void *userdata, const char *text, size_t text_bytes)
{
    char *seen = userdata;

    assert_true(strlen(seen) + text_bytes < 4096);
    strncat(seen, text, text_bytes);
    return 0;
}

/* In parts of so many bytes, as a buffer hands it on. */
static void fold_in_parts(const char *text, size_t part_bytes, char *seen)
{
    const size_t text_bytes = strlen(text);
    struct ctl_fold fold;

    seen[0] = '\0';
    ctl_fold_begin(&fold, WIDTH, append, seen);
    for (size_t i = 0; i < text_bytes; i += part_bytes)
        assert_int_equal(ctl_fold_put(&fold, text + i,
                                      i + part_bytes < text_bytes ? part_bytes : text_bytes - i),
                         0);
    assert_int_equal(ctl_fold_end(&fold), 0);
}

static void assert_folds(const char *text, const char *expected)
{
    char seen[4096];

    for (size_t part_bytes = 1; part_bytes <= strlen(text); part_bytes++) {
        fold_in_parts(text, part_bytes, seen);
        assert_string_equal(seen, expected);
    }
}

static void what_fits_is_left_alone(void **state)
{
    assert_folds("\n  a table  with   gaps\n\nand an end",
                 "\n  a table  with   gaps\n\nand an end");
    assert_folds("0123456789 123456789 123456789 123456789\nx\n",
                 "0123456789 123456789 123456789 123456789\nx\n");
    assert_folds("go on? [y/N] ", "go on? [y/N] ");
}

static void a_long_line_goes_on_below_its_last_column(void **state)
{
    assert_folds("200 hosts: fake00121, fake00026, fake00003, fake00140\n",
                 "200 hosts: fake00121, fake00026,\n  fake00003, fake00140\n");
    assert_folds("  web1  down  the service does not answer any more\n",
                 "  web1  down  the service does not\n              answer any more\n");
    assert_folds("    a column that stands far to the  right is no place\n",
                 "    a column that stands far to the\n      right is no place\n");
}

static void a_word_too_long_for_a_line_stays_whole(void **state)
{
    assert_folds("see 0123456789012345678901234567890123456789012345 there\n",
                 "see\n  0123456789012345678901234567890123456789012345\n  there\n");
}

static void a_command_stays_whole(void **state)
{
    assert_folds("next: it runs by itself: 'belay watch 6b72' looks on\n",
                 "next: it runs by itself:\n  'belay watch 6b72' looks on\n");
    /* What never ends, or is no command, is words. */
    assert_folds("it's 'not a command at all' but words that go on\n",
                 "it's 'not a command at all' but words\n  that go on\n");
    assert_folds("x 'belay without an end is broken all the same here\n",
                 "x 'belay without an end is broken all\n  the same here\n");
}

static void colours_take_no_columns(void **state)
{
    assert_folds("\033[33m~\033[0m 123456 \033[1;31m9 123456789 123456789 123456789\033[0m\n",
                 "\033[33m~\033[0m 123456 \033[1;31m9 123456789 123456789 123456789\033[0m\n");
    assert_folds("→→→→→→→→→→ →→→→→→→→→→ →→→→→→→→→→ →→→→→→→ x\n",
                 "→→→→→→→→→→ →→→→→→→→→→ →→→→→→→→→→ →→→→→→→\n  x\n");
}

static int refuse(void *userdata, const char *text, size_t text_bytes)
{
    return -EPIPE;
}

static void what_cannot_be_written_is_told(void **state)
{
    struct ctl_fold fold;

    ctl_fold_begin(&fold, WIDTH, refuse, NULL);
    assert_int_equal(ctl_fold_put(&fold, "word ", 5), -EPIPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_left_alone),
        cmocka_unit_test(a_long_line_goes_on_below_its_last_column),
        cmocka_unit_test(a_word_too_long_for_a_line_stays_whole),
        cmocka_unit_test(a_command_stays_whole),
        cmocka_unit_test(colours_take_no_columns),
        cmocka_unit_test(what_cannot_be_written_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
