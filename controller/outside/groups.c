/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/outside/groups.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "controller/outside/json.h"

enum {
    WORD_BYTES = 256,       /* longer ones are cut */
    ID_DIGITS_MIN = 8,      /* of a word that is an id, and no number */
    UNIT_LETTERS_MAX = 3,   /* "64MiB", "250ms" */
    SIGNATURE_BYTES = 1024, /* reasons have at most half of it */
    KEY_BYTES = SIGNATURE_BYTES + 128,
    NEXT_BYTES = 400,
};

/* ---- one sentence ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What stands between words, and is compared as it is. */
static bool is_separator(char c)
{
    return strchr(" \t\n=@:,;()[]{}'\"<>|!?", c) != NULL;
}

static bool is_id(const char *word)
{
    size_t digits = 0, length = 0;

    for (; *word != '\0'; word++, length++) {
        bool is_hex_letter = *word >= 'a' && *word <= 'f';

        if (!is_digit(*word) && !is_hex_letter && *word != '-')
            return false;
        digits += is_digit(*word) ? 1 : 0;
    }

    return length >= ID_DIGITS_MIN && digits > 0 && digits < length;
}

static bool is_address(const char *word)
{
    return strspn(word, "0123456789.") == strlen(word) && strchr(word, '.') != NULL &&
           strchr(strchr(word, '.') + 1, '.') != NULL;
}

/* "12", "1.5", "34/120", "10%", "64MiB" */
static bool is_number(const char *word)
{
    size_t digits = strspn(word, "0123456789./"), unit = 0;

    if (!is_digit(word[0]))
        return false;
    while (is_letter(word[digits + unit]) || word[digits + unit] == '%')
        unit++;

    return word[digits + unit] == '\0' && unit <= UNIT_LETTERS_MAX;
}

static bool is_name(const char *word, const json_t *names)
{
    char head[WORD_BYTES];
    const char *dot = strchr(word, '.');

    if (json_object_get(names, word) != NULL)
        return true;
    if (dot == NULL || dot == word)
        return false;
    (void)snprintf(head, sizeof(head), "%.*s", (int)(dot - word), word);

    return json_object_get(names, head) != NULL;
}

/* "linux-image-6.1.0-21-amd64": the place of the version behind the name, or the word's end. */
static size_t version_at(const char *word)
{
    size_t at = 0;

    while (word[at] != '\0') {
        if ((word[at] == '-' || word[at] == '_') && is_digit(word[at + 1]))
            return at + 1;
        at++;
    }

    return at;
}

static void add_word(struct bl_text *text, const char *word, const json_t *names)
{
    char head[WORD_BYTES];
    size_t version;

    if (is_name(word, names)) {
        bl_text_add(text, "<host>");
    } else if (word[0] == '/') {
        bl_text_add(text, word[1] == '\0' ? "/" : "<path>");
    } else if (is_id(word)) {
        bl_text_add(text, "<id>");
    } else if (is_address(word)) {
        bl_text_add(text, "<address>");
    } else if (is_number(word)) {
        bl_text_add(text, "<n>");
    } else if (is_digit(word[0])) {
        bl_text_add(text, "<version>");
    } else {
        version = version_at(word);
        (void)snprintf(head, sizeof(head), "%.*s", (int)version, word);
        bl_text_add(text, head);
        if (word[version] != '\0')
            bl_text_add(text, "<version>");
    }
}

void ctl_groups_signature(const char *reason, const json_t *names, char *ret_text,
                          size_t text_bytes)
{
    struct bl_text text;

    bl_text_init(&text, ret_text, text_bytes);
    while (*reason != '\0') {
        char word[WORD_BYTES];
        size_t length = 0;

        if (is_separator(*reason)) {
            bl_text_add(&text, (const char[]){*reason++, '\0'});
            continue;
        }
        while (reason[length] != '\0' && !is_separator(reason[length]))
            length++;
        (void)snprintf(word, sizeof(word), "%.*s", (int)length, reason);
        /* The full stop of a sentence is no part of its last number. */
        if (length < sizeof(word) && length > 1 && word[length - 1] == '.')
            word[--length] = '\0';
        add_word(&text, word, names);
        reason += length;
    }
}

/* ---- all hosts ---- */

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(word, *words) == 0)
            return true;
    }

    return false;
}

/* A status says that a host failed, a report gives a cause; hosts that were ordered back have none. */
static bool is_failed(const json_t *host)
{
    static const char *const bad[] = {"refused", "blocked", "lost", "revert_failed", NULL};
    const json_t *failed = json_object_get(host, "failed");

    if (failed != NULL)
        return json_is_true(failed) || is_one_of(ctl_json_text(host, "state"), bad);

    return json_is_object(json_object_get(host, "cause"));
}

static const json_t *cause_of(const json_t *host)
{
    const json_t *cause = json_object_get(host, "cause");

    return json_is_object(cause) ? cause : host;
}

/* When it came to be as it is: of a report, its last state. */
static const char *moment_of(const json_t *host)
{
    const json_t *states = json_object_get(host, "states");
    size_t count = json_array_size(states);

    if (count > 0)
        return ctl_json_text(json_array_get(states, count - 1), "at");

    return ctl_json_text(host, "changed_at");
}

static int rank_of(const char *grade)
{
    static const char *const grades[] = {"", "minor", "functional", "severe"};

    for (int i = 3; i > 0; i--) {
        if (strcmp(grade, grades[i]) == 0)
            return i;
    }

    return 0;
}

