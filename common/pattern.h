/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BL_COMMON_PATTERN_H
#define BL_COMMON_PATTERN_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * Regular expressions that other people wrote, POSIX extended. What can cost minutes or gigabytes is
 * refused before it is compiled: back-references, and repetitions of repetitions. What is left is
 * matched against one bounded line without remembering parts of it, in time that grows with the line.
 */
enum {
    BL_PATTERN_BYTES_MAX = 200,
    BL_PATTERN_REPEATS_MAX = 100, /* the product of all counts in { } */
    BL_PATTERN_LINE_BYTES_MAX = 1024,
};

struct bl_pattern {
    regex_t regex;
    bool is_ready;
};

/* Whether it may be compiled, and can be. -EINVAL. */
int bl_pattern_check(const char *text, struct bl_error *err) BL_CHECKED;
bool bl_pattern_is_right(const char *text);

/* Checks and compiles. Start with a zeroed pattern; bl_pattern_release() in any case. */
int bl_pattern_compile(const char *text, struct bl_pattern *ret_pattern, struct bl_error *err)
    BL_CHECKED;
void bl_pattern_release(struct bl_pattern *pattern);
#define BL_AUTO_PATTERN BL_CLEANUP(bl_pattern_release) struct bl_pattern

/* Of the line only the first BL_PATTERN_LINE_BYTES_MAX bytes are looked at; zeros end it. */
bool bl_pattern_matches(const struct bl_pattern *pattern, const char *line, size_t line_bytes);

#endif
