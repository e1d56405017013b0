/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/line.h"

#include <string.h>

bool agent_packages_next_line(const char **cursor, struct agent_packages_line *ret_line)
{
    size_t length;

    if (**cursor == '\0')
        return false;
    length = strcspn(*cursor, "\n");
    *ret_line = (struct agent_packages_line){.text = *cursor, .length = length};
    *cursor += length + ((*cursor)[length] == '\n' ? 1 : 0);

    return true;
}

bool agent_packages_line_starts(const struct agent_packages_line *line, const char *prefix)
{
    size_t length = strlen(prefix);

    return line->length >= length && memcmp(line->text, prefix, length) == 0;
}

bool agent_packages_line_contains(const struct agent_packages_line *line, const char *needle)
{
    return memmem(line->text, line->length, needle, strlen(needle)) != NULL;
}

bool agent_packages_line_is(const struct agent_packages_line *line, const char *text)
{
    return line->length == strlen(text) && memcmp(line->text, text, line->length) == 0;
}

bool agent_packages_find_needle(const char *text, const struct agent_packages_needle *needles,
                                size_t needle_count, struct agent_packages_cause *ret_cause)
{
    for (size_t i = 0; i < needle_count; i++) {
        const char *cursor = text;
        struct agent_packages_line line;

        while (agent_packages_next_line(&cursor, &line)) {
            if (!agent_packages_line_contains(&line, needles[i].needle))
                continue;
            while (line.length > 0 && line.text[0] == ' ') {
                line.text++;
                line.length--;
            }
            *ret_cause = (struct agent_packages_cause){.code = needles[i].code, .line = line};
            return true;
        }
    }

    return false;
}

struct agent_packages_line agent_packages_last_line(const char *text, const char *const *beginnings,
                                                    size_t beginning_count)
{
    struct agent_packages_line line, last = {"", 0};

    while (agent_packages_next_line(&text, &line)) {
        for (size_t i = 0; i < beginning_count; i++) {
            if (agent_packages_line_starts(&line, beginnings[i]))
                last = line;
        }
    }

    return last;
}