/* The command that helps with hosts that ended like this one. */
static json_t *next_of(const json_t *document, const json_t *host)
{
    const char *state = ctl_json_text(host, "state"), *name = ctl_json_text(host, "name");
    char next[NEXT_BYTES];

    if (strcmp(state, "lost") == 0)
        (void)snprintf(next, sizeof(next), "belay ping %.256s", name);
    else if (strcmp(state, "revert_failed") == 0)
        (void)snprintf(next, sizeof(next), "belay rollback %.64s --host %.256s",
                       ctl_json_text(document, "rollout"), name);
    else
        (void)snprintf(next, sizeof(next), "belay why %.256s", name);

    return json_string(next);
}

static bool begin_group(json_t *group, const json_t *document, const json_t *host)
{
    const json_t *cause = cause_of(host);
    const char *moment = moment_of(host);

    return json_object_set_new(group, "count", json_integer(0)) == 0 &&
           json_object_set_new(group, "code", json_string(ctl_json_text(cause, "code"))) == 0 &&
           json_object_set_new(group, "reason", json_string(ctl_json_text(cause, "reason"))) == 0 &&
           json_object_set_new(group, "example", json_string(ctl_json_text(cause, "reason"))) ==
               0 &&
           json_object_set_new(group, "grade", json_string("")) == 0 &&
           json_object_set_new(group, "first", json_string(ctl_json_text(host, "name"))) == 0 &&
           json_object_set_new(group, "first_at",
                               moment[0] != '\0' ? json_string(moment) : json_null()) == 0 &&
           json_object_set_new(group, "next", next_of(document, host)) == 0 &&
           json_object_set_new(group, "hosts", json_array()) == 0;
}

/* `host` is earlier than all before it: the group is told from it. */
static bool lead_group(json_t *group, const json_t *document, const json_t *host)
{
    const json_t *cause = cause_of(host);

    return json_object_set_new(group, "example", json_string(ctl_json_text(cause, "reason"))) ==
               0 &&
           json_object_set_new(group, "first", json_string(ctl_json_text(host, "name"))) == 0 &&
           json_object_set_new(group, "first_at", json_string(moment_of(host))) == 0 &&
           json_object_set_new(group, "next", next_of(document, host)) == 0;
}

static bool join_group(json_t *group, const json_t *document, const json_t *host,
                       const char *signature)
{
    const char *grade = ctl_json_text(host, "grade"), *moment = moment_of(host);
    const char *first_at = ctl_json_text(group, "first_at");
    bool good = true;

    /* A sentence that all of them share is shown as it is. */
    if (strcmp(ctl_json_text(group, "reason"), ctl_json_text(cause_of(host), "reason")) != 0)
        good = json_object_set_new(group, "reason", json_string(signature)) == 0;
    if (rank_of(grade) > rank_of(ctl_json_text(group, "grade")))
        good = good && json_object_set_new(group, "grade", json_string(grade)) == 0;
    /* RFC 3339 in UTC: the order of the texts is that of time. */
    if (moment[0] != '\0' && (first_at[0] == '\0' || strcmp(moment, first_at) < 0))
        good = good && lead_group(group, document, host);

    return good &&
           json_object_set_new(group, "count", json_integer(ctl_json_number(group, "count") + 1)) ==
               0 &&
           json_array_append_new(json_object_get(group, "hosts"),
                                 json_string(ctl_json_text(host, "name"))) == 0;
}

static bool add_host(json_t *groups, json_t *by_key, const json_t *document, const json_t *names,
                     const json_t *host)
{
    const json_t *cause = cause_of(host);
    char signature[SIGNATURE_BYTES], key[KEY_BYTES];
    json_t *group;

    ctl_groups_signature(ctl_json_text(cause, "reason"), names, signature, sizeof(signature));
    (void)snprintf(key, sizeof(key), "%.64s %s", ctl_json_text(cause, "code"), signature);
    group = json_object_get(by_key, key);
    if (group == NULL) {
        group = json_object();
        if (json_array_append_new(groups, group) < 0 || json_object_set(by_key, key, group) < 0 ||
            !begin_group(group, document, host))
            return false;
    }

    return join_group(group, document, host, signature);
}

struct placed {
    json_t *group;
    size_t place; /* qsort is not stable */
};

static int larger_first(const void *a, const void *b)
{
    const struct placed *one = a, *other = b;
    int64_t one_count = ctl_json_number(one->group, "count");
    int64_t other_count = ctl_json_number(other->group, "count");

    if (one_count != other_count)
        return one_count > other_count ? -1 : 1;

    return one->place < other->place ? -1 : 1;
}

static json_t *sort_groups(const json_t *groups)
{
    size_t count = json_array_size(groups);
    struct placed *list = calloc(count + 1, sizeof(*list));
    json_t *sorted = json_array();

    for (size_t i = 0; list != NULL && i < count; i++)
        list[i] = (struct placed){json_array_get(groups, i), i};
    if (list != NULL && sorted != NULL && count > 0) {
        qsort(list, count, sizeof(*list), larger_first);
        for (size_t i = 0; i < count; i++)
            (void)json_array_append(sorted, list[i].group);
    }
    free(list);
    if (json_array_size(sorted) == count)
        return sorted;
    json_decref(sorted);

    return NULL;
}

json_t *ctl_groups_of(const json_t *document)
{
    CTL_AUTO_JSON *names = json_object(), *by_key = json_object(), *groups = json_array();
    const json_t *hosts = json_object_get(document, "hosts"), *host;
    size_t i;

    if (names == NULL || by_key == NULL || groups == NULL)
        return NULL;
    json_array_foreach (hosts, i, host) {
        if (json_object_set_new(names, ctl_json_text(host, "name"), json_true()) < 0)
            return NULL;
    }
    json_array_foreach (hosts, i, host) {
        if (is_failed(host) && !add_host(groups, by_key, document, names, host))
            return NULL;
    }

    return sort_groups(groups);
}
