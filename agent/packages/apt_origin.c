/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/packages/apt_parse.h"

/* Where an update comes from, and for whom it is: security archives, pins, phasing. */

/* The text up to the first of `stops`, or all of it; may be empty. */
static struct agent_packages_line take_word(struct agent_packages_line *line, const char *stops)
{
    struct agent_packages_line word = {line->text, 0};

    while (word.length < line->length && strchr(stops, word.text[word.length]) == NULL)
        word.length++;
    line->text += word.length;
    line->length -= word.length;
    if (line->length > 0) {
        line->text++;
        line->length--;
    }

    return word;
}

static bool ends_with(const struct agent_packages_line *word, const char *end)
{
    size_t length = strlen(end);

    return word->length >= length && memcmp(word->text + word->length - length, end, length) == 0;
}

/* One origin, "LABEL:VERSION/ARCHIVE", of which all but the archive may be missing. */
static bool is_security_origin(const struct agent_packages_line *origin)
{
    static const char label[] = "Debian-Security";
    bool has_label = agent_packages_line_starts(origin, label) &&
                     (origin->length == strlen(label) || origin->text[strlen(label)] == ':' ||
                      origin->text[strlen(label)] == '/');

    return has_label || ends_with(origin, "-security");
}

/* "Inst demo [1.0] (2.0 Debian:12.5/stable, Debian-Security:12/stable-security [amd64])" */
static bool is_security_line(struct agent_packages_line line)
{
    const char *open_bracket = memchr(line.text, '(', line.length);
    struct agent_packages_line origins;

    if (open_bracket == NULL)
        return false;
    line.length -= (size_t)(open_bracket + 1 - line.text);
    line.text = open_bracket + 1;
    (void)take_word(&line, " ");
    origins = take_word(&line, "[");
    while (origins.length > 0) {
        struct agent_packages_line origin = take_word(&origins, ", ");

        if (is_security_origin(&origin))
            return true;
    }

    return false;
}

int agent_packages_apt_parse_security(struct agent_packages_memory *memory, const char *text,
                                      struct agent_packages_changes *ret_changes,
                                      uint32_t *ret_others, struct bl_error *err)
{
    struct agent_packages_changes changes = {0};
    struct agent_packages_line line;

    *ret_others = 0;
    while (agent_packages_next_line(&text, &line)) {
        int r;

        if (!agent_packages_line_starts(&line, "Inst "))
            continue;
        if (!is_security_line(line)) {
            (*ret_others)++;
            continue;
        }
        r = agent_packages_apt_add_change(memory, &line, /* remove= */ false, &changes, err);
        if (r < 0)
            return r;
    }
    *ret_changes = changes;

    return 0;
}

/* "     release v=12,o=Debian,a=stable-security,n=bookworm-security,l=Debian-Security,c=main,..." */
bool agent_packages_apt_has_security(const char *policy)
{
    static const char head[] = "     release ";
    struct agent_packages_line line;

    while (agent_packages_next_line(&policy, &line)) {
        if (!agent_packages_line_starts(&line, head))
            continue;
        line.text += strlen(head);
        line.length -= strlen(head);
        while (line.length > 0) {
            struct agent_packages_line field = take_word(&line, ",");

            if (agent_packages_line_is(&field, "l=Debian-Security") ||
                (agent_packages_line_starts(&field, "a=") && ends_with(&field, "-security")))
                return true;
        }
    }

    return false;
}

int agent_packages_apt_parse_pinned(struct agent_packages_memory *memory, const char *policy,
                                    const char **ret_pinned, struct bl_error *err)
{
    const char *pinned = "";
    struct agent_packages_line line;
    bool inside = false;

    while (agent_packages_next_line(&policy, &line)) {
        int r;

        if (!inside) {
            inside = agent_packages_line_is(&line, "Pinned packages:");
            continue;
        }
        while (line.length > 0 && line.text[0] == ' ') {
            line.text++;
            line.length--;
        }
        if (line.length == 0)
            continue;
        r = agent_packages_memory_format(memory, &pinned, err, "%s%s%.*s", pinned,
                                         pinned[0] != '\0' ? ", " : "", (int)line.length,
                                         line.text);
        if (r < 0)
            return r;
    }
    *ret_pinned = pinned;

    return 0;
}

/* "NAME: value": 1 and the value when the line is this field's. */
static bool is_field(const struct agent_packages_line *line, const char *name,
                     struct agent_packages_line *ret_value)
{
    size_t length = strlen(name);

    if (!agent_packages_line_starts(line, name) || line->length < length + 2 ||
        line->text[length] != ':')
        return false;
    *ret_value = (struct agent_packages_line){line->text + length + 2, line->length - length - 2};

    return true;
}

int agent_packages_apt_parse_phased(struct agent_packages_memory *memory, const char *text,
                                    const char **ret_names, struct bl_error *err)
{
    const char *names = "";
    struct agent_packages_line line, value, name = {"", 0};

    while (agent_packages_next_line(&text, &line)) {
        int r;

        if (is_field(&line, "Package", &value))
            name = value;
        if (!is_field(&line, "Phased-Update-Percentage", &value) ||
            agent_packages_line_is(&value, "100"))
            continue;
        r = agent_packages_memory_format(memory, &names, err, "%s%s%.*s", names,
                                         names[0] != '\0' ? " " : "", (int)name.length, name.text);
        if (r < 0)
            return r;
    }
    *ret_names = names;

    return 0;
}
