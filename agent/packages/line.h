/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PACKAGES_LINE_H
#define AGENT_PACKAGES_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* One line of a text, without its newline; what the package managers' tools print is read by lines. */
struct agent_packages_line {
    const char *text;
    size_t length;
};

/* Start with `*cursor` at the text; false at the end. */
bool agent_packages_next_line(const char **cursor, struct agent_packages_line *ret_line);

bool agent_packages_line_starts(const struct agent_packages_line *line, const char *prefix);
bool agent_packages_line_contains(const struct agent_packages_line *line, const char *needle);
bool agent_packages_line_is(const struct agent_packages_line *line, const char *text);

/* Why a tool failed: one of the result's stable codes, and the line that says so. */
struct agent_packages_cause {
    const char *code;
    struct agent_packages_line line; /* length 0 when nothing told */
};

/* The first line that has one of the needles; an earlier needle goes before an earlier line. */
struct agent_packages_needle {
    const char *needle, *code;
};
/* False when no line has any. Blanks in front of the line are left out. */
bool agent_packages_find_needle(const char *text, const struct agent_packages_needle *needles,
                                size_t needle_count, struct agent_packages_cause *ret_cause);

/* The last line that starts with one of `beginnings`; length 0 when there is none. */
struct agent_packages_line agent_packages_last_line(const char *text, const char *const *beginnings,
                                                    size_t beginning_count);

#endif
