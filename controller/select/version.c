/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/select/version.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A part of a version text, not ended by a NUL. */
struct part {
    const char *at;
    size_t bytes;
};

struct parts {
    struct part epoch, version, release;
    bool has_release;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static struct parts split(const char *text)
{
    const char *colon = strchr(text, ':'), *dash;
    struct parts parts = {.epoch = {"0", 1}};

    if (colon != NULL) {
        parts.epoch = (struct part){text, (size_t)(colon - text)};
        text = colon + 1;
    }
    dash = strrchr(text, '-');
    parts.version = (struct part){text, dash != NULL ? (size_t)(dash - text) : strlen(text)};
    parts.has_release = dash != NULL;
    parts.release = dash != NULL ? (struct part){dash + 1, strlen(dash + 1)} : (struct part){"", 0};

    return parts;
}

static char first(const struct part *part)
{
    return part->bytes > 0 ? *part->at : '\0';
}

static void skip(struct part *part, size_t bytes)
{
    part->at += bytes;
    part->bytes -= bytes;
}

/* Takes a run of digits off both; without leading zeros the longer number is the larger one. */
static int compare_numbers(struct part *a, struct part *b)
{
    size_t a_bytes = 0, b_bytes = 0;
    int order;

    while (first(a) == '0')
        skip(a, 1);
    while (first(b) == '0')
        skip(b, 1);
    while (a_bytes < a->bytes && is_digit(a->at[a_bytes]))
        a_bytes++;
    while (b_bytes < b->bytes && is_digit(b->at[b_bytes]))
        b_bytes++;
    if (a_bytes != b_bytes)
        return a_bytes < b_bytes ? -1 : 1;
    order = memcmp(a->at, b->at, a_bytes);
    skip(a, a_bytes);
    skip(b, b_bytes);

    return order;
}

/* ---- dpkg ---- */

/* '~' sorts before the end, the end before letters, letters before everything else. */
static int deb_weight(char c)
{
    if (c == '~')
        return -1;
    if (c == '\0' || is_digit(c))
        return 0;

    return is_letter(c) ? (unsigned char)c : (unsigned char)c + 256;
}

static int compare_deb_part(struct part a, struct part b)
{
    while (a.bytes > 0 || b.bytes > 0) {
        int order;

        while ((a.bytes > 0 && !is_digit(first(&a))) || (b.bytes > 0 && !is_digit(first(&b)))) {
            int a_weight = deb_weight(first(&a)), b_weight = deb_weight(first(&b));

            if (a_weight != b_weight)
                return a_weight - b_weight;
            skip(&a, 1);
            skip(&b, 1);
        }
        order = compare_numbers(&a, &b);
        if (order != 0)
            return order;
    }

    return 0;
}

int ctl_version_compare_deb(const char *a, const char *b)
{
    const struct parts left = split(a), right = split(b);
    int order = compare_deb_part(left.epoch, right.epoch);

    if (order == 0)
        order = compare_deb_part(left.version, right.version);

    return order != 0 ? order : compare_deb_part(left.release, right.release);
}

int ctl_version_compare_deb_kernel(const char *a, const char *b)
{
    return compare_deb_part((struct part){a, strlen(a)}, (struct part){b, strlen(b)});
}

/* ---- rpm ---- */

static bool is_separator(char c)
{
    return c != '\0' && c != '~' && c != '^' && !is_digit(c) && !is_letter(c);
}

/* '~' sorts before everything, also the end; '^' before everything but the end. 2: neither decides. */
static int compare_rpm_sign(struct part *a, struct part *b)
{
    if (first(a) == '~' || first(b) == '~') {
        if (first(a) != '~')
            return 1;
        if (first(b) != '~')
            return -1;
    } else if (first(a) == '^' || first(b) == '^') {
        if (a->bytes == 0)
            return -1;
        if (b->bytes == 0)
            return 1;
        if (first(a) != '^')
            return 1;
        if (first(b) != '^')
            return -1;
    } else {
        return 2;
    }
    skip(a, 1);
    skip(b, 1);

    return 0;
}

static int compare_rpm_letters(struct part *a, struct part *b)
{
    size_t a_bytes = 0, b_bytes = 0, common_bytes;
    int order;

    while (a_bytes < a->bytes && is_letter(a->at[a_bytes]))
        a_bytes++;
    while (b_bytes < b->bytes && is_letter(b->at[b_bytes]))
        b_bytes++;
    common_bytes = a_bytes < b_bytes ? a_bytes : b_bytes;
    order = memcmp(a->at, b->at, common_bytes);
    if (order == 0 && a_bytes != b_bytes)
        order = a_bytes < b_bytes ? -1 : 1;
    skip(a, a_bytes);
    skip(b, b_bytes);

    return order;
}

static int compare_rpm_part(struct part a, struct part b)
{
    while (a.bytes > 0 || b.bytes > 0) {
        int order;

        while (is_separator(first(&a)))
            skip(&a, 1);
        while (is_separator(first(&b)))
            skip(&b, 1);
        order = compare_rpm_sign(&a, &b);
        if (order == 0)
            continue;
        if (order != 2)
            return order;
        if (a.bytes == 0 || b.bytes == 0)
            break;
        if (is_digit(first(&a)) != is_digit(first(&b)))
            return is_digit(first(&a)) ? 1 : -1; /* a number is newer than a word */
        order = is_digit(first(&a)) ? compare_numbers(&a, &b) : compare_rpm_letters(&a, &b);
        if (order != 0)
            return order;
    }
    if (a.bytes == 0 && b.bytes == 0)
        return 0;

    return a.bytes > 0 ? 1 : -1;
}

int ctl_version_compare_rpm(const char *a, const char *b)
{
    const struct parts left = split(a), right = split(b);
    int order = compare_rpm_part(left.epoch, right.epoch);

    if (order == 0)
        order = compare_rpm_part(left.version, right.version);
    if (order != 0 || !left.has_release || !right.has_release)
        return order;

    return compare_rpm_part(left.release, right.release);
}
