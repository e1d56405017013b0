/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_STORY_STORY_H
#define TESTS_STORY_STORY_H

#include <stdint.h>

#include "common/attr.h"

/*
 * Reads a story: lines that begin at the margin are told to the machine, indented lines are what it
 * must answer, word by word and in order. "#" begins a comment. "at TIME: EVENT" is an event; other
 * lines at the margin describe the world before it.
 */
struct story;

/* Tells one line, without indentation, comment and time; answers through story_answer. */
typedef void (*story_tell_fn)(struct story *story, void *machine, int64_t now_ms, const char *line);

void story_answer(struct story *story, const char *fmt, ...) BL_PRINTF(2, 3);

/* Ends the program: the story itself is wrong at this line. */
BL_NORETURN void story_bad_line(const struct story *story, const char *line);

/* "1h30m", "10s", "250ms". story_duration_text's answer lives until its next call. */
int64_t story_duration_ms(const struct story *story, const char *text);
const char *story_duration_text(int64_t duration_ms);

/* The number behind `key=` in the line as a duration, or `otherwise` if it is not there. */
int64_t story_option_ms(const struct story *story, const char *line, const char *key,
                        int64_t otherwise);

/*
 * "X_story FILE" plays one story: 0 when all answers were as told. "X_story --show FILE" prints it
 * with the answers as they are.
 */
int story_main(int argc, char **argv, story_tell_fn tell, void *machine);

#endif
