/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_OUTSIDE_JSON_H
#define CTL_OUTSIDE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"

/*
 * Reading JSON that somebody else made: what is missing, or of another type, is the empty value.
 * `object` may be NULL or no object at all.
 */
const char *ctl_json_text(const json_t *object, const char *key); /* "" */
int64_t ctl_json_number(const json_t *object, const char *key);   /* 0 */
bool ctl_json_bool(const json_t *object, const char *key);        /* false */

void ctl_json_release(json_t **value);
#define CTL_AUTO_JSON BL_CLEANUP(ctl_json_release) json_t

/* "2026-11-21T06:40:00.123Z" as milliseconds since the epoch; -1 when it is not of this form. */
int64_t ctl_json_instant(const json_t *object, const char *key);

#endif
