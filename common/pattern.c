/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pattern.h"

#include <errno.h>
#include <string.h>

#include "common/check.h"
#include "common/text.h"

/* Reads the digits on, as far as they matter. */
static unsigned read_count(const char **at)
{
    unsigned count = 0;

    for (; **at >= '0' && **at <= '9'; (*at)++)
        count = count > BL_PATTERN_REPEATS_MAX ? count : 10 * count + (unsigned)(**at - '0');

    return count;
}

/* The larger number of "{3,7}"; 0 for "{3,}" and for what is no count. */
static unsigned upper_count(const char *brace)
{
    const char *at = brace + 1;
    unsigned low = read_count(&at), high = low;

    if (*at == ',') {
        at++;
        high = read_count(&at);
    }

    return *at == '}' && high >= low ? high : 0;
}

/* Behind the end of a bracket expression: "[]a]" and "[^]a]" have their first ] as a member. */
static const char *skip_brackets(const char *at)
{
    at++;
    if (*at == '^')
        at++;
    if (*at == ']')
        at++;
    while (*at != '\0' && *at != ']') {
        if (*at == '[' && (at[1] == ':' || at[1] == '.' || at[1] == '=')) {
            const char close[] = {at[1], ']', '\0'};
            const char *end = strstr(at + 2, close);

            if (end == NULL)
                return at + strlen(at);
            at = end + 1;
        }
        at++;
    }

    return *at == ']' ? at + 1 : at;
}

static int check_shape(const char *text, struct bl_error *err)
{
    unsigned repeats = 1;

    for (const char *at = text; *at != '\0';) {
        if (*at == '[') {
            at = skip_brackets(at);
        } else if (*at == '\\') {
            if (at[1] >= '0' && at[1] <= '9')
                return bl_fail(err, -EINVAL, "'%.80s': back-references can take for ever", text);
            at += at[1] != '\0' ? 2 : 1;
        } else if (*at == '{') {
            unsigned count = upper_count(at);

            if (count == 0 || count > BL_PATTERN_REPEATS_MAX ||
                (repeats *= count) > BL_PATTERN_REPEATS_MAX) {
                return bl_fail(err, -EINVAL, "'%.80s': counts in { } have an end, %d in all", text,
                               BL_PATTERN_REPEATS_MAX);
            }
            at++;
        } else {
            at++;
        }
    }

    return 0;
}

int bl_pattern_compile(const char *text, struct bl_pattern *ret_pattern, struct bl_error *err)
{
    size_t bytes = strlen(text);
    char why[128];
    int r;

    if (bytes == 0 || bytes > BL_PATTERN_BYTES_MAX)
        return bl_fail(err, -EINVAL, "a pattern has 1 to %d bytes", BL_PATTERN_BYTES_MAX);
    if (!bl_text_is_clean(text, bytes) || strpbrk(text, "\n\t") != NULL)
        return bl_fail(err, -EINVAL, "a pattern is one line of plain text");
    r = check_shape(text, err);
    if (r < 0)
        return r;
    r = regcomp(&ret_pattern->regex, text, REG_EXTENDED | REG_NOSUB);
    if (r != 0) {
        (void)regerror(r, &ret_pattern->regex, why, sizeof(why));
        return bl_fail(err, -EINVAL, "'%.80s' is no extended regular expression: %s", text, why);
    }
    ret_pattern->is_ready = true;

    return 0;
}

int bl_pattern_check(const char *text, struct bl_error *err)
{
    BL_AUTO_PATTERN pattern = {.is_ready = false};

    return bl_pattern_compile(text, &pattern, err);
}

bool bl_pattern_is_right(const char *text)
{
    struct bl_error ignored = {0};

    return bl_pattern_check(text, &ignored) == 0;
}

void bl_pattern_release(struct bl_pattern *pattern)
{
    if (pattern->is_ready)
        regfree(&pattern->regex);
    pattern->is_ready = false;
}

bool bl_pattern_matches(const struct bl_pattern *pattern, const char *line, size_t line_bytes)
{
    char bounded[BL_PATTERN_LINE_BYTES_MAX + 1];
    size_t bytes = line_bytes < BL_PATTERN_LINE_BYTES_MAX ? line_bytes : BL_PATTERN_LINE_BYTES_MAX;

    BL_ASSERT(pattern->is_ready);

    memcpy(bounded, line, bytes);
    bounded[bytes] = '\0';

    return regexec(&pattern->regex, bounded, 0, NULL, 0) == 0;
}
