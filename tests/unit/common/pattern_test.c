/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pattern.h"

#include <string.h>

#include "common/clock.h"
#include "tests/lib/unit.h"

static void which_may_be_used(void **state)
{
    static const struct {
        const char *text;
        bool is_right;
    } cases[] = {
        {"emerg|alert", true},
        {"^\\[error\\] .*timed out$", true},
        {"[]{}\\\\1]+", true}, /* within brackets nothing of this is a count or a reference */
        {"[[:digit:]]{1,3}", true},
        {"a{3}b{30}", true},
        {"\\{x\\}", true},
        {"", false},
        {"(", false},
        {"a**b{,}", false},
        {"(a*)\\1", false},
        {"a{2,}", false},
        {"a{101}", false},
        {"(a{50}){50}", false},
        {"((x{1,255}){1,255}){1,255}", false},
        {"two\nlines", false},
        {"\xff", false},
    };
    char text[BL_PATTERN_BYTES_MAX + 2];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (bl_pattern_is_right(cases[i].text) != cases[i].is_right)
            fail_msg("'%s'", cases[i].text);
    }
    memset(text, 'a', sizeof(text));
    text[BL_PATTERN_BYTES_MAX] = '\0';
    assert_true(bl_pattern_is_right(text));
    text[BL_PATTERN_BYTES_MAX] = 'a';
    text[BL_PATTERN_BYTES_MAX + 1] = '\0';
    assert_false(bl_pattern_is_right(text));
}

static bool matches(const char *text, const char *line)
{
    BL_AUTO_PATTERN pattern = {.is_ready = false};
    struct bl_error err = {0};

    assert_int_equal(bl_pattern_compile(text, &pattern, &err), 0);

    return bl_pattern_matches(&pattern, line, strlen(line));
}

static void what_matches(void **state)
{
    static char line[2 * BL_PATTERN_LINE_BYTES_MAX];

    assert_true(matches("emerg|alert", "x alert y"));
    assert_false(matches("^alert", "x alert y"));
    memset(line, 'x', sizeof(line) - 1);
    line[BL_PATTERN_LINE_BYTES_MAX] = 'E';
    assert_false(matches("E", line)); /* behind what is looked at */
    line[BL_PATTERN_LINE_BYTES_MAX - 1] = 'E';
    assert_true(matches("E", line));
}

/* What takes other matchers for ever takes this one a moment. */
static void bad_patterns_end(void **state)
{
    static const char *const texts[] = {"(a*)*b",
                                        "(a|a)*b",
                                        "(a+)+(a+)+b",
                                        "a?a?a?a?a?a?a?a?a{50}b",
                                        ".*.*.*.*.*.*.*.*.*b",
                                        "(.*a.{10}|.*b.{10})c"};
    static char line[BL_PATTERN_LINE_BYTES_MAX + 1];
    struct bl_mono began = bl_mono_now();

    for (size_t i = 0; i < BL_PATTERN_LINE_BYTES_MAX; i++)
        line[i] = 'a';
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(matches(texts[i], line));
    assert_true(bl_mono_now().ms - began.ms < 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_may_be_used),
        cmocka_unit_test(what_matches),
        cmocka_unit_test(bad_patterns_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
