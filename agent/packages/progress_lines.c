/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/packages/progress.h"

static const struct agent_packages_told_line nothing = {AGENT_PACKAGES_TOLD_NOTHING, {"", 0}};

struct beginning {
    const char *words;
    enum agent_packages_told what;
};

static struct agent_packages_line rest_of(const struct agent_packages_line *line, size_t from)
{
    return (struct agent_packages_line){line->text + from, line->length - from};
}

static struct agent_packages_line first_word(struct agent_packages_line line)
{
    size_t length = 0;

    while (length < line.length && line.text[length] != ' ')
        length++;

    return (struct agent_packages_line){line.text, length};
}

static struct agent_packages_told_line find(const struct agent_packages_line *line,
                                            const struct beginning *beginnings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (agent_packages_line_starts(line, beginnings[i].words)) {
            return (struct agent_packages_told_line){
                beginnings[i].what, first_word(rest_of(line, strlen(beginnings[i].words)))};
        }
    }

    return nothing;
}

/* "pmstatus:NAME:PERCENT:Unpacking NAME (amd64)" */
static struct agent_packages_told_line parse_status(struct agent_packages_line line)
{
    static const struct beginning beginnings[] = {
        {"Installed ", AGENT_PACKAGES_TOLD_DONE},
        {"Removed ", AGENT_PACKAGES_TOLD_DONE},
        {"Completely removed ", AGENT_PACKAGES_TOLD_DONE},
    };
    const char *words, *percent = memchr(line.text, ':', line.length);
    struct agent_packages_told_line told;
    struct agent_packages_line name, sentence;

    if (percent == NULL)
        return nothing;
    name = (struct agent_packages_line){line.text, (size_t)(percent - line.text)};
    words = memchr(percent + 1, ':', line.length - name.length - 1);
    if (words == NULL || agent_packages_line_is(&name, "dpkg-exec"))
        return nothing;
    sentence = rest_of(&line, (size_t)(words + 1 - line.text));
    told = find(&sentence, beginnings, sizeof(beginnings) / sizeof(beginnings[0]));
    told.what = told.what == AGENT_PACKAGES_TOLD_DONE ? told.what : AGENT_PACKAGES_TOLD_AT;
    told.name = name;

    return told;
}

struct agent_packages_told_line
agent_packages_apt_parse_progress(const struct agent_packages_line *line)
{
    static const struct beginning beginnings[] = {
        {"Unpacking ", AGENT_PACKAGES_TOLD_AT},
        {"Setting up ", AGENT_PACKAGES_TOLD_LAST},
        {"Removing ", AGENT_PACKAGES_TOLD_LAST},
        {"Processing triggers for ", AGENT_PACKAGES_TOLD_REST},
    };

    if (agent_packages_line_starts(line, "pmstatus:"))
        return parse_status(rest_of(line, strlen("pmstatus:")));

    return find(line, beginnings, sizeof(beginnings) / sizeof(beginnings[0]));
}

/* "  Upgrading        : demo-2.0-1.noarch                    1/2 " */
struct agent_packages_told_line
agent_packages_dnf_parse_progress(const struct agent_packages_line *line)
{
    static const struct beginning words[] = {
        {"Running scriptlet", AGENT_PACKAGES_TOLD_AT}, {"Preparing", AGENT_PACKAGES_TOLD_REST},
        {"Installing", AGENT_PACKAGES_TOLD_LAST},      {"Upgrading", AGENT_PACKAGES_TOLD_LAST},
        {"Downgrading", AGENT_PACKAGES_TOLD_LAST},     {"Reinstalling", AGENT_PACKAGES_TOLD_LAST},
        {"Erasing", AGENT_PACKAGES_TOLD_LAST},         {"Removing", AGENT_PACKAGES_TOLD_LAST},
        {"Obsoleting", AGENT_PACKAGES_TOLD_LAST},      {"Cleanup", AGENT_PACKAGES_TOLD_REST},
        {"Verifying", AGENT_PACKAGES_TOLD_REST},
    };
    struct agent_packages_line line_left = *line, verb, name;
    const char *colon;

    while (line_left.length > 0 && line_left.text[0] == ' ')
        line_left = rest_of(&line_left, 1);
    colon = memmem(line_left.text, line_left.length, ": ", 2);
    if (line_left.length == line->length || colon == NULL)
        return nothing;
    verb = (struct agent_packages_line){line_left.text, (size_t)(colon - line_left.text)};
    while (verb.length > 0 && verb.text[verb.length - 1] == ' ')
        verb.length--;
    name = first_word(rest_of(&line_left, (size_t)(colon - line_left.text) + 2));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (agent_packages_line_is(&verb, words[i].words))
            return (struct agent_packages_told_line){words[i].what, name};
    }

    return nothing;
}

uint64_t agent_packages_dnf_parse_download_size(const char *text, size_t size_bytes)
{
    static const char heading[] = "Total download size: ";
    static const struct {
        char letter;
        uint64_t bytes;
    } units[] = {{'k', 1024}, {'M', 1024 * 1024}, {'G', 1024 * 1024 * 1024}};
    const char *at = size_bytes > 0 ? memmem(text, size_bytes, heading, strlen(heading)) : NULL;
    uint64_t whole = 0, tenths = 0, unit = 1;
    size_t left;

    if (at == NULL)
        return 0;
    at += strlen(heading);
    for (left = size_bytes - (size_t)(at - text); left > 0 && *at >= '0' && *at <= '9'; left--)
        whole = whole < UINT32_MAX ? whole * 10 + (uint64_t)(*at++ - '0') : whole;
    if (left > 1 && at[0] == '.' && at[1] >= '0' && at[1] <= '9') {
        tenths = (uint64_t)(at[1] - '0');
        at += 2;
        left -= 2;
    }
    if (left > 1 && at[0] == ' ') {
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
            unit = units[i].letter == at[1] ? units[i].bytes : unit;
    }

    return whole * unit + tenths * unit / 10;
}

/* "'http://...' demo_2.0_all.deb 1284 SHA256:..." */
uint64_t agent_packages_apt_parse_uri_sizes(const char *text)
{
    struct agent_packages_line line;
    uint64_t sum = 0;

    while (agent_packages_next_line(&text, &line)) {
        const char *end = line.length > 1 && line.text[0] == '\''
                              ? memchr(line.text + 1, '\'', line.length - 1)
                              : NULL;
        struct agent_packages_line left;
        uint64_t size = 0;

        if (end == NULL || line.text + line.length - end < 2)
            continue;
        left = rest_of(&line, (size_t)(end - line.text) + 2);
        left = rest_of(&left, first_word(left).length);
        for (size_t i = 1; i < left.length && left.text[i] >= '0' && left.text[i] <= '9'; i++)
            size = size < UINT32_MAX ? size * 10 + (uint64_t)(left.text[i] - '0') : size;
        sum += size;
    }

    return sum;
}
