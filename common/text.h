/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BL_COMMON_TEXT_H
#define BL_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/error.h"

/*
 * Builds a sentence in a fixed buffer, for code that may not call the C library's printf family:
 * the decision cores. What does not fit is cut, never in the middle of a UTF-8 character, and the
 * text always ends with a NUL.
 */
struct bl_text {
    char *at; /* borrowed: size_bytes of them */
    size_t size_bytes, used_bytes;
};

/* Starts with the empty text. `size_bytes` counts the closing NUL and is at least 1. */
void bl_text_init(struct bl_text *text, char *at, size_t size_bytes);

void bl_text_add(struct bl_text *text, const char *words);
void bl_text_add_number(struct bl_text *text, uint64_t number);

/* The whole of it for a plain copy: `to` becomes `from`, cut to `size_bytes` - 1 bytes. */
void bl_text_copy(char *to, size_t size_bytes, const char *from);

/* Like snprintf, but what does not fit is -EMSGSIZE and leaves "". Returns the length. */
int bl_text_format(char *ret_text, size_t size_bytes, const char *fmt, ...) BL_PRINTF(3, 4)
    BL_CHECKED;

/* A shell glob against the whole text; a backslash is an ordinary character (unit names). */
bool bl_text_matches(const char *glob, const char *text);

/* Decimal digits and nothing else: no sign, no space, no leading zeros. -EINVAL, -ERANGE > max. */
int bl_text_to_u64(const char *text, uint64_t value_max, uint64_t *ret_value, struct bl_error *err)
    BL_CHECKED;

/* Valid UTF-8 (shortest forms, no surrogates) without control characters besides \n and \t. */
bool bl_text_is_clean(const void *data, size_t size_bytes);

/*
 * Makes foreign bytes fit for a terminal, a log line or a wire text: one line, valid UTF-8, no
 * control characters, no overrides of the writing direction. What is not is shown as \n, \t, \\ or
 * \xHH; what does not fit is cut between two characters and ends with "...". size_bytes >= 4.
 */
void bl_text_escape(char *ret_text, size_t size_bytes, const void *data, size_t data_bytes);

/*
 * Which texts may become names of the system. All refuse "", a leading '-' or '.', '/', blanks and
 * anything a shell or an option parser would look at twice.
 */
bool bl_text_is_name(const char *text);         /* [A-Za-z0-9_.-], up to 64: keys, groups, arch */
bool bl_text_is_dns_name(const char *text);     /* "db.example.org"; no address, no blanks */
bool bl_text_is_unit_name(const char *text);    /* "cron.service", "belay-txn@j-upgrade.service" */
bool bl_text_is_unit_glob(const char *text);    /* as unit name, with * ? [] and without suffix */
bool bl_text_is_package_name(const char *text); /* "g++", "libc6:i386"; not "foo-", not "foo/x" */
bool bl_text_is_version(const char *text);      /* "1:2.3~rc1-4+b1"; not "1.0-" */
/* As the two above, without an architecture, and with at least one of * ? [ in it. */
bool bl_text_is_package_glob(const char *text);
bool bl_text_is_version_glob(const char *text);

/* How many letters differ (insert, remove, replace, swap of neighbours); long texts are cut. */
unsigned bl_text_distance(const char *a, const char *b);

/* The name of the list that `text` may have meant, or NULL when none is near. */
const char *bl_text_nearest(const char *text, const char *const *names, size_t name_count);

#endif
