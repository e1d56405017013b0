/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/story/story.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_BYTES_MAX = 800,
    ANSWERS_MAX = 64,
};

struct story {
    const char *path;
    unsigned line_number;
    bool shows;
    char answers[ANSWERS_MAX][LINE_BYTES_MAX];
    unsigned answer_count, expected_count;
};

void story_bad_line(const struct story *story, const char *line)
{
    (void)fprintf(stderr, "%s:%u: not understood: %s\n", story->path, story->line_number, line);
    exit(2);
}

static void story_wrong(const struct story *story, const char *told, const char *answered)
{
    (void)fprintf(stderr, "%s:%u:\n  told:     %s\n  answered: %s\n", story->path,
                  story->line_number, told, answered);
    exit(1);
}

void story_answer(struct story *story, const char *fmt, ...)
{
    va_list args;

    if (story->answer_count == ANSWERS_MAX)
        story_bad_line(story, "too many answers");

    va_start(args, fmt);
    (void)vsnprintf(story->answers[story->answer_count++], LINE_BYTES_MAX, fmt, args);
    va_end(args);
}

int64_t story_duration_ms(const struct story *story, const char *text)
{
    int64_t sum_ms = 0;

    while (*text >= '0' && *text <= '9') {
        char *end;
        int64_t number = (int64_t)strtoull(text, &end, 10);

        if (strncmp(end, "ms", 2) == 0) {
            sum_ms += number;
        } else if (*end == 's') {
            sum_ms += number * 1000;
        } else if (*end == 'm') {
            sum_ms += number * 60000;
        } else if (*end == 'h') {
            sum_ms += number * 3600000;
        } else {
            story_bad_line(story, text);
        }
        text = end + (strncmp(end, "ms", 2) == 0 ? 2 : 1);
    }

    return sum_ms;
}

const char *story_duration_text(int64_t duration_ms)
{
    static char text[64];
    const struct {
        int64_t unit_ms;
        const char *name;
    } units[] = {{3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t used = 0;

    text[0] = '\0';
    if (duration_ms == 0)
        return "0s";
    for (unsigned i = 0; i < 4; i++) {
        int64_t count = duration_ms / units[i].unit_ms;

        if (count == 0)
            continue;
        (void)snprintf(text + used, sizeof(text) - used, "%lld%s", (long long)count, units[i].name);
        used = strlen(text);
        duration_ms %= units[i].unit_ms;
    }

    return text;
}

int64_t story_option_ms(const struct story *story, const char *line, const char *key,
                        int64_t otherwise)
{
    const char *found = strstr(line, key);

    if (found == NULL || found[strlen(key)] != '=')
        return otherwise;

    return story_duration_ms(story, found + strlen(key) + 1);
}

/* Everything that was answered must have been told. */
static void finish_event(struct story *story)
{
    for (unsigned i = 0; story->shows && i < story->answer_count; i++)
        (void)printf("    %s\n", story->answers[i]);
    if (!story->shows && story->expected_count < story->answer_count)
        story_wrong(story, "(nothing more)", story->answers[story->expected_count]);
    story->answer_count = 0;
    story->expected_count = 0;
}

static void play_line(struct story *story, char *line, story_tell_fn tell, void *machine)
{
    const char *words = line + strspn(line, " ");
    char time[32];
    int used = 0;

    if (words != line) { /* indented: an answer */
        if (story->shows)
            return;
        if (story->expected_count == story->answer_count)
            story_wrong(story, words, "(nothing more)");
        if (strcmp(words, story->answers[story->expected_count]) != 0)
            story_wrong(story, words, story->answers[story->expected_count]);
        story->expected_count++;
        return;
    }

    finish_event(story);
    if (story->shows)
        (void)printf("%s\n", line);
    if (*words == '\0' || *words == '#')
        return;
    if (sscanf(words, "at %31[0-9a-z]: %n", time, &used) == 1 && used > 0) {
        tell(story, machine, story_duration_ms(story, time), words + used);
    } else {
        tell(story, machine, -1, words);
    }
}

int story_main(int argc, char **argv, story_tell_fn tell, void *machine)
{
    static struct story story;
    char line[LINE_BYTES_MAX];
    FILE *file;

    story.shows = argc == 3 && strcmp(argv[1], "--show") == 0;
    if (argc != 2 && !story.shows)
        return 2;
    story.path = argv[argc - 1];
    file = fopen(story.path, "re");
    if (file == NULL) {
        perror(story.path);
        return 2;
    }

    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        story.line_number++;
        play_line(&story, line, tell, machine);
    }
    finish_event(&story);
    (void)fclose(file);

    return 0;
}
